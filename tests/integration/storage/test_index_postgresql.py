"""Protects the index on PostgreSQL: the same conformance suite as on SQLite, on a real server."""

from collections.abc import Iterator

import pytest

from storage.database import Engine, migrate, open_engine
from storage.index import Index
from storage.testing.databases import empty_postgresql
from storage.testing.index import IndexContract
from tests.servers import PostgresqlServer


@pytest.fixture(scope="module")
def engine(postgresql_server: PostgresqlServer) -> Iterator[Engine]:
    engine = open_engine(postgresql_server.new_database(), busy_deadline_s=10)
    migrate(engine)
    yield engine
    engine.dispose()


class TestIndexOnPostgresql(IndexContract):
    @pytest.fixture
    def index(self, engine: Engine) -> Index:
        empty_postgresql(engine)
        return Index(engine)
