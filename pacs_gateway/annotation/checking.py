"""What a measurement may be: everything else is refused before anything is written."""

import math
from collections.abc import Mapping, Sequence

from pacs_gateway.annotation.evidence import Evidence
from pacs_gateway.annotation.values import Frame, Kind, Measurement, Quantity, Unit
from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.errors import BadRequestError

_POINTS = {
    Kind.LENGTH: 2,
    Kind.ANGLE: 3,
    Kind.COBB: 4,
    Kind.ELLIPSE: 4,
    Kind.RECTANGLE: 4,
    Kind.ARROW: 2,
    Kind.PROBE: 1,
}
_CORNERS = 3
_STATISTICS = {Quantity.MEAN, Quantity.DEVIATION, Quantity.MINIMUM, Quantity.MAXIMUM}
_REGION = {Quantity.AREA, Quantity.LENGTH, *_STATISTICS}
_QUANTITIES = {
    Kind.LENGTH: {Quantity.LENGTH},
    Kind.ANGLE: {Quantity.ANGLE},
    Kind.COBB: {Quantity.ANGLE},
    Kind.ELLIPSE: _REGION,
    Kind.RECTANGLE: _REGION,
    Kind.FREEHAND: _REGION,
    Kind.ARROW: set[Quantity](),
    Kind.PROBE: {Quantity.VALUE},
}
_ALWAYS_SAY = frozenset({Kind.LENGTH, Kind.ANGLE, Kind.COBB})
_GREY = {Unit.HOUNSFIELD, Unit.NONE}
_UNITS = {
    Quantity.LENGTH: {Unit.MILLIMETRE, Unit.PIXEL},
    Quantity.ANGLE: {Unit.DEGREE},
    Quantity.AREA: {Unit.SQUARE_MILLIMETRE, Unit.SQUARE_PIXEL},
    **dict.fromkeys((*_STATISTICS, Quantity.VALUE), _GREY),
}
_LARGEST = 1e12
"""Nothing that is measured in an image is larger, and a decimal string holds it."""


def check_measurements(
    measurements: Sequence[Measurement], images: Mapping[str, Evidence], *, max_points: int
) -> None:
    """Raise BadRequestError, which names the first that is wrong by its place, counted from 1."""
    seen: set[str] = set()
    for place, each in enumerate(measurements, 1):
        fault = _fault(each, images, max_points)
        if fault is None and each.uid in seen:
            fault = "its id is there twice"
        if fault:
            raise BadRequestError(f"Measurement {place} ({each.kind}) is not taken: {fault}.")
        seen.add(each.uid)


def check_frames(frames: Sequence[Frame], images: Mapping[str, Evidence]) -> None:
    """Raise BadRequestError if a frame is not there, or named twice."""
    for frame in frames:
        fault = _fault_of_frame(frame, images)
        if fault:
            raise BadRequestError(f"A key image is not taken: {fault}.")
    if len(set(frames)) != len(frames):
        raise BadRequestError("A key image is named twice.")


def _fault(each: Measurement, images: Mapping[str, Evidence], max_points: int) -> str | None:
    if not is_uid(each.uid):
        return "its id is no UID"
    return (
        _fault_of_frame(each.frame, images)
        or _fault_of_points(each, images[each.frame.sop_instance_uid], max_points)
        or _fault_of_values(each)
    )


def _fault_of_frame(frame: Frame, images: Mapping[str, Evidence]) -> str | None:
    image = images.get(frame.sop_instance_uid)
    if image is None or image.series_uid != frame.series_uid or not image.rows:
        return "its image is not in this study"
    if not 1 <= frame.number <= image.frames:
        return f"its image has {image.frames} frames"
    return None


def _fault_of_points(each: Measurement, image: Evidence, max_points: int) -> str | None:
    count = len(each.points)
    if each.kind is Kind.FREEHAND:
        if not _CORNERS <= count <= max_points:
            return f"an outline has {_CORNERS} to {max_points} points"
    elif count != _POINTS[each.kind]:
        return f"it has {_POINTS[each.kind]} points"
    # Whatever is compared with not a number is false.
    if not all(0 <= c <= image.columns and 0 <= r <= image.rows for c, r in each.points):
        return "a point is outside of the image"
    return None


def _fault_of_values(each: Measurement) -> str | None:
    quantities = [value.quantity for value in each.values]
    if len(set(quantities)) != len(quantities):
        return "a value is there twice"
    if each.kind in _ALWAYS_SAY and not quantities:
        return "it says nothing"
    for value in each.values:
        if value.quantity not in _QUANTITIES[each.kind]:
            return f"it has no {value.quantity}"
        if value.unit not in _UNITS[value.quantity]:
            return f"{value.unit} is no unit of {value.quantity}"
        if not math.isfinite(value.number) or abs(value.number) > _LARGEST:
            return f"its {value.quantity} is no number"
    return None
