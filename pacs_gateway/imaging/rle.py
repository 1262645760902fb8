"""RLE (PS3.5 annex G): one PackBits segment for every byte of every sample, colours by plane."""

import struct

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from pacs_gateway.errors import UnrenderableError
from pacs_gateway.imaging import native
from pacs_gateway.imaging.image import Image
from pacs_gateway.imaging.stream import Decompressed

_HEADER = struct.Struct("<16I")
_BYTE_BITS = 8
_TYPE_BYTES = {1: 1, 2: 2, 3: 4, 4: 4}
"""Bytes of the type that holds so many bytes."""


def decode(image: Image, frame: bytes) -> Decompressed:
    """Return the cells of an RLE frame.

    Raises UnrenderableError or one of CODEC_ERRORS if a segment is missing or too short.
    """
    segments = _segments(frame)
    if image.bits_allocated == 1:
        packed = imagecodecs.packbits_decode(segments[0])
        return Decompressed(native.single_bits(image, bytes(packed)), image.photometric)
    width, rest = divmod(len(segments), image.samples)
    # Writers that pack eight stored bits into cells of sixteen leave out the empty upper bytes.
    if rest or not 1 <= width <= image.bits_allocated // _BYTE_BITS:
        raise UnrenderableError(f"The RLE frame has {len(segments)} segments, which fit no pixel.")
    count = image.rows * image.columns
    planes = np.zeros((image.samples, count), f"u{_TYPE_BYTES[width]}")
    for index, segment in enumerate(segments):
        # The most significant byte comes first.
        plane = planes[index // width]
        if index % width:
            plane <<= _BYTE_BITS
        plane |= _bytes(segment, count)
    return Decompressed(native.shaped(image, planes.reshape(-1), planar=True), image.photometric)


def _segments(frame: bytes) -> list[bytes]:
    if len(frame) < _HEADER.size:
        raise UnrenderableError("The compressed frame is cut short.")
    count, *offsets = _HEADER.unpack_from(frame)
    if not 1 <= count <= len(offsets):
        raise UnrenderableError(f"An RLE frame of {count} segments cannot be.")
    starts = offsets[:count]
    return [frame[start:end] for start, end in zip(starts, [*starts[1:], len(frame)], strict=True)]


def _bytes(segment: bytes, count: int) -> NDArray[np.uint8]:
    unpacked = np.frombuffer(imagecodecs.packbits_decode(segment), np.uint8)
    if unpacked.size < count:
        raise UnrenderableError(f"An RLE segment has {unpacked.size} of {count} bytes.")
    return unpacked[:count]
