"""Noise that is the same on every machine and with every numpy: integer hashing, no generator.

numpy promises no fixed stream for its generators, and the last bit of its sine and exponential
depends on the processor. Whole numbers, `+ - * /` and square roots do not.
"""

import numpy as np
from numpy.typing import NDArray

from sample_dicom.phantoms.shapes import Field, Points

_ONE = 2.0**32
_CORNERS = [(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)]


def grain(shape: tuple[int, int], *, seed: int) -> Field:
    """Return independent noise of about normal shape, mean 0 and deviation 1."""
    number = np.arange(shape[0] * shape[1], dtype=np.uint32).reshape(shape)
    bits = _mix(_mix(number) ^ np.uint32(seed))
    total = sum((bits >> np.uint32(8 * byte)) & np.uint32(255) for byte in range(4))
    return (np.asarray(total, np.float64) - 510.0) / 147.8


def clouds(points: Points, *, size: float, seed: int) -> Field:
    """Return smooth noise in 0..1 whose blobs are about `size` mm wide, fixed in space."""
    cells, parts = zip(*(_cell(axis / size) for axis in points), strict=True)
    total = np.zeros(points.shape)
    for corner in _CORNERS:
        weight = np.ones(1)
        hashed = np.full(1, seed, np.uint32)
        for cell, part, step in zip(cells, parts, corner, strict=True):
            weight = weight * (part if step else 1.0 - part)
            hashed = _mix(hashed ^ (cell + np.uint32(step)))
        total += weight * (hashed / _ONE)
    return total


def _cell(axis: Field) -> tuple[NDArray[np.uint32], Field]:
    """Split coordinates into the lattice cell and the eased position within it."""
    floor = np.floor(axis)
    part = axis - floor
    return floor.astype(np.int64).astype(np.uint32), part * part * (3.0 - 2.0 * part)


def _mix(bits: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Scatter 32 bits so that neighbours share nothing (the "lowbias32" integer hash)."""
    bits = (bits ^ (bits >> np.uint32(16))) * np.uint32(0x7FEB352D)
    bits = (bits ^ (bits >> np.uint32(15))) * np.uint32(0x846CA68B)
    return bits ^ (bits >> np.uint32(16))
