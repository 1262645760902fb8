"""An index made anew beside the one in use, and put in its place in one transaction.

The new one grows in a SQLite file of its own, with the plan of what is to be done: whoever is
killed goes on where the file says. Until `replace` commits, the index in use is as it was.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    delete,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import sqlite

from storage import schema
from storage.copying import ROWS_AT_ONCE, copy_table, go_on_numbering
from storage.database import DeadlockError, Engine, reading, writing

_DEADLOCKS_SUFFERED = 5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INDEX_TABLES = (
    schema.patients,
    schema.name_words,
    schema.studies,
    schema.series,
    schema.instances,
    schema.deletions,
)
"""What is made of objects alone, each after those that it refers to."""
_KNOWN_TO_THE_DATABASE_ALONE = (schema.studies.c.read_at,)
"""Columns of studies that no object tells; they are taken over."""

_metadata = MetaData()
_plan = Table(
    "plan",
    _metadata,
    Column("key", Text, primary_key=True),
    Column("kind", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("done", Boolean, nullable=False),
    Column("fault", Text),
    Index("ix_plan", "done", "at", "kind", "key"),
)
_source = Table("source", _metadata, Column("name", Text, primary_key=True), Column("value", Text))


class Kind(IntEnum):
    """What a key of the object store is; of one moment, objects come before acts."""

    OBJECT = 0
    ACT = 1
    OTHER = 2


@dataclass(frozen=True, slots=True)
class Planned:
    """One key of the object store and its place in the order of events."""

    key: str
    kind: Kind
    received_at: datetime
    size: int


@dataclass(frozen=True, slots=True)
class Fault:
    """What could not be indexed, and why."""

    key: str
    kind: Kind
    reason: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a plan is."""

    total: int
    done: int


class Plan:
    """What is to be indexed, in the order in which it came, and how far that is."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        with writing(engine) as connection:
            _metadata.create_all(connection)

    def belongs_to(self, source: str) -> bool:
        """Return whether this plan is for a source; a new plan is for the first that asks."""
        with writing(self._engine) as connection:
            connection.execute(
                sqlite.insert(_source)
                .values(name="source", value=source)
                .on_conflict_do_nothing(index_elements=["name"])
            )
            return bool(connection.execute(select(_source.c.value)).scalar_one() == source)

    def unknown(self, keys: Sequence[str]) -> list[str]:
        """Return those keys that are not planned yet."""
        known: set[str] = set()
        with reading(self._engine) as connection:
            for some in _parts(keys):
                known.update(connection.scalars(select(_plan.c.key).where(_plan.c.key.in_(some))))
        return [key for key in keys if key not in known]

    def add(self, planned: Iterable[Planned]) -> None:
        """Plan more; what is planned already stays as it is."""
        rows = [
            {
                "key": each.key,
                "kind": each.kind,
                "at": _microseconds(each.received_at),
                "received_at": _microseconds(each.received_at),
                "size": each.size,
                "done": False,
            }
            for each in planned
        ]
        if rows:
            with writing(self._engine) as connection:
                statement = sqlite.insert(_plan).on_conflict_do_nothing(index_elements=["key"])
                connection.execute(statement, rows)

    def waiting_acts(self) -> list[str]:
        """Return the acts that wait, in the order of their names."""
        query = select(_plan.c.key).where(_plan.c.kind == Kind.ACT, _plan.c.done.is_(False))
        with reading(self._engine) as connection:
            return list(connection.scalars(query.order_by(_plan.c.key)))

    def order_act(self, key: str, at: datetime, objects: Sequence[str]) -> None:
        """Let an act come after those before it and after the objects it names.

        Names say the order of acts; clocks of hosts may say another.
        """
        before = select(func.max(_plan.c.at)).where(
            _plan.c.kind == Kind.ACT, _plan.c.key < key, _plan.c.fault.is_(None)
        )
        with writing(self._engine) as connection:
            moment = max(_microseconds(at), connection.execute(before).scalar() or 0)
            connection.execute(update(_plan).where(_plan.c.key == key).values(at=moment))
            for some in _parts(objects):
                connection.execute(
                    update(_plan)
                    .where(_plan.c.key.in_(some), _plan.c.at > moment)
                    .values(at=moment)
                )

    def waiting(self, limit: int) -> list[Planned]:
        """Return what comes next, in order."""
        query = (
            select(_plan.c.key, _plan.c.kind, _plan.c.received_at, _plan.c.size)
            .where(_plan.c.done.is_(False))
            .order_by(_plan.c.at, _plan.c.kind, _plan.c.key)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [
                Planned(row.key, Kind(row.kind), _moment(row.received_at), row.size)
                for row in connection.execute(query)
            ]

    def finish(self, keys: Iterable[str], faults: Iterable[tuple[str, str]] = ()) -> None:
        """Note what is done, and of some why it could not be."""
        found = dict(faults)
        rows = [{"of": key, "why": found.get(key)} for key in {*keys, *found}]
        if rows:
            statement = (
                update(_plan)
                .where(_plan.c.key == bindparam("of"))
                .values(done=True, fault=bindparam("why"))
            )
            with writing(self._engine) as connection:
                connection.execute(statement, rows)

    def progress(self) -> Progress:
        """Return how far it is."""
        query = select(func.count(), func.coalesce(func.sum(_plan.c.done.cast(Integer)), 0))
        with reading(self._engine) as connection:
            total, done = connection.execute(query.select_from(_plan)).one()
        return Progress(total, int(done))

    def forget_faults(self) -> None:
        """Let what could not be indexed be tried again: somebody may have brought it back."""
        with writing(self._engine) as connection:
            connection.execute(delete(_plan).where(_plan.c.fault.is_not(None)))

    def faults(self) -> list[Fault]:
        """Return what could not be indexed, in order of the keys."""
        columns = _plan.c.key, _plan.c.kind, _plan.c.fault
        query = select(*columns).where(_plan.c.fault.is_not(None)).order_by(_plan.c.key)
        with reading(self._engine) as connection:
            return [Fault(key, Kind(kind), why) for key, kind, why in connection.execute(query)]


def replace(live: Engine, made: Engine, catch_up: Callable[[Iterator[str]], None]) -> None:
    """Put the index that was made in the place of the one in use, all at once.

    Readers see the old one until the end; writers wait. `catch_up` is given the keys of all objects
    in the index that is replaced, when nobody adds to it any more, and may still change the new one.

    Raises UnavailableError or FullError, and then nothing has changed.
    """
    for _ in range(_DEADLOCKS_SUFFERED):
        try:
            _replace(live, made, catch_up)
        except DeadlockError:
            continue
        return
    _replace(live, made, catch_up)


def _replace(live: Engine, made: Engine, catch_up: Callable[[Iterator[str]], None]) -> None:
    with writing(live) as connection:
        if connection.dialect.name == "postgresql":
            names = ", ".join(table.name for table in _INDEX_TABLES)
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"))
        catch_up(_object_keys(connection))
        _take_over(connection, made)
        for table in reversed(_INDEX_TABLES):
            connection.execute(delete(table))
        with reading(made) as source:
            for table in _INDEX_TABLES:
                copy_table(source, connection, table)
        go_on_numbering(connection, _INDEX_TABLES)


def _object_keys(connection: Connection) -> Iterator[str]:
    yield from connection.scalars(
        select(schema.instances.c.object_key), execution_options={"yield_per": ROWS_AT_ONCE}
    )


def _take_over(connection: Connection, made: Engine) -> None:
    """Give the new studies what only the database knows of them."""
    columns, uid = _KNOWN_TO_THE_DATABASE_ALONE, schema.studies.c.StudyInstanceUID
    known = select(uid.label("of"), *columns).where(or_(*(c.is_not(None) for c in columns)))
    statement = update(schema.studies).where(uid == bindparam("of"))
    with writing(made) as new:
        new.execute(update(schema.studies).values(dict.fromkeys(columns)))
        rows = [dict(row._mapping) for row in connection.execute(known)]
        if rows:
            values: dict[str, Any] = {each.name: bindparam(each.name) for each in columns}
            new.execute(statement.values(**values), rows)


def _parts(keys: Collection[str]) -> Iterator[list[str]]:
    every = list(keys)
    for start in range(0, len(every), ROWS_AT_ONCE):
        yield every[start : start + ROWS_AT_ONCE]


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
