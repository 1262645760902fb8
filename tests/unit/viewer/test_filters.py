"""The list's address is the whole state of the list, and anything senseless in it is harmless."""

from collections.abc import Mapping
from datetime import date
from urllib.parse import parse_qsl, urlsplit

import pytest

from pacs_gateway.web.studylist import LONGEST_TEXT, Filters, read_filters


@pytest.mark.parametrize(
    "filters",
    [
        Filters(),
        Filters(text="nguyễn văn an & co", way="name", modality="CT"),
        Filters(text="100%?#=", period="week"),
        Filters(first=date(2020, 2, 29), last=date(2026, 11, 23)),
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
        ({"page": "-1"}, Filters()),
        ({"page": "0"}, Filters()),
        ({"page": "²"}, Filters()),
        ({"page": "9" * 40}, Filters()),
        ({"page": "7"}, Filters(page=7)),
        ({"q": "  a\\b \n c \0"}, Filters(text="a b c")),
        ({"q": "x" * 9999}, Filters(text="x" * LONGEST_TEXT)),
    ],
)
def test_senseless_filters_count_as_not_asked(query: Mapping[str, str], expected: Filters) -> None:
    assert read_filters(query) == expected


def test_another_page_keeps_the_filters_and_other_filters_lose_the_page() -> None:
    filters = read_filters({"q": "an", "page": "3"})
    assert filters.address(page=4) == "/?q=an&page=4"
    assert filters.address(modality="CT") == "/?q=an&modality=CT"


def test_a_period_that_ends_before_it_begins_is_noticed() -> None:
    assert read_filters({"from": "2026-02-01", "to": "2026-01-01"}).reversed
    assert not read_filters({"from": "2026-02-01", "to": "2026-02-01"}).reversed
