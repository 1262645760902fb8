"""Protects the outbox on PostgreSQL: the same contract as on SQLite, on a real server."""

from collections.abc import Iterator

import pytest

from storage.database import Engine, migrate, open_engine
from storage.testing.commitments import CommitmentContract
from storage.testing.databases import empty_postgresql
from storage.testing.outbox import OutboxContract
from tests.servers import PostgresqlServer


@pytest.fixture(scope="module")
def migrated(postgresql_server: PostgresqlServer) -> Iterator[Engine]:
    engine = open_engine(postgresql_server.new_database(), busy_deadline_s=10)
    migrate(engine)
    yield engine
    engine.dispose()


class TestOutboxOnPostgresql(OutboxContract, CommitmentContract):
    @pytest.fixture
    def engine(self, migrated: Engine) -> Engine:
        empty_postgresql(migrated)
        return migrated
