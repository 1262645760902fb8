"""DICOM peers: those that are known, and those that wait for somebody to accept them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage import schema
from storage.auditlog import Entry, append
from storage.database import Connection, Engine, reading, writing

MAX_HELD_PEERS = 1000
"""Strangers remembered; a port scan must not fill the database."""

_peers, _held = schema.peers, schema.held_peers


class PeerService(StrEnum):
    """What a peer may ask for."""

    ECHO = "echo"
    STORE = "store"
    FIND = "find"
    MOVE = "move"
    GET = "get"
    COMMIT = "commit"
    WORKLIST = "worklist"
    MPPS = "mpps"


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
    """Of the certificate it must show, hexadecimal; empty: it may come without TLS."""
    tls: bool = False
    """Whether it wants TLS when we send to it."""
    max_associations: int | None = None
    max_instances_per_minute: int | None = None
    worklist_charset: str = ""
    """What it reads in worklists, `utf8` or `ascii`; empty: as the settings say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPeer:
    """A peer that nobody has accepted yet."""

    ae_title: str
    address: str
    first_seen: datetime
    last_seen: datetime
    attempts: int


class PeerBook:
    """The peers of one database; every method may raise UnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, peer: Peer, entry: Entry) -> None:
        """Add a peer, or change the one with this AE title; it is held no more."""
        with writing(self._engine) as connection:
            _remove(connection, peer.ae_title)
            connection.execute(_peers.insert(), asdict(peer))
            append(connection, entry)

    def remove(self, ae_title: str, entry: Entry) -> None:
        """Forget a peer; one that is not there is no act."""
        with writing(self._engine) as connection:
            removed = connection.execute(delete(_peers).where(_peers.c.ae_title == ae_title))
            if removed.rowcount:
                append(connection, entry)

    def peer(self, ae_title: str) -> Peer | None:
        """Return the peer with this AE title."""
        query = select(_peers).where(_peers.c.ae_title == ae_title)
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return Peer(**row._mapping) if row is not None else None

    def peers(self) -> Sequence[Peer]:
        """Return all peers by AE title."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(_peers).order_by(_peers.c.ae_title)).all()
        return [Peer(**row._mapping) for row in rows]

    def hold(self, ae_title: str, address: str, now: datetime, entry: Entry) -> None:
        """Remember that an unknown peer asked; beyond MAX_HELD_PEERS nothing new is noted."""
        same = (_held.c.ae_title == ae_title) & (_held.c.address == address)
        with writing(self._engine) as connection:
            again = update(_held).where(same)
            seen = connection.execute(
                again.values(last_seen=now, attempts=_held.c.attempts + 1)
            ).rowcount
            append(connection, entry)
            full = connection.execute(select(func.count()).select_from(_held)).scalar_one()
            if seen or full >= MAX_HELD_PEERS:
                return
            held = HeldPeer(
                ae_title=ae_title, address=address, first_seen=now, last_seen=now, attempts=1
            )
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            connection.execute(dialect.insert(_held).values(asdict(held)).on_conflict_do_nothing())

    def held(self) -> Sequence[HeldPeer]:
        """Return the peers that wait for somebody to accept them."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(_held).order_by(*_held.primary_key)).all()
        return [HeldPeer(**row._mapping) for row in rows]

    def forget_held(self, ae_title: str, address: str) -> None:
        """Forget that a peer asked."""
        with writing(self._engine) as connection:
            connection.execute(
                delete(_held).where(_held.c.ae_title == ae_title, _held.c.address == address)
            )


def _remove(connection: Connection, ae_title: str) -> None:
    for table in (_peers, _held):
        connection.execute(delete(table).where(table.c.ae_title == ae_title))
