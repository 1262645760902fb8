"""Protects: frames are found where they are, as many as the bytes hold, whatever the header says."""

import struct
from dataclasses import replace

import pytest

from pacs_gateway.dicom import frames, part10, pixels
from storage.records import PixelLocation

ROWS, COLUMNS = 4, 6


def layout(photometric: bytes, samples: int, announced: bytes, length: int) -> part10.Layout:
    """Return what the walk finds in an image of bytes with `length` bytes of native pixel data."""
    values = {
        part10.SAMPLES_PER_PIXEL: struct.pack("<H", samples),
        part10.PHOTOMETRIC_INTERPRETATION: photometric,
        part10.NUMBER_OF_FRAMES: announced,
        part10.ROWS: struct.pack("<H", ROWS),
        part10.COLUMNS: struct.pack("<H", COLUMNS),
        part10.BITS_ALLOCATED: struct.pack("<H", 8),
    }
    return part10.Layout(values, part10.PixelValue(part10.PIXEL_DATA, 100, length, None))


def located(photometric: bytes, samples: int, announced: bytes, length: int) -> PixelLocation:
    found = pixels.locate(layout(photometric, samples, announced, length), b"")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("announced", "length", "count"),
    [(b"1 ", 24, 1), (b"3", 72, 3), (b"3", 71, 2), (b"2000000000", 48, 2), (b"-1", 24, 1),
     (b"", 24, 1), (b"0", 24, 1), (b"5", 3, 1)],
)  # fmt: skip
def test_frames_are_no_more_than_the_bytes_hold(announced: bytes, length: int, count: int) -> None:
    found = located(b"MONOCHROME2 ", 1, announced, length)
    assert (found.frame_count, found.frame_bits) == (count, ROWS * COLUMNS * 8)


@pytest.mark.parametrize(
    ("announced", "length", "count", "pixel_bits"),
    [
        (b"1", 48, 1, 16),
        (b"2", 96, 2, 16),
        # Chrominance of every pixel under the name of half of it.
        (b"1", 72, 1, 24),
        (b"2", 144, 2, 24),
    ],
)
def test_half_chrominance_is_told_from_full_by_its_bytes(
    announced: bytes, length: int, count: int, pixel_bits: int
) -> None:
    found = located(b"YBR_FULL_422", 3, announced, length)
    assert (found.frame_count, found.frame_bits) == (count, ROWS * COLUMNS * pixel_bits)
    ((offset, size),) = frames.spans(found, count)
    assert (offset, size) == (100 + length - length // count, length // count)


def test_objects_without_pixels_have_none() -> None:
    assert pixels.locate(replace(layout(b"", 1, b"", 0), pixels=None), b"") is None


def rle_frame(fill: int) -> bytes:
    """Return an RLE frame of two segments (PS3.5 G.5)."""
    segment = bytes([fill]) * 4
    return struct.pack("<16I", 2, 64, 64 + len(segment), *[0] * 13) + segment * 2


def test_rle_frames_in_several_fragments_are_found_without_a_table() -> None:
    """The standard wants one fragment for each, but archives hold others."""
    pieces = [rle_frame(1)[:66], rle_frame(1)[66:], rle_frame(2)[:70], rle_frame(2)[70:], b""]
    buffer, spans = b"", []
    for piece in pieces:
        spans.append((len(buffer) + 8, len(piece)))
        buffer += bytes(8) + piece
    found = pixels.locate(
        replace(
            layout(b"MONOCHROME2 ", 1, b"2", 0),
            pixels=part10.PixelValue(
                part10.PIXEL_DATA, 0, len(buffer), part10.Fragments((), tuple(spans), len(buffer))
            ),
        ),
        buffer,
    )
    assert found is not None
    assert found.first_fragments == (0, 2)


@pytest.mark.parametrize("damage", [(0, 0), (0, 16), (4, 63), (8, 64)])
def test_what_only_resembles_a_table_of_segments_starts_no_frame(damage: tuple[int, int]) -> None:
    place, value = damage
    frame = bytearray(rle_frame(1))
    struct.pack_into("<I", frame, place, value)
    spans = ((0, len(frame)), (len(frame), len(frame)), (2 * len(frame), 0))
    buffer = rle_frame(1) + bytes(frame)
    value_of = part10.PixelValue(
        part10.PIXEL_DATA, 0, len(buffer), part10.Fragments((), spans, len(buffer))
    )
    found = pixels.locate(replace(layout(b"", 1, b"2", 0), pixels=value_of), buffer)
    assert found is not None
    assert found.first_fragments == (0,)
