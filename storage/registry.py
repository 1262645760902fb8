"""Rows about who may come in: users, sessions, tokens, DICOM peers. Rules are made elsewhere."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Table, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage import schema
from storage.database import Engine, reading, writing
from storage.records import utc_now

_Row = TypeVar("_Row")

MAX_HELD_PEERS = 1000
"""Strangers remembered; a port scan must not fill the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who may log in."""

    username: str
    password_hash: str
    role: str
    disabled: bool
    created_at: datetime
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
    locked_until: datetime | None = None
    oidc_subject: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A login; only the digest of its token is kept."""

    token_sha256: str
    username: str
    created_at: datetime
    expires_at: datetime
    id: str = ""
    """Names the session where its secret must not be."""
    seen_at: datetime | None = None
    second_factor: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A bearer token of a program; only its digest is kept."""

    token_sha256: str
    name: str
    username: str
    created_at: datetime
    expires_at: datetime | None
    id: str = ""
    permissions: str = ""
    """Separated by spaces; empty: all that the user's role may do."""
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A known DICOM peer; `host` is a name, an address or a network such as 10.0.0.0/24."""

    ae_title: str
    host: str
    port: int
    comment: str = ""
    services: str = ""
    """Separated by spaces; empty: all."""
    sop_classes: str = ""
    """UIDs separated by spaces; empty: all."""
    certificate_sha256: str = ""
    max_associations: int | None = None
    max_instances_per_minute: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPeer:
    """A peer that nobody has accepted yet."""

    ae_title: str
    address: str
    first_seen: datetime
    last_seen: datetime
    attempts: int


class Registry:
    """Reads and writes these rows; every method may raise UnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add_user(self, username: str, password_hash: str, role: str) -> None:
        """Add a user; does nothing if the name is taken."""
        user = User(
            username=username,
            password_hash=password_hash,
            role=role,
            disabled=False,
            created_at=utc_now(),
        )
        self._insert(schema.users, user)

    def user(self, username: str) -> User | None:
        """Return the user of that name, disabled or not."""
        return self._one(User, schema.users, schema.users.c.username == username)

    def users(self) -> Sequence[User]:
        """Return all users by name."""
        return self._all(User, schema.users)

    def set_password(self, username: str, password_hash: str) -> None:
        """Replace a password and end every session that the old one opened."""
        users, sessions = schema.users, schema.sessions
        with writing(self._engine) as connection:
            connection.execute(
                update(users)
                .where(users.c.username == username)
                .values(password_hash=password_hash)
            )
            connection.execute(delete(sessions).where(sessions.c.username == username))

    def disable_user(self, username: str) -> None:
        """Let a user in no more, and end the sessions and tokens there are."""
        with writing(self._engine) as connection:
            connection.execute(
                update(schema.users)
                .where(schema.users.c.username == username)
                .values(disabled=True)
            )
            for table in (schema.sessions, schema.tokens):
                connection.execute(delete(table).where(table.c.username == username))

    def open_session(self, token_sha256: str, username: str, expires_at: datetime) -> None:
        """Remember a login."""
        session = Session(
            token_sha256=token_sha256,
            username=username,
            created_at=utc_now(),
            expires_at=expires_at,
        )
        self._insert(schema.sessions, session)

    def session(self, token_sha256: str, now: datetime) -> Session | None:
        """Return a login that has not expired."""
        sessions = schema.sessions.c
        return self._one(
            Session,
            schema.sessions,
            (sessions.token_sha256 == token_sha256) & (sessions.expires_at > now),
        )

    def close_session(self, token_sha256: str) -> None:
        """Forget a login."""
        self._delete(schema.sessions, schema.sessions.c.token_sha256 == token_sha256)

    def purge_expired(self, now: datetime) -> None:
        """Forget logins that have expired."""
        self._delete(schema.sessions, schema.sessions.c.expires_at <= now)

    def add_token(self, token: Token) -> None:
        """Remember a token."""
        self._insert(schema.tokens, token)

    def token(self, token_sha256: str) -> Token | None:
        """Return the token, expired or not."""
        return self._one(Token, schema.tokens, schema.tokens.c.token_sha256 == token_sha256)

    def tokens(self) -> Sequence[Token]:
        """Return all tokens."""
        return self._all(Token, schema.tokens)

    def revoke_token(self, token_sha256: str) -> None:
        """Forget a token."""
        self._delete(schema.tokens, schema.tokens.c.token_sha256 == token_sha256)

    def add_peer(self, peer: Peer) -> None:
        """Add a peer, or change the one with this AE title; it is held no more."""
        with writing(self._engine) as connection:
            for table in (schema.peers, schema.held_peers):
                connection.execute(delete(table).where(table.c.ae_title == peer.ae_title))
            connection.execute(schema.peers.insert(), asdict(peer))

    def remove_peer(self, ae_title: str) -> None:
        """Forget a peer."""
        self._delete(schema.peers, schema.peers.c.ae_title == ae_title)

    def peer(self, ae_title: str) -> Peer | None:
        """Return the peer with this AE title."""
        return self._one(Peer, schema.peers, schema.peers.c.ae_title == ae_title)

    def peers(self) -> Sequence[Peer]:
        """Return all peers by AE title."""
        return self._all(Peer, schema.peers)

    def note_held_peer(self, ae_title: str, address: str, now: datetime) -> None:
        """Remember that an unknown peer asked; beyond MAX_HELD_PEERS nothing new is noted."""
        table = schema.held_peers
        same = (table.c.ae_title == ae_title) & (table.c.address == address)
        with writing(self._engine) as connection:
            again = update(table).where(same)
            seen = connection.execute(
                again.values(last_seen=now, attempts=table.c.attempts + 1)
            ).rowcount
            full = connection.execute(select(func.count()).select_from(table)).scalar_one()
            if seen or full >= MAX_HELD_PEERS:
                return
            held = HeldPeer(
                ae_title=ae_title, address=address, first_seen=now, last_seen=now, attempts=1
            )
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            connection.execute(dialect.insert(table).values(asdict(held)).on_conflict_do_nothing())

    def held_peers(self) -> Sequence[HeldPeer]:
        """Return the peers that wait for somebody to accept them."""
        return self._all(HeldPeer, schema.held_peers)

    def forget_held_peer(self, ae_title: str, address: str) -> None:
        """Forget that a peer asked."""
        table = schema.held_peers.c
        self._delete(schema.held_peers, (table.ae_title == ae_title) & (table.address == address))

    def _insert(self, table: Table, value: Any) -> None:
        with writing(self._engine) as connection:
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            connection.execute(dialect.insert(table).values(asdict(value)).on_conflict_do_nothing())

    def _delete(self, table: Table, condition: Any) -> None:
        with writing(self._engine) as connection:
            connection.execute(delete(table).where(condition))

    def _one(self, kind: type[_Row], table: Table, condition: Any) -> _Row | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(table).where(condition)).first()
        return kind(**row._mapping) if row is not None else None

    def _all(self, kind: type[_Row], table: Table) -> Sequence[_Row]:
        with reading(self._engine) as connection:
            rows = connection.execute(select(table).order_by(*table.primary_key.columns)).all()
        return [kind(**row._mapping) for row in rows]
