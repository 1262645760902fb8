"""Protects the outbox on SQLite: nothing that must happen is lost, or done by two."""

from pathlib import Path

import pytest

from storage.database import Engine
from storage.testing.commitments import CommitmentContract
from storage.testing.databases import empty_sqlite, sqlite_template
from storage.testing.outbox import OutboxContract


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sqlite_template(tmp_path_factory.mktemp("template"))


class TestOutboxOnSqlite(OutboxContract, CommitmentContract):
    @pytest.fixture
    def engine(self, template: Path, tmp_path: Path) -> Engine:
        return empty_sqlite(template, tmp_path)
