"""Morning digests: one a day over all hosts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, select
from sqlalchemy.dialects import postgresql, sqlite

from storage import schema
from storage.database import Engine, reading, writing
from storage.outbox import Work, put

_digests = schema.digests


@dataclass(frozen=True, slots=True)
class StoredDigest:
    """The digest of one morning."""

    day: str
    """`2026-11-23`."""
    made_at: datetime
    content: str
    """JSON."""


class Digests:
    """The digests of one database; every method may raise UnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, digest: StoredDigest, follower: Work | None) -> bool:
        """Keep a digest, with the work that follows; return False if the day has one already."""
        row = {"day": digest.day, "made_at": digest.made_at, "content": digest.content}
        with writing(self._engine) as connection:
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            new = dialect.insert(_digests).values(row).on_conflict_do_nothing()
            added = connection.execute(new.returning(_digests.c.day)).first() is not None
            if added and follower is not None:
                put(connection, follower, now=digest.made_at)
        return added

    def of(self, day: str) -> StoredDigest | None:
        """Return the digest of a day."""
        with reading(self._engine) as connection:
            row = connection.execute(select(_digests).where(_digests.c.day == day)).first()
        return _digest(row) if row is not None else None

    def latest(self, limit: int) -> Sequence[StoredDigest]:
        """Return the newest digests, the newest first."""
        query = select(_digests).order_by(_digests.c.day.desc()).limit(limit)
        with reading(self._engine) as connection:
            return [_digest(row) for row in connection.execute(query)]


def _digest(row: Row[tuple[str, datetime, str]]) -> StoredDigest:
    return StoredDigest(row.day, row.made_at, row.content)
