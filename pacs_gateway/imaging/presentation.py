"""Softcopy presentation states: how somebody wanted an image to be seen (PS3.3 A.33, PS3.4 N.2).

A state says it for each of the images it references, or for some of their frames. Grey levels
come first (`shades`) and their pseudo-colours (`coloured`), then overlays (`overlays`), what is
blacked out (`shuttered`), the part that is shown and its orientation (`arrangement.py`), and what
is drawn on it (`graphics.py`).

What needs more than one image (mask subtraction, blending) is not done: such an image is shown in
its own grey levels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw

from pacs_gateway.imaging import attributes, header, luts, overlay
from pacs_gateway.imaging.dataset import Elements
from pacs_gateway.imaging.decode import Decoded
from pacs_gateway.imaging.image import Shades

_CORNERS = 2
_DIMENSIONS_OF_GREY = 2
_ACTIVATION_LAYER = 0x1001

Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class State:
    """A presentation state as it concerns one frame of one image."""

    header: header.Header
    sop_instance_uid: str
    number: int

    def chosen(self, sequence: str) -> Sequence[Elements]:
        """Return the items of a sequence that are about this frame: all images if none is named."""
        found = attributes.items(self.header.data_set, sequence)
        return [item for item in found if self._concerns(item)]

    def _concerns(self, item: Elements) -> bool:
        references = attributes.items(item, "ReferencedImageSequence")
        return not references or any(self._is_meant(reference) for reference in references)

    def _is_meant(self, reference: Elements) -> bool:
        uid = str(attributes.first(reference, "ReferencedSOPInstanceUID") or "")
        frames = attributes.integers(reference, "ReferencedFrameNumber")
        return uid == self.sop_instance_uid and (not frames or self.number in frames)


def read_state(part10: bytes, image: header.Header, number: int) -> State:
    """Return the state in a Part 10 file, for frame `number` of an image.

    Raises UnrenderableError if it cannot be read.
    """
    read = header.read(part10)
    uid = str(attributes.first(image.data_set, "SOPInstanceUID") or "")
    return State(read, uid, number)


def shades(state: State, own: Shades) -> Shades:
    """Return the state's grey levels instead of the image's own (PS3.4 N.2.1).

    What the state leaves out is the identity, not the image's choice; except that the modality
    transformation may stand in the image alone.
    """
    data_set = state.header.data_set
    slope = attributes.decimal(data_set, "RescaleSlope")
    modality_lut = header.look_up_table(attributes.item(data_set, "ModalityLUTSequence"))
    result = own
    if slope or modality_lut:
        result = replace(
            own,
            slope=slope or 1.0,
            intercept=attributes.decimal(data_set, "RescaleIntercept") or 0.0,
            modality_lut=modality_lut,
        )
    signed = result.intercept < 0 or result.slope < 0
    voi = next(iter(state.chosen("SoftcopyVOILUTSequence")), None)
    return replace(
        result,
        window=header.window(voi) if voi is not None else None,
        voi_lut=header.look_up_table(attributes.item(voi, "VOILUTSequence"), signed=signed)
        if voi is not None
        else None,
        presentation_lut=header.look_up_table(attributes.item(data_set, "PresentationLUTSequence")),
        inverted=attributes.text(data_set, "PresentationLUTShape") == "INVERSE",
    )


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
    shapes = list(_shutters(state, picture.size))
    if not shapes:
        return picture
    value = attributes.integer(state.header.data_set, "ShutterPresentationValue") or 0
    ground = Picture.new(picture.mode, picture.size, _of_16_bits(value, picture.mode))
    ground.paste(picture, mask=Picture.fromarray(np.logical_and.reduce(shapes)))
    return ground


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


def _of_16_bits(value: int, mode: str) -> Any:
    grey = max(0, min(value >> 8, 255))
    return grey if mode == "L" else (grey, grey, grey)
