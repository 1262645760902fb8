from pathlib import Path

import pytest

from pacs_gateway.ris.desk import Desk
from storage.database import Engine
from storage.testing.databases import empty_sqlite, sqlite_template


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sqlite_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def engine(template: Path, tmp_path: Path) -> Engine:
    return empty_sqlite(template, tmp_path)


@pytest.fixture
def desk(engine: Engine) -> Desk:
    return Desk(engine)
