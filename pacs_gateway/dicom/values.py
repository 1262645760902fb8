"""Encoded values to those of the DICOM JSON model (PS3.18 F.2.3): text, numbers, person names.

Each reader takes bytes that are not empty and returns a list with None for each empty value. It
raises ValueError or struct.error if the bytes cannot be of that VR.
"""

import math
import re
import struct
from collections.abc import Callable
from typing import Any

from pacs_gateway.dicom.charset import Charset

Values = list[Any]

CHARSET_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
"""VRs whose characters Specific Character Set decides (PS3.5 6.1.2.3)."""

PERSON_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_PADDING = " \x00"
# As the standard allows, within what every JSON reader keeps exact.
_INTEGER = re.compile(r"[+-]?[0-9]{1,15}")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_EXACT_IN_JSON = 2**53 - 1

_NUMBERS = {
    "FD": "d",
    "FL": "f",
    "SL": "i",
    "SS": "h",
    "SV": "q",
    "UL": "I",
    "US": "H",
    "UV": "Q",
}
_FLOATS = frozenset({"FD", "FL"})


def text_values(value: bytes, charset: Charset) -> Values:
    """Read a VR of which a backslash separates values (PS3.5 6.4)."""
    return [each.rstrip(_PADDING) or None for each in charset.decode(value).split("\\")]


def code_values(value: bytes, charset: Charset) -> Values:
    """Read a VR in which spaces on both sides mean nothing."""
    return [each.strip(_PADDING) or None for each in charset.decode(value).split("\\")]


def whole_text(value: bytes, charset: Charset) -> Values:
    """Read a VR that has one value, in which a backslash is a character."""
    return [charset.decode(value).rstrip(_PADDING) or None]


def person_names(value: bytes, charset: Charset) -> Values:
    """Read PN as objects of component groups (PS3.18 F.2.2)."""
    return [_person_name(each) for each in charset.decode(value).split("\\")]


def _person_name(text: str) -> dict[str, str] | None:
    groups = (group.rstrip(_PADDING) for group in text.split("=", 2))
    name = {kind: group for kind, group in zip(PERSON_NAME_GROUPS, groups, strict=False) if group}
    return name or None


def integer_strings(value: bytes, charset: Charset) -> Values:
    """Read IS; what is no integer stays text."""
    texts = code_values(value, charset)
    return [int(text) if text and _INTEGER.fullmatch(text) else text for text in texts]


def decimal_strings(value: bytes, charset: Charset) -> Values:
    """Read DS; what is no finite number stays text."""
    return [_decimal(text) if text else None for text in code_values(value, charset)]


def _decimal(text: str) -> float | str:
    number = float(text) if _DECIMAL.fullmatch(text) else math.nan
    return number if math.isfinite(number) else text


def numbers(vr: str, value: bytes, *, big_endian: bool) -> Values:
    """Read a binary number VR; what JSON has no number for becomes text."""
    code = _NUMBERS[vr]
    count = len(value) // struct.calcsize(f"={code}")
    found = struct.unpack(f"{'>' if big_endian else '<'}{count}{code}", value)
    if vr in _FLOATS:
        return [number if math.isfinite(number) else _not_finite(number) for number in found]
    return [number if abs(number) <= _EXACT_IN_JSON else str(number) for number in found]


def _not_finite(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


def tags(value: bytes, *, big_endian: bool) -> Values:
    """Read AT as eight hexadecimal digits each."""
    halves = struct.unpack(f"{'>' if big_endian else '<'}{len(value) // 2}H", value)
    pairs = zip(halves[::2], halves[1::2], strict=True)
    return [f"{group:04X}{number:04X}" for group, number in pairs]


TEXT_READERS: dict[str, Callable[[bytes, Charset], Values]] = {
    "AE": code_values,
    "AS": code_values,
    "CS": code_values,
    "DA": code_values,
    "DS": decimal_strings,
    "DT": code_values,
    "IS": integer_strings,
    "LO": text_values,
    "LT": whole_text,
    "PN": person_names,
    "SH": text_values,
    "ST": whole_text,
    "TM": code_values,
    "UC": text_values,
    "UI": code_values,
    "UR": whole_text,
    "UT": whole_text,
}


def read(vr: str, value: bytes, charset: Charset, *, big_endian: bool) -> Values:
    """Return the values of a VR that is neither a sequence nor opaque bytes."""
    if reader := TEXT_READERS.get(vr):
        return reader(value, charset)
    if vr == "AT":
        return tags(value, big_endian=big_endian)
    return numbers(vr, value, big_endian=big_endian)
