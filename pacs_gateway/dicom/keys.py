"""Matching keys as the index compares them: one spelling for each meaning (PS3.4 C.2.2.2).

Invariant: a key is in Unicode form C without control characters, is not empty and has at most
MAX_KEY_CHARACTERS; dates are YYYYMMDD, times HHMMSS or HHMMSS.FFFFFF, integers fit 32 bits. A
value that cannot be brought to that form is no key; the attribute shown to people keeps it as it
was sent.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from pydicom.datadict import tag_for_keyword

from pacs_gateway.dicom.attributes import REQUEST_ATTRIBUTES_SEQUENCE
from pacs_gateway.dicom.names import fold
from pacs_gateway.dicom.values import PERSON_NAME_GROUPS
from storage.records import FOLDED_KEYS, MATCHING_KEYS, DicomJson

MAX_KEY_CHARACTERS = 512
"""PostgreSQL indexes at most 2,704 bytes of a value, and a character may have four; LO has 64."""

_MAX_INTEGER = 2**31 - 1
_CONTROL_CHARACTERS = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)))
_DATE = re.compile(r"([0-9]{4})([.]?)([0-9]{2})\2([0-9]{2})")
_TIME = re.compile(
    r"([01][0-9]|2[0-3])(?:(:?)([0-5][0-9])(?:\2([0-5][0-9]|60)(?:\.([0-9]{1,6}))?)?)?"
)
_INTEGER = re.compile(r"[+-]?[0-9]{1,15}")
_COMPUTED = frozenset({"ModalitiesInStudy", "SOPClassesInStudy"})
_REQUESTED = frozenset({"RequestedProcedureID", "ScheduledProcedureStepID"})
_WARDS = ("RequestingService", "CurrentPatientLocation")


def matching_keys(model: DicomJson) -> dict[str, str]:
    """Return the keys of one instance by keyword; multiple values are joined by a backslash."""
    request = _first_item(model.get(_TAGS[REQUEST_ATTRIBUTES_SEQUENCE], {}))
    keys = {}
    for keyword, (_, vr) in MATCHING_KEYS.items():
        if keyword in _COMPUTED:
            continue
        attribute = (request if keyword in _REQUESTED else model).get(_TAGS[keyword], {})
        if key := _key(attribute, vr):
            keys[keyword] = key
    return keys


def folded_keys(keys: Mapping[str, str]) -> dict[str, str]:
    """Return the search forms of the keys that have one."""
    folded = {keyword: fold(keys[keyword]) for keyword in FOLDED_KEYS if keyword in keys}
    # Folding may lengthen a text: some characters decompose into several.
    return {keyword: text[:MAX_KEY_CHARACTERS] for keyword, text in folded.items() if text}


def ward(model: DicomJson) -> str:
    """Return the folded ward that requested the study, else where the patient lies, else nothing.

    Accounts of wards are compared with it, so that both are written in any way.
    """
    for keyword in _WARDS:
        if text := fold(_text(model.get(_TAGS[keyword], {}))):
            return text[:MAX_KEY_CHARACTERS]
    return ""


def patient_key(model: DicomJson, study_uid: str) -> str:
    """Return `ID|issuer`, both escaped, or `study:UID` when there is no Patient ID.

    The bar tells the two forms apart. An identity too long to index is represented by its digest,
    since cutting it could make two patients one.
    """
    patient_id = _text(model.get(_TAGS["PatientID"], {}))
    if not patient_id:
        return f"study:{study_uid}"
    issuer = _text(model.get(_TAGS["IssuerOfPatientID"], {}))
    key = f"{_escaped(patient_id)}|{_escaped(issuer)}"
    if len(key) <= MAX_KEY_CHARACTERS:
        return key
    return f"sha256:{hashlib.sha256(key.encode('utf-8')).hexdigest()}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|")


def _first_item(attribute: DicomJson) -> DicomJson:
    items: list[DicomJson] = attribute.get("Value", []) if attribute.get("vr") == "SQ" else []
    return items[0] if items else {}


def _key(attribute: DicomJson, vr: str) -> str:
    if normalise := _NORMALISED.get(vr):
        values = (normalise(_plain(value)) for value in _values(attribute))
        return "\\".join(value for value in values if value)[:MAX_KEY_CHARACTERS]
    return _text(attribute)[:MAX_KEY_CHARACTERS].rstrip()


def _text(attribute: DicomJson) -> str:
    return "\\".join(_plain(value) for value in _values(attribute)).strip("\\ ")


def _values(attribute: DicomJson) -> list[Any]:
    """Return the values of an attribute that can be text; a writer may have sent any VR."""
    if attribute.get("vr") == "SQ":
        return []
    values: list[Any] = attribute.get("Value", [])
    return values


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        groups = [value.get(kind, "").strip() for kind in PERSON_NAME_GROUPS]
        value = "=".join(groups).rstrip("=")
    text = "" if value is None else str(value)
    # Writers compose Vietnamese letters or not; as keys both are one.
    return unicodedata.normalize("NFC", text.translate(_CONTROL_CHARACTERS)).strip()


def _date(text: str) -> str:
    match = _DATE.fullmatch(text)
    if match is None:
        return ""
    year, _, month, day = match.groups()
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return ""
    return f"{year}{month}{day}"


def _time(text: str) -> str:
    match = _TIME.fullmatch(text)
    if match is None:
        return ""
    hours, _, minutes, seconds, fraction = match.groups()
    whole = f"{hours}{minutes or '00'}{seconds or '00'}"
    # Times compare as text, so a fraction always has six digits.
    return f"{whole}.{fraction:0<6}" if fraction else whole


def _integer(text: str) -> str:
    number = int(text) if _INTEGER.fullmatch(text) else None
    return str(number) if number is not None and abs(number) <= _MAX_INTEGER else ""


_NORMALISED: Mapping[str, Callable[[str], str]] = {
    "DA": _date,
    "IS": _integer,
    "TM": _time,
    "US": _integer,
}


def _tags() -> Mapping[str, str]:
    names = (*MATCHING_KEYS, REQUEST_ATTRIBUTES_SEQUENCE, *_WARDS)
    found = ((keyword, tag_for_keyword(keyword)) for keyword in names)
    return {keyword: f"{tag:08X}" for keyword, tag in found if tag is not None}


_TAGS = _tags()
