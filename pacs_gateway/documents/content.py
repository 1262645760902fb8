"""One content item of a Structured Report: its name and its value (PS3.3 C.17.3, C.18)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pacs_gateway.documents import attributes
from storage.records import DicomJson

CONTAINER = "CONTAINER"
BY_REFERENCE = "BY-REFERENCE"
"""Our name for an item that only points at another one (PS3.3 C.17.3.2.5), which has no type."""
REFERENCES = ("IMAGE", "COMPOSITE", "WAVEFORM")
COORDINATES = ("SCOORD", "SCOORD3D", "TCOORD")

_CONCEPT_NAME = "0040A043"
_REFERENCED_SOP = "00081199"
_TARGET = "0040DB73"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a referenced instance is to be found."""

    study_uid: str
    series_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One referenced SOP instance."""

    sop_class_uid: str
    sop_instance_uid: str
    frames: tuple[int, ...]
    segments: tuple[int, ...]
    channels: tuple[int, ...]
    """Pairs of multiplex group and channel, one after the other."""
    place: Place | None
    """None if the evidence of the report does not name the instance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinates:
    """Points in an image, in space or in time."""

    shape: str
    """POINT, POLYLINE, CIRCLE ... or SEGMENT, MULTIPOINT ... of a time range."""
    numbers: tuple[str, ...]
    dimensions: int
    """Numbers of one point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One content item and those below it."""

    number: str
    """Position in the tree, as in `1.2.4`; the root is 1."""
    relationship: str
    """CONTAINS, HAS OBS CONTEXT, HAS PROPERTIES ...; empty for the root."""
    kind: str
    """Value Type (0040,A040), or BY_REFERENCE."""
    name: str
    text: str
    """The value as sent: text, meaning of a code, number with unit, name, UID, DA, TM or DT."""
    qualifier: str
    """Why a number is missing, or what else is said of it."""
    running: bool
    """A container whose items are one running text."""
    reference: Reference | None
    coordinates: Coordinates | None
    target: str
    """Number of the item that a BY_REFERENCE points at."""
    children: tuple["Item", ...]


def item_of(
    model: DicomJson, *, number: str, places: Mapping[str, Place], children: tuple[Item, ...]
) -> Item:
    """Return one content item with the children already made."""
    target = ".".join(str(step) for step in attributes.integers(model, _TARGET))
    kind = BY_REFERENCE if target else attributes.text(model, "0040A040")
    read = _TEXTS.get(kind)
    return Item(
        number=number,
        relationship=attributes.text(model, "0040A010"),
        kind=kind,
        name=meaning(attributes.item(model, _CONCEPT_NAME)),
        text=read(model) if read else "",
        qualifier=", ".join(meaning(each) for each in attributes.items(model, "0040A301")),
        running=_is_prose(model, children),
        reference=_reference(model, places) if kind in REFERENCES else None,
        coordinates=_coordinates(model, kind) if kind in COORDINATES else None,
        target=target,
        children=children,
    )


def _is_prose(model: DicomJson, children: tuple[Item, ...]) -> bool:
    """Return whether the items of a container read as one text (PS3.3 C.18.8).

    Continuity of Content says so, but some writers set CONTINUOUS on every container; tables of
    measurements run together could not be read, so most of the items must be text.
    """
    if attributes.text(model, "0040A050") != "CONTINUOUS":
        return False
    texts = sum(child.kind == "TEXT" or child.running for child in children)
    return 2 * texts >= len(children) and all(
        child.running for child in children if child.kind == CONTAINER
    )


def meaning(code: DicomJson) -> str:
    """Return what a code means (PS3.3 8.8), the bare code if it does not say."""
    plain = ("00080100", "00080119", "00080120")
    return attributes.text(code, "00080104") or next(
        (value for tag in plain if (value := attributes.text(code, tag))), ""
    )


def unit(code: DicomJson) -> str:
    """Return a unit of measurement as it is printed; UCUM's code for no unit is 1."""
    value = attributes.text(code, "00080100")
    if value == "1" or value.startswith("{"):
        # In UCUM braces hold a remark such as {ratio}, which the meaning tells in words.
        words = meaning(code)
        return "" if words in ("1", "no units", "Unitary", "unity") else words.strip("{}")
    # UCUM writes units of its own in brackets: [hnsf'U], mm[Hg].
    return meaning(code) if "[" in value or not value else value


def _measurement(model: DicomJson) -> str:
    measured = attributes.item(model, "0040A300")
    value = attributes.text(measured, "0040A30A") or attributes.text(measured, "0040A161")
    return f"{value} {unit(attributes.item(measured, '004008EA'))}".strip() if value else ""


def _value_of(tag: str) -> Callable[[DicomJson], str]:
    return lambda model: "\\".join(attributes.texts(model, tag))


_TEXTS: Mapping[str, Callable[[DicomJson], str]] = {
    "TEXT": _value_of("0040A160"),
    "NUM": _measurement,
    "CODE": lambda model: meaning(attributes.item(model, "0040A168")),
    "PNAME": _value_of("0040A123"),
    "DATE": _value_of("0040A121"),
    "TIME": _value_of("0040A122"),
    "DATETIME": _value_of("0040A120"),
    "UIDREF": _value_of("0040A124"),
}


def _reference(model: DicomJson, places: Mapping[str, Place]) -> Reference | None:
    referenced = attributes.item(model, _REFERENCED_SOP)
    uid = attributes.text(referenced, "00081155")
    if not uid:
        return None
    return Reference(
        sop_class_uid=attributes.text(referenced, "00081150"),
        sop_instance_uid=uid,
        frames=attributes.integers(referenced, "00081160"),
        segments=attributes.integers(referenced, "0062000B"),
        channels=attributes.integers(referenced, "0040A0B0"),
        place=places.get(uid),
    )


def _coordinates(model: DicomJson, kind: str) -> Coordinates:
    if kind == "TCOORD":
        tags = ("0040A132", "0040A138", "0040A13A")
        found = next((each for tag in tags if (each := attributes.texts(model, tag))), ())
        return Coordinates(
            shape=attributes.text(model, "0040A130"), numbers=tuple(found), dimensions=1
        )
    return Coordinates(
        shape=attributes.text(model, "00700023"),
        # Single precision has no more digits than these to tell.
        numbers=tuple(f"{number:.7g}" for number in attributes.numbers(model, "00700022")),
        dimensions=3 if kind == "SCOORD3D" else 2,
    )
