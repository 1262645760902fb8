"""Matching of a query's keys with a data set in memory (PS3.4 C.2.2.2), in the DICOM JSON model.

Person names are compared folded and may be in any order of words, as the index compares them.
"""

import re
from collections.abc import Callable, Mapping

from pacs_gateway.dicom.names import fold
from pacs_gateway.errors import QueryError
from storage.records import DicomJson

_WILDCARD_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
_RANGE_VRS = frozenset({"DA", "DT", "TM"})
_NEVER_MATCHED = frozenset({"00080005", "00080052"})
_OLD_DATE = re.compile(r"([0-9]{4})\.([0-9]{2})\.([0-9]{2})")
"""How ACR-NEMA wrote days (PS3.5 6.2, DA)."""
_LENGTHS: Mapping[str, int] = {"DA": 8, "TM": 6, "DT": 14}


def matches(
    identifier: DicomJson, item: DicomJson, *, literal: frozenset[str] = frozenset()
) -> bool:
    """Return whether a data set fits every key; one without a value fits everything.

    Of the tags in `literal` the information model has single values only, without wildcards.

    Raises QueryError for a sequence key of several items.
    """
    return all(
        _fits(asked, item.get(name, {}), literal, is_literal=name in literal)
        for name, asked in identifier.items()
        if name not in _NEVER_MATCHED and asked.get("Value")
    )


def in_period(days: str, times: str, day: str, time: str) -> bool:
    """Return whether a moment lies from the first day's first time to the last day's last.

    So two ranges mean in a worklist (PS3.4 table K.6-1, Scheduled Procedure Step Start Time).
    """
    (first_day, _, last_day), (first_time, _, last_time) = days.partition("-"), times.partition("-")
    first = _plain_time(first_day) + _plain_time(first_time).ljust(_LENGTHS["TM"], "0")
    last = (_plain_time(last_day) or "9" * _LENGTHS["DA"]) + (
        _plain_time(last_time).ljust(_LENGTHS["TM"], "9")
    )
    return first <= _plain_time(day) + _plain_time(time).ljust(_LENGTHS["TM"], "0") <= last


def _fits(asked: DicomJson, known: DicomJson, literal: frozenset[str], *, is_literal: bool) -> bool:
    if asked["vr"] == "SQ":
        return _sequence_fits(asked, known, literal)
    keys = [text for each in asked["Value"] if (text := _text(each)) and text != "*"]
    if not keys:
        return True
    values = [_text(each) for each in known.get("Value", ())]
    fits = str.__eq__ if is_literal else _comparison(asked["vr"])
    return any(fits(key, value) for key in keys for value in values if value)


def _sequence_fits(asked: DicomJson, known: DicomJson, literal: frozenset[str]) -> bool:
    items = asked["Value"]
    if len(items) > 1:
        raise QueryError("A sequence of keys must have one item (PS3.4 C.2.2.2.6).")
    wanted = items[0]
    if not any(each.get("Value") for each in wanted.values()):
        return True
    return any(matches(wanted, each, literal=literal) for each in known.get("Value", ()))


def _comparison(vr: str) -> Callable[[str, str], bool]:
    if vr == "PN":
        return _name_fits
    if vr in _RANGE_VRS:
        length = _LENGTHS[vr]
        return lambda key, value: _time_fits(key, value, length)
    if vr in _WILDCARD_VRS:
        return lambda key, value: _like(key).fullmatch(value) is not None
    return str.__eq__


def _name_fits(key: str, value: str) -> bool:
    pattern, name = fold(key), fold(value)
    if "*" in pattern or "?" in pattern:
        return _like(pattern).fullmatch(name) is not None
    return sorted(pattern.split()) == sorted(name.split())


def _time_fits(key: str, value: str, length: int) -> bool:
    key, value = _plain_time(key), _plain_time(value)
    low, dash, high = key.partition("-")
    known = value.ljust(length, "0")[:length]
    if not dash:
        return known == low.ljust(length, "0")[:length]
    # An end that says the hour alone means the whole of that hour.
    return low[:length].ljust(length, "0") <= known <= (high[:length].ljust(length, "9") or "9")


def _plain_time(text: str) -> str:
    """Return a day or time in digits; fractions of seconds do not matter to a plan."""
    dated = _OLD_DATE.sub(r"\1\2\3", text)
    return re.sub(r"\.[0-9]+", "", dated.replace(":", "")).strip()


def _like(pattern: str) -> re.Pattern[str]:
    parts = (".*" if each == "*" else "." if each == "?" else re.escape(each) for each in pattern)
    return re.compile("".join(parts), re.DOTALL)


def _text(value: object) -> str:
    if isinstance(value, dict):
        return str(value.get("Alphabetic", "")).strip()
    return "" if value is None else str(value).strip()
