"""A list that nobody narrowed is read along an index from its place on: SQLite sorts nothing for it
and scans no table, however it is turned and wherever it goes on."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from storage.database import Engine, migrate, open_engine
from storage.index import Index
from storage.reach import EVERYTHING
from storage.records import Match, MatchKind
from storage.testing.instance import make_record, study_uid
from storage.worklist import Place, Sort, Wanted

NOW = datetime(2026, 11, 23, tzinfo=UTC)
PLACES = (Place(), Place(after=study_uid(1)), Place(before=study_uid(1)))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder: Path = tmp_path_factory.mktemp("plans")
    engine = open_engine(f"sqlite:///{folder / 'index.sqlite'}", busy_deadline_s=5)
    migrate(engine)
    Index(engine).commit([make_record(study=1, StudyDate="20261123")])
    yield engine
    engine.dispose()


def plans(engine: Engine, wanted: Wanted, place: Place) -> str:
    """Return how SQLite answers each question that one part of a list takes."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        Index(engine).list_part(wanted, place=place, size=50, reach=EVERYTHING)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    with engine.connect() as connection:
        rows = [
            row
            for statement, parameters in asked
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    return "\n".join(str(row[3]) for row in rows)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(
    ("sort", "matches"),
    [
        (Sort.DATE, ()),
        (Sort.DATE, (Match("StudyDate", MatchKind.RANGE, ("20261101", "20261123")),)),
        (Sort.RECEIVED, ()),
    ],
)
def test_a_part_of_a_list_is_read_along_its_index(
    engine: Engine, sort: Sort, matches: tuple[Match, ...], place: Place, *, reverse: bool
) -> None:
    wanted = Wanted(matches=matches, quiet_since=NOW, sort=sort, reverse=reverse)
    plan = plans(engine, wanted, place)
    assert "ix_studies_StudyDate" in plan or "ix_studies_last_received" in plan
    assert "TEMP B-TREE" not in plan
    assert "SCAN patients" not in plan
