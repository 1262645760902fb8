"""Keys of C-FIND, C-MOVE, C-GET and QIDO-RS alike, by the matching rules of PS3.4 C.2.2.2."""

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pacs_gateway.dicom.attributes import Attribute, attribute_of
from pacs_gateway.dicom.levels import is_computed, level_of
from pacs_gateway.dicom.names import fold
from pacs_gateway.errors import QueryError
from storage.records import MATCHING_KEYS, KeptMatch, Level, Match, MatchKind, QuerySpec

NEVER_MATCHED = frozenset({"SpecificCharacterSet", "QueryRetrieveLevel", "TimezoneOffsetFromUTC"})
"""Keys that say how a query is meant (PS3.4 C.2.2.2, C.4.1.1.3.1); they select nothing."""
UNIQUE_KEYS: Mapping[Level, str] = {
    Level.PATIENT: "PatientID",
    Level.STUDY: "StudyInstanceUID",
    Level.SERIES: "SeriesInstanceUID",
    Level.IMAGE: "SOPInstanceUID",
}
"""The key that tells one entity of a level from all others (PS3.4 C.6.1.1, C.6.2.1)."""

MAX_CHARACTERS = 1024
"""Characters in a value that is not a list; the index keeps keys of at most 512."""
MAX_VALUES = 100
MAX_UIDS = 10_000
"""Unique keys in one list, as when a viewer retrieves chosen images; SQLite takes 32,766 in all."""
MAX_KEPT_KEYS = 16
"""Keys of one query that no column holds; each reads the attributes of every row it is asked of."""
NO_VALUE = '""'
"""The key that asks for a missing value, where that is asked for at all (PS3.4 C.2.2.2.7)."""

_WILDCARD_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
_LISTED_VRS = frozenset({"AE", "AS", "AT", "CS", "LO", "PN", "SH", "UC"})
"""VRs of Multiple Value Matching (PS3.4 C.2.2.2.8)."""
_INTEGER_VRS = frozenset({"IS", "SL", "SS", "SV", "UL", "US", "UV"})
_DECIMAL_VRS = frozenset({"DS", "FD", "FL"})
_OPAQUE_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "UN"})
_MAX_INTEGER = 2**31 - 1
# A day that the calendar lacks may still end a range: 99999999 is a common "until ever".
_DATE = re.compile(r"([0-9]{4})\.?([0-9]{2})\.?([0-9]{2})")
_TIME = re.compile(r"([0-9]{2}):?(?:([0-9]{2}):?(?:([0-9]{2})(\.[0-9]{1,6})?)?)?")
# Zones are not taken: in a range, their minus could not be told from that of the range.
_MOMENT = re.compile(r"([0-9]{4}(?:[0-9]{2}){0,4}|[0-9]{14}(?:\.[0-9]{1,6})?)")
_INTEGER = re.compile(r"[+-]?[0-9]{1,10}")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")

Comparison = tuple[MatchKind, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """What the index is asked, and which keys it could not be asked for."""

    spec: QuerySpec
    unsupported: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Key:
    """One key that can be matched."""

    keyword: str
    vr: str
    multiple: bool
    """Whether the attribute may have several values."""
    folded: bool
    """Whether the index keeps names without marks and case for it."""


@dataclass(frozen=True, slots=True)
class _Semantics:
    """What a query asks for beyond the basic rules (PS3.4 C.5.1.1.2)."""

    fuzzy: bool
    empty_values: bool
    every_value: bool


def parse_keys(
    level: Level,
    keys: Mapping[str, str],
    *,
    fuzzy: bool = False,
    empty_values: bool = False,
    every_value: bool = False,
    limit: int | None = None,
    offset: int = 0,
) -> ParsedQuery:
    """Return the query that `keys` (values by keyword, or by path of keywords, as sent) ask for.

    An empty value matches everything. With `fuzzy`, the words of names are matched by their
    beginnings. With `empty_values`, two quotation marks match what has no value (C.2.2.2.7); with
    `every_value`, an attribute must have each of several values (C.2.2.2.8), else any of them.

    Raises QueryError for a value that its VR does not allow, naming the key.
    """
    semantics = _Semantics(fuzzy, empty_values, every_value)
    matches: list[Match | KeptMatch] = []
    unsupported = []
    for keyword, raw in keys.items():
        # The index keeps its keys in this Unicode form (dicom.keys).
        value = unicodedata.normalize("NFC", raw.strip(" \0"))
        if not value or keyword in NEVER_MATCHED:
            continue
        found = _matches(keyword, value, semantics)
        if found is not None:
            matches += found
        elif set(value) != {"*"}:
            unsupported.append(keyword)
    if sum(isinstance(match, KeptMatch) for match in matches) > MAX_KEPT_KEYS:
        raise QueryError(f"At most {MAX_KEPT_KEYS} keys that have no index are taken at once.")
    spec = QuerySpec(level=level, matches=tuple(matches), limit=limit, offset=offset)
    return ParsedQuery(spec, tuple(unsupported))


def _matches(
    keyword: str, value: str, semantics: _Semantics
) -> list[Match] | list[KeptMatch] | None:
    """Return the matches of one key, none if it matches everything, None if it cannot be matched."""
    attribute = attribute_of(keyword)
    if keyword in MATCHING_KEYS:
        vr = MATCHING_KEYS[keyword][1]
        key = _Key(keyword, vr, multiple=bool(attribute and attribute.multiple), folded=vr == "PN")
        return [Match(keyword, *each) for each in _comparisons(key, value, semantics)]
    level = level_of(attribute.tags[0]) if attribute else None
    if attribute is None or level is None or not _is_comparable(attribute, value, semantics):
        return None
    key = _Key(keyword, attribute.vr, attribute.multiple, folded=False)
    return [
        KeptMatch(level=level, path=attribute.tags, vr=attribute.vr, kind=kind, values=values)
        for kind, values in _comparisons(key, value, semantics)
    ]


def _is_comparable(attribute: Attribute, value: str, semantics: _Semantics) -> bool:
    if is_computed(attribute.tags[0]):
        return False
    return attribute.vr not in _OPAQUE_VRS or (semantics.empty_values and value == NO_VALUE)


def _comparisons(key: _Key, value: str, semantics: _Semantics) -> Iterator[Comparison]:
    """Yield what an attribute must fulfil; nothing if any value will do."""
    _check_text(key, value)
    if semantics.empty_values and value == NO_VALUE:
        yield MatchKind.EMPTY, ()
    elif semantics.every_value and key.multiple and key.vr in _LISTED_VRS and "\\" in value:
        for part in _parts(key, value, r"\\"):
            if "*" in part or "?" in part:
                raise QueryError(f"{key.keyword} has wildcards in a list of values.")
            yield from _single(key, part, semantics)
    else:
        yield from _single(key, value, semantics)


def _single(key: _Key, value: str, semantics: _Semantics) -> Iterator[Comparison]:
    """Yield the comparisons with a value that is no list, or a list of alternatives."""
    if key.vr in _WILDCARD_VRS and set(value) == {"*"}:
        return
    if key.vr == "PN":
        yield from _name(key, value, fuzzy=semantics.fuzzy)
    elif key.vr in _NORMAL:
        yield _range(key, value)
    elif key.vr in _WILDCARD_VRS and ("*" in value or "?" in value):
        if "\\" in value:
            raise QueryError(f"{key.keyword} has wildcards in a list of values.")
        yield MatchKind.WILDCARD, (value,)
    elif key.vr in _INTEGER_VRS | _DECIMAL_VRS:
        yield MatchKind.EQUAL, (_number(key, value),)
    else:
        # UIDs may be listed (PS3.4 C.2.2.2.2). Several values of a code are alternatives: an
        # extension that the conformance statement names.
        separator = r"[\\,]" if key.vr == "UI" else r"\\"
        yield MatchKind.EQUAL, _parts(key, value, separator)


def _check_text(key: _Key, value: str) -> None:
    """Refuse what no index could hold; lists of UIDs are measured by their number of values."""
    if _CONTROL_CHARACTER.search(value):
        raise QueryError(f"{key.keyword} has a control character in its value.")
    if key.vr != "UI" and len(value) > MAX_CHARACTERS:
        raise QueryError(
            f"{key.keyword} has {len(value)} characters; at most {MAX_CHARACTERS} count."
        )


def _name(key: _Key, value: str, *, fuzzy: bool) -> Iterator[Comparison]:
    folded = fold(value.replace("*", " ") if fuzzy else value)
    if not folded.strip("* "):
        return
    if key.folded:
        yield MatchKind.FUZZY if fuzzy else MatchKind.NAME, (folded,)
    elif fuzzy:
        words = re.split(r"[\s^=*]+", value)
        yield from ((MatchKind.WILDCARD, (f"*{word}*",)) for word in words if word)
    else:
        yield MatchKind.WILDCARD, (value,)


def _parts(key: _Key, value: str, separator: str) -> tuple[str, ...]:
    found = (part.strip(" \0") for part in re.split(separator, value))
    parts = tuple(dict.fromkeys(part for part in found if part))
    most = MAX_UIDS if key.keyword in UNIQUE_KEYS.values() else MAX_VALUES
    if len(parts) > most:
        raise QueryError(f"{key.keyword} lists {len(parts)} values; at most {most} are taken.")
    if not parts:
        raise QueryError(f"{key.keyword} is a list without values.")
    return parts


def _number(key: _Key, value: str) -> str:
    if key.vr in _DECIMAL_VRS:
        if not _DECIMAL.fullmatch(value) or not math.isfinite(float(value)):
            raise QueryError(f"{key.keyword} is matched by one number, not by '{value[:20]}'.")
        return value
    if not _INTEGER.fullmatch(value) or abs(int(value)) > _MAX_INTEGER:
        raise QueryError(f"{key.keyword} is matched by one whole number, not by '{value[:20]}'.")
    return str(int(value))


def _range(key: _Key, value: str) -> Comparison:
    """Return the range `a`, `a-`, `-b` or `a-b` (PS3.4 C.2.2.2.5)."""
    low, dash, high = value.partition("-")
    ends = (_normal(key, low), _normal(key, high if dash else low))
    if not any(ends):
        raise QueryError(f"{key.keyword} has a range without ends.")
    return MatchKind.RANGE, ends


def _normal(key: _Key, text: str) -> str:
    """Return one end of a range as the index keeps such values; empty if it is open."""
    if not text.strip():
        return ""
    form, what = _NORMAL[key.vr]
    found = form.fullmatch(text.strip())
    if found is None:
        raise QueryError(f"{key.keyword} is not {what}.")
    return "".join(part or "" for part in found.groups())


_NORMAL: Mapping[str, tuple[re.Pattern[str], str]] = {
    "DA": (_DATE, "a date (YYYYMMDD) or a range of dates"),
    "DT": (_MOMENT, "a moment (YYYYMMDDHHMMSS.FFFFFF, without zone) or a range of moments"),
    "TM": (_TIME, "a time (HHMMSS) or a range of times"),
}
