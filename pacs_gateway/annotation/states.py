"""Presentation states as viewers apply them: window, turning, area, graphics (PS3.3 A.33, C.10)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pacs_gateway.annotation.content import created
from pacs_gateway.imaging import attributes
from pacs_gateway.imaging.dataset import Elements
from pacs_gateway.imaging.header import Header
from pacs_gateway.imaging.image import Shades
from pacs_gateway.imaging.presentation import shutter_value
from pacs_gateway.imaging.state import State, shades
from pacs_gateway.imaging.viewing import lut_facts

Facts = dict[str, Any]
"""A part of a JSON document."""

MAX_IMAGES = 10_000
"""Images of one state; it names them one by one."""
MAX_OBJECTS = 2000
"""Graphics and texts of one image; measurements of a long examination have some dozens."""
MAX_POINTS = 20_000
"""Of one graphic; freehand outlines have some hundreds."""
_UNSAID = 0.0
"""The slope that no state has; it stays if a state leaves the modality values to the image."""
_QUARTER = 90
_TURNS = 4
_PAIR = 2
_KINDS = {
    "POINT": "point",
    "POLYLINE": "polyline",
    # A smooth curve through the points: at the distance of freehand points lines look the same.
    "INTERPOLATED": "polyline",
    "CIRCLE": "circle",
    "ELLIPSE": "ellipse",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How a state shows one image."""

    window: Facts | None
    voi_lut: Facts | None
    modality: Facts | None
    """Slope, intercept and table of the state's own; None: those of the image."""
    presentation_lut: Facts | None
    inverted: bool
    coloured: bool
    """Whether shades of grey stand for pseudo-colours (PS3.3 A.33.3)."""
    shutter: int
    """Shade of grey, from 0 to 255, of what lies outside of the shutters."""
    rotation: int
    """Degrees to the right, before `flipped`."""
    flipped: bool
    """Left and right change places (PS3.3 C.10.6)."""
    area: Facts | None
    graphics: list[Facts]
    texts: list[Facts]


@dataclass(frozen=True, slots=True, kw_only=True)
class PresentationState:
    """A state, as far as it shows some images alike."""

    sop_instance_uid: str
    label: str
    description: str
    created: str
    creator: str
    shown: Shown
    images: list[Facts] = field(default_factory=list)
    """Series, instance, and frames or null for all."""


def states_of(header: Header, *, study_uid: str) -> Sequence[PresentationState]:
    """Return what the state in `header` says of images of its study, those shown alike together."""
    elements = header.data_set
    if _text(elements, "StudyInstanceUID") != study_uid:
        return ()
    found: list[PresentationState] = []
    for image in _images(elements):
        number = (image["frames"] or [1])[0]
        shown = _shown(State(header, image["instance"], number))
        alike = next((each for each in found if each.shown == shown), None)
        if alike is None:
            alike = _state(elements, shown)
            found.append(alike)
        alike.images.append(image)
    return found


def _state(elements: Elements, shown: Shown) -> PresentationState:
    day = _text(elements, "PresentationCreationDate")
    moment = _text(elements, "PresentationCreationTime")
    dated = {"00080023": {"Value": [day]}, "00080033": {"Value": [moment]}}
    return PresentationState(
        sop_instance_uid=_text(elements, "SOPInstanceUID"),
        label=_text(elements, "ContentLabel"),
        description=_text(elements, "ContentDescription"),
        created=created(dated),
        creator=" ".join(_text(elements, "ContentCreatorName").replace("^", " ").split()),
        shown=shown,
    )


def _images(elements: Elements) -> Iterator[Facts]:
    left = MAX_IMAGES
    for series in attributes.items(elements, "ReferencedSeriesSequence"):
        for reference in attributes.items(series, "ReferencedImageSequence")[:left]:
            left -= 1
            frames = [n for n in attributes.integers(reference, "ReferencedFrameNumber") if n > 0]
            yield {
                "series": _text(series, "SeriesInstanceUID"),
                "instance": _text(reference, "ReferencedSOPInstanceUID"),
                "frames": frames or None,
            }


def _shown(state: State) -> Shown:
    elements = state.header.data_set
    grey = shades(state, Shades(slope=_UNSAID))
    rotation = (attributes.integer(elements, "ImageRotation") or 0) // _QUARTER % _TURNS * _QUARTER
    annotations = _annotations(state)
    return Shown(
        window=None if grey.window is None else grey.window._asdict(),
        voi_lut=lut_facts(grey.voi_lut),
        modality=_modality(grey),
        presentation_lut=lut_facts(grey.presentation_lut),
        inverted=grey.inverted,
        coloured=elements.holds("RedPaletteColorLookupTableDescriptor"),
        shutter=shutter_value(state),
        rotation=rotation,
        flipped=attributes.text(elements, "ImageHorizontalFlip") == "Y",
        area=_area(state),
        graphics=list(_graphics(annotations)),
        texts=list(_texts(annotations)),
    )


def _modality(grey: Shades) -> Facts | None:
    if grey.slope == _UNSAID:
        return None
    return {
        "slope": grey.slope,
        "intercept": grey.intercept,
        "modalityLut": lut_facts(grey.modality_lut),
    }


def _area(state: State) -> Facts | None:
    """Return the displayed area as corners of pixels (PS3.3 C.10.4), None for the whole image."""
    area = next(iter(state.chosen("DisplayedAreaSelectionSequence")), None)
    if area is None:
        return None
    first = attributes.integers(area, "DisplayedAreaTopLeftHandCorner")
    last = attributes.integers(area, "DisplayedAreaBottomRightHandCorner")
    if len(first) != _PAIR or len(last) != _PAIR:
        return None
    # The corners are what is top left after turning: in the image it may be any corner.
    pairs = [sorted(pair) for pair in zip(first, last, strict=True)]
    return {
        "topLeft": [low - 1 for low, _ in pairs],
        "bottomRight": [high for _, high in pairs],
    }


def _annotations(state: State) -> Sequence[Elements]:
    """Return what is drawn on the image, the lowest layer first."""
    orders = {
        attributes.text(layer, "GraphicLayer"): attributes.integer(layer, "GraphicLayerOrder") or 0
        for layer in attributes.items(state.header.data_set, "GraphicLayerSequence")
    }

    def order(annotation: Elements) -> int:
        return orders.get(attributes.text(annotation, "GraphicLayer"), 0)

    return sorted(state.chosen("GraphicAnnotationSequence"), key=order)


def _objects(annotations: Sequence[Elements], sequence: str) -> Iterator[Elements]:
    left = MAX_OBJECTS
    for annotation in annotations:
        for item in attributes.items(annotation, sequence)[:left]:
            left -= 1
            yield item


def _graphics(annotations: Sequence[Elements]) -> Iterator[Facts]:
    for item in _objects(annotations, "GraphicObjectSequence"):
        kind = _KINDS.get(attributes.text(item, "GraphicType"))
        points = _points(item, "GraphicData")
        if kind is not None and points:
            yield {
                "kind": kind,
                "points": points,
                "filled": attributes.text(item, "GraphicFilled") == "Y",
                "onDisplay": attributes.text(item, "GraphicAnnotationUnits") == "DISPLAY",
            }


def _texts(annotations: Sequence[Elements]) -> Iterator[Facts]:
    for item in _objects(annotations, "TextObjectSequence"):
        words = _text(item, "UnformattedTextValue")
        corners = (
            *_points(item, "BoundingBoxTopLeftHandCorner")[:1],
            *_points(item, "BoundingBoxBottomRightHandCorner")[:1],
        )
        box = list(corners) if len(corners) == _PAIR else None
        anchor = next(iter(_points(item, "AnchorPoint")), None)
        units = {
            "box": attributes.text(item, "BoundingBoxAnnotationUnits"),
            "anchor": attributes.text(item, "AnchorPointAnnotationUnits"),
        }
        if box is not None and anchor is not None and units["box"] != units["anchor"]:
            # One is of the image and the other of the screen: the box is where the text stands.
            anchor = None
        if words and (box or anchor):
            unit = units["box" if box else "anchor"]
            yield {"text": words, "anchor": anchor, "box": box, "onDisplay": unit == "DISPLAY"}


def _points(item: Elements, name: str) -> list[list[float]]:
    numbers = attributes.decimals(item, name)[: 2 * MAX_POINTS]
    return [[column, row] for column, row in zip(numbers[::2], numbers[1::2], strict=False)]


def _text(elements: Elements, name: str) -> str:
    return str(attributes.first(elements, name) or "")
