"""What a device reports of its work (MPPS, PS3.4 F) and what that makes of its orders.

Invariant: a step that is completed or discontinued is changed by nothing that a device says
afterwards; the state of an order follows from its steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pacs_gateway.audit.acts import Who
from pacs_gateway.errors import GatewayError
from pacs_gateway.ris import placing, states
from storage import orders, performed
from storage.database import Connection
from storage.orders import Event, Order, Step, StepState
from storage.performed import Performed, PerformedState

WRONG_ENTRY = "110514"
"""CID 9300, DCM: Incorrect worklist entry selected."""


class DuplicateError(GatewayError):
    """There is such an instance already (PS3.7 C.5.5)."""

    dimse_status = 0x0111


class UnknownInstanceError(GatewayError):
    """There is no such instance (PS3.7 C.5.13)."""

    dimse_status = 0x0112


class FinishedError(GatewayError):
    """The step is over and may no longer be updated (PS3.4 F.7.2.2.2: 0110, Error ID A710)."""

    dimse_status = 0x0110


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A scheduled step as a device names it; empty texts are not told."""

    study_uid: str
    accession_number: str = ""
    step_id: str = ""


def begin(
    connection: Connection, step: Performed, references: Sequence[Reference], who: Who
) -> None:
    """Keep a step that begins, and begin its orders. Raises DuplicateError."""
    orders.take_turn(connection)
    if performed.get(connection, step.uid) is not None:
        raise DuplicateError("This performed procedure step was created before.")
    performed.add(connection, step)
    for reference in references:
        order = _order_of(connection, reference)
        if order is None:
            continue
        known = performed.orders_of(connection, step.uid).get(order.id, [])
        steps = [each for each in _steps_of(order, reference) if each not in known]
        performed.link(connection, step.uid, order.id, steps)
    _move_on(connection, step, who)


def update(connection: Connection, step: Performed, who: Who, *, wrong_entry: bool) -> None:
    """Write a step as it stands now, and let its orders follow.

    Raises UnknownInstanceError, FinishedError.
    """
    orders.take_turn(connection)
    check_open(performed.get(connection, step.uid))
    performed.change(connection, step)
    _move_on(connection, step, who, wrong_entry=wrong_entry)


def check_open(step: Performed | None) -> Performed:
    """Return a step that may be updated. Raises UnknownInstanceError, FinishedError."""
    if step is None:
        raise UnknownInstanceError("There is no such performed procedure step.")
    if step.state is not PerformedState.IN_PROGRESS:
        raise FinishedError("The performed procedure step may no longer be updated.")
    return step


def _order_of(connection: Connection, reference: Reference) -> Order | None:
    own = orders.by_study_uid(connection, reference.study_uid)
    if own is not None or not reference.accession_number:
        return own
    same = orders.by_accession(connection, reference.accession_number)
    named = [each for each in same if reference.step_id in {step.step_id for step in each.steps}]
    fitting = named or list(same)
    return fitting[0] if len(fitting) == 1 else None


def _steps_of(order: Order, reference: Reference) -> list[str]:
    """Return the steps that a device means: the one it names, else all."""
    ids = [step.step_id for step in order.steps]
    return [reference.step_id] if reference.step_id in ids else ids


def _move_on(
    connection: Connection, step: Performed, who: Who, *, wrong_entry: bool = False
) -> None:
    for order_id, step_ids in performed.orders_of(connection, step.uid).items():
        order = orders.get(connection, order_id)
        steps = tuple(
            replace(each, state=_step_state(connection, order, each, wrong_entry=wrong_entry))
            if each.step_id in step_ids
            else each
            for each in order.steps
        )
        state = states.state_of(steps, order.state)
        if state not in states.NEXT_BY_DEVICE:
            # What is cancelled or reported is not moved, but that it was performed is its history.
            steps = order.steps
        moved = replace(order, steps=steps, state=state)
        orders.change(connection, moved, now=step.changed_at)
        what = f"mpps {step.state.value.lower()}"
        event = Event(
            at=step.changed_at, what=what, state=state, who=step.ae_title, detail=step.uid
        )
        orders.note(connection, order.id, event)
        placing.record(connection, moved, what, who)


def _step_state(
    connection: Connection, order: Order, step: Step, *, wrong_entry: bool
) -> StepState:
    """Return the state of a step after all that was performed of it."""
    found = {each.state for each in performed.of_step(connection, order.id, step.step_id)}
    if PerformedState.IN_PROGRESS in found:
        return StepState.IN_PROGRESS
    if PerformedState.COMPLETED in found:
        return StepState.COMPLETED
    return StepState.SCHEDULED if wrong_entry else StepState.DISCONTINUED
