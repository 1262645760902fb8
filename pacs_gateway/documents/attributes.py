"""Values taken out of the DICOM JSON model (PS3.18 F.2), whatever stands in it.

Invariant: no function raises, and none returns anything but the type it says: a missing, empty or
mistyped attribute is an empty text, an empty tuple or None.
"""

import math
from typing import Any

from storage.records import DicomJson


def values(model: DicomJson, tag: str) -> tuple[Any, ...]:
    """Return the values of an attribute that are not empty."""
    element = model.get(tag)
    found = element.get("Value") if isinstance(element, dict) else None
    if not isinstance(found, list):
        return ()
    return tuple(value for value in found if value is not None)


def items(model: DicomJson, tag: str) -> tuple[DicomJson, ...]:
    """Return the items of a sequence."""
    return tuple(item for item in values(model, tag) if isinstance(item, dict))


def item(model: DicomJson, tag: str) -> DicomJson:
    """Return the first item of a sequence, an empty one if there is none."""
    return next(iter(items(model, tag)), {})


def texts(model: DicomJson, tag: str) -> tuple[str, ...]:
    """Return every value as text, numbers as they would be written."""
    return tuple(_text(value) for value in values(model, tag))


def text(model: DicomJson, tag: str) -> str:
    """Return the first value as text."""
    return next(iter(texts(model, tag)), "")


def number(model: DicomJson, tag: str) -> float | None:
    """Return the first value as a finite number."""
    return next(iter(numbers(model, tag)), None)


def numbers(model: DicomJson, tag: str) -> tuple[float, ...]:
    """Return the values that are finite numbers."""
    found = (_number(value) for value in values(model, tag))
    return tuple(value for value in found if value is not None)


def integer(model: DicomJson, tag: str) -> int:
    """Return the first value as a whole number, 0 if it is none."""
    value = number(model, tag)
    return int(value) if value is not None else 0


def integers(model: DicomJson, tag: str) -> tuple[int, ...]:
    """Return the values that are numbers, without their fractions."""
    return tuple(int(value) for value in numbers(model, tag))


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return _name(value)
    if isinstance(value, float) and value.is_integer():
        # DS 12 travels through JSON as 12.0, which nobody measured.
        return str(int(value))
    return str(value).strip()


def _name(groups: dict[str, Any]) -> str:
    """Return a person name in the order of its components, which Vietnamese names are written in."""
    for group in ("Alphabetic", "Ideographic", "Phonetic"):
        family, given, middle, prefix, suffix = (f"{groups.get(group) or ''}^^^^".split("^"))[:5]
        if words := f"{prefix} {family} {given} {middle} {suffix}".split():
            return " ".join(words)
    return ""


def _number(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None
