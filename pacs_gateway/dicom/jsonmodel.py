"""Header elements to the DICOM JSON model (PS3.18 F.2), and that to pydicom for query answers.

Invariant: whatever the elements hold, the model is plain JSON without NaN, its keys ascend, and
each attribute has at most one of Value, InlineBinary and BulkDataURI. A value that cannot be read
as its VR says is given as the bytes it is, under VR UN.

This differs from pydicom's `to_json_dict` in: no group lengths; Specific Character Set is always
ISO_IR 192, since JSON is UTF-8; numbers beyond 2**53 and those that are none stay text; codes lose
spaces on both sides; big endian words are swapped; an empty value among others is null.
"""

import base64
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as PydicomSequence

from pacs_gateway.dicom import charset, values
from pacs_gateway.dicom.charset import Charset
from pacs_gateway.dicom.elements import KNOWN_VRS, DataSet, Element
from pacs_gateway.dicom.transcode import swapped
from storage.records import DicomJson

SPECIFIC_CHARACTER_SET = 0x00080005
_PIXEL_REPRESENTATION = 0x00280103
_NO_DATA_GROUPS = frozenset({0x0002, 0xFFFE})
"""File meta information, and delimiters that strayed out of their sequence."""
_UTF_8_DECLARED = {"vr": "CS", "Value": [charset.ISO_IR_192]}

_WORDS = {"OB": 1, "OD": 8, "OF": 4, "OL": 4, "OV": 8, "OW": 2, "UN": 1}
"""VRs of opaque bytes, with the bytes of the words they are made of."""

_MAX_DECIMAL_STRING = 16
"""Characters of a DS (PS3.5 6.2)."""


def to_json(data_set: DataSet, *, inline_limit: int) -> DicomJson:
    """Return the model of a whole header.

    Opaque values of more than `inline_limit` bytes, and pixel data, become a BulkDataURI relative
    to the instance: `bulkdata/` and the path of tags and item numbers (from 0) to the value.
    """
    return _Converter(inline_limit).data_set(data_set, _Scope(Charset(), signed=False, path=""))


@dataclass(frozen=True, slots=True)
class _Scope:
    """What the elements of a data set inherit from those around it."""

    charset: Charset
    signed: bool
    path: str


@dataclass(frozen=True, slots=True)
class _Converter:
    inline_limit: int

    def data_set(self, data_set: DataSet, around: _Scope) -> DicomJson:
        scope = _scope(data_set, around)
        model: DicomJson = {}
        top_level = not around.path
        for tag in sorted({*data_set, SPECIFIC_CHARACTER_SET} if top_level else data_set):
            if tag == SPECIFIC_CHARACTER_SET:
                model[f"{tag:08X}"] = dict(_UTF_8_DECLARED)
            elif tag & 0xFFFF and tag >> 16 not in _NO_DATA_GROUPS:
                element = data_set[tag]
                if element.items is None:
                    model[f"{tag:08X}"] = self._attribute(element, scope)
                else:
                    model[f"{tag:08X}"] = self._sequence(tag, element.items, scope)
        return model

    def _attribute(self, element: Element, scope: _Scope) -> DicomJson:
        vr = _definite_vr(element.vr, signed=scope.signed)
        if element.value is None:
            return {"vr": vr, "BulkDataURI": _uri(element.tag, scope)}
        if not element.value:
            return {"vr": vr}
        if vr in _WORDS:
            return self._opaque(vr, element, scope)
        try:
            found = values.read(vr, element.value, scope.charset, big_endian=element.big_endian)
        except (ValueError, struct.error):
            return self._opaque("UN", element, scope)
        return {"vr": vr, "Value": found} if any(v is not None for v in found) else {"vr": vr}

    def _sequence(self, tag: int, items: Any, scope: _Scope) -> DicomJson:
        models = []
        # A level of nesting costs two calls, no more: elements.MAX_DEPTH counts on it.
        for number, item in enumerate(items):
            path = f"{scope.path}{tag:08X}/{number}/"
            model = self.data_set(item, _Scope(scope.charset, scope.signed, path))
            models.append(model)
        return {"vr": "SQ", "Value": models} if models else {"vr": "SQ"}

    def _opaque(self, vr: str, element: Element, scope: _Scope) -> DicomJson:
        value = element.value or b""
        if len(value) > self.inline_limit:
            return {"vr": vr, "BulkDataURI": _uri(element.tag, scope)}
        if element.big_endian:
            value = swapped(value, _WORDS[vr])
        return {"vr": vr, "InlineBinary": base64.b64encode(value).decode("ascii")}


def _uri(tag: int, scope: _Scope) -> str:
    return f"bulkdata/{scope.path}{tag:08X}"


def _definite_vr(vr: str, *, signed: bool) -> str:
    """Return one VR where the dictionary leaves a choice (PS3.5 A.1, PS3.3 C.7.6.3)."""
    if vr in KNOWN_VRS:
        return vr
    if "OW" in vr:
        return "OW"
    return "SS" if signed else "US"


def _scope(data_set: DataSet, around: _Scope) -> _Scope:
    declared = data_set.get(SPECIFIC_CHARACTER_SET)
    representation = data_set.get(_PIXEL_REPRESENTATION)
    if around.path and declared is None and representation is None:
        return around
    chosen, signed = around.charset, around.signed
    if declared is not None or not around.path:
        chosen = charset.choose((declared and declared.value) or b"", _texts(data_set))
    if representation is not None and representation.value:
        signed = any(representation.value)
    return _Scope(chosen, signed, around.path)


def _texts(data_set: DataSet) -> Iterator[bytes]:
    """Yield every text that the data set's own Specific Character Set applies to."""
    for element in data_set.values():
        if element.value and element.vr in values.CHARSET_VRS:
            yield element.value
        for item in element.items or ():
            if SPECIFIC_CHARACTER_SET not in item:
                yield from _texts(item)


def to_dataset(model: DicomJson) -> Dataset:
    """Return a data set to be sent, from the model of a query answer.

    Bulk data is left out; a value that cannot stand in its VR makes the element empty. Nothing is
    validated: what devices sent is what devices ask for.
    """
    data_set = Dataset()
    for name, attribute in model.items():
        if "BulkDataURI" in attribute:
            continue
        tag, vr = int(name, 16), attribute["vr"]
        try:
            element = _element(tag, vr, attribute)
        except (ArithmeticError, AttributeError, TypeError, ValueError):
            element = _element(tag, vr, {})
        data_set.add(element)
    return data_set


def _element(tag: int, vr: str, attribute: DicomJson) -> DataElement:
    if "InlineBinary" in attribute:
        value: Any = base64.b64decode(attribute["InlineBinary"])
    elif vr == "SQ":
        value = PydicomSequence(to_dataset(item) for item in attribute.get("Value", ()))
    else:
        found = [_plain(vr, each) for each in attribute.get("Value", ())]
        value = found[0] if len(found) == 1 else found or None
    return DataElement(tag, vr, value, validation_mode=config.IGNORE)


def _plain(vr: str, value: Any) -> Any:
    """Return one JSON value as pydicom takes it."""
    if value is None:
        return ""
    return _PLAIN.get(vr, str)(value)


def _person_name(groups: Mapping[str, str]) -> str:
    return "=".join(groups.get(kind, "") for kind in values.PERSON_NAME_GROUPS).rstrip("=")


def _decimal_string(number: float | str) -> str:
    text = str(number)
    return text if len(text) <= _MAX_DECIMAL_STRING else f"{float(number):.8e}"


def _tag(name: str) -> int:
    return int(name, 16)


_PLAIN: Mapping[str, Callable[[Any], Any]] = {
    "AT": _tag,
    "DS": _decimal_string,
    "FD": float,
    "FL": float,
    "PN": _person_name,
    **dict.fromkeys(("SL", "SS", "SV", "UL", "US", "UV"), int),
}
