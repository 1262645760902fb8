"""From the walked layout to where every frame lies, known once, at ingest."""

import re
import struct
from itertools import pairwise

from pacs_gateway.dicom import frames, part10
from storage.records import PixelLocation

_CODESTREAM_STARTS = (
    b"\xff\xd8",  # JPEG and JPEG-LS: SOI
    b"\xff\x4f\xff\x51",  # JPEG 2000 and HTJ2K: SOC, SIZ
    b"\x00\x00\x00\x0cjP  ",  # JPEG 2000 wrapped in JP2
    b"\xff\x0a",  # JPEG XL codestream
    b"\x00\x00\x00\x0cJXL ",  # JPEG XL container
)
_RLE_HEADER = struct.Struct("<16I")


def locate(layout: part10.Layout, buffer: part10.Buffer) -> PixelLocation | None:
    """Return where the frames are; offsets count from the start of `buffer`.

    Numbers of frames that the bytes cannot hold are cut to what they can (a hostile header may
    say two thousand million).
    """
    pixels = layout.pixels
    if pixels is None:
        return None
    announced = _integer_string(layout.values.get(part10.NUMBER_OF_FRAMES, b""))
    if pixels.fragments is None:
        return _native(layout, pixels, announced)
    spans = pixels.fragments.spans
    count = max(1, min(announced, len(spans)))

    def starts_stream(index: int) -> bool:
        offset, length = spans[index]
        head = bytes(buffer[offset : offset + min(length, _RLE_HEADER.size)])
        return head.startswith(_CODESTREAM_STARTS) or _is_rle_header(head)

    return PixelLocation(
        tag=f"{pixels.tag:08X}",
        offset=pixels.offset,
        length=pixels.length,
        encapsulated=True,
        frame_count=count,
        fragments=spans,
        first_fragments=frames.first_fragments(
            count, spans, _offset_table(layout, pixels.fragments), starts_stream
        ),
    )


def _is_rle_header(head: bytes) -> bool:
    """Return whether this is the table of segments that an RLE frame starts with (PS3.5 G.5)."""
    if len(head) < _RLE_HEADER.size:
        return False
    count, *offsets = _RLE_HEADER.unpack(head)
    ascending = all(one < other for one, other in pairwise(offsets[:count]))
    return 0 < count <= len(offsets) and offsets[0] == _RLE_HEADER.size and ascending


def _native(layout: part10.Layout, pixels: part10.PixelValue, announced: int) -> PixelLocation:
    bits = _frame_bits(layout, pixels.length * 8 // max(1, announced))
    held = pixels.length * 8 // bits if bits else 1
    return PixelLocation(
        tag=f"{pixels.tag:08X}",
        offset=pixels.offset,
        length=pixels.length,
        encapsulated=False,
        frame_count=max(1, min(announced, held)),
        frame_bits=bits or pixels.length * 8,
    )


def _frame_bits(layout: part10.Layout, held: int) -> int:
    """Return the bits of one frame, of which there are `held` for each announced one."""
    rows = _unsigned(layout, part10.ROWS)
    columns = _unsigned(layout, part10.COLUMNS)
    allocated = _unsigned(layout, part10.BITS_ALLOCATED)
    samples = _unsigned(layout, part10.SAMPLES_PER_PIXEL) or 1
    photometric = layout.values.get(part10.PHOTOMETRIC_INTERPRETATION, b"").rstrip(b"\x00 ")
    bits = rows * columns * samples * allocated
    if photometric in (b"YBR_FULL_422", b"YBR_PARTIAL_422") and held < bits:
        # Chrominance is stored for every second pixel only (PS3.3 C.7.6.3.1.2), unless there are
        # bytes for all of it: then somebody decompressed the image and left the old name.
        return rows * columns * 2 * allocated
    return bits


def _unsigned(layout: part10.Layout, tag: int) -> int:
    return int.from_bytes(layout.values.get(tag, b"")[:2], "big" if layout.big_endian else "little")


def _integer_string(value: bytes) -> int:
    match = re.match(rb"\s*\+?(\d{1,10})", value)
    return int(match[1]) if match else 1


def _offset_table(layout: part10.Layout, fragments: part10.Fragments) -> tuple[int, ...]:
    extended = layout.values.get(part10.EXTENDED_OFFSET_TABLE)
    if not extended:
        return fragments.offset_table
    return tuple(
        int.from_bytes(extended[at : at + 8], "little") for at in range(0, len(extended) - 7, 8)
    )
