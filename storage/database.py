"""One way to open the database, on SQLite and PostgreSQL, and to bring its schema up to date."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from storage.errors import FullError, UnavailableError, VersionError

__all__ = [
    "SCHEMA_VERSION",
    "Connection",
    "DeadlockError",
    "Engine",
    "Observe",
    "clock",
    "migrate",
    "observed",
    "open_engine",
    "reading",
    "runs_on",
    "schema_of",
    "translated_driver_errors",
    "writing",
]

SCHEMA_VERSION = "0008"
"""The newest migration; a database that has it needs no Alembic at start.

The first digit is its series. Within a series migrations only add, so that hosts of an earlier
version work on with the schema of a later one (docs/design/0025-upgrades.md).
"""

_MIGRATION_LOCK = 0x7061_6373
"""Any number will do as long as every gateway takes the same PostgreSQL advisory lock."""
_DISK_FULL = "53100"
_DEADLOCKS = frozenset({"40001", "40P01"})
_POOL_SIZE = 10
_CONNECT_DEADLINE_S = 10


Observe = Callable[[str, str, float], None]
"""Is told of each transaction: `read` or `write`, `ok` or `failed`, seconds."""


class DeadlockError(UnavailableError):
    """The transaction was undone in favour of another; it may be tried again at once."""


def open_engine(url: str, *, busy_deadline_s: float) -> Engine:
    """Return an engine for this process; never carry one over a fork.

    A writer that waits longer than `busy_deadline_s` for another fails with UnavailableError.
    """
    if make_url(url).get_backend_name() == "sqlite":
        return _open_sqlite(url, busy_deadline_s)
    return create_engine(
        url,
        pool_size=_POOL_SIZE,
        max_overflow=_POOL_SIZE,
        pool_timeout=busy_deadline_s,
        pool_pre_ping=True,
        # Parameters are names and identifiers of patients; errors end up in logs.
        hide_parameters=True,
        connect_args={
            "connect_timeout": _CONNECT_DEADLINE_S,
            "options": f"-c statement_timeout={int(busy_deadline_s * 1000)}"
            f" -c lock_timeout={int(busy_deadline_s * 1000)}",
        },
    )


def observed(engine: Engine, observe: Observe) -> Engine:
    """Return the same engine, of whose transactions `observe` is told."""
    return engine.execution_options(observe=observe)


def clock(engine: Engine) -> datetime | None:
    """Return what time it is for the database server, None where it has this machine's clock.

    Raises UnavailableError if the database cannot be reached.
    """
    if engine.dialect.name != "postgresql":
        return None
    with reading(engine) as connection:
        now: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return now


def schema_of(engine: Engine) -> str | None:
    """Return the newest migration that the database has, None if it is empty.

    Raises UnavailableError if the database cannot be reached.
    """
    with _translated():
        return _version(engine)


def runs_on(schema: str) -> bool:
    """Return whether this version works on a database with that newest migration, as it is."""
    return schema[:1] == SCHEMA_VERSION[:1] and schema >= SCHEMA_VERSION


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection that sees one consistent state.

    Raises UnavailableError if the database cannot be reached.
    """
    with _told(engine, "read"), _translated(), engine.connect() as connection:
        yield connection


@contextmanager
def translated_driver_errors(engine: Engine) -> Iterator[None]:
    """Raise UnavailableError for what the driver itself raises, past SQLAlchemy's statements."""
    try:
        with _translated():
            yield
    except engine.dialect.loaded_dbapi.Error as error:
        reason = str(error).partition("\n")[0]
        raise UnavailableError(f"The index database does not answer: {reason}.") from error


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yield a connection whose work becomes visible all at once, or not at all.

    Raises UnavailableError if the database cannot be reached, FullError if its disk is full.
    """
    writer = engine.execution_options(writes=True)
    with _told(engine, "write"), _translated(), writer.begin() as connection:
        yield connection


def migrate(engine: Engine) -> None:
    """Bring the schema to SCHEMA_VERSION; hosts that start together wait for each other.

    A newer schema of the same series stays as it is: another host is a version ahead.

    Raises VersionError if the schema is of a later series, UnavailableError if the database
    cannot be reached.
    """
    with _translated():
        if _is_current(_version(engine)):
            return
        # Alembic takes longer to import than SQLite takes to start.
        from alembic import command  # noqa: PLC0415
        from alembic.config import Config  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        with engine.execution_options(writes=True).begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK}
                )
            # A host that is a version ahead may have been faster: Alembic knows no schema of it.
            if not _is_current(_version_in(connection)):
                config.attributes["connection"] = connection
                command.upgrade(config, "head")


def _is_current(found: str | None) -> bool:
    """Return whether there is nothing to migrate; raises VersionError if nothing can be."""
    if found is None or found < SCHEMA_VERSION:
        return False
    if not runs_on(found):
        raise VersionError(
            f"It has schema {found} of a later version of the gateway, and this one knows"
            f" {SCHEMA_VERSION}. Install the later version on this host."
        )
    return True


def _version(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return _version_in(connection)


def _version_in(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _open_sqlite(url: str, busy_deadline_s: float) -> Engine:
    path = make_url(url).database
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        connect_args={"timeout": busy_deadline_s},
        pool_timeout=busy_deadline_s,
        hide_parameters=True,
    )
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    # SQLAlchemy begins transactions (see _begin_sqlite); the driver must not do so by itself.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        # FULL also syncs the log at each commit: a committed row survives a power cut.
        "synchronous=FULL",
        "foreign_keys=ON",
        # Matching is case-sensitive (PS3.4 C.2.2.2), and then LIKE 'prefix%' may use an index.
        "case_sensitive_like=ON",
        "cache_size=-16384",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that starts by reading and then writes can fail half-way when another one
    # wrote meanwhile; asking for the lock at the start makes it wait instead.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _told(engine: Engine, kind: str) -> Iterator[None]:
    observe: Observe | None = engine.get_execution_options().get("observe")
    if observe is None:
        yield
        return
    begun, outcome = perf_counter(), "ok"
    try:
        yield
    except (UnavailableError, FullError):
        outcome = "failed"
        raise
    finally:
        observe(kind, outcome, perf_counter() - begun)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        raise UnavailableError("All connections to the index database are in use.") from error
    except (OperationalError, InterfaceError) as error:
        if _is_disk_full(error):
            raise FullError("The disk of the index database is full.") from error
        if getattr(error.orig, "sqlstate", None) in _DEADLOCKS:
            raise DeadlockError("Another transaction went first.") from error
        # The lines after the first may quote values of patients.
        reason = str(error.orig).partition("\n")[0]
        raise UnavailableError(f"The index database does not answer: {reason}.") from error


def _is_disk_full(error: DatabaseError | InterfaceError) -> bool:
    if isinstance(error.orig, sqlite3.Error):
        return error.orig.sqlite_errorcode == sqlite3.SQLITE_FULL
    return getattr(error.orig, "sqlstate", None) == _DISK_FULL
