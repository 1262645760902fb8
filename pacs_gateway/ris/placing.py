"""Applies what is told of an order, in whatever order it is told (docs/design/0023-orders.md).

Invariant: what comes twice changes nothing the second time; a cancelled order is brought back by
a person alone; nothing that is told of an order makes two of it.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from ulid import ULID

from pacs_gateway.audit import acts
from pacs_gateway.audit.acts import Who
from pacs_gateway.dicom.names import fold
from pacs_gateway.ris import checking, identity, merging, numbers, states
from pacs_gateway.ris.states import OrderStateError
from pacs_gateway.ris.values import Control, OrderError, OrderRequest
from storage import orders, patients
from storage.auditlog import append
from storage.database import Connection
from storage.orders import MATCH_ORDER, Event, Order, OrderState, Step, StepState
from storage.outbox import Work, put

_BEGUN = "The examination has begun; it can be discontinued, not cancelled."


class Outcome(StrEnum):
    """What became of a request."""

    CREATED = "created"
    CHANGED = "changed"
    CANCELLED = "cancelled"
    DISCONTINUED = "discontinued"
    UNCHANGED = "unchanged"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class Placed:
    """An order after a request."""

    order: Order
    outcome: Outcome
    others: tuple[int, ...] = ()
    """People who have some of the patient's identifiers too."""


def apply(connection: Connection, request: OrderRequest, who: Who, *, now: datetime) -> Placed:
    """Carry out a request within a transaction, with its history and its place in the trail.

    Raises OrderError for what cannot be kept, OrderStateError for what comes too late.
    """
    checking.check(request)
    orders.take_turn(connection)
    request = _not_from_the_future(request, now)
    known = _known(connection, request)
    if request.control in (Control.CANCEL, Control.DISCONTINUE):
        placed = _end(connection, request, known, now)
    elif known is None:
        placed = _create(connection, request, now)
    else:
        placed = _change(connection, request, known, now)
    if placed.outcome is not Outcome.UNCHANGED:
        _note(connection, placed, request.source, who, now)
        work = Work(kind=MATCH_ORDER, about=placed.order.id, due_at=now,
                    key=f"{MATCH_ORDER} {placed.order.id}")  # fmt: skip
        put(connection, work, now=now)
    return placed


def restore(connection: Connection, order_id: str, who: Who, *, now: datetime) -> Placed:
    """Take back that an order was cancelled or broken off. Raises OrderStateError, NotFoundError."""
    orders.take_turn(connection)
    order = orders.get(connection, order_id)
    if order.state not in (OrderState.CANCELLED, OrderState.DISCONTINUED):
        raise OrderStateError("Only an order that was cancelled or broken off can be restored.")
    steps = tuple(replace(each, state=StepState.SCHEDULED) for each in order.steps)
    restored = replace(order, state=OrderState.SCHEDULED, steps=steps)
    orders.change(connection, restored, now=now)
    placed = Placed(restored, Outcome.RESTORED)
    _note(connection, placed, f"page:{who.name}", who, now)
    return placed


def _known(connection: Connection, request: OrderRequest) -> Order | None:
    """Return the order that a request is about."""
    if request.order_id:
        return orders.get(connection, request.order_id)
    if request.placer_number:
        found = orders.by_placer(connection, request.placer_number, request.placer_issuer)
        if found is not None:
            return found
    if request.accession_number:
        same = orders.by_accession(connection, request.accession_number, request.accession_issuer)
        # Under another placer's number it is another order of the same visit.
        same = [each for each in same if not (each.placer_number and request.placer_number)]
        if len(same) == 1:
            return same[0]
    found = orders.by_study_uid(connection, request.study_uid) if request.study_uid else None
    if found is not None and found.placer_number and request.placer_number:
        raise OrderError("The Study Instance UID of the order is that of another order.")
    return found


def _create(connection: Connection, request: OrderRequest, now: datetime) -> Placed:
    if not request.patient.identifiers and not request.patient.name:
        raise OrderError("An order names its patient: an identifier or a name is needed.")
    order = _fresh(connection, request, now)
    met = _person(connection, request, None, now)
    order = replace(order, person_id=met.person_id)
    orders.add(connection, order, now=now)
    return Placed(order, Outcome.CREATED, met.others)


def _change(connection: Connection, request: OrderRequest, known: Order, now: datetime) -> Placed:
    changed = merging.merged(known, request)
    newer = merging.replaces(known, request)
    told = request.patient
    met = identity.Met(known.person_id or 0, changed=False)
    if (known.person_id is None or newer) and (told.identifiers or told.name):
        met = _person(connection, request, known.person_id, now)
        changed = replace(changed, person_id=met.person_id)
    if changed.state is OrderState.CANCELLED:
        changed = replace(changed, steps=_all_in(changed.steps, StepState.CANCELLED))
    changed = replace(
        changed,
        steps=numbers.with_ids(_dated(changed.steps, now), changed.accession_number),
        state=states.state_of(changed.steps, changed.state),
    )
    same = changed == replace(known, told_at=changed.told_at) and not met.changed
    if changed != known or met.changed:
        orders.change(connection, changed, now=now)
    return Placed(changed, Outcome.UNCHANGED if same else Outcome.CHANGED, met.others)


def _end(
    connection: Connection, request: OrderRequest, known: Order | None, now: datetime
) -> Placed:
    if known is None:
        return _cancel_unknown(connection, request, now)
    if known.state in (OrderState.CANCELLED, OrderState.DISCONTINUED):
        return Placed(known, Outcome.UNCHANGED)
    if known.state is OrderState.SCHEDULED:
        after, step_state, outcome = OrderState.CANCELLED, StepState.CANCELLED, Outcome.CANCELLED
    elif known.state is OrderState.IN_PROGRESS and request.control is Control.DISCONTINUE:
        after, outcome = OrderState.DISCONTINUED, Outcome.DISCONTINUED
        step_state = StepState.DISCONTINUED
    else:
        raise OrderStateError(_BEGUN)
    states.check(known.state, after)
    ended = replace(known, state=after, steps=_all_in(known.steps, step_state))
    orders.change(connection, ended, now=now)
    return Placed(ended, outcome)


def _cancel_unknown(connection: Connection, request: OrderRequest, now: datetime) -> Placed:
    """Keep a cancellation that came before its order: the order will find it."""
    if not (request.placer_number or request.accession_number):
        raise OrderError(
            "It says neither by its placer number nor accession number what to cancel."
        )
    order = _fresh(connection, request, now)
    told = request.patient
    person = _person(connection, request, None, now).person_id if told.identifiers else None
    # Whatever the order says when it comes is newer than what its cancellation says of it.
    order = replace(
        order,
        state=OrderState.CANCELLED,
        person_id=person,
        told_at=None,
        steps=_all_in(order.steps, StepState.CANCELLED),
    )
    orders.add(connection, order, now=now)
    return Placed(order, Outcome.CANCELLED)


def _fresh(connection: Connection, request: OrderRequest, now: datetime) -> Order:
    accession = request.accession_number or numbers.accession_number(connection, now)
    order = merging.fresh(
        request,
        order_id=str(ULID()),
        accession=accession,
        study_uid=request.study_uid or numbers.study_uid(),
    )
    steps = _dated(order.steps or (Step(),), now)
    return replace(order, steps=numbers.with_ids(steps, accession))


def _person(
    connection: Connection, request: OrderRequest, person_id: int | None, now: datetime
) -> identity.Met:
    """Return whose the order is; without identifiers it stays whose it was."""
    told = request.patient
    if person_id is not None and not told.identifiers:
        changed = identity.tell(connection, person_id, told, told_at=request.told_at)
        return identity.Met(person_id, changed=changed)
    return identity.meet(connection, told, told_at=request.told_at, now=now)


def _note(connection: Connection, placed: Placed, source: str, who: Who, now: datetime) -> None:
    order = placed.order
    detail = f"also known as {len(placed.others)} other patients" if placed.others else ""
    event = Event(at=now, what=placed.outcome, state=order.state, who=source, detail=detail)
    orders.note(connection, order.id, event)
    record(connection, order, placed.outcome, who)


def record(connection: Connection, order: Order, change: str, who: Who) -> None:
    """Put what happened to an order into the audit trail."""
    number = ""
    if order.person_id is not None:
        kept = patients.kept(connection, order.person_id)
        found = patients.get(connection, kept).number
        number = found.value if found is not None else ""
    entry = acts.order_changed(
        who,
        order=order.accession_number,
        patient_id=number,
        change=change,
        study_uid=order.study_uid,
    )
    append(connection, entry)


def _not_from_the_future(request: OrderRequest, now: datetime) -> OrderRequest:
    """A sender whose clock is ahead must not have the last word until then."""
    if request.told_at is None or request.told_at <= now:
        return request
    return replace(request, told_at=now)


def _all_in(steps: tuple[Step, ...], state: StepState) -> tuple[Step, ...]:
    """Return steps that are over; those that a device has finished stay finished."""
    return tuple(
        each if each.state is StepState.COMPLETED else replace(each, state=state) for each in steps
    )


def _dated(steps: tuple[Step, ...], now: datetime) -> tuple[Step, ...]:
    """Give steps without a day this one: a device asks for its worklist by the day."""
    local = now.astimezone()
    today = {"date": f"{local:%Y%m%d}", "time": f"{local:%H%M%S}"}
    return tuple(
        each if each.date else replace(each, date=today["date"], time=each.time or today["time"])
        for each in steps
    )


def searchable(text: str) -> str:
    """Return what a person typed as `storage.orders.Wanted.text` takes it."""
    text = text.strip()
    return text if any(each.isdigit() for each in text) else fold(text)
