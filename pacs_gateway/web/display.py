"""Attributes in the DICOM JSON model turned into what a person reads on a page.

Invariant: whatever a file carries (wrong types, impossible dates, markup in names), each function
returns plain text or nothing; escaping is the template's, which escapes everything.
"""

import re
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from pacs_gateway.web.language import Texts
from storage.records import DicomJson, Found

_STUDY_DATE = "00080020"
_STUDY_TIME = "00080030"
_ACCESSION_NUMBER = "00080050"
_MODALITY = "00080060"
_MODALITIES_IN_STUDY = "00080061"
_INSTITUTION_NAME = "00080080"
_REFERRING_PHYSICIAN_NAME = "00080090"
_STUDY_DESCRIPTION = "00081030"
_SERIES_DESCRIPTION = "0008103E"
_PATIENT_NAME = "00100010"
_PATIENT_ID = "00100020"
_PATIENT_BIRTH_DATE = "00100030"
_PATIENT_SEX = "00100040"
_STUDY_INSTANCE_UID = "0020000D"
_SERIES_INSTANCE_UID = "0020000E"
_STUDY_ID = "00200010"
_SERIES_NUMBER = "00200011"
_STUDY_SERIES = "00201206"
_STUDY_INSTANCES = "00201208"
_SERIES_INSTANCES = "00201209"

_DIGITS = re.compile("[0-9]+")
_LONGEST_INTEGER = 12
"""Characters of an Integer String (PS3.5 6.2)."""

_STORAGE = "1.2.840.10008.5.1.4.1.1."
_KINDS = (
    (f"{_STORAGE}104.1", "pdf"),
    (f"{_STORAGE}104.", "document"),
    (f"{_STORAGE}88.59", "key_objects"),
    (f"{_STORAGE}88.", "report"),
    (f"{_STORAGE}11.", "presentation"),
    (f"{_STORAGE}481.", "radiotherapy"),
    (f"{_STORAGE}66.4", "segmentation"),
    (f"{_STORAGE}66.5", "segmentation"),
    (f"{_STORAGE}66.1", "registration"),
    (f"{_STORAGE}66.3", "registration"),
    (f"{_STORAGE}66", "raw"),
    (f"{_STORAGE}9.", "waveform"),
)
"""Beginnings of SOP Class UIDs (PS3.4 B.5) and the kind of object each means, first match wins."""

MONTHS_TO_SIX_YEARS = 72
"""Vietnamese clinicians give the age of a child under six in months."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Whose images these are, as shown."""

    name: str
    patient_id: str
    birth_date: str
    age: str
    """At the time of the study, which is what the images show."""
    sex: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyView:
    """One study, as shown in the list and above its previews."""

    uid: str
    patient: Patient
    date: str
    time: str
    modalities: tuple[str, ...]
    description: str
    accession_number: str
    study_id: str
    referring_physician: str
    series_count: int
    instance_count: int
    conflict: bool
    received: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesView:
    """One series, as shown in the strip and above its images."""

    uid: str
    number: str
    modality: str
    description: str
    institution: str
    instance_count: int


def study_view(found: Found, texts: Texts) -> StudyView:
    """Return what a page shows of an answer at study level."""
    attributes = found.attributes
    day = _date(attributes, _STUDY_DATE)
    clock = _time(attributes, _STUDY_TIME)
    return StudyView(
        uid=_text(attributes, _STUDY_INSTANCE_UID),
        patient=_patient(attributes, texts, day),
        date=texts.date(day) if day else _text(attributes, _STUDY_DATE),
        time=texts.time(clock) if clock else "",
        modalities=tuple(_texts(attributes, _MODALITIES_IN_STUDY)),
        description=_text(attributes, _STUDY_DESCRIPTION),
        accession_number=_text(attributes, _ACCESSION_NUMBER),
        study_id=_text(attributes, _STUDY_ID),
        referring_physician=person_name(attributes.get(_REFERRING_PHYSICIAN_NAME)),
        series_count=_count(attributes, _STUDY_SERIES),
        instance_count=_count(attributes, _STUDY_INSTANCES),
        conflict=found.conflict,
        received=texts.moment(found.last_received),
    )


def series_view(found: Found) -> SeriesView:
    """Return what a page shows of an answer at series level."""
    attributes = found.attributes
    return SeriesView(
        uid=_text(attributes, _SERIES_INSTANCE_UID),
        number=_text(attributes, _SERIES_NUMBER),
        modality=_text(attributes, _MODALITY),
        description=_text(attributes, _SERIES_DESCRIPTION),
        institution=_text(attributes, _INSTITUTION_NAME),
        instance_count=_count(attributes, _SERIES_INSTANCES),
    )


def object_kind(sop_class_uid: str) -> str:
    """Return what an object without pixels is, `other` if nobody knows."""
    return next((kind for start, kind in _KINDS if sop_class_uid.startswith(start)), "other")


def person_name(element: Any) -> str:
    """Return a PN element as people write it: prefix, then the name in DICOM's order, then suffix.

    The order family, given, middle (PS3.5 6.2) is the one Vietnamese names are written in.
    """
    value = _first(element)
    groups = value if isinstance(value, dict) else {"Alphabetic": value}
    for group in ("Alphabetic", "Ideographic", "Phonetic"):
        family, given, middle, prefix, suffix = _components(groups.get(group))
        words = f"{prefix} {family} {given} {middle} {suffix}".split()
        if words:
            return " ".join(words)
    return ""


def age_at(birth: date, day: date, texts: Texts) -> str:
    """Return the age on `day` in whole years, months under six years, days under one month."""
    if birth > day:
        return ""
    months = (day.year - birth.year) * 12 + day.month - birth.month - (day.day < birth.day)
    if months >= MONTHS_TO_SIX_YEARS:
        return texts.count("age.years", months // 12)
    if months >= 1:
        return texts.count("age.months", months)
    return texts.count("age.days", (day - birth).days)


def _patient(attributes: DicomJson, texts: Texts, day: date | None) -> Patient:
    birth = _date(attributes, _PATIENT_BIRTH_DATE)
    sex = _text(attributes, _PATIENT_SEX)
    return Patient(
        name=person_name(attributes.get(_PATIENT_NAME)) or texts("patient.unnamed"),
        patient_id=_text(attributes, _PATIENT_ID),
        birth_date=texts.date(birth) if birth else _text(attributes, _PATIENT_BIRTH_DATE),
        age=age_at(birth, day, texts) if birth and day else "",
        sex=texts(f"sex.{sex}") if sex in ("M", "F", "O") else sex,
    )


def _components(group: Any) -> list[str]:
    parts = str(group or "").split("^")[:5]
    return [*parts, *[""] * (5 - len(parts))]


def _first(element: Any) -> Any:
    values = _values(element)
    return values[0] if values else None


def _values(element: Any) -> list[Any]:
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


def _text(attributes: DicomJson, tag: str) -> str:
    value = _first(attributes.get(tag))
    return "" if value is None else str(value).strip()


def _texts(attributes: DicomJson, tag: str) -> list[str]:
    return [str(value) for value in _values(attributes.get(tag)) if value]


def _count(attributes: DicomJson, tag: str) -> int:
    text = _text(attributes, tag)
    return int(text) if _DIGITS.fullmatch(text) and len(text) <= _LONGEST_INTEGER else 0


def _date(attributes: DicomJson, tag: str) -> date | None:
    text = _text(attributes, tag)
    if not _DIGITS.fullmatch(text) or len(text) != len("YYYYMMDD"):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def _time(attributes: DicomJson, tag: str) -> time | None:
    text = _text(attributes, tag)[: len("HHMM")]
    if not _DIGITS.fullmatch(text) or len(text) != len("HHMM"):
        return None
    try:
        return time(int(text[:2]), int(text[2:]))
    except ValueError:
        return None
