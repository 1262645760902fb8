"""Native pixel cells (PS3.5 8.1.1 and annex D) to arrays and back, and from cells to values.

A cell is what one sample occupies in the pixel data; the stored value is the `bits_stored` bits
of it below and at `high_bit`, and may be signed.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pacs_gateway.errors import UnrenderableError
from pacs_gateway.imaging.image import Image, Kind

Array = NDArray[Any]

_SAMPLES_OF_PAIR = 4
"""Y0 Y1 Cb Cr: what two pixels of YBR_FULL_422 take (PS3.3 C.7.6.3.1.2)."""

_DIMENSIONS_OF_COLOUR = 3
_BYTE_BITS, _WORD_BYTES = 8, 2
_PACKED_BITS, _UNPACKED_BITS = 12, 16
"""Cells of twelve bits, two in three bytes, were allowed until 1998 (ACR-NEMA, PS3.5-1993 8.1)."""


def cells(image: Image, frame: bytes) -> Array:
    """Return the cells of a native frame, shape (rows, columns) or (rows, columns, samples).

    A frame that announces chrominance for every second pixel may have it for all, as software
    leaves behind that decompressed it: its length tells.

    Raises UnrenderableError if the frame is shorter than its rows and columns need.
    """
    if image.bits_allocated == 1:
        return single_bits(image, frame)
    if image.bits_allocated == _PACKED_BITS:
        return shaped(image, _twelve_bits(image, frame), planar=image.planar)
    if image.subsampled and len(frame) < image.sample_count * image.bits_allocated // 8:
        return _upsampled(image, _cells(image, frame, image.rows * image.columns * 2))
    return shaped(image, _cells(image, frame, image.sample_count), planar=image.planar)


def unpacked(image: Image) -> Image:
    """Return the image with cells of whole bytes, as `cells` gives them."""
    if image.bits_allocated != _PACKED_BITS:
        return image
    return replace(image, bits_allocated=_UNPACKED_BITS)


def single_bits(image: Image, frame: bytes) -> Array:
    """Return cells of one bit, which begin at the least significant bit of each byte."""
    packed = _exactly(reordered(image, frame), -(-image.sample_count // 8))
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")
    return shaped(image, bits[: image.sample_count], planar=image.planar)


def shaped(image: Image, flat: Array, *, planar: bool) -> Array:
    """Return flat cells as rows and columns, colours interleaved."""
    if image.samples == 1:
        return flat.reshape(image.rows, image.columns)
    if planar:
        planes = flat.reshape(image.samples, image.rows, image.columns)
        return np.ascontiguousarray(planes.transpose(1, 2, 0))
    return flat.reshape(image.rows, image.columns, image.samples)


def stored_values(image: Image, pixel_cells: Array) -> Array:
    """Return the stored values of cells: foreign bits removed, sign extended."""
    if image.kind is not Kind.INTEGER or image.bits_allocated == 1:
        return pixel_cells
    above = image.bits_allocated - 1 - image.high_bit
    below = image.bits_allocated - image.bits_stored
    values = pixel_cells
    if image.signed:
        values = values.view(f"i{image.bits_allocated // 8}")
    if below == 0:
        return values
    # The top bit of the value becomes the top bit of the cell; shifting back extends the sign.
    extended: Array = values << above >> below
    return extended


def little_endian_bytes(image: Image, pixel_cells: Array, *, planar: bool = False) -> bytes:
    """Return cells as a native frame in Explicit VR Little Endian, colours by pixel or plane."""
    if planar and pixel_cells.ndim == _DIMENSIONS_OF_COLOUR:
        pixel_cells = np.ascontiguousarray(pixel_cells.transpose(2, 0, 1))
    if image.bits_allocated == 1:
        return np.packbits(pixel_cells.astype(np.uint8), bitorder="little").tobytes()
    return pixel_cells.astype(pixel_cells.dtype.newbyteorder("<"), copy=False).tobytes()


def reordered(image: Image, frame: bytes) -> bytes:
    """Return a native frame with its bytes in little endian order, all else as it is.

    Integers of more than 16 bits are words too, the lower one first, which byte order does not
    change (PS3.5 8.1.1 and A.3 of 2016b).

    Raises UnrenderableError for a frame that begins or ends inside a cell or swapped word.
    """
    if not image.big_endian or (image.bits_allocated <= _BYTE_BITS and not image.word_swapped):
        return frame
    width = _WORD_BYTES if image.kind is Kind.INTEGER else image.bits_allocated // 8
    shares_bytes = image.bits_allocated == 1 and image.sample_count % _BYTE_BITS
    if shares_bytes or len(frame) % width:
        raise UnrenderableError("The frame does not end where one of its values does.")
    return np.frombuffer(frame, f">u{width}").byteswap().tobytes()


def _cells(image: Image, frame: bytes, count: int) -> Array:
    needed = count * image.bits_allocated // 8
    if image.word_swapped:
        needed += needed % 2
    letter = "u" if image.kind is Kind.INTEGER else "f"
    little_endian = np.dtype(f"<{letter}{image.bits_allocated // 8}")
    return np.frombuffer(reordered(image, _exactly(frame, needed)), little_endian)[:count]


def _twelve_bits(image: Image, frame: bytes) -> Array:
    if image.big_endian:
        raise UnrenderableError("Pixels of 12 packed bits in big endian cannot be shown.")
    packed = _exactly(frame, -(-image.sample_count * _PACKED_BITS // 8))
    triples = np.frombuffer(packed + bytes(-len(packed) % 3), np.uint8).astype("<u2").reshape(-1, 3)
    pairs = np.empty((len(triples), 2), "<u2")
    # The first pixel begins at the least significant bit (PS3.5 8.1.1 and annex D).
    pairs[:, 0] = triples[:, 0] | (triples[:, 1] & 0x0F) << 8
    pairs[:, 1] = triples[:, 1] >> 4 | triples[:, 2] << 4
    return pairs.reshape(-1)[: image.sample_count]


def _exactly(frame: bytes, needed: int) -> bytes:
    if len(frame) < needed:
        raise UnrenderableError(
            f"The frame has {len(frame)} bytes; its rows and columns need {needed}."
        )
    return frame[:needed]


def _upsampled(image: Image, flat: Array) -> Array:
    """Return a pixel for each Y; pairs follow one another without regard to the ends of rows."""
    if flat.size % _SAMPLES_OF_PAIR or image.samples == 1:
        raise UnrenderableError(f"{image.photometric} needs three samples and pairs of pixels.")
    pairs = flat.reshape(-1, _SAMPLES_OF_PAIR)
    pixels = np.empty((len(pairs), 2, 3), flat.dtype)
    pixels[:, 0, 0] = pairs[:, 0]
    pixels[:, 1, 0] = pairs[:, 1]
    pixels[..., 1:] = pairs[:, np.newaxis, 2:]
    return pixels.reshape(image.rows, image.columns, 3)
