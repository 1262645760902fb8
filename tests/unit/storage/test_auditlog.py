"""Protects the audit trail on SQLite: nothing in it can be changed without a trace."""

from pathlib import Path

import pytest

from storage.database import Engine, migrate, open_engine
from storage.testing.audit_log import AuditLogContract


class TestAuditLogOnSqlite(AuditLogContract):
    @pytest.fixture
    def engine(self, tmp_path: Path) -> Engine:
        engine = open_engine(f"sqlite:///{tmp_path}/index.sqlite", busy_deadline_s=10)
        migrate(engine)
        return engine
