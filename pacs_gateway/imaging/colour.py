"""From colour cells to 8-bit RGB (PS3.3 C.7.6.3.1.2)."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from pacs_gateway.errors import UnrenderableError
from pacs_gateway.imaging.image import Image

Bytes = NDArray[np.uint8]
Matrix = NDArray[np.float32]

_BYTE_BITS = 8
_CHROMA_ZERO = 128
# ITU-R BT.601.
_FULL: Matrix = np.array(
    [[1.0, 0.0, 1.402], [1.0, -0.344136, -0.714136], [1.0, 1.772, 0.0]], np.float32
)
# The same of studio range: Y from 16 to 235, Cb and Cr from 16 to 240.
_STUDIO: Matrix = _FULL * np.array([255 / 219, 255 / 224, 255 / 224], np.float32)


def rgb(image: Image, values: NDArray[Any]) -> Bytes:
    """Return (rows, columns, 3) bytes of RGB; no VOI applies to true colour (PS3.4 N.2.1.2).

    Raises UnrenderableError for colour models nobody knows and for signed colour.
    """
    convert = _MODELS.get(image.photometric)
    if convert is None or image.signed:
        raise UnrenderableError(f"Colour as {image.photometric or 'unnamed'} cannot be shown.")
    return convert(_to_bytes(values, image.bits_stored))


def _to_bytes(values: NDArray[Any], bits: int) -> Bytes:
    if bits > _BYTE_BITS:
        values = values >> (bits - _BYTE_BITS)
    elif bits < _BYTE_BITS:
        values = values.astype(np.uint16) * 255 // (2**bits - 1)
    return values.astype(np.uint8, copy=False)


def _same(pixels: Bytes) -> Bytes:
    return pixels


def _full_range(pixels: Bytes) -> Bytes:
    return _from_ycbcr(pixels, black=0, matrix=_FULL)


def _studio_range(pixels: Bytes) -> Bytes:
    return _from_ycbcr(pixels, black=16, matrix=_STUDIO)


def _from_ycbcr(pixels: Bytes, *, black: int, matrix: Matrix) -> Bytes:
    """Return RGB to the nearest level; Pillow is faster, and up to one level too dark."""
    flat = pixels.reshape(-1, 3).astype(np.float32)
    flat -= np.array([black, _CHROMA_ZERO, _CHROMA_ZERO], np.float32)
    linear = flat @ matrix.T + np.float32(0.5)
    rounded: Bytes = np.clip(linear, 0, 255, out=linear).astype(np.uint8)
    return rounded.reshape(pixels.shape)


def _hue(pixels: Bytes) -> Bytes:
    return np.asarray(Picture.fromarray(pixels, "HSV").convert("RGB"))


def _inks(pixels: Bytes) -> Bytes:
    inks, key = pixels[..., :3].astype(np.int16), pixels[..., 3:].astype(np.int16)
    light: Bytes = np.clip(255 - inks - key, 0, 255).astype(np.uint8)
    return light


def _with_palette_plane(pixels: Bytes) -> Bytes:
    if pixels[..., 0].any():
        raise UnrenderableError("Colour as ARGB cannot be shown where its palette is used.")
    return np.ascontiguousarray(pixels[..., 1:])


_MODELS: Mapping[str, Callable[[Bytes], Bytes]] = {
    "RGB": _same,
    # A monochrome label on three samples is a slip of the writer; ICT and RCT are undone by codecs.
    **dict.fromkeys(("MONOCHROME1", "MONOCHROME2", "YBR_RCT", "YBR_ICT"), _same),
    **dict.fromkeys(("YBR_FULL", "YBR_FULL_422"), _full_range),
    **dict.fromkeys(("YBR_PARTIAL_422", "YBR_PARTIAL_420"), _studio_range),
    # Retired, as PS3.3 of 1998 describes them.
    "HSV": _hue,
    "CMYK": _inks,
    "ARGB": _with_palette_plane,
}
