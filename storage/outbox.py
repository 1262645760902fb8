"""What must happen later: rows written in the transaction of their cause (docs/design/0018-outbox.md).

Invariant: a row is finished only by being carried out or by a person who gives it up. Each try has
a number, and what an earlier try reports is ignored: whoever was presumed dead, and was not,
changes nothing any more.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from ulid import ULID

from storage import schema
from storage.auditlog import Entry, append
from storage.database import Connection, Engine, reading, writing
from storage.errors import NotFoundError

MAX_REASON_CHARACTERS = 400

_rows = schema.outbox.c


class State(StrEnum):
    """Where a piece of work stands."""

    WAITING = "waiting"
    """For its time, or for another try."""
    HANDED = "handed"
    """A process is at it."""
    STUCK = "stuck"
    """Tried for as long as is sensible, or hopeless: a person decides."""
    DONE = "done"
    GIVEN_UP = "given up"


UNFINISHED = (State.WAITING, State.HANDED, State.STUCK)
_TRIED = (State.WAITING, State.HANDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Something that must happen."""

    kind: str
    """Names what carries it out."""
    about: str
    """A UID or title that tells a person which study, transaction or device it is."""
    due_at: datetime
    payload: Mapping[str, Any] = field(default_factory=dict)
    """JSON."""
    key: str | None = None
    """At most one row has it: to put it again moves its time, also when it was done before."""
    topic: str = ""
    """Work of one topic happens one after the other, in the order it was put; empty: at will."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A piece of work as it stands."""

    id: str
    kind: str
    about: str
    payload: Mapping[str, Any]
    state: State
    attempt: int
    """Counts the tries, and every time that it was put again."""
    armed_at: datetime
    """When it was put, put again, or wanted again by a person."""
    due_at: datetime
    reason: str
    """Why the last try came to nothing; empty before the first."""


def put(connection: Connection, work: Work, *, now: datetime) -> None:
    """Note, within a transaction, what must happen once that is committed."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    armed = {
        "state": State.WAITING,
        "payload": json.dumps(work.payload),
        "armed_at": now,
        "due_at": work.due_at,
        "reason": "",
        "finished_at": None,
    }
    new = {
        "id": str(ULID()),
        "key": work.key,
        "kind": work.kind,
        "about": work.about,
        "topic": work.topic,
        "attempt": 0,
    }
    again = armed | {"attempt": _rows.attempt + 1}
    statement = dialect.insert(schema.outbox).values(new | armed)
    connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_=again))


class Outbox:
    """The work of one database; every method may raise UnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, work: Work, *, now: datetime) -> None:
        """Note what must happen where nothing else changes with it."""
        with writing(self._engine) as connection:
            put(connection, work, now=now)

    def put_once(self, work: Work, *, now: datetime) -> None:
        """Note what must happen once, unless work of its key was put before, done or not."""
        known = select(_rows.id).where(_rows.key == work.key)
        with reading(self._engine) as connection:
            if connection.execute(known).first() is not None:
                return
        with writing(self._engine) as connection:
            # Another host may put it between these two; that moves its time to the same one.
            if connection.execute(known).first() is None:
                put(connection, work, now=now)

    def due(self, now: datetime, *, limit: int) -> Sequence[Task]:
        """Return what waits and is due, of each topic the first only."""
        earlier = schema.outbox.alias()
        blocked = (
            select(earlier.c.id)
            .where(
                earlier.c.topic == _rows.topic,
                earlier.c.state.in_(UNFINISHED),
                earlier.c.number < _rows.number,
            )
            .exists()
        )
        query = (
            select(schema.outbox)
            .where(
                _rows.state == State.WAITING,
                _rows.due_at <= now,
                or_(_rows.topic == "", ~blocked),
            )
            .order_by(_rows.due_at, _rows.number)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [_task(row) for row in connection.execute(query)]

    def handed(self, task: Task, *, now: datetime) -> None:
        """Note that a process is at it; of a try that is over already, nothing is noted."""
        self._change(
            [_rows.id == task.id, _rows.attempt == task.attempt, _rows.state == State.WAITING],
            {"state": State.HANDED, "handed_at": now},
        )

    def try_of(self, task_id: str, attempt: int) -> Task | None:
        """Return the work if this is its try, None if that is over or another one counts."""
        query = select(schema.outbox).where(*_of_try(task_id, attempt))
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return _task(row) if row is not None else None

    def done(self, task: Task, *, now: datetime) -> None:
        """Note that it was carried out."""
        self._change(
            _of_try(task.id, task.attempt), {"state": State.DONE, "finished_at": now, "reason": ""}
        )

    def postpone(self, task: Task, *, due_at: datetime, reason: str) -> None:
        """Let it be tried again later."""
        self._change(
            _of_try(task.id, task.attempt),
            {
                "state": State.WAITING,
                "attempt": _rows.attempt + 1,
                "due_at": due_at,
                "reason": reason[:MAX_REASON_CHARACTERS],
            },
        )

    def stuck(self, task: Task, *, reason: str) -> None:
        """Leave it to a person."""
        self._change(
            _of_try(task.id, task.attempt),
            {"state": State.STUCK, "reason": reason[:MAX_REASON_CHARACTERS]},
        )

    def take_back(self, now: datetime, *, lease: timedelta) -> int:
        """Let be tried anew what was handed on longer ago than `lease`; return how much.

        Whoever had it is gone for good: a host that was lost does not come back for it.
        """
        lost = (_rows.state == State.HANDED) & (_rows.handed_at < now - lease)
        with reading(self._engine) as connection:
            if connection.execute(select(_rows.id).where(lost).limit(1)).first() is None:
                return 0
        return self._change(
            [lost],
            {
                "state": State.WAITING,
                "attempt": _rows.attempt + 1,
                "due_at": now,
                "reason": "It was begun, and no outcome was heard of.",
            },
        )

    def tasks(self, states: Collection[State], *, limit: int) -> Sequence[Task]:
        """Return work in these states, the oldest first."""
        query = (
            select(schema.outbox).where(_rows.state.in_(states)).order_by(_rows.number).limit(limit)
        )
        with reading(self._engine) as connection:
            return [_task(row) for row in connection.execute(query)]

    def retry(self, task_id: str, entry: Entry, *, now: datetime) -> None:
        """Let what waits or is stuck be tried now, and again for as long as new work.

        Raises NotFoundError if there is no such work.
        """
        self._decide(
            task_id,
            entry,
            {
                "state": State.WAITING,
                "attempt": _rows.attempt + 1,
                "armed_at": now,
                "due_at": now,
            },
        )

    def give_up(self, task_id: str, entry: Entry, *, reason: str, now: datetime) -> None:
        """Never do it; a person says why. Raises NotFoundError if there is no such work."""
        self._decide(
            task_id,
            entry,
            {
                "state": State.GIVEN_UP,
                "attempt": _rows.attempt + 1,
                "finished_at": now,
                "reason": reason[:MAX_REASON_CHARACTERS],
            },
        )

    def forget_finished(self, *, before: datetime) -> int:
        """Remove what was finished long ago; return how much that was."""
        old = _rows.finished_at < before
        with writing(self._engine) as connection:
            return connection.execute(delete(schema.outbox).where(old)).rowcount

    def _change(self, conditions: Sequence[ColumnElement[bool]], values: Mapping[str, Any]) -> int:
        with writing(self._engine) as connection:
            changed = update(schema.outbox).where(*conditions).values(values)
            return connection.execute(changed).rowcount

    def _decide(self, task_id: str, entry: Entry, values: Mapping[str, Any]) -> None:
        unfinished = _rows.id == task_id, _rows.state.in_(UNFINISHED)
        with writing(self._engine) as connection:
            changed = connection.execute(update(schema.outbox).where(*unfinished).values(values))
            if not changed.rowcount:
                raise NotFoundError(f"No unfinished work is called {task_id}.")
            append(connection, entry)


def _of_try(task_id: str, attempt: int) -> Sequence[ColumnElement[bool]]:
    # The try may end before it was noted that it began.
    return [_rows.id == task_id, _rows.attempt == attempt, _rows.state.in_(_TRIED)]


def _task(row: Row[Any]) -> Task:
    return Task(
        id=row.id,
        kind=row.kind,
        about=row.about,
        payload=json.loads(row.payload),
        state=State(row.state),
        attempt=row.attempt,
        armed_at=row.armed_at,
        due_at=row.due_at,
        reason=row.reason,
    )
