"""The window of an image that has none: from its smallest to its largest value, with two limits.

Padding is left out (PS3.3 C.7.5.1.1.2). So are a few lone values far from all others: one pixel
of metal would leave the anatomy in a few shades of grey. Values are lone when they are fewer than
one pixel in LONE_SHARE at their end of the range, and farther from the others than LONE_DISTANCE
times the range of those.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pacs_gateway.imaging.image import Shades, Window
from pacs_gateway.imaging.modality import modality_values

Array = NDArray[Any]
Floats = NDArray[np.float64]

LONE_SHARE = 2000
"""One pixel in 2,000 is a square of 11 pixels in a CT."""
LONE_DISTANCE = 8.0
"""With less, the others have some 30 shades of their own, and the picture is as elsewhere."""
_FEWEST_LEVELS = 16
"""Masks and label maps have few values, all of which matter."""
_SAMPLES = 64 * 1024
"""Pixels looked at for lone values: one in 2,000 is met about 32 times."""


def automatic_window(values: Array, shades: Shades) -> Window:
    """Return the window for the stored values of one frame."""
    flat = values.reshape(-1)
    with np.errstate(all="ignore"):
        low, high = _shown_range(_without_padding(flat, shades.padding), shades)
        if low == high:
            # One value on padding, as label maps have: the two must differ.
            low, high = _shown_range(flat, shades)
    if low == high:
        return Window(low + 0.5, 1.0)
    return Window((low + high) / 2, high - low, "LINEAR_EXACT")


def _without_padding(values: Array, padding: tuple[int, int] | None) -> Array:
    if padding is None:
        return values
    lowest, highest = padding
    return values[(values < lowest) | (values > highest)]


def _shown_range(values: Array, shades: Shades) -> tuple[float, float]:
    """Return the lowest and highest modality value that get shades of their own."""
    shown = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if shown.size == 0:
        return 0.0, 0.0
    # A straight line has its extremes where its input has them; a table may have them anywhere.
    straight = shades.modality_lut is None
    decisive = np.array([shown.min(), shown.max()]) if straight else np.unique(shown)
    modality = modality_values(decisive, shades)
    sample = np.sort(modality_values(shown[:: -(-shown.size // _SAMPLES)], shades))
    return _without_lone_values(sample, float(modality.min()), float(modality.max()))


def _without_lone_values(sample: Floats, low: float, high: float) -> tuple[float, float]:
    """Return the range without lone values at either end; `sample` is sorted."""
    few = len(sample) // LONE_SHARE
    others = sample[few : len(sample) - few]
    reach = LONE_DISTANCE * (others[-1] - others[0])
    lowest, highest = others[0] - reach, others[-1] + reach
    if few == 0 or (low >= lowest and high <= highest):
        return low, high
    if len(np.unique(others)) < _FEWEST_LEVELS:
        return low, high
    near = sample[(sample >= lowest) & (sample <= highest)]
    return (
        float(near[0]) if low < lowest else low,
        float(near[-1]) if high > highest else high,
    )
