"""Protects data through a change of the schema, on both databases: what a gateway of the release
before has indexed is found, can be deleted and brought back after `migrate`, and nothing is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import text

import storage
from storage.database import Engine, migrate, open_engine, writing
from storage.deletions import Deletion, Deletions
from storage.index import Index
from storage.reach import EVERYTHING
from storage.records import Level, QuerySpec
from storage.schema import metadata
from storage.testing.instance import NOON, make_entry, make_record
from tests.servers import PostgresqlServer

RECORDS = [make_record(study=study, number=number) for study in (1, 2) for number in (1, 2, 3)]
DELETION = Deletion(
    id="01DELETION",
    study_uid=RECORDS[0].study_uid,
    series_uid=None,
    sop_instance_uid=None,
    number_of_instances=3,
    reason="",
    deleted_by="admin",
    deleted_at=NOON,
)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path}/index.sqlite"
    if request.param == "postgresql":
        server: PostgresqlServer = request.getfixturevalue("postgresql_server")
        url = server.new_database()
    engine = open_engine(url, busy_deadline_s=10)
    yield engine
    engine.dispose()


def bring_to(engine: Engine, version: str) -> None:
    """Bring the schema to a version, back if need be."""
    config = Config()
    folder = Path(storage.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        current = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        (command.upgrade if current is None or current < version else command.downgrade)(
            config, version
        )


def with_data_of_the_first_schema(engine: Engine) -> Index:
    """Return an index whose database looks as the first release left it."""
    migrate(engine)
    index = Index(engine)
    index.commit(RECORDS)
    bring_to(engine, "0001")
    with engine.connect() as connection:
        columns = connection.execute(text("SELECT * FROM instances")).keys()
    assert "deletion_id" not in columns
    return index


def test_what_was_indexed_before_is_found(engine: Engine) -> None:
    index = with_data_of_the_first_schema(engine)
    migrate(engine)
    assert len(index.search(QuerySpec(level=Level.STUDY), reach=EVERYTHING)) == 2
    found = index.instances(None)
    assert {each.object_key for each in found} == {record.object_key for record in RECORDS}
    assert not any(each.deleted for each in found)
    assert sorted(index.metadata(None)) == sorted(record.metadata for record in RECORDS)


def test_what_was_indexed_before_can_be_deleted_and_brought_back(engine: Engine) -> None:
    index = with_data_of_the_first_schema(engine)
    migrate(engine)
    before = index.search(QuerySpec(level=Level.STUDY), reach=EVERYTHING)
    marks = Deletions(engine)
    assert marks.mark(DELETION, {record.object_key for record in RECORDS}, make_entry()) == 3
    assert index.totals().instances == 3
    marks.take_back(DELETION.id, by="admin", at=NOON, entry=make_entry())
    assert index.search(QuerySpec(level=Level.STUDY), reach=EVERYTHING) == before


def test_going_back_shows_nothing_that_was_deleted(engine: Engine) -> None:
    migrate(engine)
    index = Index(engine)
    index.commit(RECORDS)
    Deletions(engine).mark(DELETION, {record.object_key for record in RECORDS}, make_entry())
    bring_to(engine, "0001")
    with engine.connect() as connection:
        shown = connection.execute(text("SELECT count(*) FROM instances WHERE current")).scalar()
        kept = connection.execute(text("SELECT count(*) FROM instances")).scalar()
    assert (shown, kept) == (3, 6)


def test_the_migrated_schema_is_the_schema_of_the_code(engine: Engine) -> None:
    with_data_of_the_first_schema(engine)
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
