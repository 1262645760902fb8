"""Empty databases for tests, without running every migration for each of them."""

import shutil
from pathlib import Path

from sqlalchemy import text

from storage import schema
from storage.auditlog import FIRST_DIGEST
from storage.database import Engine, migrate, open_engine, writing


def empty_postgresql(engine: Engine) -> None:
    """Leave a migrated database as its migrations did."""
    names = ", ".join(f'"{table.name}"' for table in schema.metadata.sorted_tables)
    with writing(engine) as connection:
        connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
        connection.execute(schema.audit_head.insert().values(id=1, seq=0, digest=FIRST_DIGEST))


def sqlite_template(folder: Path) -> Path:
    """Return a migrated database that `empty_sqlite` copies."""
    path = folder / "template.sqlite"
    engine = open_engine(f"sqlite:///{path}", busy_deadline_s=10)
    migrate(engine)
    engine.dispose()
    return path


def empty_sqlite(template: Path, folder: Path) -> Engine:
    """Return the engine of a new, migrated database in `folder`."""
    path = folder / "index.sqlite"
    shutil.copy(template, path)
    return open_engine(f"sqlite:///{path}", busy_deadline_s=10)
