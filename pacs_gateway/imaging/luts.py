"""From stored values to 8 bits for a screen: the pipeline of PS3.4 N.2.

Stored values -> modality -> value of interest -> presentation or pseudo-colour. What is shown when nobody chose:
the first window of the frame's header, else its first VOI LUT, else the automatic window of
`automatic`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pacs_gateway.imaging.automatic import automatic_window
from pacs_gateway.imaging.image import Lut, Palette, Shades, Window
from pacs_gateway.imaging.modality import looked_up, modality_values

Array = NDArray[Any]
Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]

_WHITE = 255.0
_TABLE_ITEM_BYTES = 2
_BLOCK_VALUES = 256 * 1024
"""Values worked on at once: few enough that every step finds them in the processor's cache."""
_SIGMOID_EXPONENT_LIMIT = 700.0
"""exp() of more overflows a double; the curve is flat long before."""


def grey(values: Array, shades: Shades, window: Window | None) -> Bytes:
    """Return shades of grey for stored values; `window` overrides what the header suggests.

    The shape is that of `values`, with three colours besides if a supplemental palette colours
    some of them (PS3.3 C.7.6.19).
    """
    voi = window or shades.window or shades.voi_lut or automatic_window(values, shades)
    flat = values.reshape(-1)
    if flat.dtype.kind in "iu" and flat.dtype.itemsize <= _TABLE_ITEM_BYTES and flat.size:
        shaded = _by_table(flat, shades, voi)
    else:
        shaded = np.empty(flat.shape, np.uint8)
        for block in _blocks(flat.size):
            shaded[block] = _shade(flat[block], shades, voi)
    picture = shaded.reshape(values.shape)
    return picture if shades.supplement is None else _coloured(picture, values, shades.supplement)


def colours(values: Array, palette: Palette) -> Bytes:
    """Return RGB for stored values that are indices into a palette (PS3.3 C.7.6.3.1.5)."""
    parts = (palette.red, palette.green, palette.blue)
    table = np.stack([np.frombuffer(part, np.uint8) for part in parts], axis=-1)
    indices = np.clip(values.astype(np.int64) - palette.first, 0, len(table) - 1)
    rgb: Bytes = table[indices]
    return rgb


def pseudo_colours(grey: Bytes, palette: Palette) -> Bytes:
    """Return RGB for shades of grey, whose range spans a palette from its first to its last entry."""
    last = len(palette.red) - 1
    positions = (np.arange(256) * last + 127) // 255 + palette.first
    return colours(positions, palette)[grey]


def _by_table(flat: Array, shades: Shades, voi: Window | Lut) -> Bytes:
    """Return shades from a table of every value between the extremes.

    That is some thousand values to compute instead of every pixel.
    """
    low, high = int(flat.min()), int(flat.max())
    table = _shade(np.arange(low, high + 1, dtype=np.int32), shades, voi)
    unsigned = flat.view(f"u{flat.dtype.itemsize}")
    # Unsigned subtraction wraps round to the right distance for signed values too.
    first = unsigned.dtype.type(low & np.iinfo(unsigned.dtype).max)
    shaded = np.empty(flat.shape, np.uint8)
    for block in _blocks(flat.size):
        # No index is out of bounds; "clip" spares numpy a buffer that "raise" needs.
        np.take(table, unsigned[block] - first, out=shaded[block], mode="clip")
    return shaded


def _blocks(size: int) -> list[slice]:
    return [slice(start, start + _BLOCK_VALUES) for start in range(0, size, _BLOCK_VALUES)]


def _coloured(picture: Bytes, values: Array, supplement: Palette) -> Bytes:
    chosen = values >= supplement.first
    if not chosen.any():
        return picture
    rgb = np.repeat(picture[..., np.newaxis], 3, axis=-1)
    rgb[chosen] = colours(values[chosen], supplement)
    return rgb


def _shade(values: Array, shades: Shades, voi: Window | Lut) -> Bytes:
    # Absurd slopes and widths overflow to infinity, which is then clipped like any other value.
    with np.errstate(all="ignore"):
        modality = modality_values(values, shades)
        if isinstance(voi, Lut):
            white = looked_up(modality, voi) * (_WHITE / (2**voi.bits - 1))
        else:
            white = _windowed(modality, voi)
        if shades.presentation_lut is not None:
            white = _presented(white, shades.presentation_lut)
    shaded: Bytes = np.floor(white + 0.5).astype(np.uint8)
    return ~shaded if shades.inverted else shaded


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


def _presented(white: Floats, lut: Lut) -> Floats:
    """Return P-Values for values of interest from 0 to 255, which span the table (PS3.3 C.11.4)."""
    positions = white * ((len(lut.values) - 1) / _WHITE) + lut.first
    presented: Floats = looked_up(np.floor(positions + 0.5), lut) * (_WHITE / (2**lut.bits - 1))
    return presented
