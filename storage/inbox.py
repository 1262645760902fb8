"""Studies that belong to no order yet: they wait for a person, or for their order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage import schema
from storage.database import Connection

_waiting = schema.unmatched_studies


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A study that waits."""

    study_uid: str
    arrived_at: datetime
    reason: str


def wait(connection: Connection, study_uid: str, reason: str, *, now: datetime) -> None:
    """Let a study wait; one that was settled before does not wait again."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    row = {"StudyInstanceUID": study_uid, "arrived_at": now, "reason": reason}
    new = dialect.insert(_waiting).values(row)
    connection.execute(
        new.on_conflict_do_update(
            index_elements=["StudyInstanceUID"],
            set_={"reason": reason},
            where=_waiting.c.settled_at.is_(None),
        )
    )


def reopen(connection: Connection, study_uid: str, reason: str, *, now: datetime) -> None:
    """Let a study wait whose settling was taken back."""
    wait(connection, study_uid, reason, now=now)
    this = _waiting.c.StudyInstanceUID == study_uid
    connection.execute(
        update(_waiting).where(this).values(settled_at=None, settled_by=None, reason=reason)
    )


def settle(connection: Connection, study_uid: str, *, who: str, now: datetime) -> bool:
    """Let a study wait no more; return whether it did."""
    this = _waiting.c.StudyInstanceUID == study_uid, _waiting.c.settled_at.is_(None)
    settled = update(_waiting).where(*this).values(settled_at=now, settled_by=who)
    return bool(connection.execute(settled).rowcount)


def is_settled(connection: Connection, study_uid: str) -> bool:
    """Return whether somebody has said what becomes of a study."""
    this = _waiting.c.StudyInstanceUID == study_uid, _waiting.c.settled_at.is_not(None)
    return connection.execute(select(_waiting.c.StudyInstanceUID).where(*this)).first() is not None


def waiting(connection: Connection, *, limit: int, offset: int = 0) -> Sequence[Unmatched]:
    """Return the studies that wait, the newest first."""
    query = (
        select(_waiting)
        .where(_waiting.c.settled_at.is_(None))
        .order_by(_waiting.c.arrived_at.desc(), _waiting.c.StudyInstanceUID)
        .limit(limit)
        .offset(offset)
    )
    return [
        Unmatched(row.StudyInstanceUID, row.arrived_at, row.reason)
        for row in connection.execute(query)
    ]


def count(connection: Connection) -> int:
    """Return how many studies wait."""
    query = select(func.count()).select_from(_waiting).where(_waiting.c.settled_at.is_(None))
    return int(connection.execute(query).scalar_one())
