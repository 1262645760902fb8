"""Values of the DICOM JSON model to their bytes (PS3.18 F.2.3 to PS3.5 6.2), in UTF-8.

The way back from `values`. Each writer takes the members of `Value` and returns bytes that are not
yet padded; it raises ValueError with one sentence, which never holds the value itself, if they
cannot be of that VR.
"""

import math
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pacs_gateway.dicom.values import PERSON_NAME_GROUPS

_UTF_8 = "utf-8"
_SEPARATOR = "\\"
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_MAX_DECIMAL_CHARACTERS = 16
"""Characters of one value of DS (PS3.5 6.2)."""
_MAX_DIGITS = 15
"""Significant digits that DS has room for beside a point."""


def write(vr: str, values: Sequence[Any]) -> bytes:
    """Return the bytes of a VR that is neither a sequence nor opaque bytes.

    Raises ValueError.
    """
    if code := _BINARY.get(vr):
        return _numbers(code, values)
    if vr == "AT":
        return b"".join(map(_tag, values))
    if vr in _WHOLE_TEXTS:
        return _whole_text(values)
    text_of = _TEXTS.get(vr, _text)
    return _SEPARATOR.join(map(text_of, values)).encode(_UTF_8)


def padding(vr: str) -> bytes:
    """Return the byte that makes a value's length even (PS3.5 6.2)."""
    return b" " if vr in _PADDED_WITH_SPACE else b"\x00"


def _numbers(code: str, values: Sequence[Any]) -> bytes:
    read = _float if code in "fd" else _integer
    try:
        return struct.pack(f"<{len(values)}{code}", *map(read, values))
    except (OverflowError, struct.error) as error:
        raise ValueError("A number is beyond the range of its VR.") from error


def _integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    # SV and UV beyond 2**53 come as text, so that no reader rounds them.
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value)
    raise ValueError("A value is not the whole number that its VR asks for.")


def _float(value: Any) -> float:
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            # As text come NaN and the infinities, for which JSON has no number.
            return float(value)
        except (OverflowError, ValueError) as error:
            raise ValueError("A value is not the number that its VR asks for.") from error
    raise ValueError("A value is not the number that its VR asks for.")


def _tag(value: Any) -> bytes:
    if not isinstance(value, str) or _TAG.fullmatch(value) is None:
        raise ValueError("A value of AT is not eight hexadecimal digits.")
    return struct.pack("<HH", int(value[:4], 16), int(value[4:], 16))


def _whole_text(values: Sequence[Any]) -> bytes:
    if len(values) > 1:
        raise ValueError("There is more than the one value that its VR allows.")
    (value,) = values
    if value is not None and not isinstance(value, str):
        raise ValueError("A value is not the text that its VR asks for.")
    return (value or "").encode(_UTF_8)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str) and _SEPARATOR not in value:
        return value
    raise ValueError("A value is no text, or holds a backslash, which would make it two values.")


def _integer_string(value: Any) -> str:
    return _text(value) if value is None or isinstance(value, str) else str(_integer(value))


def _decimal_string(value: Any) -> str:
    """Return a DS; more digits than it has room for are rounded off."""
    if value is None or isinstance(value, str):
        return _text(value)
    number = _float(value)
    if not math.isfinite(number):
        raise ValueError("A number is beyond the range of its VR.")
    text = str(value)
    if len(text) <= _MAX_DECIMAL_CHARACTERS:
        return text
    shorter = (_short(f"{number:.{digits}g}") for digits in range(_MAX_DIGITS, 0, -1))
    return next(each for each in shorter if len(each) <= _MAX_DECIMAL_CHARACTERS)


def _short(text: str) -> str:
    """Return a decimal number without the zero before its point."""
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    return sign + (digits[1:] if digits.startswith("0.") else digits)


def _person_name(value: Any) -> str:
    if value is None or isinstance(value, str):
        return _text(value)
    if not isinstance(value, Mapping) or not value.keys() <= set(PERSON_NAME_GROUPS):
        raise ValueError("A value of PN is no object of Alphabetic, Ideographic and Phonetic.")
    groups = [_text(value.get(kind)) for kind in PERSON_NAME_GROUPS]
    if any("=" in group for group in groups):
        raise ValueError("A component group of PN holds an equals sign, which would end it.")
    return "=".join(groups).rstrip("=")


_BINARY: Mapping[str, str] = {
    "FD": "d",
    "FL": "f",
    "SL": "i",
    "SS": "h",
    "SV": "q",
    "UL": "I",
    "US": "H",
    "UV": "Q",
}
_WHOLE_TEXTS = frozenset({"LT", "ST", "UR", "UT"})
"""VRs of one value, in which a backslash is a character (PS3.5 6.2)."""
_TEXTS: Mapping[str, Callable[[Any], str]] = {
    "DS": _decimal_string,
    "IS": _integer_string,
    "PN": _person_name,
}
_PADDED_WITH_SPACE = frozenset(
    "AE AS CS DA DS DT IS LO LT PN SH ST TM UC UR UT".split()  # noqa: SIM905 - as in PS3.5 6.2
)
