"""Protects: a committed row survives a power cut on SQLite, the migrations make exactly the schema
that the code uses, and hosts that start together do not collide."""

import multiprocessing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from storage.database import SCHEMA_VERSION, migrate, open_engine, reading, writing
from storage.errors import UnavailableError
from storage.index import Index
from storage.schema import metadata


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
