"""JPEG 2000 and High-Throughput JPEG 2000 code streams (ISO/IEC 15444-1 annex A and 15444-15)."""

import struct
import sys
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from pacs_gateway.imaging.image import Image
from pacs_gateway.imaging.stream import CODEC_ERRORS, Decompressed, cut_short, damaged

Array = NDArray[Any]

_START = b"\xff\x4f\xff\x51"
_TILE_PART = b"\xff\x90"
_END = b"\xff\xd9"
_PRECISION_AT = 42
"""Ssiz of the first component, from the start of the code stream (A.5.1)."""
_SIGNED = 0x80
_DIMENSIONS_OF_GREY = 2


def decode(image: Image, frame: bytes) -> Decompressed:
    """Return the samples of a JPEG 2000 frame; its own colour transforms are undone.

    Raises UnrenderableError or one of CODEC_ERRORS.
    """
    stream = _code_stream(frame)
    if not _is_terminated(stream):
        stream = _whole(stream)
    return _described(image, stream, imagecodecs.jpeg2k_decode(stream, numthreads=1))


def decode_ht(image: Image, frame: bytes) -> Decompressed:
    """Return the samples of a High-Throughput JPEG 2000 frame; raises as `decode`."""
    # OpenJPH fills what is missing with grey and says nothing.
    stream = _whole(_code_stream(frame))
    pixels = _decoded_ht(stream)
    if pixels.shape == (image.samples, image.rows, image.columns) and image.samples > 1:
        # OpenJPH leaves colours by plane where the stream did not transform them.
        pixels = np.ascontiguousarray(pixels.transpose(1, 2, 0))
    return _described(image, stream, pixels)


def _described(image: Image, stream: bytes, pixels: Array) -> Decompressed:
    if pixels.ndim > _DIMENSIONS_OF_GREY and pixels.shape[2] == image.samples + 1:
        # Opacity, which DICOM does not know, behind grey or the three colours.
        pixels = pixels[..., :-1] if image.samples > 1 else pixels[..., 0]
    photometric = "RGB" if image.photometric in ("YBR_RCT", "YBR_ICT") else image.photometric
    return Decompressed(pixels, photometric, (stream[_PRECISION_AT] & ~_SIGNED) + 1)


def _decoded_ht(stream: bytes) -> Array:
    """Decode with OpenJPH, and with the slower OpenJPEG what it fails on."""
    failures: list[bool] = []
    hook = sys.unraisablehook
    # imagecodecs cannot raise what OpenJPH throws over damaged code blocks; it only reports it.
    sys.unraisablehook = lambda _: failures.append(True)
    try:
        pixels = imagecodecs.htj2k_decode(stream)
    except CODEC_ERRORS:
        failures.append(True)
    finally:
        sys.unraisablehook = hook
    return imagecodecs.jpeg2k_decode(stream, numthreads=1) if failures else pixels


def _code_stream(frame: bytes) -> bytes:
    """Return the code stream without the boxes of a JP2 file, which DICOM does not want."""
    start = frame.find(_START)
    if start < 0:
        raise damaged()
    return frame[start:] if start else frame


def _is_terminated(stream: bytes) -> bool:
    return stream.rfind(_END) > len(stream) - 4


def _whole(stream: bytes) -> bytes:
    """Return the code stream with its end marker, having followed its tile-parts to there.

    Raises UnrenderableError if one is cut short or missing.
    """
    position = _first_tile_part(stream)
    tiles: set[int] = set()
    while stream.startswith(_TILE_PART, position) and position + 12 <= len(stream):
        tile, length = struct.unpack_from(">HI", stream, position + 4)
        tiles.add(tile)
        if length == 0:
            # The last tile-part reaches to the end marker, wherever that is (A.4.2).
            position = stream.rfind(_END)
            break
        position += length
    if not 0 < position <= len(stream) or len(tiles) != _tile_count(stream):
        raise cut_short()
    return stream if stream.startswith(_END, position) else stream[:position] + _END


def _first_tile_part(stream: bytes) -> int:
    """Return where the main header ends, stepping from one of its segments to the next."""
    position = 2
    while position + 4 <= len(stream) and not stream.startswith(_TILE_PART, position):
        position += 2 + int.from_bytes(stream[position + 2 : position + 4], "big")
    return position


def _tile_count(stream: bytes) -> int:
    if len(stream) <= _PRECISION_AT:
        raise cut_short()
    width, height = struct.unpack_from(">2I", stream, 8)
    tile_width, tile_height, left, top = struct.unpack_from(">4I", stream, 24)
    if not tile_width or not tile_height:
        raise damaged()
    return int(-(-(width - left) // tile_width) * -(-(height - top) // tile_height))
