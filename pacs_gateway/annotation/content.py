"""Reading content trees of whatever maker: items are found by their codes, and nothing raises."""

import struct
from collections.abc import Iterator, Mapping, Sequence

from pacs_gateway.annotation.values import Frame, Point
from pacs_gateway.documents import attributes
from storage.records import DicomJson

_CHILDREN = "0040A730"
_EVIDENCE = ("0040A375", "0040A385")
_DIGITS_OF_SINGLE = (6, 7, 8, 9)
_MAX_PARTS = 2

CodeKey = tuple[str, str]
"""Value and scheme of a code."""

SeriesOf = Mapping[tuple[str, str], str]
"""Series of an instance, by the UIDs of its study and its own."""


def children(item: DicomJson) -> Sequence[DicomJson]:
    """Return the content items below one."""
    return attributes.items(item, _CHILDREN)


def kind_of(item: DicomJson) -> str:
    """Return the value type."""
    return attributes.text(item, "0040A040")


def code(item: DicomJson, tag: str) -> CodeKey:
    """Return the first code of a sequence, empty if there is none."""
    found = attributes.item(item, tag)
    return attributes.text(found, "00080100"), attributes.text(found, "00080102")


def name(item: DicomJson) -> CodeKey:
    """Return the concept name."""
    return code(item, "0040A043")


def named(items: Sequence[DicomJson], wanted: CodeKey) -> DicomJson:
    """Return the first item of a concept name, an empty one if there is none."""
    return next((each for each in items if name(each) == wanted), {})


def groups(model: DicomJson, wanted: CodeKey, *, at_most: int) -> Iterator[DicomJson]:
    """Yield the containers of a concept name, looking at no more than `at_most` items."""
    waiting = [model]
    left = at_most
    while waiting and left:
        left -= 1
        item = waiting.pop()
        if name(item) == wanted and kind_of(item) == "CONTAINER":
            yield item
        else:
            waiting += reversed(children(item))


def series_of(model: DicomJson) -> SeriesOf:
    """Return the series of each instance that the evidence names (PS3.3 C.17.2.3)."""
    return {
        (attributes.text(study, "0020000D"), attributes.text(reference, "00081155")): (
            attributes.text(series, "0020000E")
        )
        for tag in _EVIDENCE
        for study in attributes.items(model, tag)
        for series in attributes.items(study, "00081115")
        for reference in attributes.items(series, "00081199")
    }


def frames_of(item: DicomJson, study_uid: str, series: SeriesOf) -> Sequence[Frame]:
    """Return the frames of an IMAGE, none if it is not of the study; the first if it names none."""
    reference = attributes.item(item, "00081199")
    uid = attributes.text(reference, "00081155")
    series_uid = series.get((study_uid, uid), "")
    if not series_uid:
        return ()
    numbers = [each for each in attributes.integers(reference, "00081160") if each > 0] or [1]
    return [Frame(series_uid, uid, number) for number in numbers]


def points_of(item: DicomJson) -> tuple[Point, ...]:
    """Return the points of a SCOORD."""
    numbers = [_single(number) for number in attributes.numbers(item, "00700022")]
    return tuple(zip(numbers[::2], numbers[1::2], strict=False))


def created(model: DicomJson) -> str:
    """Return when the content was made, ISO 8601; empty if it does not say."""
    day, moment = attributes.text(model, "00080023"), attributes.text(model, "00080033")
    if len(day) != len("YYYYMMDD") or not day.isdecimal():
        return ""
    clock = moment[:6] if moment[:6].isdecimal() else ""
    parts = [clock[place : place + _MAX_PARTS].ljust(2, "0") for place in (0, 2, 4)]
    return f"{day[:4]}-{day[4:6]}-{day[6:]}T{':'.join(part or '00' for part in parts)}"


def author(model: DicomJson) -> str:
    """Return who made the content: an observer that it names, else who signed or wrote it."""
    observer = named(children(model), ("121008", "DCM"))
    for item, tag in (
        (observer, "0040A123"),
        (attributes.item(model, "0040A073"), "0040A075"),
        (attributes.item(model, "0040A078"), "0040A123"),
    ):
        if found := attributes.text(item, tag):
            return found
    return ""


def _single(number: float) -> float:
    """Return the shortest decimal number that is the same in single precision.

    Coordinates are kept in single precision, where 100.1 has become 100.0999984741211.
    """
    wanted = _packed(number)
    for digits in _DIGITS_OF_SINGLE:
        shorter = float(f"{number:.{digits}g}")
        if _packed(shorter) == wanted:
            return shorter
    return number


def _packed(number: float) -> bytes:
    try:
        return struct.pack("<f", number)
    except OverflowError:
        return b""
