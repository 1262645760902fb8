"""People and programs that may log in: their accounts, sessions and API tokens.

Invariant: secrets are kept as digests or hashes only; whoever is disabled or gets another password
has no session left; what changes an account and its row in the audit trail come together.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Table, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage import schema
from storage.auditlog import Entry, append
from storage.database import Connection, Engine, reading, writing

_Row = TypeVar("_Row")
_users, _sessions, _tokens = schema.users, schema.sessions, schema.tokens
_ENDING = frozenset({"password_hash", "disabled", "role", "totp_secret"})
"""Changes after which everybody who is logged in has to log in again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who may log in; never removed, so that what they did keeps its name."""

    username: str
    password_hash: str
    role: str
    created_at: datetime
    disabled: bool = False
    display_name: str = ""
    physician_name: str = ""
    """As studies name them in Referring Physician's Name."""
    physician_folded: str = ""
    ward: str = ""
    ward_folded: str = ""
    totp_secret: str | None = None
    totp_step: int = 0
    """Time step of the last code that was used (RFC 6238 5.2)."""
    failed_logins: int = 0
    """Wrong passwords since the last right one."""
    locked_until: datetime | None = None
    oidc_subject: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A login; only the digest of its secret is kept."""

    token_sha256: str
    username: str
    created_at: datetime
    expires_at: datetime
    id: str
    """Names the session where its secret must not be."""
    seen_at: datetime | None
    second_factor: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A bearer token of a program; only its digest is kept."""

    token_sha256: str
    name: str
    username: str
    created_at: datetime
    expires_at: datetime | None
    id: str
    permissions: str = ""
    """Separated by spaces; empty: all that the user's role may do."""
    last_used_at: datetime | None = None


class Accounts:
    """The accounts of one database; every method may raise UnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, user: User, entry: Entry) -> bool:
        """Add a user; return False, having done nothing, if the name is taken."""
        with writing(self._engine) as connection:
            added = _insert_new(connection, _users, user)
            if added:
                append(connection, entry)
            return added

    def user(self, username: str) -> User | None:
        """Return the user of that name, disabled or not."""
        return self._one(User, _users, _users.c.username == username)

    def user_of_subject(self, oidc_subject: str) -> User | None:
        """Return the user whom an identity provider knows by this subject."""
        return self._one(User, _users, _users.c.oidc_subject == oidc_subject)

    def users(self) -> Sequence[User]:
        """Return all users by name."""
        return self._all(User, _users)

    def change(self, username: str, entry: Entry, **values: Any) -> None:
        """Change columns of a user; what touches their rights ends their sessions."""
        with writing(self._engine) as connection:
            connection.execute(update(_users).where(_users.c.username == username).values(values))
            if values.keys() & _ENDING:
                connection.execute(delete(_sessions).where(_sessions.c.username == username))
            if values.get("disabled"):
                connection.execute(delete(_tokens).where(_tokens.c.username == username))
            append(connection, entry)

    def count_failure(
        self, username: str, entry: Entry, *, most: int, locked_until: datetime, lock: Entry
    ) -> None:
        """Note a wrong password; after `most` in a row the account is locked, which `lock` tells."""
        with writing(self._engine) as connection:
            which = _users.c.username == username
            failed = _users.c.failed_logins
            connection.execute(update(_users).where(which).values(failed_logins=failed + 1))
            locked = connection.execute(
                update(_users)
                .where(which, failed >= most)
                .values(failed_logins=0, locked_until=locked_until)
            ).rowcount
            append(connection, entry)
            if locked:
                append(connection, lock)

    def use_code(self, username: str, step: int) -> bool:
        """Note that the code of a time step was used; return False if it or a later one was."""
        unused = (_users.c.username == username) & (_users.c.totp_step < step)
        with writing(self._engine) as connection:
            return (
                connection.execute(update(_users).where(unused).values(totp_step=step)).rowcount > 0
            )

    def open_session(self, session: Session, entry: Entry) -> None:
        """Remember a login; wrong passwords before it are forgotten."""
        with writing(self._engine) as connection:
            _insert_new(connection, _sessions, session)
            _note_login(connection, session.username, entry)

    def note_login(self, username: str, entry: Entry) -> None:
        """Note a login that opens no session."""
        with writing(self._engine) as connection:
            _note_login(connection, username, entry)

    def session(self, token_sha256: str) -> Session | None:
        """Return a login, expired or not."""
        return self._one(Session, _sessions, _sessions.c.token_sha256 == token_sha256)

    def sessions_of(self, username: str) -> Sequence[Session]:
        """Return the logins of a user, expired or not."""
        return self._all(Session, _sessions, _sessions.c.username == username)

    def see_session(self, token_sha256: str, now: datetime) -> None:
        """Note that a login is in use."""
        self._set(_sessions, _sessions.c.token_sha256 == token_sha256, seen_at=now)

    def close_session(self, token_sha256: str, entry: Entry) -> None:
        """Forget a login."""
        with writing(self._engine) as connection:
            which = _sessions.c.token_sha256 == token_sha256
            if connection.execute(delete(_sessions).where(which)).rowcount:
                append(connection, entry)

    def purge_expired(self, now: datetime) -> None:
        """Forget logins that have expired."""
        with writing(self._engine) as connection:
            connection.execute(delete(_sessions).where(_sessions.c.expires_at <= now))

    def add_token(self, token: Token, entry: Entry) -> None:
        """Remember a token."""
        with writing(self._engine) as connection:
            _insert_new(connection, _tokens, token)
            append(connection, entry)

    def token(self, token_sha256: str) -> Token | None:
        """Return the token, expired or not."""
        return self._one(Token, _tokens, _tokens.c.token_sha256 == token_sha256)

    def tokens(self) -> Sequence[Token]:
        """Return all tokens."""
        return self._all(Token, _tokens)

    def see_token(self, token_sha256: str, now: datetime) -> None:
        """Note that a token is in use."""
        self._set(_tokens, _tokens.c.token_sha256 == token_sha256, last_used_at=now)

    def revoke_token(self, token_id: str, entry: Entry) -> bool:
        """Forget a token; return False if there is none of this identifier."""
        with writing(self._engine) as connection:
            gone = connection.execute(delete(_tokens).where(_tokens.c.id == token_id)).rowcount
            if gone:
                append(connection, entry)
            return bool(gone)

    def _set(self, table: Table, condition: Any, **values: Any) -> None:
        with writing(self._engine) as connection:
            connection.execute(update(table).where(condition).values(values))

    def _one(self, kind: type[_Row], table: Table, condition: Any) -> _Row | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(table).where(condition)).first()
        return kind(**row._mapping) if row is not None else None

    def _all(self, kind: type[_Row], table: Table, condition: Any = None) -> Sequence[_Row]:
        query = select(table).order_by(*table.primary_key.columns)
        if condition is not None:
            query = query.where(condition)
        with reading(self._engine) as connection:
            return [kind(**row._mapping) for row in connection.execute(query)]


def _note_login(connection: Connection, username: str, entry: Entry) -> None:
    which = _users.c.username == username
    connection.execute(update(_users).where(which).values(failed_logins=0, locked_until=None))
    append(connection, entry)


def _insert_new(connection: Connection, table: Table, value: Any) -> bool:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(asdict(value)).on_conflict_do_nothing()
    # What was inserted comes back; a row count says so on SQLite only.
    return connection.execute(statement.returning(*table.primary_key)).first() is not None
