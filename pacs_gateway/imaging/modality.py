"""From stored values to modality values, such as Hounsfield units (PS3.3 C.11.1)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pacs_gateway.imaging.image import Lut, Shades

Array = NDArray[Any]
Floats = NDArray[np.float64]


def modality_values(values: Array, shades: Shades) -> Floats:
    """Return what the Modality LUT, or else the rescale, makes of stored values."""
    floats = values.astype(np.float64)
    if shades.modality_lut is not None:
        return looked_up(floats, shades.modality_lut)
    return floats * shades.slope + shades.intercept


def looked_up(values: Floats, lut: Lut) -> Floats:
    """Return table values; inputs beyond either end get the end's value (PS3.3 C.11.1.1.1)."""
    table = np.asarray(lut.values, np.float64)
    positions = np.clip(np.nan_to_num(values) - lut.first, 0, len(table) - 1)
    found: Floats = table[np.floor(positions).astype(np.intp)]
    return found
