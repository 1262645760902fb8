"""The list's address is the whole state of the list, and anything senseless in it is harmless."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from urllib.parse import parse_qsl, urlsplit

import pytest

from pacs_gateway.web.studylist import LONGEST_TEXT, Filters, read_filters, worklists
from storage.records import MatchKind
from storage.worklist import Place, Sort, Status

TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "filters",
    [
        Filters(),
        Filters(text="nguyễn văn an & co", way="name", modality="CT"),
        Filters(text="100%?#=", period="week", status=Status.UNREAD),
        Filters(first=date(2020, 2, 29), last=date(2026, 11, 23), sort=Sort.NAME, reverse=True),
        Filters(fields={"name": "lê", "accession": "XN1"}, sort=Sort.RECEIVED),
        Filters(reverse=True),
    ],
)
def test_filters_survive_their_own_address(filters: Filters) -> None:
    query = dict(parse_qsl(urlsplit(filters.address()).query))
    assert read_filters(query) == filters


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"period": "century"}, Filters()),
        ({"from": "yesterday", "to": "2026-13-01"}, Filters()),
        ({"from": "2026-01-01", "period": "today"}, Filters(first=date(2026, 1, 1))),
        ({"by": "secret"}, Filters()),
        ({"modality": "C*"}, Filters()),
        ({"modality": "ct"}, Filters(modality="CT")),
        ({"status": "lost"}, Filters()),
        ({"sort": "size"}, Filters()),
        ({"sort": "-name"}, Filters(sort=Sort.NAME, reverse=True)),
        ({"after": "1.2'"}, Filters()),
        ({"after": "1.2", "before": "1.3"}, Filters(place=Place(after="1.2"))),
        ({"before": "1.3"}, Filters(place=Place(before="1.3"))),
        ({"name": " \0 "}, Filters()),
        ({"q": "  a\\b \n c \0"}, Filters(text="a b c")),
        ({"q": "x" * 9999}, Filters(text="x" * LONGEST_TEXT)),
    ],
)
def test_senseless_filters_count_as_not_asked(query: Mapping[str, str], expected: Filters) -> None:
    assert read_filters(query) == expected


def test_another_place_keeps_the_filters_and_other_filters_lose_the_place() -> None:
    filters = read_filters({"q": "an", "after": "1.2"})
    assert filters.address(after="1.3") == "/?q=an&after=1.3"
    assert filters.address(modality="CT") == "/?q=an&modality=CT"


def test_a_period_that_ends_before_it_begins_is_noticed() -> None:
    assert read_filters({"from": "2026-02-01", "to": "2026-01-01"}).backwards
    assert not read_filters({"from": "2026-02-01", "to": "2026-02-01"}).backwards


@pytest.mark.parametrize(
    ("text", "keywords"),
    [
        ("an", ["PatientName", "PatientID", "PatientID", "AccessionNumber", "AccessionNumber"]),
        ("BN1", ["PatientID", "AccessionNumber", "PatientName"]),
        ("^", ["PatientID", "AccessionNumber"]),
    ],
)
def test_the_text_of_the_box_is_tried_in_every_way(text: str, keywords: list[str]) -> None:
    tried = list(worklists(Filters(text=text), TODAY, quiet_since=NOW))
    described = ["StudyDescription"] if text != "^" else []
    assert [wanted.matches[0].keyword for _, wanted in tried] == [*keywords, *described]


@pytest.mark.parametrize(
    ("text", "words"), [("Hà", ("hà",)), ("ĐỨC an", ("đức", "an")), ("nguyen an", ()), ("BN1", ())]
)
def test_only_a_name_with_marks_asks_for_these_marks(text: str, words: tuple[str, ...]) -> None:
    filters = Filters(text=text, way="name")
    assert [wanted.marked_words for _, wanted in worklists(filters, TODAY, quiet_since=NOW)] == [
        words
    ]


@pytest.mark.parametrize(
    ("period", "ends"),
    [
        ("today", ("20261123", "20261123")),
        ("yesterday", ("20261122", "20261122")),
        ("week", ("20261117", "20261123")),
    ],
)
def test_a_named_period_is_these_days(period: str, ends: tuple[str, str]) -> None:
    [(_, wanted)] = worklists(Filters(period=period), TODAY, quiet_since=NOW)
    assert (wanted.matches[0].kind, wanted.matches[0].values) == (MatchKind.RANGE, ends)
