"""DICOM JSON model to the Native DICOM Model in XML (PS3.19 A.1), which PS3.18 8.7.3.1 asks for.

Invariant: whatever the model holds, the document is well-formed XML 1.0. Characters that XML
cannot hold, which escape sequences and form feeds in texts are, become U+FFFD.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from pydicom.datadict import keyword_for_tag

from storage.records import DicomJson

_NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
_BEGIN = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<NativeDicomModel xml:space="preserve" xmlns="{_NAMESPACE}">'
)
_END = "</NativeDicomModel>"
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_NAME_PARTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CREATORS = range(0x10, 0x100)
"""Element numbers that reserve a block of private elements (PS3.5 7.8.1)."""


def native_model(model: DicomJson) -> bytes:
    """Return one data set as an XML document."""
    return "".join((_BEGIN, *_data_set(model), _END)).encode("utf-8")


def _data_set(model: DicomJson) -> Iterator[str]:
    for name, attribute in sorted(model.items()):
        yield f"<DicomAttribute {_identity(name, attribute, model)}>"
        if "BulkDataURI" in attribute:
            yield f"<BulkData uri={quoteattr(_clean(attribute['BulkDataURI']))}/>"
        elif "InlineBinary" in attribute:
            yield f"<InlineBinary>{attribute['InlineBinary']}</InlineBinary>"
        else:
            yield from _values(attribute)
        yield "</DicomAttribute>"


def _identity(name: str, attribute: DicomJson, around: DicomJson) -> str:
    tag = int(name, 16)
    creator = _creator(tag, around)
    if creator is not None:
        # Its block may be another one in the next object, so it is left out (PS3.19 A.1.5.2).
        return (
            f'tag="{tag & 0xFFFF00FF:08X}" vr="{attribute["vr"]}"'
            f" privateCreator={quoteattr(_clean(creator))}"
        )
    keyword = keyword_for_tag(tag)
    named = f' keyword="{keyword}"' if keyword else ""
    return f'tag="{name}" vr="{attribute["vr"]}"{named}'


def _creator(tag: int, around: DicomJson) -> str | None:
    """Return who reserved the block of a private element, None if it is none."""
    group, block = tag >> 16, tag >> 8 & 0xFF
    if group % 2 == 0 or block not in _CREATORS:
        return None
    values = around.get(f"{group:04X}{block:04X}", {}).get("Value") or [None]
    return str(values[0]) if values[0] is not None else None


def _values(attribute: DicomJson) -> Iterator[str]:
    write = {"PN": _person_name, "SQ": _item}.get(attribute["vr"], _value)
    for number, value in enumerate(attribute.get("Value", ()), start=1):
        # A value that is empty keeps its place by the number of the one after it.
        if value is not None:
            yield from write(number, value)


def _value(number: int, value: object) -> Iterator[str]:
    yield f'<Value number="{number}">{escape(_clean(str(value)))}</Value>'


def _item(number: int, item: DicomJson) -> Iterator[str]:
    yield f'<Item number="{number}">'
    yield from _data_set(item)
    yield "</Item>"


def _person_name(number: int, groups: Mapping[str, Any]) -> Iterator[str]:
    yield f'<PersonName number="{number}">'
    for group in _NAME_GROUPS:
        if not groups.get(group):
            continue
        yield f"<{group}>"
        # What stands behind a fifth caret is no part that the model knows; it stays with the last.
        parts = str(groups[group]).split("^", len(_NAME_PARTS) - 1)
        for element, part in zip(_NAME_PARTS, parts, strict=False):
            if part:
                yield f"<{element}>{escape(_clean(part))}</{element}>"
        yield f"</{group}>"
    yield "</PersonName>"


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
