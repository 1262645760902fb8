"""Overlay planes of images and presentation states (PS3.3 C.9.2), drawn into the picture in white.

A plane that makes no sense is left out: the image under it is right all the same.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pacs_gateway.imaging import attributes
from pacs_gateway.imaging.dataset import DataSet
from pacs_gateway.imaging.decode import Decoded

Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]

GROUPS = range(0x6000, 0x6020, 2)
_ROWS, _COLUMNS, _FRAMES, _ORIGIN, _FRAME_ORIGIN = 0x0010, 0x0011, 0x0015, 0x0050, 0x0051
_BITS_ALLOCATED, _BIT_POSITION, _DATA = 0x0100, 0x0102, 0x3000
_WHITE = 255
_MAX_SIDE = 0xFFFF


class _Plane(NamedTuple):
    """The bits of an overlay, and the row and column of the image where the first one lies."""

    bits: Mask
    row: int
    column: int


def drawn(pixels: Bytes, masks: Iterable[Mask]) -> Bytes:
    """Return a picture of (rows, columns) or (rows, columns, 3) with what is marked in white."""
    marked = np.zeros(pixels.shape[:2], np.bool_)
    for mask in masks:
        marked |= mask
    if not marked.any():
        return pixels
    result = pixels.copy()
    result[marked] = _WHITE
    return result


def mask(
    data_set: DataSet,
    group: int,
    number: int,
    *,
    shape: tuple[int, ...],
    decoded: Decoded | None = None,
) -> Mask:
    """Return which pixels of frame `number` (1 being the first) an overlay marks, in `shape`.

    `shape` begins with rows and columns; `decoded` has the cells that older overlays share with
    the image.
    """
    marked = np.zeros(shape[:2], np.bool_)
    plane = _plane(data_set, group, number, decoded)
    if plane is not None:
        _mark(marked, plane)
    return marked


def has_bits(data_set: DataSet, group: int) -> bool:
    """Return whether a data set has an overlay of its own in a group."""
    return group << 16 | _DATA in data_set.spans


def _plane(data_set: DataSet, group: int, number: int, decoded: Decoded | None) -> _Plane | None:
    def whole(element: int, default: int) -> int:
        found = attributes.integer(data_set, group << 16 | element)
        return default if found is None else found

    rows, columns = whole(_ROWS, 0), whole(_COLUMNS, 0)
    if not (0 < rows <= _MAX_SIDE and 0 < columns <= _MAX_SIDE):
        return None
    data = data_set.words(group << 16 | _DATA)
    if data:
        # A plane without a number of frames is on every frame of the image.
        frame = number - whole(_FRAME_ORIGIN, 1) if whole(_FRAMES, 0) > 0 else 0
        possible = 0 <= frame < max(1, whole(_FRAMES, 1))
        flat = _frame_of(data, frame, rows * columns) if possible else None
        bits = flat.reshape(rows, columns) if flat is not None else None
    else:
        bits = _embedded(decoded, whole(_BITS_ALLOCATED, 0), whole(_BIT_POSITION, 0))
    if bits is None or bits.shape != (rows, columns):
        return None
    origin = attributes.integers(data_set, group << 16 | _ORIGIN)
    row, column = (origin[0] - 1, origin[1] - 1) if len(origin) > 1 else (0, 0)
    return _Plane(bits, row, column)


def _frame_of(data: bytes, frame: int, count: int) -> Mask | None:
    """Return one frame of packed bits; frames follow one another without padding."""
    first = frame * count
    packed = np.frombuffer(data, np.uint8)[first // 8 : -(-(first + count) // 8)]
    bits = np.unpackbits(packed, bitorder="little")[first % 8 :][:count]
    return bits.astype(np.bool_) if bits.size == count else None


def _embedded(decoded: Decoded | None, allocated: int, position: int) -> Mask | None:
    """Return a plane kept in bits of the pixel cells that the image does not use (retired)."""
    if decoded is None:
        return None
    image, cells = decoded.image, decoded.cells
    own = range(image.high_bit - image.bits_stored + 1, image.high_bit + 1)
    if image.samples != 1 or cells.dtype.kind not in "iu":
        return None
    if allocated not in (0, image.bits_allocated) or position in own:
        return None
    if not 0 < position < image.bits_allocated:
        return None
    unsigned: NDArray[Any] = cells.view(f"u{cells.dtype.itemsize}")
    return (unsigned >> position & 1).astype(np.bool_)


def _mark(marked: Mask, plane: _Plane) -> None:
    """Set what lies within the image; a plane may begin outside of it."""
    bits, row, column = plane
    top, left = max(0, row), max(0, column)
    bottom = min(marked.shape[0], row + bits.shape[0])
    right = min(marked.shape[1], column + bits.shape[1])
    if top < bottom and left < right:
        marked[top:bottom, left:right] |= bits[
            top - row : bottom - row, left - column : right - column
        ]
