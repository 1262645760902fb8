"""The audit trail: rows that are only ever added, each bound to the one before by a digest.

Invariant: a row is written in the transaction of the act it tells of, so there is never one
without the other; one act has one row, however often it is tried; no row can be changed, removed
or put between others without `check` finding the place.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, func, select, update
from sqlalchemy.exc import IntegrityError

from storage import schema
from storage.database import Connection, Engine, reading, writing
from storage.errors import UnavailableError

ROWS_AT_ONCE = 1000
"""Rows fetched at a time when the whole trail is read."""
FIRST_DIGEST = "0" * 64
"""What the first row is bound to."""

_log, _head, _exports = schema.audit_log, schema.audit_head, schema.audit_exports


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What somebody did; pacs_gateway.audit.acts makes these."""

    at: datetime
    verb: str
    outcome: str
    """`success`, or `refused` for what was asked for and not given."""
    actor: str
    """User name, AE title, `link:NONCE`, `share:ID`, or empty if nobody is known."""
    role: str
    address: str
    """Network address that it came from."""
    study_uid: str = ""
    patient_id: str = ""
    act: str | None = None
    """Names the act, if it may be told of more than once; None: every telling is an act."""
    again_after: timedelta | None = None
    """When an act of this name is another one; None: never."""
    detail: Mapping[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A row of the trail."""

    seq: int
    at: str
    """ISO 8601, UTC, microseconds."""
    verb: str
    outcome: str
    actor: str
    role: str
    address: str
    study_uid: str
    patient_id: str
    act: str | None
    detail: str
    """A JSON object."""
    previous: str
    digest: str

    def expected_digest(self) -> str:
        """Return the SHA-256 that this row must have."""
        covered = [
            self.seq, self.at, self.verb, self.outcome, self.actor, self.role, self.address,
            self.study_uid, self.patient_id, self.act, self.detail, self.previous,
        ]  # fmt: skip
        text = json.dumps(covered, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain ends."""

    seq: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows are asked for; empty texts ask for any."""

    actor: str = ""
    verb: str = ""
    study_uid: str = ""
    patient_id: str = ""
    since: str = ""
    """ISO 8601 as in `Recorded.at`, or the beginning of it."""
    until: str = ""
    """The first moment that is not asked for."""


def append(connection: Connection, entry: Entry) -> bool:
    """Add a row in the transaction of its act; return False if the act has one already.

    Whoever appends holds the end of the chain until the commit, so it comes last in a transaction.
    Raises UnavailableError if the trail cannot be continued.
    """
    if _is_told(connection, entry):
        return False
    head = _end(connection, hold=True)
    # Asked again now that nobody else can be adding the same act.
    if _is_told(connection, entry):
        return False
    row = Recorded(
        seq=head.seq + 1,
        at=_utc(entry.at),
        verb=entry.verb,
        outcome=entry.outcome,
        actor=_text(entry.actor),
        role=entry.role,
        address=_text(entry.address),
        study_uid=_text(entry.study_uid),
        patient_id=_text(entry.patient_id),
        act=_act(entry.act) if entry.act is not None else None,
        detail=_clean(json.dumps(entry.detail, ensure_ascii=False, sort_keys=True)),
        previous=head.digest,
        digest="",
    )
    digest = row.expected_digest()
    try:
        connection.execute(_log.insert().values({**_values(row), "digest": digest}))
    except IntegrityError as error:
        raise UnavailableError(
            f"Row {row.seq} of the audit trail is there before it was written;"
            " `pacs-gateway audit verify` tells more."
        ) from error
    connection.execute(update(_head).where(_head.c.id == 1).values(seq=row.seq, digest=digest))
    return True


class AuditLog:
    """The trail of one database; every method may raise UnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def append(self, entry: Entry) -> bool:
        """Add a row by itself; return False if the act has one already."""
        with writing(self._engine) as connection:
            return append(connection, entry)

    def rows(self, wanted: Wanted, *, limit: int, before: int | None = None) -> list[Recorded]:
        """Return rows, the newest first, below the number `before` if one is given."""
        query = _restricted(select(_log), wanted).order_by(_log.c.seq.desc()).limit(limit)
        if before is not None:
            query = query.where(_log.c.seq < before)
        with reading(self._engine) as connection:
            return [_recorded(row) for row in connection.execute(query)]

    def count(self, wanted: Wanted) -> int:
        """Return how many rows there are."""
        query = _restricted(select(func.count(_log.c.seq)), wanted)
        with reading(self._engine) as connection:
            return int(connection.execute(query).scalar_one())

    def head(self) -> Head:
        """Return where the chain ends."""
        with reading(self._engine) as connection:
            return _end(connection)

    def digest_of(self, seq: int) -> str | None:
        """Return the digest of one row, None if there is no such row."""
        with reading(self._engine) as connection:
            return connection.execute(select(_log.c.digest).where(_log.c.seq == seq)).scalar()

    def after(self, seq: int | None) -> Iterator[Recorded]:
        """Yield all rows after a number, the oldest first; None: also those below the first."""
        query = select(_log).order_by(_log.c.seq)
        if seq is not None:
            query = query.where(_log.c.seq > seq)
        with reading(self._engine) as connection:
            options = connection.execution_options(yield_per=ROWS_AT_ONCE)
            with options.execute(query) as rows:
                for row in rows:
                    yield _recorded(row)

    def batch(self, seq: int, *, limit: int) -> list[Recorded]:
        """Return the rows after a number, the oldest first."""
        query = select(_log).where(_log.c.seq > seq).order_by(_log.c.seq).limit(limit)
        with reading(self._engine) as connection:
            return [_recorded(row) for row in connection.execute(query)]

    def exported(self, destination: str) -> int:
        """Return the number of the last row that a destination has got."""
        query = select(_exports.c.seq).where(_exports.c.destination == destination)
        with reading(self._engine) as connection:
            return int(connection.execute(query).scalar() or 0)

    def note_exported(self, destination: str, seq: int) -> None:
        """Note that a destination has got all rows up to a number."""
        with writing(self._engine) as connection:
            which = _exports.c.destination == destination
            if not connection.execute(update(_exports).where(which).values(seq=seq)).rowcount:
                row = {"destination": destination, "seq": seq}
                connection.execute(_exports.insert().values(row))

    def check(self) -> str | None:
        """Return what is wrong with the chain, in one sentence, None if nothing is."""
        end, last = self.head(), Head(0, FIRST_DIGEST)
        for row in self.after(None):
            if wrong := _misfit(row, last):
                return wrong
            last = Head(row.seq, row.digest)
            if row.seq == end.seq and row.digest != end.digest:
                return f"Row {row.seq} is not the one that was noted as the last."
        if last.seq < end.seq:
            return f"Row {last.seq + 1} is missing, and what came after it."
        if last.seq > self.head().seq:
            return f"Row {last.seq} was added without being noted as the last."
        return self._check_exports(last.seq)

    def _check_exports(self, last: int) -> str | None:
        query = select(_exports).where(_exports.c.seq > last)
        with reading(self._engine) as connection:
            ahead = connection.execute(query).first()
        if ahead is None or ahead.seq <= self.head().seq:
            return None
        return f"Row {ahead.seq} is missing, which {ahead.destination} has been sent."


def _restricted(query: Select[Any], wanted: Wanted) -> Select[Any]:
    for column in ("actor", "verb", "study_uid", "patient_id"):
        if text := getattr(wanted, column):
            query = query.where(_log.c[column] == text)
    if wanted.since:
        query = query.where(_log.c.at >= wanted.since)
    if wanted.until:
        query = query.where(_log.c.at < wanted.until)
    return query


def _misfit(row: Recorded, last: Head) -> str | None:
    """Return why a row cannot come after the last one."""
    if row.seq < 1:
        return f"Row {row.seq} was put in front of the first one."
    if row.seq != last.seq + 1:
        return f"Row {last.seq + 1} is missing."
    if row.previous != last.digest or row.digest != row.expected_digest():
        return f"Row {row.seq} is not as it was written, or the one before it is not."
    return None


def _end(connection: Connection, *, hold: bool = False) -> Head:
    query = select(_head.c.seq, _head.c.digest).where(_head.c.id == 1)
    row = connection.execute(query.with_for_update() if hold else query).first()
    if row is None:
        raise UnavailableError("The note of where the audit trail ends was removed.")
    return Head(row.seq, row.digest)


def _is_told(connection: Connection, entry: Entry) -> bool:
    if entry.act is None:
        return False
    query = select(_log.c.seq).where(_log.c.act == _act(entry.act))
    if entry.again_after is not None:
        query = query.where(
            _log.c.at > _utc(entry.at - entry.again_after),
            # A clock that was ahead for a while must not keep acts off the record until then.
            _log.c.at < _utc(entry.at + entry.again_after),
        )
    return connection.execute(query.limit(1)).first() is not None


def _values(row: Recorded) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in _log.columns}


def _recorded(row: Row[Any]) -> Recorded:
    # SQLite lets a hand put bytes where text belongs. Such a row does not fit its digest; it must
    # not break those who read it.
    values: dict[str, Any] = {
        name: repr(value) if isinstance(value, bytes) else value
        for name, value in row._mapping.items()
    }
    return Recorded(**values)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _text(text: str) -> str:
    """Return what an index of every database takes; PostgreSQL has no endless entries."""
    return _clean(text)[: schema.MAX_KEY_CHARACTERS]


def _act(name: str) -> str:
    """Return the name of an act so that it fits, and still differs from every other one."""
    if len(name) <= schema.MAX_KEY_CHARACTERS:
        return _clean(name)
    return "sha256 " + hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()


def _clean(text: str) -> str:
    """Return text without NUL, which PostgreSQL does not take, and without halves of characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
