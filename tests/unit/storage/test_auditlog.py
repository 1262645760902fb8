"""Protects the audit trail on SQLite: nothing in it can be changed without a trace."""

from pathlib import Path

import pytest

from storage.auditlog import AuditLog
from storage.database import Engine, migrate, open_engine
from storage.testing.audit_log import AuditLogContract


class TestAuditLogOnSqlite(AuditLogContract):
    @pytest.fixture
    def engine(self, tmp_path: Path) -> Engine:
        engine = open_engine(f"sqlite:///{tmp_path}/index.sqlite", busy_deadline_s=10)
        migrate(engine)
        return engine

    def test_bytes_in_place_of_text_are_found(self, engine: Engine, log: AuditLog) -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE audit_log SET actor = x'7573657237' WHERE seq = 7")
        assert "Row 7 is not as it was written" in str(log.check())
