"""Protects the index on SQLite: the conformance suite, and that frequent queries use an index."""

from pathlib import Path

import pytest
from sqlalchemy import text

from storage import search
from storage.database import migrate, open_engine
from storage.index import Index
from storage.reach import EVERYTHING
from storage.records import Level, Match, MatchKind, QuerySpec
from storage.schema import studies
from storage.testing.databases import empty_sqlite, sqlite_template
from storage.testing.index import IndexContract


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sqlite_template(tmp_path_factory.mktemp("template"))


class TestIndexOnSqlite(IndexContract):
    @pytest.fixture
    def index(self, template: Path, tmp_path: Path) -> Index:
        return Index(empty_sqlite(template, tmp_path))


@pytest.mark.parametrize(
    ("match", "wanted"),
    [
        (Match("PatientID", MatchKind.EQUAL, ("P1",)), "ix_patients_PatientID"),
        (Match("AccessionNumber", MatchKind.EQUAL, ("A1",)), "ix_studies_AccessionNumber"),
        (Match("StudyDate", MatchKind.RANGE, ("20260101", "20260131")), "ix_studies_StudyDate"),
        (Match("PatientName", MatchKind.FUZZY, ("nguy",)), "ix_name_words_word"),
        (Match("StudyInstanceUID", MatchKind.EQUAL, ("1.2",)), "StudyInstanceUID=?"),
    ],
)
def test_frequent_queries_use_an_index(tmp_path: Path, match: Match, wanted: str) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/index.sqlite", busy_deadline_s=10)
    migrate(engine)
    spec = QuerySpec(level=Level.STUDY, matches=(match,), limit=50)
    sql = str(
        search.statement(spec, [studies.c.id], EVERYTHING).compile(
            engine, compile_kwargs={"literal_binds": True}
        )
    )
    with engine.connect() as connection:
        plan = " ".join(row[3] for row in connection.execute(text(f"EXPLAIN QUERY PLAN {sql}")))
    assert wanted in plan
