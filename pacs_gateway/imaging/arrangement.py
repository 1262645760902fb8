"""Which part of an image a presentation state shows, and how (PS3.3 C.10.4, C.10.6).

An image is cut to the displayed area, its pixels are made square, and then it is turned.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from pacs_gateway.imaging import attributes
from pacs_gateway.imaging.dataset import Elements
from pacs_gateway.imaging.state import State

_QUARTER_TURNS = {90: Picture.Transpose.ROTATE_270, 180: Picture.Transpose.ROTATE_180,
                  270: Picture.Transpose.ROTATE_90}  # fmt: skip
"""Pillow turns to the left, the standard to the right (PS3.3 C.10.6)."""
_PAIR = 2
_MAX_PIXELS = 32_000_000
"""A displayed area may reach far beyond the image, and that is black."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """What is shown of an image, how large, and how it is turned."""

    left: int
    top: int
    columns: int
    rows: int
    width: int
    """Of what is shown before it is turned, in square pixels; so is `height`."""
    height: int
    quarter_turns: int
    """To the right."""
    flipped: bool
    """Left and right change places after turning."""

    def apply(self, picture: Picture.Image) -> Picture.Image:
        """Return what is shown; beyond the image it is black."""
        box = (self.left, self.top, self.left + self.columns, self.top + self.rows)
        shown = picture if box == (0, 0, *picture.size) else picture.crop(box)
        if shown.size != (self.width, self.height):
            shown = shown.resize((self.width, self.height), Picture.Resampling.LANCZOS)
        if self.quarter_turns:
            shown = shown.transpose(_QUARTER_TURNS[90 * self.quarter_turns])
        return shown.transpose(Picture.Transpose.FLIP_LEFT_RIGHT) if self.flipped else shown

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what is shown once it is turned."""
        upright = self.quarter_turns % 2 == 0
        return (self.width, self.height) if upright else (self.height, self.width)

    def place(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where points of the image (column, row; from 0) are in what is shown."""
        x = (points[:, 0] - self.left) * (self.width / self.columns)
        y = (points[:, 1] - self.top) * (self.height / self.rows)
        width, height = float(self.width), float(self.height)
        for _ in range(self.quarter_turns):
            x, y = height - y, x
            width, height = height, width
        return np.stack([width - x if self.flipped else x, y], axis=-1)


def arrangement(state: State, size: tuple[int, int]) -> Arrangement:
    """Return what the state shows of an image of `size` columns and rows."""
    data_set = state.header.data_set
    left, top, columns, rows = 0, 0, *size
    width, height = size
    area = next(iter(state.chosen("DisplayedAreaSelectionSequence")), None)
    if area is not None:
        left, top, columns, rows = _box(area, size)
        width, height = _square(area, columns, rows)
    rotation = attributes.integer(data_set, "ImageRotation") or 0
    return Arrangement(
        left=left,
        top=top,
        columns=columns,
        rows=rows,
        width=width,
        height=height,
        quarter_turns=rotation // 90 % 4,
        flipped=attributes.text(data_set, "ImageHorizontalFlip") == "Y",
    )


def _box(area: Elements, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return left, top, columns and rows of a displayed area, all of the image if it is absurd."""
    first = attributes.integers(area, "DisplayedAreaTopLeftHandCorner")
    last = attributes.integers(area, "DisplayedAreaBottomRightHandCorner")
    if len(first) == len(last) == _PAIR:
        # The corners are what is top left after turning: in the image it may be any corner.
        wide, high = abs(last[0] - first[0]) + 1, abs(last[1] - first[1]) + 1
        if wide * high <= max(_MAX_PIXELS, size[0] * size[1]):
            return min(first[0], last[0]) - 1, min(first[1], last[1]) - 1, wide, high
    return 0, 0, *size


def _square(area: Elements, columns: int, rows: int) -> tuple[int, int]:
    """Return columns and rows where pixels are square, enlarged so that nothing is lost."""
    pair = attributes.decimals(area, "PresentationPixelSpacing") or attributes.decimals(
        area, "PresentationPixelAspectRatio"
    )
    if len(pair) != _PAIR or min(pair) <= 0:
        return columns, rows
    # Both attributes give the vertical extent first.
    height, width = rows * max(1.0, pair[0] / pair[1]), columns * max(1.0, pair[1] / pair[0])
    if width * height > max(_MAX_PIXELS, columns * rows):
        return columns, rows
    return round(width), round(height)
