"""Keys that links are signed with, and which links were used or revoked.

Invariant: a link opens one session, however many requests follow it at once; what is revoked opens
none and ends the one it opened.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import Enum, auto

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage import schema
from storage.auditlog import Entry, append
from storage.database import Connection, Engine, reading, writing
from storage.guests import Guest, end_guests, open_guest

_keys, _links = schema.link_keys, schema.links


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A key and the system that signs with it."""

    id: str
    issuer: str
    secret: str
    created_at: datetime
    retired_at: datetime | None = None


class Followed(Enum):
    """What became of a link that somebody followed."""

    OPENED = auto()
    USED_BEFORE = auto()
    REVOKED = auto()


class Links:
    """The keys and links of one database; every method may raise UnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add_key(self, key: StoredKey, *, most: int, entry: Entry) -> bool:
        """Add a key; return False if its issuer has `most` live keys already."""
        with writing(self._engine) as connection:
            live = select(_keys.c.id).where(
                _keys.c.issuer == key.issuer, _keys.c.retired_at.is_(None)
            )
            if len(connection.execute(live).all()) >= most:
                return False
            connection.execute(_keys.insert().values(asdict(key)))
            append(connection, entry)
            return True

    def key(self, key_id: str) -> StoredKey | None:
        """Return a live key."""
        query = select(_keys).where(_keys.c.id == key_id, _keys.c.retired_at.is_(None))
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return StoredKey(**row._mapping) if row is not None else None

    def all_keys(self) -> Sequence[StoredKey]:
        """Return all keys, retired ones too."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(_keys).order_by(_keys.c.issuer, _keys.c.created_at))
            return [StoredKey(**row._mapping) for row in rows]

    def retire_key(self, key_id: str, at: datetime, entry: Entry) -> bool:
        """Let a key sign no more; return False if it is not live."""
        live = (_keys.c.id == key_id) & _keys.c.retired_at.is_(None)
        with writing(self._engine) as connection:
            retired = connection.execute(update(_keys).where(live).values(retired_at=at)).rowcount
            if retired:
                append(connection, entry)
            return bool(retired)

    def follow(
        self,
        nonce: str,
        key_id: str,
        guest: Guest,
        study_uids: Collection[str],
        *,
        expires_at: datetime,
        entry: Entry,
    ) -> Followed:
        """Use a link: open a guest's session for its studies, once."""
        with writing(self._engine) as connection:
            if _note(connection, nonce, key_id, expires_at, guest.created_at):
                open_guest(connection, guest, study_uids)
                append(connection, entry)
                return Followed.OPENED
            revoked = select(_links.c.revoked_at).where(_links.c.nonce == nonce)
            found = connection.execute(revoked).scalar()
            return Followed.USED_BEFORE if found is None else Followed.REVOKED

    def revoke(self, nonce: str, *, by: str, at: datetime, until: datetime, entry: Entry) -> None:
        """Refuse a link from now on, used or not, and end the session it opened.

        A link that was not used yet is remembered as revoked `until` then.
        """
        with writing(self._engine) as connection:
            _note(connection, nonce, "", until, None)
            connection.execute(
                update(_links).where(_links.c.nonce == nonce).values(revoked_at=at, revoked_by=by)
            )
            end_guests(connection, "link", nonce)
            append(connection, entry)

    def purge_expired(self, now: datetime) -> None:
        """Forget links that would be refused without their row."""
        with writing(self._engine) as connection:
            connection.execute(delete(_links).where(_links.c.expires_at < now))


def _note(
    connection: Connection, nonce: str, key_id: str, expires_at: datetime, used_at: datetime | None
) -> bool:
    """Add the row of a link; return False if it has one."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    row = {
        "nonce": nonce,
        "key_id": key_id,
        "created_at": used_at or expires_at,
        "expires_at": expires_at,
        "used_at": used_at,
    }
    statement = dialect.insert(_links).values(row).on_conflict_do_nothing()
    return connection.execute(statement.returning(_links.c.nonce)).first() is not None
