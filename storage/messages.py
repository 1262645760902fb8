"""HL7 messages that were answered, and who may send them.

Invariant: the answer to a message is written in the transaction of what the message did.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import delete, select

from storage import schema
from storage.auditlog import Entry, append
from storage.database import Connection, Engine, reading, writing

_messages, _senders = schema.hl7_messages, schema.hl7_senders

ACCEPTED = "AA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A message and what was answered."""

    sender: str
    """Application and facility, MSH-3 and MSH-4."""
    control_id: str
    digest: str
    """SHA-256 of the whole message."""
    kind: str
    """`ORM^O01`."""
    code: str
    """AA, AE or AR (HL7 2.5.1, table 0008)."""
    reason: str
    answer: bytes
    address: str
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Somebody who may send messages."""

    name: str
    host: str
    """A name, an address or a network."""
    certificate_sha256: str = ""
    charset: str = ""
    """A character set that its messages are in whatever they say; empty: what they say."""
    issuer: str = ""
    """Of the hospital numbers that come without one."""
    comment: str = ""


def add(connection: Connection, answered: Answered) -> None:
    """Keep an answer within the transaction of what it answers."""
    connection.execute(_messages.insert().values(asdict(answered)))


def accepted(connection: Connection, sender: str, control_id: str, digest: str) -> bytes | None:
    """Return the answer to this very message if it was accepted before."""
    query = select(_messages.c.answer).where(
        _messages.c.sender == sender,
        _messages.c.control_id == control_id,
        _messages.c.digest == digest,
        _messages.c.code == ACCEPTED,
    )
    answer = connection.execute(query.limit(1)).scalar()
    return bytes(answer) if answer is not None else None


class Messages:
    """The messages of one database; every method may raise UnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def refused(self, *, limit: int) -> Sequence[Answered]:
        """Return the messages that were refused, the newest first."""
        query = (
            select(_messages)
            .where(_messages.c.code != ACCEPTED)
            .order_by(_messages.c.id.desc())
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [
                Answered(**{name: each for name, each in row._mapping.items() if name != "id"})
                for row in connection.execute(query)
            ]

    def forget(self, *, before: datetime) -> int:
        """Remove the answers to old messages; return how many."""
        with writing(self._engine) as connection:
            old = delete(_messages).where(_messages.c.received_at < before)
            return connection.execute(old).rowcount


class SenderBook:
    """Those who may send HL7 messages; every method may raise UnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, sender: Sender, entry: Entry) -> None:
        """Add a sender, or change the one of this name."""
        with writing(self._engine) as connection:
            connection.execute(delete(_senders).where(_senders.c.name == sender.name))
            connection.execute(_senders.insert().values(asdict(sender)))
            append(connection, entry)

    def remove(self, name: str, entry: Entry) -> bool:
        """Forget a sender; return whether there was one."""
        with writing(self._engine) as connection:
            removed = connection.execute(delete(_senders).where(_senders.c.name == name)).rowcount
            if removed:
                append(connection, entry)
        return bool(removed)

    def senders(self) -> Sequence[Sender]:
        """Return all senders by name."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(_senders).order_by(_senders.c.name))
            return [Sender(**row._mapping) for row in rows]
