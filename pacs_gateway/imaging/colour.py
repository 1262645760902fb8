"""From colour cells to 8-bit RGB (PS3.3 C.7.6.3.1.2)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from pacs_gateway.errors import UnrenderableError
from pacs_gateway.imaging.image import Image

_YBR = frozenset({"YBR_FULL", "YBR_FULL_422"})
# A monochrome label on three samples is a slip of the writer; ICT and RCT are undone by codecs.
_RGB = frozenset({"RGB", "MONOCHROME1", "MONOCHROME2", "YBR_RCT", "YBR_ICT"})
_BYTE_BITS = 8


def rgb(image: Image, values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return (rows, columns, 3) bytes of RGB; no VOI applies to true colour (PS3.4 N.2.1.2).

    Raises UnrenderableError for colour models that are retired or for signed colour.
    """
    if image.photometric not in _YBR | _RGB or image.signed:
        raise UnrenderableError(f"Colour as {image.photometric or 'unnamed'} cannot be shown.")
    scaled = _to_bytes(values, image.bits_stored)
    if image.photometric in _RGB:
        return scaled
    # Pillow's YCbCr is the full-range ITU-R BT.601 of YBR_FULL, in compiled code.
    return np.asarray(Picture.fromarray(scaled, "YCbCr").convert("RGB"))


def _to_bytes(values: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    if bits > _BYTE_BITS:
        values = values >> (bits - _BYTE_BITS)
    elif bits < _BYTE_BITS:
        values = values.astype(np.uint16) * 255 // (2**bits - 1)
    return values.astype(np.uint8)
