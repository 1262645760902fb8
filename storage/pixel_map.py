"""A PixelLocation as one small value in the index."""

import json
import zlib
from itertools import accumulate

from storage.records import PixelLocation


def pack_pixels(pixels: PixelLocation) -> bytes:
    """Return the location as compressed JSON.

    Fragments follow each other closely, so gaps compress better than offsets: a cine of 500
    frames takes about 1 kB.
    """
    ends = [offset + length for offset, length in pixels.fragments]
    starts = [pixels.offset, *ends]
    gaps = [offset - start for (offset, _), start in zip(pixels.fragments, starts, strict=False)]
    fields = [
        pixels.tag,
        pixels.offset,
        pixels.length,
        pixels.encapsulated,
        pixels.frame_count,
        pixels.frame_bits,
        gaps,
        [length for _, length in pixels.fragments],
        list(pixels.first_fragments),
    ]
    return zlib.compress(json.dumps(fields, separators=(",", ":")).encode("ascii"))


def unpack_pixels(packed: bytes) -> PixelLocation:
    """Return what `pack_pixels` was given."""
    tag, offset, length, encapsulated, count, bits, gaps, lengths, first = json.loads(
        zlib.decompress(packed)
    )
    steps = zip(gaps, lengths, strict=True)
    ends = list(accumulate((gap + size for gap, size in steps), initial=offset))[1:]
    return PixelLocation(
        tag=tag,
        offset=offset,
        length=length,
        encapsulated=encapsulated,
        frame_count=count,
        frame_bits=bits,
        fragments=tuple((end - size, size) for end, size in zip(ends, lengths, strict=True)),
        first_fragments=tuple(first),
    )
