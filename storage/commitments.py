"""Requests to keep instances for good, and what became of them (PS3.4 J; PS3.18 13).

Invariant: an instance is told to be kept only by an outcome that was written here; a request is
answered only once each of its instances has one.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage import schema
from storage.database import Connection, Engine, reading, writing
from storage.outbox import Work, put

COMMITTED = 0
CHECK, REPORT = "check commitment", "report commitment"
"""Kinds of work."""

_requests, _items = schema.commitments, schema.commitment_items


@dataclass(frozen=True, slots=True)
class Reference:
    """One instance, as whoever asks names it."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One transaction of one requester."""

    id: int
    requester: str
    """`dimse:AE TITLE` or `web:USER`."""
    transaction_uid: str
    requested_at: datetime
    decided_at: datetime | None
    reported_at: datetime | None


@dataclass(frozen=True, slots=True)
class Item:
    """One instance of a request."""

    position: int
    reference: Reference
    outcome: int | None
    """COMMITTED, a Failure Reason (PS3.3 C.14.1.1), or None: not decided."""


class Commitments:
    """The commitments of one database; every method may raise UnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ask(
        self,
        requester: str,
        transaction_uid: str,
        references: Sequence[Reference],
        *,
        now: datetime,
        failure_if_taken: int,
    ) -> Request:
        """Keep a request, durable on return, and have it checked.

        The same request made again is checked and reported again. Another one under its UID fails
        as a whole, with `failure_if_taken` as the outcome of each instance.
        """
        with writing(self._engine) as connection:
            number = _number_of(connection, requester, transaction_uid, references, now=now)
            self._begin(connection, number, now)
            if _first(connection, requester, transaction_uid) != number:
                self._fail(connection, number, failure_if_taken)
            work = Work(
                kind=CHECK,
                about=transaction_uid,
                due_at=now,
                payload={"commitment": number},
                key=f"{CHECK} {number}",
            )
            put(connection, work, now=now)
            found = connection.execute(select(_requests).where(_requests.c.id == number)).one()
        return _request(found)

    def request(self, number: int) -> Request | None:
        """Return a request by its number."""
        with reading(self._engine) as connection:
            row = connection.execute(select(_requests).where(_requests.c.id == number)).first()
        return _request(row) if row is not None else None

    def first(self, requester: str, transaction_uid: str) -> Request | None:
        """Return the request to which a transaction UID belongs; others under it failed."""
        query = (
            select(_requests)
            .where(
                _requests.c.requester == requester, _requests.c.transaction_uid == transaction_uid
            )
            .order_by(_requests.c.id)
        )
        with reading(self._engine) as connection:
            row = connection.execute(query.limit(1)).first()
        return _request(row) if row is not None else None

    def items(
        self, number: int, *, undecided: bool = False, limit: int | None = None
    ) -> Sequence[Item]:
        """Return the instances of a request, in the order in which they were named."""
        query = select(_items).where(_items.c.commitment_id == number).order_by(_items.c.position)
        if undecided:
            query = query.where(_items.c.outcome.is_(None))
        with reading(self._engine) as connection:
            return [
                Item(row.position, Reference(row.SOPClassUID, row.SOPInstanceUID), row.outcome)
                for row in connection.execute(query.limit(limit))
            ]

    def note(self, number: int, outcomes: Mapping[int, int]) -> None:
        """Write the outcomes of some instances, by position."""
        with writing(self._engine) as connection:
            for position, outcome in sorted(outcomes.items()):
                this = _items.c.commitment_id == number, _items.c.position == position
                connection.execute(update(_items).where(*this).values(outcome=outcome))

    def decide(self, request: Request, *, report_at: datetime | None, now: datetime) -> bool:
        """Close a request of which all is decided, and have it reported at `report_at`.

        Return False, and do nothing, while some instance has no outcome.
        """
        this = _items.c.commitment_id == request.id, _items.c.outcome.is_(None)
        with writing(self._engine) as connection:
            if connection.execute(select(func.count()).where(*this)).scalar_one():
                return False
            connection.execute(
                update(_requests).where(_requests.c.id == request.id).values(decided_at=now)
            )
            if report_at is not None:
                work = Work(
                    kind=REPORT,
                    about=request.transaction_uid,
                    due_at=report_at,
                    payload={"commitment": request.id},
                    key=f"{REPORT} {request.id}",
                )
                put(connection, work, now=now)
        return True

    def reported(self, number: int, *, now: datetime) -> None:
        """Note that whoever asked has got the outcome."""
        with writing(self._engine) as connection:
            connection.execute(
                update(_requests).where(_requests.c.id == number).values(reported_at=now)
            )

    def forget(self, *, before: datetime) -> int:
        """Remove the requests that were decided before some moment; return how many."""
        old = select(_requests.c.id).where(_requests.c.decided_at < before)
        with writing(self._engine) as connection:
            connection.execute(delete(_items).where(_items.c.commitment_id.in_(old)))
            return connection.execute(
                delete(_requests).where(_requests.c.decided_at < before)
            ).rowcount

    def _begin(self, connection: Connection, number: int, now: datetime) -> None:
        """Forget what was found before: an object may have come, or been spoiled, since."""
        this = update(_requests).where(_requests.c.id == number)
        connection.execute(this.values(requested_at=now, decided_at=None, reported_at=None))
        of_this = update(_items).where(_items.c.commitment_id == number)
        connection.execute(of_this.values(outcome=None))

    def _fail(self, connection: Connection, number: int, outcome: int) -> None:
        of_this = update(_items).where(_items.c.commitment_id == number)
        connection.execute(of_this.values(outcome=outcome))


def _number_of(
    connection: Connection,
    requester: str,
    transaction_uid: str,
    references: Sequence[Reference],
    *,
    now: datetime,
) -> int:
    """Return the number of a request, which gets one if it is new."""
    key = {
        "requester": requester,
        "transaction_uid": transaction_uid,
        "digest": _digest(references),
    }
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    new = dialect.insert(_requests).values(key | {"requested_at": now})
    # Two that ask the same at once wait for each other here.
    once = new.on_conflict_do_nothing(index_elements=list(key)).returning(_requests.c.id)
    number = connection.execute(once).scalar()
    if number is not None:
        connection.execute(_items.insert(), _rows(number, references))
        return int(number)
    same = [_requests.c[name] == value for name, value in key.items()]
    return int(connection.execute(select(_requests.c.id).where(*same)).scalar_one())


def _first(connection: Connection, requester: str, transaction_uid: str) -> int:
    """Return the number of the request to which a transaction UID belongs."""
    of_uid = _requests.c.requester == requester, _requests.c.transaction_uid == transaction_uid
    return int(connection.execute(select(func.min(_requests.c.id)).where(*of_uid)).scalar_one())


def _rows(number: int, references: Sequence[Reference]) -> list[dict[str, object]]:
    return [
        {
            "commitment_id": number,
            "position": position,
            "SOPClassUID": reference.sop_class_uid,
            "SOPInstanceUID": reference.sop_instance_uid,
        }
        for position, reference in enumerate(references)
    ]


def _digest(references: Sequence[Reference]) -> str:
    names = sorted(f"{each.sop_class_uid} {each.sop_instance_uid}" for each in references)
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def _request(row: Row[Any]) -> Request:
    return Request(
        id=row.id,
        requester=row.requester,
        transaction_uid=row.transaction_uid,
        requested_at=row.requested_at,
        decided_at=row.decided_at,
        reported_at=row.reported_at,
    )
