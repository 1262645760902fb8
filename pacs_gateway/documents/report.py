"""Structured Reports and Key Object Selections as trees of plain text (PS3.3 A.35, C.17.3, C.17.6).

Templates are not consulted: every content item is shown by its own name and value, so a report of
any template, private ones too, shows all that it says.

Invariant: for any model whatever, `report_of` returns a tree of at most `max_items` items and
MAX_DEPTH levels, or raises UnrenderableError; items by reference are named, never followed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pacs_gateway.documents import attributes
from pacs_gateway.documents.content import Item, Place, item_of
from pacs_gateway.documents.subject import Subject, subject_of
from pacs_gateway.errors import UnrenderableError
from storage.records import DicomJson

MAX_DEPTH = 64
"""Levels of content; the header reader stops at as many sequences (IngestSettings.max_depth)."""

_CONTENT = "0040A730"
_EVIDENCE = ("0040A375", "0040A385")
"""Current Requested Procedure Evidence and Pertinent Other Evidence Sequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Who verified or wrote the report."""

    name: str
    organization: str
    moment: str
    """Date and time of the verification, DT as sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole report."""

    subject: Subject
    root: Item
    """The root container; its name is the document title."""
    series_description: str
    manufacturer: str
    content_date: str
    content_time: str
    completion: str
    """COMPLETE, PARTIAL or nothing."""
    verification: str
    """VERIFIED, UNVERIFIED or nothing."""
    preliminary: bool
    verifiers: tuple[Observer, ...]
    authors: tuple[Observer, ...]
    names: Mapping[str, str]
    """Name of each item that another one refers to, by its number."""


def report_of(model: DicomJson, *, max_items: int) -> Report:
    """Return the report in the metadata of an SR object.

    Raises UnrenderableError if it has more than `max_items` content items or is nested too deep.
    """
    growing = _Growing(_places(model), max_items)
    root = growing.tree(model, number="1", depth=1)
    return Report(
        subject=subject_of(model),
        root=root,
        series_description=attributes.text(model, "0008103E"),
        manufacturer=attributes.text(model, "00080070"),
        content_date=attributes.text(model, "00080023"),
        content_time=attributes.text(model, "00080033"),
        completion=attributes.text(model, "0040A491"),
        verification=attributes.text(model, "0040A493"),
        preliminary=attributes.text(model, "0040A496") == "PRELIMINARY",
        verifiers=tuple(_verifier(each) for each in attributes.items(model, "0040A073")),
        authors=tuple(_author(each) for each in attributes.items(model, "0040A078")),
        names={n: name for n, name in growing.names.items() if n in growing.targets},
    )


class _Growing:
    """A tree in the making, counted."""

    def __init__(self, places: Mapping[str, Place], max_items: int) -> None:
        self._places = places
        self._max_items = max_items
        self.names: dict[str, str] = {}
        self.targets: set[str] = set()

    def tree(self, model: DicomJson, *, number: str, depth: int) -> Item:
        if depth > MAX_DEPTH:
            raise UnrenderableError(f"This report is nested deeper than {MAX_DEPTH} levels.")
        if len(self.names) >= self._max_items:
            raise UnrenderableError(f"This report has more than {self._max_items} content items.")
        self.names[number] = ""
        children = tuple(
            self.tree(child, number=f"{number}.{position}", depth=depth + 1)
            for position, child in enumerate(attributes.items(model, _CONTENT), start=1)
        )
        grown = item_of(model, number=number, places=self._places, children=children)
        self.names[number] = grown.name
        if grown.target:
            self.targets.add(grown.target)
        return grown


def _places(model: DicomJson) -> dict[str, Place]:
    """Return study and series of every SOP instance that the evidence names."""
    return {
        attributes.text(reference, "00081155"): Place(
            attributes.text(study, "0020000D"), attributes.text(series, "0020000E")
        )
        for tag in _EVIDENCE
        for study in attributes.items(model, tag)
        for series in attributes.items(study, "00081115")
        for reference in attributes.items(series, "00081199")
    }


def _verifier(model: DicomJson) -> Observer:
    return Observer(
        name=attributes.text(model, "0040A075"),
        organization=attributes.text(model, "0040A027"),
        moment=attributes.text(model, "0040A030"),
    )


def _author(model: DicomJson) -> Observer:
    return Observer(
        name=attributes.text(model, "0040A123"),
        organization=attributes.text(model, "00080080"),
        moment="",
    )
