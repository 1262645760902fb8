"""From stored values to 8 bits for a screen: the pipeline of PS3.4 N.2.

Stored values -> modality -> value of interest -> presentation. What is shown when nobody chose:
the first window of the frame's header, else its first VOI LUT, else everything from the smallest
to the largest value that is no padding.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pacs_gateway.imaging.image import Lut, Palette, Shades, Window

Array = NDArray[Any]
Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]

_WHITE = 255.0
_TABLE_ITEM_BYTES = 2
_BLOCK_VALUES = 1024 * 1024
_SIGMOID_EXPONENT_LIMIT = 700.0
"""exp() of more overflows a double; the curve is flat long before."""


def grey(values: Array, shades: Shades, window: Window | None) -> Bytes:
    """Return shades of grey for stored values; `window` overrides what the header suggests."""
    voi = window or shades.window or shades.voi_lut or _full_range(values, shades)
    flat = values.reshape(-1)
    if flat.dtype.kind in "iu" and flat.dtype.itemsize <= _TABLE_ITEM_BYTES:
        # One table entry for every possible value costs less than computing every pixel.
        unsigned = np.dtype(f"u{flat.dtype.itemsize}")
        every = np.arange(2 ** (8 * unsigned.itemsize), dtype=unsigned).view(flat.dtype)
        table = _shade(every, shades, voi)
        return np.take(table, flat.view(unsigned)).reshape(values.shape)
    shaded = np.empty(flat.shape, np.uint8)
    for start in range(0, flat.size, _BLOCK_VALUES):
        block = slice(start, start + _BLOCK_VALUES)
        shaded[block] = _shade(flat[block], shades, voi)
    return shaded.reshape(values.shape)


def colours(values: Array, palette: Palette) -> Bytes:
    """Return RGB for stored values that are indices into a palette (PS3.3 C.7.6.3.1.5)."""
    parts = (palette.red, palette.green, palette.blue)
    table = np.stack([np.frombuffer(part, np.uint8) for part in parts], axis=-1)
    indices = np.clip(values.astype(np.int64) - palette.first, 0, len(table) - 1)
    rgb: Bytes = table[indices]
    return rgb


def _shade(values: Array, shades: Shades, voi: Window | Lut) -> Bytes:
    # Absurd slopes and widths overflow to infinity, which is then clipped like any other value.
    with np.errstate(all="ignore"):
        modality = _modality(values, shades)
        if isinstance(voi, Lut):
            white = _looked_up(modality, voi, scale=_WHITE / (2**voi.bits - 1))
        else:
            white = _windowed(modality, voi)
    shaded = np.floor(white + 0.5).astype(np.uint8)
    return ~shaded if shades.inverted else shaded


def _modality(values: Array, shades: Shades) -> Floats:
    floats = values.astype(np.float64)
    if shades.modality_lut is not None:
        return _looked_up(floats, shades.modality_lut, scale=1.0)
    return floats * shades.slope + shades.intercept


def _windowed(values: Floats, window: Window) -> Floats:
    """Return values from 0 to 255 by the window functions of PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    center, width = window.center, window.width
    if window.function == "SIGMOID":
        exponent = np.clip(-4.0 * (values - center) / width, None, _SIGMOID_EXPONENT_LIMIT)
        white = _WHITE / (1.0 + np.exp(exponent))
    elif window.function == "LINEAR" and width == 1:
        # The formula would divide by zero; the standard's limits make it a step.
        white = np.where(values > center - 0.5, _WHITE, 0.0)
    elif window.function == "LINEAR":
        white = ((values - (center - 0.5)) / (width - 1.0) + 0.5) * _WHITE
    else:
        white = ((values - center) / width + 0.5) * _WHITE
    return np.nan_to_num(np.clip(white, 0.0, _WHITE), nan=0.0)


def _looked_up(values: Floats, lut: Lut, *, scale: float) -> Floats:
    """Return table values; inputs beyond either end get the end's value (PS3.3 C.11.1.1.1)."""
    table = np.asarray(lut.values, np.float64) * scale
    positions = np.clip(np.nan_to_num(values) - lut.first, 0, len(table) - 1)
    found: Floats = table[np.floor(positions).astype(np.intp)]
    return found


def _full_range(values: Array, shades: Shades) -> Window:
    low, high = _extremes(_without_padding(values, shades.padding), shades)
    if low == high:
        # One value on padding, as label maps have: the two must differ.
        low, high = _extremes(values, shades)
    if low == high:
        return Window(low + 0.5, 1.0)
    return Window((low + high) / 2, high - low, "LINEAR_EXACT")


def _extremes(values: Array, shades: Shades) -> tuple[float, float]:
    """Return the smallest and largest modality value of `values`."""
    shown = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if shown.size == 0:
        return 0.0, 0.0
    if shades.modality_lut is None:
        # A straight line has its extremes where its input has them.
        shown = np.array([shown.min(), shown.max()])
    with np.errstate(all="ignore"):
        modality = _modality(shown, shades)
    return float(modality.min()), float(modality.max())


def _without_padding(values: Array, padding: tuple[int, int] | None) -> Array:
    if padding is None:
        return values
    lowest, highest = padding
    return values[(values < lowest) | (values > highest)]
