"""Colours of layers, lines and texts: CIELab as DICOM writes it, to sRGB (PS3.3 C.10.7.1.1)."""

from collections.abc import Sequence

import numpy as np

_LARGEST = 0xFFFF
_WHITE_D50 = np.array([0.9642, 1.0, 0.8249])
# From XYZ under D50, where CIELab of ICC profiles is, to linear sRGB, which is under D65 (Bradford).
_TO_LINEAR = np.array([
    [3.1338561, -1.6168667, -0.4906146],
    [-0.9787684, 1.9161415, 0.0334540],
    [0.0719453, -0.2289914, 1.4052427],
])  # fmt: skip
_LAB_STRAIGHT, _LAB_SLOPE = 6 / 29, 3 * (6 / 29) ** 2
_SRGB_STRAIGHT = 0.0031308


def srgb(encoded: Sequence[int]) -> tuple[int, int, int]:
    """Return red, green and blue from 0 to 255 of L*, a* and b* encoded as 0 to 65,535.

    Colours that a screen cannot show become the nearest by each channel.
    """
    lightness, a, b = (min(max(value, 0), _LARGEST) / _LARGEST for value in encoded)
    y = (lightness * 100 + 16) / 116
    # The middle of the range, 0x8080, is neutral.
    roots = np.array([y + (a * 255 - 128) / 500, y, y - (b * 255 - 128) / 200])
    straight = _LAB_SLOPE * (roots - 4 / 29)
    xyz = np.where(roots > _LAB_STRAIGHT, roots**3, straight) * _WHITE_D50
    linear = np.clip(_TO_LINEAR @ xyz, 0, 1)
    curved = 1.055 * linear ** (1 / 2.4) - 0.055
    shown = np.where(linear <= _SRGB_STRAIGHT, 12.92 * linear, curved)
    red, green, blue = (int(value) for value in np.round(shown * 255))
    return red, green, blue
