"""What may follow what in the life of an order: the one table, for orders and reports alike."""

from collections.abc import Mapping, Sequence

from pacs_gateway.errors import GatewayError
from storage.orders import OrderState, Step, StepState

NEXT: Mapping[OrderState, frozenset[OrderState]] = {
    OrderState.SCHEDULED: frozenset(
        {
            OrderState.IN_PROGRESS,
            OrderState.COMPLETED,
            OrderState.DISCONTINUED,
            OrderState.CANCELLED,
        }
    ),
    OrderState.IN_PROGRESS: frozenset(
        {
            # The device says that it was begun under the wrong entry.
            OrderState.SCHEDULED,
            OrderState.COMPLETED,
            OrderState.DISCONTINUED,
            # A report is finished before the device says that it is done.
            OrderState.REPORTED,
        }
    ),
    # Further views are taken; or its images turn out to be another's.
    OrderState.COMPLETED: frozenset(
        {OrderState.SCHEDULED, OrderState.IN_PROGRESS, OrderState.REPORTED}
    ),
    # What was broken off may have images, and be read.
    OrderState.DISCONTINUED: frozenset({OrderState.SCHEDULED, OrderState.REPORTED}),
    # Only a person takes a cancellation back.
    OrderState.CANCELLED: frozenset({OrderState.SCHEDULED}),
    OrderState.REPORTED: frozenset({OrderState.SIGNED, OrderState.COMPLETED}),
    OrderState.SIGNED: frozenset({OrderState.DELIVERED, OrderState.REPORTED}),
    OrderState.DELIVERED: frozenset({OrderState.REPORTED}),
}
"""States by the state before them."""

WAITING = frozenset({OrderState.SCHEDULED, OrderState.IN_PROGRESS})
"""States of orders to which images may still come."""
NEXT_BY_DEVICE = frozenset(
    {
        OrderState.SCHEDULED,
        OrderState.IN_PROGRESS,
        OrderState.COMPLETED,
        OrderState.DISCONTINUED,
    }
)
"""States that follow from what devices do."""
_ENDED = frozenset({StepState.COMPLETED, StepState.DISCONTINUED, StepState.CANCELLED})


class OrderStateError(GatewayError):
    """An order is not in a state from which it can become what is wanted."""

    http_status = 409


def check(before: OrderState, after: OrderState) -> None:
    """Raise OrderStateError unless `after` may follow `before`; no change is always allowed."""
    if after is not before and after not in NEXT[before]:
        raise OrderStateError(f"An order that is {before} cannot become {after}.")


def state_of(steps: Sequence[Step], now: OrderState) -> OrderState:
    """Return the state of an order that follows from its steps.

    What was reported stays so, and a cancelled order is begun by nothing that a device does.
    """
    if now not in NEXT_BY_DEVICE:
        return now
    states = {step.state for step in steps} - {StepState.CANCELLED}
    if not states or states == {StepState.SCHEDULED}:
        return OrderState.SCHEDULED
    if not states <= _ENDED:
        return OrderState.IN_PROGRESS
    done = StepState.COMPLETED in states
    return OrderState.COMPLETED if done else OrderState.DISCONTINUED
