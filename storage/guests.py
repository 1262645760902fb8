"""Sessions of people without an account, who came by a link or a share, and what they may see."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, select

from storage import schema
from storage.database import Connection, Engine, reading, writing
from storage.grants import give

_guests = schema.guests


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A session for exactly the studies that were granted with it."""

    id: str
    token_sha256: str
    source: str
    """`link` or `share`."""
    source_id: str
    """The link's nonce or the share's identifier."""
    created_at: datetime
    expires_at: datetime

    @property
    def holder(self) -> str:
        """Whom its studies are granted to."""
        return f"guest:{self.id}"


class Guests:
    """The guests of one database; every method may raise UnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def guest(self, token_sha256: str) -> Guest | None:
        """Return the session of a secret's digest, expired or not."""
        query = select(_guests).where(_guests.c.token_sha256 == token_sha256)
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return Guest(**row._mapping) if row is not None else None

    def end(self, token_sha256: str) -> None:
        """End the session of a secret's digest, if there is one."""
        with writing(self._engine) as connection:
            _remove(connection, _guests.c.token_sha256 == token_sha256)

    def purge_expired(self, now: datetime) -> None:
        """Forget guests whose time is over."""
        with writing(self._engine) as connection:
            _remove(connection, _guests.c.expires_at <= now)


def open_guest(connection: Connection, guest: Guest, study_uids: Collection[str]) -> None:
    """Let a guest in, in the transaction that follows the link or opens the share."""
    connection.execute(_guests.insert().values(asdict(guest)))
    give(connection, guest.holder, study_uids, guest.created_at)


def end_guests(connection: Connection, source: str, source_id: str) -> None:
    """End what a link or share opened, in the transaction that revokes it."""
    _remove(connection, (_guests.c.source == source) & (_guests.c.source_id == source_id))


def _remove(connection: Connection, which: ColumnElement[bool]) -> None:
    found = connection.scalars(select(_guests.c.id).where(which)).all()
    holders = [f"guest:{each}" for each in found]
    connection.execute(delete(schema.grants).where(schema.grants.c.holder.in_(holders)))
    connection.execute(delete(_guests).where(_guests.c.id.in_(found)))
