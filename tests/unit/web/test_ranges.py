"""Invariant: a range names bytes that are there, in the order asked for; nonsense is ignored; and no
header asks for more bytes than the whole has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_gateway.web.ranges import MAX_RANGES, parse_ranges


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bytes=0-0", [(0, 1)]),
        ("bytes=0-9", [(0, 10)]),
        ("bytes=2-", [(2, 8)]),
        ("bytes=-3", [(7, 3)]),
        ("bytes=-30", [(0, 10)]),
        ("bytes=5-99", [(5, 5)]),
        ("Bytes = 1-2", [(1, 2)]),
        ("bytes=0-1, 4-5", [(0, 2), (4, 2)]),
        ("bytes=4-5,0-1", [(4, 2), (0, 2)]),
        ("bytes=10-", []),
        ("bytes=10-20", []),
        ("bytes=-0", []),
        ("bytes=0-1,90-99", [(0, 2)]),
    ],
)
def test_ranges_of_ten_bytes(text: str, expected: list[tuple[int, int]]) -> None:
    assert parse_ranges(text, 10) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=x-1",
        "bytes=1-x",
        "bytes=5-4",
        "bytes=1--2",
        "items=0-1",
        "bytes=0-1;2-3",
        f"bytes={'9' * 40}-",
        # More than the whole, which overlapping ranges would multiply.
        "bytes=0-9,0-9",
        "bytes=" + ",".join(["0-0"] * (MAX_RANGES + 1)),
    ],
)
def test_nonsense_is_ignored(text: str) -> None:
    assert parse_ranges(text, 10) is None


@given(text=st.text(alphabet="bytes=0123456789-, ", max_size=40), size=st.integers(0, 1000))
def test_whatever_is_asked_for(text: str, size: int) -> None:
    found = parse_ranges(text, size)
    assert sum(length for _, length in found or ()) <= size
    assert all(start >= 0 and start + length <= size for start, length in found or ())
