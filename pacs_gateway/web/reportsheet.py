"""A Structured Report laid out for reading: headings in the reader's language, values as sent.

Invariant: a sheet holds plain text and addresses of this gateway only; escaping is the template's,
which escapes everything.
"""

from dataclasses import dataclass

from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.documents.content import (
    CONTAINER,
    Coordinates,
    Item,
    Reference,
)
from pacs_gateway.documents.report import Observer, Report
from pacs_gateway.documents.subject import Subject
from pacs_gateway.web.display import age_at
from pacs_gateway.web.language import Texts
from pacs_gateway.web.moments import day_of, shown_date, shown_moment, shown_time

SHOWN_POINTS = 6
"""Points of a contour that are printed; nobody reads more of them."""
MAX_LISTED_FRAMES = 20

_FLAGS = {
    "PARTIAL": ("document.flag.partial", "warn"),
    "COMPLETE": ("document.flag.complete", "info"),
    "VERIFIED": ("document.flag.verified", "info"),
    "UNVERIFIED": ("document.flag.unverified", "warn"),
}
_TYPES = {
    "IMAGE": "document.type.image",
    "COMPOSITE": "document.type.object",
    "WAVEFORM": "document.type.waveform",
    "SCOORD": "document.type.region",
    "SCOORD3D": "document.type.region",
    "TCOORD": "document.type.time_range",
}
_RELATIONSHIPS = {
    "INFERRED FROM": "document.relationship.inferred",
    "SELECTED FROM": "document.relationship.selected",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One line above the report."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Flag:
    """How far the report is to be trusted; `mood` is `info` or `warn`."""

    text: str
    mood: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One content item as shown."""

    number: str
    label: str
    value: str
    note: str
    address: str
    """Where the referenced instance or item is shown; empty if nowhere."""
    is_section: bool
    is_running: bool
    """A section whose entries are one running text."""
    is_context: bool
    """Said of the whole report rather than found by it."""
    entries: tuple["Entry", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A report as shown."""

    title: str
    flags: tuple[Flag, ...]
    facts: tuple[Fact, ...]
    entries: tuple[Entry, ...]


def sheet_of(report: Report, texts: Texts) -> Sheet:
    """Return the report as a person reads it."""
    title = report.root.name or report.series_description or texts("document.report")
    return Sheet(
        title=title,
        flags=_flags(report, texts),
        facts=(*subject_facts(report.subject, texts), *_report_facts(report, texts)),
        entries=tuple(_entry(child, report, texts) for child in report.root.children),
    )


def subject_facts(subject: Subject, texts: Texts) -> tuple[Fact, ...]:
    """Return patient and study, without what is not known."""
    birth, day = day_of(subject.birth_date), day_of(subject.study_date)
    age = age_at(birth, day, texts) if birth and day else ""
    born = shown_date(subject.birth_date, texts)
    sex = texts(f"sex.{subject.sex}") if subject.sex in ("M", "F", "O") else subject.sex
    when = f"{shown_date(subject.study_date, texts)} {shown_time(subject.study_time)}".strip()
    lines = (
        ("document.patient", subject.patient_name or texts("patient.unnamed")),
        ("document.patient_id", subject.patient_id),
        ("document.born", f"{born} ({age})" if age else born),
        ("document.sex", sex),
        ("document.study_date", when),
        ("document.study", subject.study_description),
        ("document.accession", subject.accession_number),
        ("document.referring", subject.referring_physician),
        ("document.institution", subject.institution),
    )
    return tuple(Fact(texts(key), value) for key, value in lines if value)


def _report_facts(report: Report, texts: Texts) -> tuple[Fact, ...]:
    date_, time_ = shown_date(report.content_date, texts), shown_time(report.content_time)
    lines = [
        ("document.written", f"{date_} {time_}".strip()),
        *(("document.author", _observer(each, texts)) for each in report.authors),
        *(("document.verified_by", _observer(each, texts)) for each in report.verifiers),
        ("document.device", report.manufacturer),
    ]
    return tuple(Fact(texts(key), value) for key, value in lines if value)


def _observer(observer: Observer, texts: Texts) -> str:
    pieces = (observer.name, observer.organization, shown_moment(observer.moment, texts))
    return ", ".join(filter(None, pieces))


def _flags(report: Report, texts: Texts) -> tuple[Flag, ...]:
    states = (report.completion, report.verification)
    known = [_FLAGS[state] for state in states if state in _FLAGS]
    if report.preliminary:
        known.append(("document.flag.preliminary", "warn"))
    return tuple(Flag(texts(key), mood) for key, mood in known)


def _entry(item: Item, report: Report, texts: Texts) -> Entry:
    relationship = _RELATIONSHIPS.get(item.relationship)
    notes = (item.qualifier, texts(relationship) if relationship else "")
    return Entry(
        number=item.number,
        label=item.name or (texts("document.type.item") if item.target else ""),
        value=_value(item, report, texts),
        note=", ".join(filter(None, notes)),
        address=_address(item),
        is_section=item.kind == CONTAINER,
        is_running=item.running,
        is_context=item.relationship == "HAS OBS CONTEXT",
        entries=tuple(_entry(child, report, texts) for child in item.children),
    )


def _value(item: Item, report: Report, texts: Texts) -> str:
    if item.reference is not None:
        return _referenced(item.reference, item.kind, texts)
    if item.coordinates is not None:
        return _points(item.coordinates, item.kind, texts)
    match item.kind:
        case "DATE":
            return shown_date(item.text, texts)
        case "TIME":
            return shown_time(item.text)
        case "DATETIME":
            return shown_moment(item.text, texts)
    # The number of the item that this one refers to, if it does, is found in no other place.
    return f"{item.target} {report.names.get(item.target, '')}".strip() or item.text


def _referenced(reference: Reference, kind: str, texts: Texts) -> str:
    details = (
        ("document.reference.frames", reference.frames),
        ("document.reference.segments", reference.segments),
        ("document.reference.channels", reference.channels),
    )
    listed = [texts(key, numbers=_listed(found)) for key, found in details if found]
    return ", ".join((texts(_TYPES[kind]), *listed))


def _listed(numbers: tuple[int, ...]) -> str:
    more = " …" if len(numbers) > MAX_LISTED_FRAMES else ""
    return ", ".join(map(str, numbers[:MAX_LISTED_FRAMES])) + more


def _points(coordinates: Coordinates, kind: str, texts: Texts) -> str:
    numbers, step = coordinates.numbers, coordinates.dimensions
    points = [numbers[at : at + step] for at in range(0, len(numbers), step)]
    shown = " ".join(f"({', '.join(point)})" for point in points[:SHOWN_POINTS])
    more = " …" if len(points) > SHOWN_POINTS else ""
    count = texts.count("document.points", len(points))
    return f"{texts(_TYPES[kind])}, {coordinates.shape}, {count}: {shown}{more}"


def _address(item: Item) -> str:
    if item.target:
        return f"#item-{item.target}"
    reference = item.reference
    if reference is None or reference.place is None:
        return ""
    uids = (reference.place.study_uid, reference.place.series_uid, reference.sop_instance_uid)
    if not all(map(is_uid, uids)):
        return ""
    study, series, instance = uids
    shown = f"/dicom-web/studies/{study}/series/{series}/instances/{instance}"
    if item.kind == "IMAGE" and reference.frames and reference.frames[0] > 1:
        return f"{shown}/frames/{reference.frames[0]}/rendered"
    return f"{shown}/rendered"
