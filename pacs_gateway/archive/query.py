"""Keys of C-FIND, C-MOVE, C-GET and QIDO-RS alike, by the matching rules of PS3.4 C.2.2.2."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pacs_gateway.dicom.names import fold
from pacs_gateway.errors import QueryError
from storage.records import MATCHING_KEYS, Level, Match, MatchKind, QuerySpec

NEVER_MATCHED = frozenset({"SpecificCharacterSet", "QueryRetrieveLevel", "TimezoneOffsetFromUTC"})
"""Keys that say how a query is meant (PS3.4 C.2.2.2, C.4.1.1.3.1); they select nothing."""

_WILDCARD_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
_INTEGER_VRS = frozenset({"IS", "US"})
_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")
_TIME = re.compile(r"(\d{2}):?(?:(\d{2}):?(?:(\d{2})(\.\d{1,6})?)?)?")


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """What the index is asked, and which keys it could not be asked for."""

    spec: QuerySpec
    unsupported: tuple[str, ...]


def parse_keys(
    level: Level,
    keys: Mapping[str, str],
    *,
    fuzzy: bool = False,
    limit: int | None = None,
    offset: int = 0,
) -> ParsedQuery:
    """Return the query that `keys` (values by keyword, as sent) ask for.

    An empty value matches everything. With `fuzzy`, the words of names are matched by their
    beginnings.

    Raises QueryError for a value that its VR does not allow, naming the key.
    """
    matches, unsupported = [], []
    for keyword, raw in keys.items():
        value = raw.strip(" \0")
        if not value or keyword in NEVER_MATCHED:
            continue
        if keyword not in MATCHING_KEYS:
            unsupported.append(keyword)
            continue
        match = _match(keyword, value, fuzzy=fuzzy)
        if match is not None:
            matches.append(match)
    spec = QuerySpec(level=level, matches=tuple(matches), limit=limit, offset=offset)
    return ParsedQuery(spec, tuple(unsupported))


def _match(keyword: str, value: str, *, fuzzy: bool) -> Match | None:
    """Return the match of one key, None if it matches everything."""
    vr = MATCHING_KEYS[keyword][1]
    if vr in _WILDCARD_VRS and set(value) == {"*"}:
        return None
    if vr == "PN":
        folded = fold(value)
        kind = MatchKind.FUZZY if fuzzy else MatchKind.NAME
        return Match(keyword, kind, (folded.replace("*", ""),) if fuzzy else (folded,))
    if vr in ("DA", "TM"):
        return _date_or_time(keyword, value, vr)
    if vr == "UI":
        return Match(keyword, MatchKind.EQUAL, _parts(value, r"[\\,]"))
    if vr in _INTEGER_VRS:
        return Match(keyword, MatchKind.EQUAL, (_integer(keyword, value),))
    if "*" in value or "?" in value:
        return Match(keyword, MatchKind.WILDCARD, (value,))
    # Several values of a code are alternatives: an extension that the conformance statement names.
    return Match(keyword, MatchKind.EQUAL, _parts(value, r"\\"))


def _parts(value: str, separator: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in re.split(separator, value) if part.strip())


def _integer(keyword: str, value: str) -> str:
    if not re.fullmatch(r"[+-]?\d{1,10}", value):
        raise QueryError(f"{keyword} is matched by one whole number, not by '{value[:20]}'.")
    return str(int(value))


def _date_or_time(keyword: str, value: str, vr: str) -> Match:
    """Return the range `a`, `a-`, `-b` or `a-b` (PS3.4 C.2.2.2.5)."""
    normal = _normal_date if vr == "DA" else _normal_time
    low, dash, high = value.partition("-")
    ends = (normal(keyword, low), normal(keyword, high if dash else low))
    if not any(ends):
        raise QueryError(f"{keyword} has a range without ends.")
    return Match(keyword, MatchKind.RANGE, ends)


def _normal_date(keyword: str, text: str) -> str:
    if not text.strip():
        return ""
    found = _DATE.fullmatch(text.strip())
    if found is None:
        raise QueryError(f"{keyword} is not a date (YYYYMMDD) or a range of dates.")
    return "".join(found.groups())


def _normal_time(keyword: str, text: str) -> str:
    if not text.strip():
        return ""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise QueryError(f"{keyword} is not a time (HHMMSS) or a range of times.")
    return "".join(part or "" for part in found.groups())
