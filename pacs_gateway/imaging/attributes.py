"""Values of a header, read one by one: what cannot be read counts as absent.

Headers are hostile or plain wrong often enough that one bad value must not hide the others.
"""

from collections.abc import Sequence
from typing import Any

from pacs_gateway.imaging.dataset import Elements, Items, Name

_HUGE = 1e30
"""Decimal strings beyond this, and `nan`, are no value of any device."""
_NO_NUMBER = (OverflowError, TypeError, ValueError)


def value(data_set: Elements, name: Name) -> Any:
    """Return the value of an attribute as `Elements.get` does, None if there is none."""
    return data_set.get(name)


def values(data_set: Elements, name: Name) -> Sequence[Any]:
    """Return all values of an attribute, none if there is none."""
    found = data_set.get(name)
    if found is None:
        return ()
    return found if isinstance(found, (list, Items)) else (found,)


def first(data_set: Elements, name: Name) -> Any:
    """Return the first value of an attribute, None if there is none."""
    return next(iter(values(data_set, name)), None)


def text(data_set: Elements, name: Name) -> str:
    """Return the first value of a code string in upper case, without spaces around."""
    return str(first(data_set, name) or "").strip().upper()


def integer(data_set: Elements, name: Name) -> int | None:
    """Return the first value as a whole number."""
    try:
        return int(first(data_set, name))
    except _NO_NUMBER:
        return None


def integers(data_set: Elements, name: Name) -> Sequence[int]:
    """Return all values as whole numbers, none if one of them is no number."""
    try:
        return tuple(int(each) for each in values(data_set, name))
    except _NO_NUMBER:
        return ()


def decimal(data_set: Elements, name: Name) -> float | None:
    """Return the first value as a number that a device may mean."""
    try:
        number = float(first(data_set, name))
    except _NO_NUMBER:
        return None
    return number if -_HUGE < number < _HUGE else None


def decimals(data_set: Elements, name: Name) -> Sequence[float]:
    """Return all values as numbers, none if one of them is no number."""
    try:
        numbers = tuple(float(each) for each in values(data_set, name))
    except _NO_NUMBER:
        return ()
    return numbers if all(-_HUGE < number < _HUGE for number in numbers) else ()


def item(data_set: Elements, name: Name, index: int = 0) -> Elements | None:
    """Return one item of a sequence, None if there is none."""
    found = items(data_set, name)
    return found[index] if 0 <= index < len(found) else None


def items(data_set: Elements, name: Name) -> Sequence[Elements]:
    """Return the items of a sequence, none if it is absent or damaged."""
    found = data_set.get(name)
    return found if isinstance(found, Items) else ()
