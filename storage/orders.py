"""Orders: their steps, history and studies.

Invariant: an order's state changes with a row of its history, in one transaction. The functions
work within a transaction of the caller's, who took its turn if it writes.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, or_, select, text, update

from storage import schema
from storage.database import Connection
from storage.errors import NotFoundError

MATCH_STUDY = "match study"
"""Kind of work: find the order of a study to which something came."""
MATCH_ORDER = "match order"
"""Kind of work: find the studies that came before their order."""

_TURN = 0x6F72_6465
"""Any number will do as long as all who write orders take the same advisory lock."""
_orders, _steps, _events = schema.orders, schema.order_steps, schema.order_events


class OrderState(StrEnum):
    """Where an order stands; pacs_gateway.ris.states says what may follow what."""

    SCHEDULED = "scheduled"
    IN_PROGRESS = "in progress"
    COMPLETED = "completed"
    DISCONTINUED = "discontinued"
    CANCELLED = "cancelled"
    REPORTED = "reported"
    SIGNED = "signed"
    DELIVERED = "delivered"


class StepState(StrEnum):
    """Where one scheduled step stands."""

    SCHEDULED = "scheduled"
    IN_PROGRESS = "in progress"
    COMPLETED = "completed"
    DISCONTINUED = "discontinued"
    CANCELLED = "cancelled"


class Priority(StrEnum):
    """How urgent an order is; the values of (0040,1003) Requested Procedure Priority."""

    STAT = "STAT"
    HIGH = "HIGH"
    ROUTINE = "ROUTINE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One scheduled step: what a device sees as an entry of its worklist."""

    step_id: str = ""
    state: StepState = StepState.SCHEDULED
    modality: str = ""
    station_ae: str = ""
    """Empty: any."""
    room: str = ""
    date: str = ""
    """YYYYMMDD, local."""
    time: str = ""
    """HHMMSS, local."""
    description: str = ""
    performer: str = ""
    """A DICOM person name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order."""

    id: str
    placer_number: str = ""
    placer_issuer: str = ""
    filler_number: str = ""
    accession_number: str
    accession_issuer: str = ""
    study_uid: str
    """The Study Instance UID that its images get by the worklist."""
    person_id: int | None = None
    """None for a cancellation that came before its order."""
    state: OrderState = OrderState.SCHEDULED
    priority: Priority = Priority.ROUTINE
    procedure_code: str = ""
    procedure_scheme: str = ""
    procedure_text: str = ""
    body_part: str = ""
    reason: str = ""
    doctor: str = ""
    """A DICOM person name."""
    ward: str = ""
    comment: str = ""
    source: str = ""
    """Who told of it first: `hl7:NAME`, `fhir:USER`, `api:USER`, `page:USER`."""
    told_at: datetime | None = None
    steps: tuple[Step, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of an order's history."""

    at: datetime
    what: str
    state: OrderState
    """After it."""
    who: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which orders are asked for; empty fields ask for any."""

    states: tuple[OrderState, ...] = ()
    first_day: str = ""
    """YYYYMMDD of a step."""
    last_day: str = ""
    modality: str = ""
    room: str = ""
    station_ae: str = ""
    person_ids: tuple[int, ...] = ()
    text: str = ""
    """Number of the order, or the beginning of a word of the folded name."""


def take_turn(connection: Connection) -> None:
    """Wait until nobody else writes orders; held until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _TURN})


def add(connection: Connection, order: Order, *, now: datetime) -> None:
    """Add a new order with its steps."""
    row = _row(order) | {"created_at": now, "changed_at": now}
    connection.execute(_orders.insert().values(row))
    _write_steps(connection, order)


def change(connection: Connection, order: Order, *, now: datetime) -> None:
    """Replace what is known of an order, and its steps."""
    this = _orders.c.id == order.id
    connection.execute(update(_orders).where(this).values(_row(order) | {"changed_at": now}))
    _write_steps(connection, order)


def note(connection: Connection, order_id: str, event: Event) -> None:
    """Add to the history of an order."""
    row = {
        "order_id": order_id,
        "at": event.at,
        "what": event.what,
        "state": event.state,
        "who": event.who,
        "detail": event.detail,
    }
    connection.execute(_events.insert().values(row))


def get(connection: Connection, order_id: str) -> Order:
    """Return an order. Raises NotFoundError."""
    found = _first(connection, _orders.c.id == order_id)
    if found is None:
        raise NotFoundError("There is no such order.")
    return found


def get_all(connection: Connection, order_ids: Collection[str]) -> Sequence[Order]:
    """Return orders by their ids, without those that are none."""
    return _all(connection, _orders.c.id.in_(order_ids)) if order_ids else []


def by_placer(connection: Connection, number: str, issuer: str) -> Order | None:
    """Return the order that somebody placed under a number."""
    return _first(connection, _orders.c.placer_number == number, _orders.c.placer_issuer == issuer)


def by_accession(connection: Connection, number: str, issuer: str | None = None) -> Sequence[Order]:
    """Return the orders of an accession number; None: of whatever issuer."""
    conditions = [_orders.c.accession_number == number]
    if issuer is not None:
        conditions.append(_orders.c.accession_issuer == issuer)
    return _all(connection, *conditions)


def by_study_uid(connection: Connection, study_uid: str) -> Order | None:
    """Return the order whose images were to get this Study Instance UID."""
    return _first(connection, _orders.c.StudyInstanceUID == study_uid)


def of_people(
    connection: Connection, person_ids: Collection[int], states: Collection[OrderState]
) -> Sequence[Order]:
    """Return the orders of some people that are in some states."""
    return _all(connection, _orders.c.person_id.in_(person_ids), _orders.c.state.in_(states))


def history(connection: Connection, order_id: str) -> Sequence[Event]:
    """Return what happened to an order, the first first."""
    query = select(_events).where(_events.c.order_id == order_id).order_by(_events.c.id)
    return [
        Event(at=row.at, what=row.what, state=OrderState(row.state), who=row.who, detail=row.detail)
        for row in connection.execute(query)
    ]


def find(connection: Connection, wanted: Wanted, *, limit: int, offset: int = 0) -> list[Order]:
    """Return orders by the time of their first step, the newest first."""
    first = (
        select(func.min(_steps.c.date + _steps.c.time))
        .where(_steps.c.order_id == _orders.c.id)
        .scalar_subquery()
    )
    query = (
        select(_orders)
        .where(*_conditions(wanted))
        .order_by(first.desc(), _orders.c.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return _with_steps(connection, connection.execute(query).all())


def scheduled(
    connection: Connection,
    states: Collection[StepState],
    *,
    first_day: str,
    last_day: str,
    limit: int,
    offset: int = 0,
) -> list[tuple[Order, Step]]:
    """Return steps with their orders, the earliest first; empty days leave that end open."""
    conditions: list[ColumnElement[bool]] = [
        _steps.c.state.in_(states),
        _orders.c.person_id.is_not(None),
    ]
    if first_day:
        conditions.append(_steps.c.date >= first_day)
    if last_day:
        conditions.append(_steps.c.date <= last_day)
    query = (
        select(_steps)
        .join_from(_steps, _orders, _steps.c.order_id == _orders.c.id)
        .where(*conditions)
        .order_by(_steps.c.date, _steps.c.time, _steps.c.order_id, _steps.c.step_id)
        .limit(limit)
        .offset(offset)
    )
    rows = connection.execute(query).all()
    found = {
        order.id: order
        for order in _all(connection, _orders.c.id.in_({row.order_id for row in rows}))
    }
    return [(found[row.order_id], _step(row)) for row in rows]


def any_order(connection: Connection) -> bool:
    """Return whether somebody ever ordered something."""
    return connection.execute(select(_orders.c.id).limit(1)).first() is not None


def accessions(connection: Connection, prefix: str, length: int, *, limit: int) -> list[str]:
    """Return the accession numbers of a length that begin with some digits, the last first."""
    number = _orders.c.accession_number
    query = (
        select(number)
        .where(number >= prefix, number < prefix + ":", func.length(number) == length)
        .order_by(number.desc())
        .limit(limit)
    )
    return list(connection.scalars(query))


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.states:
        conditions.append(_orders.c.state.in_(wanted.states))
    if wanted.person_ids:
        conditions.append(_orders.c.person_id.in_(wanted.person_ids))
    if wanted.text:
        conditions.append(_is_called(wanted.text))
    of_step: list[ColumnElement[bool]] = [
        _steps.c[name] == value
        for name, value in (
            ("modality", wanted.modality),
            ("room", wanted.room),
            ("station_ae", wanted.station_ae),
        )
        if value
    ]
    if wanted.first_day:
        of_step.append(_steps.c.date >= wanted.first_day)
    if wanted.last_day:
        of_step.append(_steps.c.date <= wanted.last_day)
    if of_step:
        fits = select(_steps.c.order_id).where(_steps.c.order_id == _orders.c.id, *of_step)
        conditions.append(fits.exists())
    return conditions


def _is_called(wanted: str) -> ColumnElement[bool]:
    numbers = schema.person_identifiers
    words = " " + schema.persons.c.name_folded
    people = select(schema.persons.c.id).where(words.contains(f" {wanted}", autoescape=True))
    with_number = select(numbers.c.person_id).where(numbers.c.value == wanted)
    return or_(
        _orders.c.accession_number == wanted,
        _orders.c.placer_number == wanted,
        _orders.c.person_id.in_(people),
        _orders.c.person_id.in_(with_number),
    )


def _write_steps(connection: Connection, order: Order) -> None:
    connection.execute(delete(_steps).where(_steps.c.order_id == order.id))
    rows = [
        {
            "order_id": order.id,
            "step_id": step.step_id,
            "state": step.state,
            "modality": step.modality,
            "station_ae": step.station_ae,
            "room": step.room,
            "date": step.date,
            "time": step.time,
            "description": step.description,
            "performer": step.performer,
        }
        for step in order.steps
    ]
    if rows:
        connection.execute(_steps.insert(), rows)


def _first(connection: Connection, *conditions: ColumnElement[bool]) -> Order | None:
    found = _all(connection, *conditions)
    return found[0] if found else None


def _all(connection: Connection, *conditions: ColumnElement[bool]) -> list[Order]:
    query = select(_orders).where(*conditions).order_by(_orders.c.id)
    return _with_steps(connection, connection.execute(query).all())


def _with_steps(connection: Connection, rows: Sequence[Row[Any]]) -> list[Order]:
    steps: dict[str, list[Step]] = {}
    if rows:
        query = (
            select(_steps)
            .where(_steps.c.order_id.in_([row.id for row in rows]))
            .order_by(*_steps.primary_key)
        )
        for row in connection.execute(query):
            steps.setdefault(row.order_id, []).append(_step(row))
    return [replace(_order(row), steps=tuple(steps.get(row.id, ()))) for row in rows]


_SAME_NAME = (
    "id", "placer_number", "placer_issuer", "filler_number", "accession_number",
    "accession_issuer", "person_id", "procedure_code", "procedure_scheme", "procedure_text",
    "body_part", "reason", "doctor", "ward", "comment", "source", "told_at",
)  # fmt: skip


def _row(order: Order) -> dict[str, Any]:
    return {name: getattr(order, name) for name in _SAME_NAME} | {
        "StudyInstanceUID": order.study_uid,
        "state": order.state,
        "priority": order.priority,
    }


def _order(row: Row[Any]) -> Order:
    return Order(
        **{name: getattr(row, name) for name in _SAME_NAME},
        study_uid=row.StudyInstanceUID,
        state=OrderState(row.state),
        priority=Priority(row.priority),
    )


def _step(row: Row[Any]) -> Step:
    return Step(
        step_id=row.step_id,
        state=StepState(row.state),
        modality=row.modality,
        station_ae=row.station_ae,
        room=row.room,
        date=row.date,
        time=row.time,
        description=row.description,
        performer=row.performer,
    )
