"""Protects the index on PostgreSQL: the same conformance suite as on SQLite, on a real server."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from storage.database import migrate, open_engine
from storage.index import Index
from storage.testing.index import IndexContract
from tests.servers import PostgresqlServer


class TestIndexOnPostgresql(IndexContract):
    @pytest.fixture
    def index(self, postgresql_server: PostgresqlServer) -> Iterator[Index]:
        engine = open_engine(postgresql_server.url(), busy_deadline_s=10)
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        migrate(engine)
        yield Index(engine)
        engine.dispose()
