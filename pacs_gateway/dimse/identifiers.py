"""Identifiers of C-FIND, C-MOVE and C-GET: from bytes to keys, and from keys to matches.

Identifiers are read like the headers of images, by our own bounded walk: texts in any declared or
undeclared character set, and no value that a library would warn about in a log.
"""

from collections.abc import Iterator, Mapping
from io import BytesIO

from pydicom.datadict import keyword_for_tag
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import (
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
)

from pacs_gateway.archive.query import UNIQUE_KEYS
from pacs_gateway.dicom import deflate, elements, meta, part10
from pacs_gateway.dicom.jsonmodel import to_json
from pacs_gateway.dicom.values import PERSON_NAME_GROUPS
from pacs_gateway.dimse.receiving import MAX_OTHER_MESSAGE_BYTES
from pacs_gateway.errors import QueryError
from storage.records import MATCHING_KEYS, DicomJson, Level

QUERY_RETRIEVE_LEVEL = "00080052"
REQUEST_ATTRIBUTES_SEQUENCE = "00400275"

_LIMITS = part10.WalkLimits(
    max_depth=16, max_elements=10_000, max_header_bytes=MAX_OTHER_MESSAGE_BYTES
)
"""A query asks for some dozens of attributes, in sequences three deep at most."""
_MAX_INFLATE_RATIO = 250
_LEVELS = tuple(Level)
PATIENT_ROOT = frozenset(
    {
        PatientRootQueryRetrieveInformationModelFind,
        PatientRootQueryRetrieveInformationModelGet,
        PatientRootQueryRetrieveInformationModelMove,
    }
)


def decoded(identifier: BytesIO | None, context: PresentationContext) -> DicomJson:
    """Return the identifier of a request in the DICOM JSON model.

    Raises QueryError if there is none, NotADataSetError if its bytes are no data set.
    """
    if identifier is None:
        raise QueryError("The request came without an identifier.")
    syntax, data = str(context.transfer_syntax[0]), identifier.getvalue()
    if meta.is_deflated(syntax):
        limit = MAX_OTHER_MESSAGE_BYTES
        data = deflate.inflate([data], max_bytes=limit, max_ratio=_MAX_INFLATE_RATIO)
    implicit, big_endian = meta.byte_encoding(syntax)
    # Reading forgives what breaks off; a query that lost half its keys would find too much.
    part10.walk(data, 0, implicit=implicit, big_endian=big_endian, limits=_LIMITS)
    data_set = elements.read(data, 0, implicit=implicit, big_endian=big_endian)
    return to_json(data_set, inline_limit=MAX_OTHER_MESSAGE_BYTES)


def level_of(identifier: DicomJson, sop_class_uid: str) -> Level:
    """Return the Query/Retrieve Level.

    Raises QueryError if it is missing, unknown or none of the information model's.
    """
    try:
        level = Level(_text(identifier.get(QUERY_RETRIEVE_LEVEL, {})))
    except ValueError as error:
        raise QueryError("QueryRetrieveLevel must be PATIENT, STUDY, SERIES or IMAGE.") from error
    if level is Level.PATIENT and sop_class_uid not in PATIENT_ROOT:
        raise QueryError("The Study Root model has no PATIENT level.")
    return level


def keys_of(identifier: DicomJson) -> dict[str, str]:
    """Return the matching keys as text by keyword; Request Attributes gives those of its item.

    Raises QueryError for a value that cannot be text, or a sequence of several items.
    """
    return dict(_keys(identifier))


def check_hierarchy(level: Level, sop_class_uid: str, keys: Mapping[str, str]) -> None:
    """Demand one value of each unique key above the level (PS3.4 C.4.1.2.1, C.4.2.2.1).

    Raises QueryError naming the key that is missing or is no single value.
    """
    top = Level.PATIENT if sop_class_uid in PATIENT_ROOT else Level.STUDY
    for above in _LEVELS[_LEVELS.index(top) : _LEVELS.index(level)]:
        value = keys.get(UNIQUE_KEYS[above], "").strip()
        if not value or any(each in value for each in "\\*?"):
            raise QueryError(f"{UNIQUE_KEYS[above]} must be one value at the {level} level.")


def _keys(identifier: DicomJson) -> Iterator[tuple[str, str]]:
    for name, attribute in identifier.items():
        keyword = keyword_for_tag(int(name, 16))
        if not keyword:
            # Private attributes have no keyword, and no key of ours matches them.
            continue
        if attribute["vr"] == "SQ":
            if name == REQUEST_ATTRIBUTES_SEQUENCE:
                yield from _sequence_keys(keyword, attribute)
        elif "InlineBinary" not in attribute:
            yield keyword, _text(attribute)
        elif keyword in MATCHING_KEYS:
            raise QueryError(f"{keyword} has a value that cannot be read.")


def _sequence_keys(keyword: str, attribute: DicomJson) -> Iterator[tuple[str, str]]:
    items = attribute.get("Value", [])
    if len(items) > 1:
        raise QueryError(f"{keyword} must have one item (PS3.4 C.2.2.2.6).")
    for item in items:
        yield from _keys(item)


def _text(attribute: DicomJson) -> str:
    return "\\".join(_plain(value) for value in attribute.get("Value", ()))


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return "=".join(str(value.get(group, "")) for group in PERSON_NAME_GROUPS).rstrip("=")
    return "" if value is None else str(value)
