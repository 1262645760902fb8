"""Softcopy presentation states: how somebody wanted an image to be seen (PS3.3 A.33, PS3.4 N.2).

A state says it for each of the images it references, or for some of their frames. Grey levels
come first (`shades`), then overlays (`overlays`), what is blacked out (`shuttered`), the part that
is shown and its orientation (`arrangement`), and what is drawn on it (`graphics.py`).

What needs more than one image (mask subtraction, blending) and pseudo-colour are not done: such
an image is shown in its own grey levels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw

from pacs_gateway.imaging import attributes, header, overlay
from pacs_gateway.imaging.dataset import DataSet
from pacs_gateway.imaging.decode import Decoded
from pacs_gateway.imaging.image import Shades

_QUARTER_TURNS = {90: Picture.Transpose.ROTATE_270, 180: Picture.Transpose.ROTATE_180,
                  270: Picture.Transpose.ROTATE_90}  # fmt: skip
"""Pillow turns to the left, the standard to the right (PS3.3 C.10.6)."""
_CORNERS = 2
_ACTIVATION_LAYER = 0x1001
_MAX_DISPLAYED_PIXELS = 32_000_000
"""A displayed area may reach far beyond the image, and that is black."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class State:
    """A presentation state as it concerns one frame of one image."""

    header: header.Header
    sop_instance_uid: str
    number: int

    def chosen(self, sequence: str) -> Sequence[DataSet]:
        """Return the items of a sequence that are about this frame: all images if none is named."""
        found = attributes.items(self.header.data_set, sequence)
        return [item for item in found if self._concerns(item)]

    def _concerns(self, item: DataSet) -> bool:
        references = attributes.items(item, "ReferencedImageSequence")
        return not references or any(self._is_meant(reference) for reference in references)

    def _is_meant(self, reference: DataSet) -> bool:
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
    modality_lut = header.look_up_table(
        state.header, attributes.item(data_set, "ModalityLUTSequence")
    )
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
        voi_lut=header.look_up_table(
            state.header, attributes.item(voi, "VOILUTSequence"), signed=signed
        )
        if voi is not None
        else None,
        presentation_lut=header.look_up_table(
            state.header, attributes.item(data_set, "PresentationLUTSequence")
        ),
        inverted=attributes.text(data_set, "PresentationLUTShape") == "INVERSE",
    )


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


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Which part of the image is shown, and how it is turned."""

    left: int
    top: int
    columns: int
    rows: int
    quarter_turns: int
    """To the right."""
    flipped: bool
    """Left and right change places after turning."""

    def apply(self, picture: Picture.Image) -> Picture.Image:
        """Return what is shown; beyond the image it is black."""
        box = (self.left, self.top, self.left + self.columns, self.top + self.rows)
        shown = picture if box == (0, 0, *picture.size) else picture.crop(box)
        if self.quarter_turns:
            shown = shown.transpose(_QUARTER_TURNS[90 * self.quarter_turns])
        return shown.transpose(Picture.Transpose.FLIP_LEFT_RIGHT) if self.flipped else shown

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows of what is shown."""
        upright = self.quarter_turns % 2 == 0
        return (self.columns, self.rows) if upright else (self.rows, self.columns)

    def place(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where points of the image (column, row; from 0) are in what is shown."""
        x, y = points[:, 0] - self.left, points[:, 1] - self.top
        columns, rows = float(self.columns), float(self.rows)
        for _ in range(self.quarter_turns):
            x, y = rows - y, x
            columns, rows = rows, columns
        return np.stack([columns - x if self.flipped else x, y], axis=-1)


def arrangement(state: State, size: tuple[int, int]) -> Arrangement:
    """Return what the state shows of an image of `size` columns and rows (PS3.3 C.10.4, C.10.6)."""
    data_set = state.header.data_set
    left, top, columns, rows = 0, 0, *size
    area = next(iter(state.chosen("DisplayedAreaSelectionSequence")), None)
    if area is not None:
        first = attributes.integers(area, "DisplayedAreaTopLeftHandCorner")
        last = attributes.integers(area, "DisplayedAreaBottomRightHandCorner")
        if len(first) == len(last) == _CORNERS:
            # The corners are what is top left after turning: in the image it may be any corner.
            wide, high = abs(last[0] - first[0]) + 1, abs(last[1] - first[1]) + 1
            if wide * high <= max(_MAX_DISPLAYED_PIXELS, columns * rows):
                left, top = min(first[0], last[0]) - 1, min(first[1], last[1]) - 1
                columns, rows = wide, high
    rotation = attributes.integer(data_set, "ImageRotation") or 0
    flipped = attributes.text(data_set, "ImageHorizontalFlip") == "Y"
    return Arrangement(left, top, columns, rows, rotation // 90 % 4, flipped)
