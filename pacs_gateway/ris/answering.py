"""Moves orders on when their images are reported, signed and delivered; reports call this."""

from dataclasses import replace
from datetime import datetime

from pacs_gateway.audit.acts import Who
from pacs_gateway.ris import placing
from pacs_gateway.ris.states import NEXT
from storage import orderlinks, orders
from storage.database import Connection
from storage.orders import Event, Order, OrderState

_FORWARD = (OrderState.REPORTED, OrderState.SIGNED, OrderState.DELIVERED)
"""What follows images, one after the other."""


def advance(
    connection: Connection, study_uid: str, after: OrderState, who: Who, *, now: datetime
) -> list[Order]:
    """Move the orders that a study answers to a state, within a transaction; return those moved.

    A report that is signed at once has been written too, so what lies between is passed through.
    An order from whose state no way leads there, a cancelled one say, is left as it is.
    """
    orders.take_turn(connection)
    moved = []
    for order in orderlinks.of_study(connection, study_uid):
        way = _way(order.state, after)
        for state in way:
            order = replace(order, state=state)  # noqa: PLW2901 - each step starts from the last.
            orders.change(connection, order, now=now)
            event = Event(at=now, what=state, state=state, who=who.name, detail=study_uid)
            orders.note(connection, order.id, event)
            placing.record(connection, order, state, who)
        if way:
            moved.append(order)
    return moved


def _way(before: OrderState, after: OrderState) -> list[OrderState]:
    """Return the states from one to another, none if there is no way."""
    if after in NEXT[before]:
        return [after]
    if after not in _FORWARD or before is after:
        return []
    earlier = _FORWARD[: _FORWARD.index(after)]
    for position, state in enumerate(earlier):
        if state in NEXT[before]:
            return [*earlier[position:], after]
    if before in earlier:
        return [*earlier[earlier.index(before) + 1 :], after]
    return []
