"""Measurements read back from Structured Reports, ours and others' (PS3.16 TID 1500).

Invariant: for any model whatever `measurements_of` returns measurements or nothing; what has no
place in an image of the study, or no shape of ours, is left out.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pacs_gateway.annotation import concepts
from pacs_gateway.annotation.content import (
    SeriesOf,
    author,
    children,
    code,
    created,
    frames_of,
    groups,
    kind_of,
    name,
    named,
    points_of,
    series_of,
)
from pacs_gateway.annotation.values import (
    Frame,
    Kind,
    Measurement,
    MeasurementReport,
    Point,
    Quantity,
    Value,
)
from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.documents import attributes
from storage.records import DicomJson

_GROUP = ("125007", "DCM")
_TRACKING_IDENTIFIER, _TRACKING_UID = ("112039", "DCM"), ("112040", "DCM")
_FINDING = ("121071", "DCM")
_METHODS = (("370129005", "SCT"), ("G-C036", "SRT"))
_DERIVATION = ("121401", "DCM")
_ENDS, _ANGLE, _CORNERS = 2, 3, 4
_KINDS = {"POINT": (Kind.PROBE, 1), "CIRCLE": (Kind.ELLIPSE, 2), "ELLIPSE": (Kind.ELLIPSE, 4)}
"""Shapes that mean one thing, with the points they need."""


@dataclass(frozen=True, slots=True)
class _Shape:
    graphic: str
    points: tuple[Point, ...]
    frame: Frame


def report_of(model: DicomJson, *, study_uid: str, at_most: int) -> MeasurementReport:
    """Return the measurements of one SR that lie in images of a study."""
    uid = attributes.text(model, "00080018")
    series = series_of(model)
    found = [
        measurement
        for place, group in enumerate(groups(model, _GROUP, at_most=at_most), 1)
        for measurement in _measurements(group, study_uid, series, seed=f"{uid} {place}")
    ]
    return MeasurementReport(
        sop_instance_uid=uid,
        created=created(model),
        author=author(model),
        measurements=tuple(found),
    )


def _measurements(
    group: DicomJson, study_uid: str, series: SeriesOf, *, seed: str
) -> Iterator[Measurement]:
    items = children(group)
    own = next((kind for m in _METHODS if (kind := _own_kind(named(items, m)))), None)
    if own is Kind.COBB:
        shapes = _two_lines(items, study_uid, series)
    else:
        shapes = _shapes(items, study_uid, series)
    for place, (shape, values) in enumerate(shapes.items(), 1):
        kind = own or _likely_kind(shape, values)
        if kind is None:
            continue
        tracked = attributes.text(named(items, _TRACKING_UID), "0040A124")
        uid = tracked if is_uid(tracked) and place == 1 else _made_up_uid(f"{seed} {place}")
        yield Measurement(
            uid=uid,
            kind=kind,
            frame=shape.frame,
            points=_points(shape, kind),
            values=tuple(values),
            label=_label(items, tracked, is_ours=own is not None),
        )


def _shapes(
    items: Sequence[DicomJson], study_uid: str, series: SeriesOf
) -> Mapping[_Shape, list[Value]]:
    """Return every shape of a group with the values that are inferred from it or told of it."""
    found: dict[_Shape, list[Value]] = {}
    for item in items:
        for shape in _shapes_at(item, study_uid, series):
            found.setdefault(shape, [])
    regions = list(found)
    for item in items:
        value = _value(item)
        sources = [s for child in children(item) for s in _shapes_at(child, study_uid, series)]
        for shape in sources or regions[:1]:
            told = found.setdefault(shape, [])
            if value and value.quantity not in {each.quantity for each in told}:
                told.append(value)
    return found


def _shapes_at(item: DicomJson, study_uid: str, series: SeriesOf) -> Iterator[_Shape]:
    if kind_of(item) != "SCOORD":
        return
    for source in children(item):
        frames = frames_of(source, study_uid, series)
        points = points_of(item)
        if frames and points:
            yield _Shape(attributes.text(item, "00700023"), points, frames[0])
            return


def _value(item: DicomJson) -> Value | None:
    measured = attributes.item(item, "0040A300")
    number = attributes.number(measured, "0040A161")
    if number is None:
        number = attributes.number(measured, "0040A30A")
    derivation = code(named(children(item), _DERIVATION), "0040A168")
    quantity = concepts.quantity_of(name(item), derivation)
    if number is None or quantity is None:
        return None
    converted = concepts.in_unit(number, code(measured, "004008EA")[0])
    return Value(quantity, *converted) if converted else None


def _own_kind(method: DicomJson) -> Kind | None:
    return concepts.kind_of(code(method, "0040A168"))


def _two_lines(
    items: Sequence[DicomJson], study_uid: str, series: SeriesOf
) -> Mapping[_Shape, list[Value]]:
    """Return the two lines of our Cobb angles, which may be the same, as one shape."""
    for item in items:
        lines = [s for child in children(item) for s in _shapes_at(child, study_uid, series)]
        value = _value(item)
        if value and len(lines) == _ENDS:
            points = (*lines[0].points, *lines[1].points)
            return {_Shape("POLYLINE", points, lines[0].frame): [value]}
    return {}


def _likely_kind(shape: _Shape, values: Sequence[Value]) -> Kind | None:
    """Return what others mean by a shape, None if we have nothing like it."""
    if shape.graphic == "POLYLINE":
        return _kind_of_line(shape.points, {value.quantity for value in values})
    found = _KINDS.get(shape.graphic)
    return found[0] if found and len(shape.points) >= found[1] else None


def _kind_of_line(points: Sequence[Point], quantities: set[Quantity]) -> Kind | None:
    if len(points) > _ANGLE and points[0] == points[-1]:
        return Kind.FREEHAND
    if len(points) == _ENDS:
        return Kind.LENGTH if Quantity.LENGTH in quantities else Kind.ARROW
    if Quantity.ANGLE in quantities:
        return {_ANGLE: Kind.ANGLE, _CORNERS: Kind.COBB}.get(len(points))
    return None


def _points(shape: _Shape, kind: Kind) -> tuple[Point, ...]:
    points = shape.points
    if kind in (Kind.FREEHAND, Kind.RECTANGLE) and points[0] == points[-1]:
        return points[:-1]
    if shape.graphic == "CIRCLE":
        (x, y), (edge_x, edge_y) = points[:2]
        radius = ((edge_x - x) ** 2 + (edge_y - y) ** 2) ** 0.5
        return (x - radius, y), (x + radius, y), (x, y - radius), (x, y + radius)
    return points


def _label(items: Sequence[DicomJson], tracked: str, *, is_ours: bool) -> str:
    """Return what people call it; programs put names of their tools into the identifier."""
    identifier = attributes.text(named(items, _TRACKING_IDENTIFIER), "0040A160")
    if is_ours:
        return "" if identifier == tracked else identifier
    finding = attributes.item(named(items, _FINDING), "0040A168")
    return attributes.text(finding, "00080104") or ("" if "@" in identifier else identifier)


def _made_up_uid(seed: str) -> str:
    """Return a UID that is the same whenever the same report is read."""
    return f"2.25.{int.from_bytes(hashlib.sha256(seed.encode()).digest()[:16])}"
