"""Measurements as an SR of TID 1500, selected images as a KO of TID 2010 (PS3.16)."""

from collections.abc import Iterator, Mapping, Sequence

from pacs_gateway.annotation.concepts import (
    TITLES,
    UNITS,
    Code,
    method_of,
    quantity_code,
)
from pacs_gateway.annotation.document import (
    COMPREHENSIVE_SR,
    KEY_OBJECTS,
    Making,
    document,
    person_name,
)
from pacs_gateway.annotation.evidence import Evidence
from pacs_gateway.annotation.items import (
    CONTAINS,
    HAS_CONTEXT,
    HAS_MODIFIER,
    INFERRED_FROM,
    SOURCE,
    coded,
    container,
    coordinates,
    image,
    image_of,
    numeric,
    person,
    text,
    uid_reference,
)
from pacs_gateway.annotation.values import Frame, Kind, Measurement, Point, Title
from storage.records import DicomJson

REPORT = Code("126000", "DCM", "Imaging Measurement Report")
LANGUAGE = Code("121049", "DCM", "Language of Content Item and Descendants")
PROCEDURE = Code("121058", "DCM", "Procedure reported")
ANY_PROCEDURE = Code("363679005", "SCT", "Imaging procedure")
OBSERVER_TYPE = Code("121005", "DCM", "Observer Type")
PERSON = Code("121006", "DCM", "Person")
OBSERVER_NAME = Code("121008", "DCM", "Person Observer Name")
OBSERVER_LOGIN = Code("128774", "DCM", "Person Observer's Login Name")
MEASUREMENTS = Code("126010", "DCM", "Imaging Measurements")
GROUP = Code("125007", "DCM", "Measurement Group")
TRACKING_IDENTIFIER = Code("112039", "DCM", "Tracking Identifier")
TRACKING_UID = Code("112040", "DCM", "Tracking Unique Identifier")
METHOD = Code("370129005", "SCT", "Measurement Method")
REGION = Code("111030", "DCM", "Image Region")
DESCRIPTION = Code("113012", "DCM", "Key Object Description")

_LANGUAGES = {
    "vi": Code("vi", "RFC5646", "Vietnamese"),
    "en": Code("en", "RFC5646", "English"),
}
_LINES = frozenset({Kind.LENGTH, Kind.ANGLE, Kind.COBB})
"""Shapes that a value is inferred from; the others are regions that values are told of."""
_CLOSED = frozenset({Kind.RECTANGLE, Kind.FREEHAND})


def measurement_report(
    measurements: Sequence[Measurement], images: Mapping[str, Evidence], making: Making
) -> DicomJson:
    """Return a Comprehensive SR with checked measurements; `images` are all they are on."""
    groups = [_group(each, images[each.frame.sop_instance_uid]) for each in measurements]
    children = [
        coded(HAS_MODIFIER, LANGUAGE, _LANGUAGES[making.language]),
        *_observer(making),
        coded(HAS_MODIFIER, PROCEDURE, ANY_PROCEDURE),
        container(CONTAINS, MEASUREMENTS, groups),
    ]
    root = container("", REPORT, children, template="1500")
    return document(COMPREHENSIVE_SR, root, images, making)


def key_objects(
    title: Title,
    note: str,
    frames: Sequence[Frame],
    images: Mapping[str, Evidence],
    making: Making,
) -> DicomJson:
    """Return a Key Object Selection of checked frames."""
    numbers: dict[str, list[int]] = {}
    for frame in frames:
        numbers.setdefault(frame.sop_instance_uid, []).append(frame.number)
    children = [*_observer(making)]
    if note:
        children.append(text(CONTAINS, DESCRIPTION, note))
    children += [image(CONTAINS, images[uid], found) for uid, found in numbers.items()]
    root = container("", TITLES[title], children, template="2010")
    return document(KEY_OBJECTS, root, images, making)


def _observer(making: Making) -> Iterator[DicomJson]:
    """Yield who says it (TID 1002, TID 1003)."""
    yield coded(HAS_CONTEXT, OBSERVER_TYPE, PERSON)
    yield person(HAS_CONTEXT, OBSERVER_NAME, person_name(making.author) or making.login)
    yield text(HAS_CONTEXT, OBSERVER_LOGIN, making.login)


def _group(each: Measurement, evidence: Evidence) -> DicomJson:
    """Return a group of TID 1501 for lines, of TID 1410 for regions."""
    source = image_of(each.frame, evidence)
    children = [
        # The identifier must not be empty; where there is no label it repeats the UID.
        text(HAS_CONTEXT, TRACKING_IDENTIFIER, each.label or each.uid),
        uid_reference(HAS_CONTEXT, TRACKING_UID, each.uid),
        coded(HAS_MODIFIER, METHOD, method_of(each.kind)),
    ]
    shapes: Sequence[DicomJson] = ()
    if each.kind in _LINES:
        shapes = [
            coordinates(INFERRED_FROM, SOURCE, "POLYLINE", line, source) for line in _lines(each)
        ]
    else:
        shape, points = _region(each)
        children.append(coordinates(CONTAINS, REGION, shape, points, source))
    for value in each.values:
        name = quantity_code(each.kind, value.quantity, value.unit)
        children.append(numeric(name, value.number, UNITS[value.unit], shapes))
    template = "1501" if each.kind in _LINES else "1410"
    return container(CONTAINS, GROUP, children, template=template)


def _lines(each: Measurement) -> Sequence[Sequence[Point]]:
    if each.kind is Kind.COBB:
        return each.points[:2], each.points[2:]
    return (each.points,)


def _region(each: Measurement) -> tuple[str, Sequence[Point]]:
    """Return graphic type and points (PS3.3 C.18.6.1.2)."""
    if each.kind is Kind.PROBE:
        return "POINT", each.points
    if each.kind is Kind.ELLIPSE:
        return "ELLIPSE", each.points
    # An outline ends where it begins.
    return "POLYLINE", (*each.points, *(each.points[:1] if each.kind in _CLOSED else ()))
