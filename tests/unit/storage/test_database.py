"""Protects: a committed row survives a power cut on SQLite, the migrations make exactly the schema
that the code uses, and hosts that start together do not collide."""

import multiprocessing
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError

from storage.database import (
    SCHEMA_VERSION,
    migrate,
    open_engine,
    reading,
    runs_on,
    schema_of,
    writing,
)
from storage.errors import FullError, UnavailableError, VersionError
from storage.index import Index
from storage.schema import metadata
from storage.testing.instance import make_record


def url_in(folder: Path) -> str:
    return f"sqlite:///{folder}/index.sqlite"


def test_sqlite_syncs_every_commit(tmp_path: Path) -> None:
    engine = open_engine(url_in(tmp_path), busy_deadline_s=5)
    with reading(engine) as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"


def test_migrations_make_the_schema_of_the_code(tmp_path: Path) -> None:
    engine = open_engine(url_in(tmp_path), busy_deadline_s=5)
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    assert version == SCHEMA_VERSION


def migrate_there(url: str) -> None:
    migrate(open_engine(url, busy_deadline_s=20))


def test_hosts_that_start_together_migrate_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=migrate_there, args=(url_in(tmp_path),)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]


def test_a_writer_that_waits_too_long_is_told(tmp_path: Path) -> None:
    engine = open_engine(url_in(tmp_path), busy_deadline_s=0.2)
    migrate(engine)
    with writing(engine), pytest.raises(UnavailableError, match="locked"), writing(engine):
        pass


def test_a_server_that_is_not_there_is_a_passing_fault() -> None:
    url = "postgresql+psycopg://nobody@127.0.0.1:1/none"
    with pytest.raises(UnavailableError, match="does not answer"):
        Index(open_engine(url, busy_deadline_s=1)).ping()


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    engine = open_engine(url_in(tmp_path), busy_deadline_s=5)
    migrate(engine)
    event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA max_page_count=1"))
    engine.dispose()
    with pytest.raises(FullError):
        Index(engine).commit([make_record(number=number) for number in range(200)])


def test_readers_that_take_every_connection_are_a_passing_fault(tmp_path: Path) -> None:
    engine = open_engine(url_in(tmp_path), busy_deadline_s=0.1)
    migrate(engine)
    with ExitStack() as taken:
        for _ in range(15):  # SQLAlchemy's own pool: 5 connections and 10 in overflow.
            taken.enter_context(reading(engine))
        with pytest.raises(UnavailableError, match="in use"):
            Index(engine).ping()


def test_an_error_tells_nothing_about_a_patient(tmp_path: Path) -> None:
    engine = open_engine(url_in(tmp_path), busy_deadline_s=5)
    migrate(engine)
    broken = make_record(patient="SECRET")
    broken = replace(broken, metadata=None)  # type: ignore[arg-type]
    with pytest.raises(IntegrityError) as caught:
        Index(engine).commit([broken])
    assert "SECRET" not in str(caught.value)


def test_a_schema_that_is_ahead_stays_as_it_is(tmp_path: Path) -> None:
    engine = open_engine(url_in(tmp_path), busy_deadline_s=5)
    migrate(engine)
    ahead, later = f"{SCHEMA_VERSION[0]}999", f"{int(SCHEMA_VERSION[0]) + 1}000"
    for version in (ahead, later):
        with writing(engine) as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})
        assert runs_on(version) == (version == ahead)
        with nullcontext() if version == ahead else pytest.raises(VersionError, match=later):
            migrate(engine)
        assert schema_of(engine) == version
    assert not runs_on("")
