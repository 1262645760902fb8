"""Protects: the bytes served as frame n are frame n's and nobody else's."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs_gateway.dicom import frames
from pacs_gateway.errors import UnknownError
from storage.records import PixelLocation

NATIVE = PixelLocation(
    tag="7FE00010",
    offset=100,
    length=60,
    encapsulated=False,
    frame_count=3,
    frame_bits=160,
)
FRAGMENTS = ((108, 10), (126, 20), (154, 30), (192, 40))
ENCAPSULATED = PixelLocation(
    tag="7FE00010",
    offset=90,
    length=150,
    encapsulated=True,
    frame_count=4,
    fragments=FRAGMENTS,
)


def no_starts(_index: int) -> bool:
    return False


def test_native_frames_follow_one_another() -> None:
    assert [frames.spans(NATIVE, number) for number in (1, 2, 3)] == [
        ((100, 20),),
        ((120, 20),),
        ((140, 20),),
    ]


@pytest.mark.parametrize("number", [-1, 0, 4])
@pytest.mark.parametrize("pixels", [NATIVE, replace(ENCAPSULATED, frame_count=3)])
def test_other_frames_are_unknown(pixels: PixelLocation, number: int) -> None:
    with pytest.raises(UnknownError, match="the instance has 3"):
        frames.spans(pixels, number)


def test_a_short_element_is_never_left() -> None:
    short = replace(NATIVE, frame_count=1, length=7)
    assert frames.spans(short, 1) == ((100, 7),)


def test_a_single_odd_frame_comes_with_its_pad_byte() -> None:
    odd = replace(NATIVE, frame_count=1, frame_bits=27 * 8, length=28)
    assert frames.spans(odd, 1) == ((100, 28),)


@given(
    bits=st.integers(min_value=1, max_value=70),
    count=st.integers(min_value=1, max_value=9),
    data=st.data(),
)
def test_frames_of_single_bits_are_cut_at_the_bit(
    bits: int, count: int, data: st.DataObject
) -> None:
    pixels = np.array(
        data.draw(st.lists(st.integers(0, 1), min_size=bits * count, max_size=bits * count)),
        np.uint8,
    )
    packed = np.packbits(pixels, bitorder="little").tobytes()
    packed += bytes(len(packed) % 2)
    location = replace(NATIVE, offset=0, length=len(packed), frame_count=count, frame_bits=bits)
    for number in range(1, count + 1):
        ((offset, length),) = frames.spans(location, number)
        raw = frames.aligned(location, number, packed[offset : offset + length])
        unpacked = np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")
        expected = pixels[(number - 1) * bits : number * bits]
        assert unpacked[:bits].tolist() == expected.tolist()
        assert not unpacked[bits:].any()


def test_frames_of_whole_bytes_and_fragments_stay_as_they_are() -> None:
    assert frames.aligned(NATIVE, 2, b"abc") == b"abc"
    assert frames.aligned(ENCAPSULATED, 2, b"abc") == b"abc"


def test_one_fragment_per_frame() -> None:
    assert frames.first_fragments(4, FRAGMENTS, (), no_starts) == ()
    assert frames.spans(ENCAPSULATED, 3) == FRAGMENTS[2:3]


def test_one_frame_owns_all_fragments() -> None:
    firsts = frames.first_fragments(1, FRAGMENTS, (0,), no_starts)
    assert firsts == (0,)
    location = replace(ENCAPSULATED, frame_count=1, first_fragments=firsts)
    assert frames.spans(location, 1) == FRAGMENTS


def test_a_valid_offset_table_decides() -> None:
    # Offsets count from the item tag of the first fragment, 8 bytes before its value.
    firsts = frames.first_fragments(2, FRAGMENTS, (0, 46), no_starts)
    assert firsts == (0, 2)
    location = replace(ENCAPSULATED, frame_count=2, first_fragments=firsts)
    assert frames.spans(location, 1) == FRAGMENTS[:2]
    assert frames.spans(location, 2) == FRAGMENTS[2:]


@pytest.mark.parametrize(
    "table", [(), (0,), (0, 47), (18, 46), (46, 0), (0, 0), (0, 18, 46), (0, 2**40)]
)
def test_a_wrong_offset_table_gives_way_to_the_streams(table: Sequence[int]) -> None:
    assert frames.first_fragments(2, FRAGMENTS, table, lambda index: index in (0, 1)) == (0, 1)


def test_more_streams_than_frames_are_cut() -> None:
    assert frames.first_fragments(2, FRAGMENTS, (), lambda index: index != 1) == (0, 2)


def test_fewer_streams_than_frames_leave_the_rest_unknown() -> None:
    firsts = frames.first_fragments(3, FRAGMENTS, (), lambda index: index == 0)
    location = replace(ENCAPSULATED, frame_count=3, first_fragments=firsts)
    assert frames.spans(location, 1) == FRAGMENTS
    with pytest.raises(UnknownError, match="cannot be found"):
        frames.spans(location, 2)


def test_no_stream_found_at_all_is_one_frame() -> None:
    assert frames.first_fragments(2, FRAGMENTS, (), no_starts) == (0,)
