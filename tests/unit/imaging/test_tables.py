"""Protects: palette data gives the table the standard describes, and damage gives one error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_gateway.errors import UnrenderableError
from pacs_gateway.imaging import tables


def expand(*numbers: int, bits: int = 16, entries: int = 1000) -> list[int]:
    return list(tables.SegmentedTable(numbers, bits=bits, entries=entries).expand())


def test_words_and_what_is_left_of_one() -> None:
    assert list(tables.words(b"\x01\x02\x03\x04\x05")) == [0x0201, 0x0403]


@pytest.mark.parametrize(
    ("values", "bits", "expected"),
    [
        ((0, 0x8000, 0xFFFF), 16, b"\x00\x80\xff"),
        ((0, 128, 255), 8, b"\x00\x80\xff"),
        ((0, 128, 255), 16, b"\x00\x80\xff"),  # Announced as 16 bits, but plainly bytes.
        ((0, 0x8000, 0xFFFF), 8, b"\x00\x80\xff"),  # And the reverse.
        ((0, 0x800, 0xFFF), 12, b"\x00\x80\xff"),
    ],
)
def test_palette_values_become_bytes(values: tuple[int, ...], bits: int, expected: bytes) -> None:
    assert tables.to_bytes(values, 3, bits) == expected


def test_a_short_palette_is_filled_and_an_empty_one_refused() -> None:
    assert tables.to_bytes((1, 2), 4, 8) == b"\x01\x02\x02\x02"
    with pytest.raises(UnrenderableError):
        tables.to_bytes((), 4, 8)


def test_discrete_and_linear_segments() -> None:
    assert expand(0, 2, 100, 200, 1, 4, 300) == [100, 200, 225, 250, 275, 300]
    assert expand(0, 1, 100, 1, 2, 90) == [100, 95, 90]


def test_indirect_segment_counts_bytes_from_the_start() -> None:
    # The linear segment starts at the fifth word, byte 8; it runs on from the last value.
    assert expand(0, 2, 0, 10, 1, 2, 20, 0, 1, 0, 2, 1, 8, 0) == [0, 10, 15, 20, 0, 10, 20]
    # In a table of bytes the offset takes four.
    assert expand(0, 1, 7, 2, 1, 0, 0, 0, 0, bits=8) == [7, 7]


@pytest.mark.parametrize(
    "numbers",
    [
        (1, 2, 20),  # Linear without a start.
        (0, 1, 5, 9, 1),  # Unknown kind.
        (0, 1, 5, 2, 1, 6, 0),  # Indirect to itself.
        (0, 1, 5, 2, 1, 400, 0),  # Indirect to beyond the end.
        (0, 1, 5, 1, 3),  # Linear without an end.
    ],
)
def test_damaged_segments_are_refused(numbers: tuple[int, ...]) -> None:
    with pytest.raises(UnrenderableError, match="damaged"):
        expand(*numbers)


@given(numbers=st.lists(st.integers(0, 300), max_size=60), bits=st.sampled_from([8, 16]))
def test_no_numbers_make_it_fail_otherwise_or_grow(numbers: list[int], bits: int) -> None:
    try:
        table = expand(*numbers, bits=bits, entries=256)
    except UnrenderableError:
        return
    # One indirect segment may still be under way when the table is full.
    assert len(table) <= 256 + 300 * 300
