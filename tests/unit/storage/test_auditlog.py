"""Protects the audit trail on SQLite: nothing in it can be changed without a trace."""

from pathlib import Path

import pytest

from storage.auditlog import AuditLog
from storage.database import Engine
from storage.testing.audit_log import AuditLogContract
from storage.testing.databases import empty_sqlite, sqlite_template


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sqlite_template(tmp_path_factory.mktemp("template"))


class TestAuditLogOnSqlite(AuditLogContract):
    @pytest.fixture
    def engine(self, template: Path, tmp_path: Path) -> Engine:
        return empty_sqlite(template, tmp_path)

    def test_bytes_in_place_of_text_are_found(self, engine: Engine, log: AuditLog) -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE audit_log SET actor = x'7573657237' WHERE seq = 7")
        assert "Row 7 is not as it was written" in str(log.check())
