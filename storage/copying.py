"""Whole tables from one database into another, whichever kind each is."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, Table, delete, func, insert, select, text
from sqlalchemy.engine import make_url

from storage import schema
from storage.database import (
    Engine,
    migrate,
    open_engine,
    reading,
    translated_driver_errors,
    writing,
)

ROWS_AT_ONCE = 500
_BUSY_DEADLINE_S = 30.0


def copy_table(source: Connection, target: Connection, table: Table) -> None:
    """Add all rows of a table, in the order of their keys."""
    query = select(table).order_by(*table.primary_key.columns)
    rows = source.execute(query, execution_options={"yield_per": ROWS_AT_ONCE}).mappings()
    for some in rows.partitions():
        target.execute(insert(table), [dict(row) for row in some])


def go_on_numbering(connection: Connection, tables: Iterable[Table]) -> None:
    """Let new rows be numbered after those that were copied; SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables:
        column = table.autoincrement_column
        if column is None:
            continue
        sequence = connection.execute(
            select(func.pg_get_serial_sequence(table.name, column.name))
        ).scalar()
        if sequence is not None:
            last = connection.execute(select(func.max(column))).scalar()
            connection.execute(select(func.setval(sequence, last or 1, last is not None)))


def open_copy(path: Path) -> Engine:
    """Return the engine of a SQLite file that `snapshot` wrote; an older schema is brought forward."""
    engine = open_engine(f"sqlite:///{path}", busy_deadline_s=_BUSY_DEADLINE_S)
    migrate(engine)
    return engine


def snapshot(live: Engine, path: Path) -> None:
    """Write all tables, as they are at one moment, into a new SQLite file; nobody waits for it.

    Raises UnavailableError or FullError.
    """
    if live.dialect.name == "sqlite":
        _snapshot_sqlite(live, path)
        return
    copy = open_copy(path)
    try:
        with (
            reading(live.execution_options(isolation_level="REPEATABLE READ")) as source,
            writing(copy) as target,
        ):
            _refill(source, target)
    finally:
        copy.dispose()


def refill(live: Engine, copy: Engine) -> None:
    """Replace all rows of all tables by those of a copy, all at once.

    Raises UnavailableError or FullError, and then nothing has changed.
    """
    with reading(copy) as source, writing(live) as target:
        if target.dialect.name == "postgresql":
            target.execute(text("SET LOCAL statement_timeout = 0"))
        _refill(source, target)
        go_on_numbering(target, schema.metadata.sorted_tables)


def is_unused(engine: Engine) -> bool:
    """Return whether a database has neither images nor accounts nor anything on record."""
    with reading(engine) as connection:
        return not any(
            connection.execute(select(table).limit(1)).first()
            for table in (schema.instances, schema.users, schema.audit_log)
        )


def counts(engine: Engine) -> dict[str, int]:
    """Return the number of rows of every table."""
    with reading(engine) as connection:
        return {
            table.name: int(
                connection.execute(select(func.count()).select_from(table)).scalar_one()
            )
            for table in schema.metadata.sorted_tables
        }


def is_sound(engine: Engine) -> bool:
    """Return whether a SQLite file is whole."""
    with reading(engine) as connection:
        return bool(connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok")


def _refill(source: Connection, target: Connection) -> None:
    tables = schema.metadata.sorted_tables
    for table in reversed(tables):
        target.execute(delete(table))
    for table in tables:
        copy_table(source, target, table)


def _snapshot_sqlite(live: Engine, path: Path) -> None:
    database = make_url(str(live.url)).database
    with (
        translated_driver_errors(live),
        closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(path)) as target,
    ):
        # All pages in one go: in steps, it would begin anew whenever another process writes.
        source.backup(target, pages=-1)
