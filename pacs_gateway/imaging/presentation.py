"""Softcopy presentation states: how somebody wanted an image to be seen (PS3.3 A.33, PS3.4 N.2).

A state says it for each of the images it references, or for some of their frames. Grey levels
come first (`state.py`) and their pseudo-colours (`coloured`), then overlays (`overlays`), what is
blacked out (`shuttered`), the part that is shown and its orientation (`arrangement.py`), and what
is drawn on it (`graphics.py`).

What needs more than one image (mask subtraction, blending) is not done: such an image is shown in
its own grey levels.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw

from pacs_gateway.imaging import attributes, header, luts, overlay
from pacs_gateway.imaging.decode import Decoded
from pacs_gateway.imaging.state import State

_CORNERS = 2
_DIMENSIONS_OF_GREY = 2
_ACTIVATION_LAYER = 0x1001

Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def coloured(state: State, grey: Bytes) -> Bytes:
    """Return shades of grey in the colours of a pseudo-colour state's palette (PS3.4 N.2.2).

    Without a palette they stay grey, and so do pictures that have colours already.

    Raises UnrenderableError if the palette is damaged.
    """
    has_palette = state.header.data_set.raw("RedPaletteColorLookupTableDescriptor")
    if not has_palette or grey.ndim > _DIMENSIONS_OF_GREY:
        return grey
    return luts.pseudo_colours(grey, header.palette(state.header))


def overlays(state: State, image: header.Header, decoded: Decoded) -> Iterator[Mask]:
    """Yield what the overlays mark that the state shows: its own or the image's (PS3.3 C.11.7)."""
    data_set = state.header.data_set
    shape = decoded.cells.shape
    for group in overlay.GROUPS:
        if not attributes.text(data_set, group << 16 | _ACTIVATION_LAYER):
            continue
        if overlay.has_bits(data_set, group):
            yield overlay.mask(data_set, group, state.number, shape=shape)
        else:
            yield overlay.mask(image.data_set, group, state.number, shape=shape, decoded=decoded)


def shuttered(state: State, picture: Picture.Image) -> Picture.Image:
    """Return the picture with everything outside its shutters blacked out (PS3.3 C.7.6.11)."""
    outside = hidden(state, picture.size)
    if outside is None:
        return picture
    ground = Picture.new(picture.mode, picture.size, _grey(shutter_value(state), picture.mode))
    ground.paste(picture, mask=Picture.fromarray(~outside))
    return ground


def hidden(state: State, size: tuple[int, int]) -> Mask | None:
    """Return what lies outside of the state's shutters, None if it has none; size: width, height."""
    shapes = list(_shutters(state, size))
    return ~np.logical_and.reduce(shapes) if shapes else None


def shutter_value(state: State) -> int:
    """Return the shade of grey, from 0 to 255, of what lies outside of the shutters."""
    value = attributes.integer(state.header.data_set, "ShutterPresentationValue") or 0
    return max(0, min(value >> 8, 255))


def _shutters(state: State, size: tuple[int, int]) -> Iterator[Mask]:
    """Yield what each shape leaves visible, as (rows, columns)."""
    # The first pixel is 1\\1 for shutters.
    row, column = np.ogrid[1 : size[1] + 1, 1 : size[0] + 1]
    data_set = state.header.data_set
    shapes = {str(shape).strip().upper() for shape in attributes.values(data_set, "ShutterShape")}
    if "RECTANGULAR" in shapes:
        edges = [
            attributes.integer(data_set, f"Shutter{edge}Edge")
            for edge in ("LeftVertical", "UpperHorizontal", "RightVertical", "LowerHorizontal")
        ]
        left, upper, right, lower = (edge or 0 for edge in edges)
        if None not in edges and left < right and upper < lower:
            yield (left < column) & (column < right) & (upper < row) & (row < lower)
    if "CIRCULAR" in shapes:
        center = attributes.integers(data_set, "CenterOfCircularShutter")
        radius = attributes.integer(data_set, "RadiusOfCircularShutter")
        if len(center) == _CORNERS and radius:
            yield np.hypot(row - center[0], column - center[1]) <= radius
    if "POLYGONAL" in shapes:
        numbers = attributes.integers(data_set, "VerticesOfThePolygonalShutter")
        corners = [(c - 1, r - 1) for r, c in zip(numbers[::2], numbers[1::2], strict=False)]
        if len(corners) > _CORNERS:
            mask = Picture.new("1", size, 0)
            ImageDraw.Draw(mask).polygon(corners, 1)
            yield np.asarray(mask)
    if "BITMAP" in shapes:
        group = attributes.integer(data_set, "ShutterOverlayGroup") or 0
        yield ~overlay.mask(data_set, group, state.number, shape=(size[1], size[0]))


def _grey(grey: int, mode: str) -> Any:
    return grey if mode == "L" else (grey, grey, grey)
