"""Graphics and texts of a presentation state, drawn on what it shows (PS3.3 C.10.5)."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw

from pacs_gateway.imaging import attributes
from pacs_gateway.imaging.dataset import DataSet
from pacs_gateway.imaging.lettering import Colour, lettering, written
from pacs_gateway.imaging.presentation import Arrangement, State

Points = NDArray[np.float64]

MAX_OBJECTS = 2000
"""Of one image; measurements of a long examination have some dozens."""
MAX_POINTS = 20_000
"""Of one object; freehand outlines have some hundreds."""
_FARTHEST = 100_000.0
"""Pixels from the first; what is drawn to points beyond takes minutes, and no image is there."""
_MARK = 4
"""Half the size of a cross that marks a point, in pixels."""
_ENDS_OF_LINE = 2
_ENDS_OF_ELLIPSE = 4
_CIRCLE_STEPS = 72
_COLOURS: Mapping[str, Colour] = {"L": 255, "RGB": (255, 255, 0)}


def annotated(state: State, picture: Picture.Image, shown: Arrangement) -> Picture.Image:
    """Return `picture`, which `shown` has arranged, with the state's graphics and texts on it."""
    draw = ImageDraw.Draw(picture)
    colour = _COLOURS[picture.mode]
    left = MAX_OBJECTS
    for annotation in _in_order(state):
        for graphic in attributes.items(annotation, "GraphicObjectSequence")[:left]:
            left -= 1
            points = _placed(graphic, "GraphicData", "GraphicAnnotationUnits", shown)
            kind = attributes.text(graphic, "GraphicType")
            if points.size and kind in _DRAWN:
                filled = attributes.text(graphic, "GraphicFilled") == "Y"
                _DRAWN[kind](draw, points, colour, filled=filled)
        for text in attributes.items(annotation, "TextObjectSequence")[:left]:
            left -= 1
            _write(draw, text, shown, colour)
    return picture


def _in_order(state: State) -> Sequence[DataSet]:
    """Return the annotations, the lowest layer first."""
    orders = {
        attributes.text(layer, "GraphicLayer"): attributes.integer(layer, "GraphicLayerOrder") or 0
        for layer in attributes.items(state.header.data_set, "GraphicLayerSequence")
    }
    found = state.chosen("GraphicAnnotationSequence")
    return sorted(found, key=lambda item: orders.get(attributes.text(item, "GraphicLayer"), 0))


def _placed(item: DataSet, name: str, units: str, shown: Arrangement) -> Points:
    """Return points in pixels of what is shown, none if one is far outside of every image."""
    numbers = attributes.decimals(item, name)[: 2 * MAX_POINTS]
    points = np.array(numbers[: len(numbers) // 2 * 2], np.float64).reshape(-1, 2)
    if attributes.text(item, units) == "DISPLAY":
        placed = points * np.array(shown.size, np.float64)
    else:
        # The outer corner of the first pixel is 0\0, its center 0.5\0.5.
        placed = shown.place(points)
    # Not a number is not near either.
    return placed if (np.abs(placed) <= _FARTHEST).all() else np.empty((0, 2))


def _write(draw: ImageDraw.ImageDraw, item: DataSet, shown: Arrangement, colour: Colour) -> None:
    words = str(attributes.first(item, "UnformattedTextValue") or "")
    corner = _placed(item, "BoundingBoxTopLeftHandCorner", "BoundingBoxAnnotationUnits", shown)
    anchor = _placed(item, "AnchorPoint", "AnchorPointAnnotationUnits", shown)
    place = corner if corner.size else anchor
    if not words or not place.size:
        return
    if corner.size and anchor.size and attributes.text(item, "AnchorPointVisibility") == "Y":
        _polyline(draw, np.concatenate([anchor[:1], corner[:1]]), colour, filled=False)
    written(draw, words, (place[0, 0], place[0, 1]), lettering(max(shown.size)), colour)


def _point(draw: ImageDraw.ImageDraw, points: Points, colour: Colour, *, filled: bool) -> None:
    """Draw crosses; there is nothing in them that could be filled."""
    del filled
    for x, y in points:
        draw.line((x - _MARK, y, x + _MARK, y), fill=colour)
        draw.line((x, y - _MARK, x, y + _MARK), fill=colour)


def _polyline(draw: ImageDraw.ImageDraw, points: Points, colour: Colour, *, filled: bool) -> None:
    corners = [(x, y) for x, y in points]
    if filled and len(corners) > _ENDS_OF_LINE:
        draw.polygon(corners, fill=colour)
    draw.line(corners, fill=colour)


def _circle(draw: ImageDraw.ImageDraw, points: Points, colour: Colour, *, filled: bool) -> None:
    """Draw the circle around the first point through the second."""
    if len(points) > 1:
        radius = float(np.hypot(*(points[1] - points[0])))
        x, y = points[0]
        box = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse(box, fill=colour if filled else None, outline=colour)


def _ellipse(draw: ImageDraw.ImageDraw, points: Points, colour: Colour, *, filled: bool) -> None:
    """Draw the ellipse between the ends of its axes: two points each."""
    if len(points) < _ENDS_OF_ELLIPSE:
        return
    center = (points[0] + points[1]) / 2
    one, other = (points[1] - points[0]) / 2, (points[3] - points[2]) / 2
    angles = np.linspace(0, 2 * np.pi, _CIRCLE_STEPS + 1)[:, None]
    outline = center + one * np.cos(angles) + other * np.sin(angles)
    _polyline(draw, outline, colour, filled=filled)


_DRAWN: Mapping[str, Callable[..., None]] = {
    "POINT": _point,
    "POLYLINE": _polyline,
    # A smooth curve through the points: at the distance of freehand points lines look the same.
    "INTERPOLATED": _polyline,
    "CIRCLE": _circle,
    "ELLIPSE": _ellipse,
}
