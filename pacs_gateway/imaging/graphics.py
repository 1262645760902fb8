"""Graphics and texts of a presentation state, drawn on what it shows (PS3.3 C.10.5)."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw

from pacs_gateway.imaging import attributes, cielab
from pacs_gateway.imaging.arrangement import Arrangement
from pacs_gateway.imaging.dataset import Elements
from pacs_gateway.imaging.lettering import Colour, lettering, written
from pacs_gateway.imaging.state import State

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
"""Of what has none of its own."""
_STYLES = (
    ("LineStyleSequence", "PatternOnColorCIELabValue"),
    ("TextStyleSequence", "TextColorCIELabValue"),
)
_COMPONENTS = 3


class _Object(NamedTuple):
    """A graphic or a text, with the colour that the state wants for it."""

    item: Elements
    is_text: bool
    colour: Colour | None


def annotated(state: State, picture: Picture.Image, shown: Arrangement) -> Picture.Image:
    """Return `picture`, which `shown` has arranged, with the state's graphics and texts on it.

    A grey picture becomes one in RGB if something on it has a colour.
    """
    layers = {
        attributes.text(layer, "GraphicLayer"): layer
        for layer in attributes.items(state.header.data_set, "GraphicLayerSequence")
    }
    objects = list(_objects(state, layers))
    default = _COLOURS[picture.mode]
    if any(isinstance(each.colour, tuple) for each in objects):
        picture = picture.convert("RGB")
    draw = ImageDraw.Draw(picture)
    for each in objects:
        colour = default if each.colour is None else each.colour
        if isinstance(colour, int) and picture.mode == "RGB":
            colour = (colour, colour, colour)
        if each.is_text:
            _write(draw, each.item, shown, colour)
        else:
            _draw(draw, each.item, shown, colour)
    return picture


def _objects(state: State, layers: Mapping[str, Elements]) -> Iterator[_Object]:
    """Yield what is to be drawn, the lowest layer first."""

    def order(annotation: Elements) -> int:
        layer = layers.get(attributes.text(annotation, "GraphicLayer"))
        return attributes.integer(layer, "GraphicLayerOrder") or 0 if layer is not None else 0

    left = MAX_OBJECTS
    for annotation in sorted(state.chosen("GraphicAnnotationSequence"), key=order):
        layer = layers.get(attributes.text(annotation, "GraphicLayer"))
        for sequence in ("GraphicObjectSequence", "TextObjectSequence"):
            for item in attributes.items(annotation, sequence)[:left]:
                left -= 1
                yield _Object(item, sequence == "TextObjectSequence", _colour(item, layer))


def _colour(item: Elements, layer: Elements | None) -> Colour | None:
    """Return the colour of an object's own style or else of its layer, None if neither has one."""
    for sequence, name in _STYLES:
        style = attributes.item(item, sequence)
        if style is not None and (own := _cielab(style, name)) is not None:
            return own
    if layer is None:
        return None
    recommended = _cielab(layer, "GraphicLayerRecommendedDisplayCIELabValue")
    if recommended is not None:
        return recommended
    grey = attributes.integer(layer, "GraphicLayerRecommendedDisplayGrayscaleValue")
    return min(max(grey, 0) >> 8, 255) if grey is not None else None


def _cielab(data_set: Elements, name: str) -> Colour | None:
    encoded = attributes.integers(data_set, name)
    return cielab.srgb(encoded) if len(encoded) == _COMPONENTS else None


def _placed(item: Elements, name: str, units: str, shown: Arrangement) -> Points:
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


def _draw(draw: ImageDraw.ImageDraw, item: Elements, shown: Arrangement, colour: Colour) -> None:
    points = _placed(item, "GraphicData", "GraphicAnnotationUnits", shown)
    kind = attributes.text(item, "GraphicType")
    if points.size and kind in _DRAWN:
        filled = attributes.text(item, "GraphicFilled") == "Y"
        _DRAWN[kind](draw, points, colour, filled=filled)


def _write(draw: ImageDraw.ImageDraw, item: Elements, shown: Arrangement, colour: Colour) -> None:
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
