"""Keys of C-FIND, C-MOVE, C-GET and QIDO-RS alike, by the matching rules of PS3.4 C.2.2.2."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from pacs_gateway.dicom.names import fold
from pacs_gateway.errors import QueryError
from storage.records import MATCHING_KEYS, Level, Match, MatchKind, QuerySpec

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

_WILDCARD_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
_INTEGER_VRS = frozenset({"IS", "US"})
_MAX_INTEGER = 2**31 - 1
# A day that the calendar lacks may still end a range: 99999999 is a common "until ever".
_DATE = re.compile(r"([0-9]{4})\.?([0-9]{2})\.?([0-9]{2})")
_TIME = re.compile(r"([0-9]{2}):?(?:([0-9]{2}):?(?:([0-9]{2})(\.[0-9]{1,6})?)?)?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,10}")
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")


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
        # The index keeps its keys in this Unicode form (dicom.keys).
        value = unicodedata.normalize("NFC", raw.strip(" \0"))
        if not value or keyword in NEVER_MATCHED:
            continue
        if keyword not in MATCHING_KEYS:
            if set(value) != {"*"}:
                unsupported.append(keyword)
            continue
        match = _match(keyword, value, fuzzy=fuzzy)
        if match is not None:
            matches.append(match)
    spec = QuerySpec(level=level, matches=tuple(matches), limit=limit, offset=offset)
    return ParsedQuery(spec, tuple(unsupported))


def _match(keyword: str, value: str, *, fuzzy: bool) -> Match | None:
    """Return the match of one key, None if it matches everything."""
    _check_text(keyword, value)
    vr = MATCHING_KEYS[keyword][1]
    if vr in _WILDCARD_VRS and set(value) == {"*"}:
        return None
    if vr == "PN":
        return _name(keyword, value, fuzzy=fuzzy)
    if vr in ("DA", "TM"):
        return _date_or_time(keyword, value, vr)
    if vr in _WILDCARD_VRS and ("*" in value or "?" in value):
        if "\\" in value:
            raise QueryError(f"{keyword} has wildcards in a list of values.")
        return Match(keyword, MatchKind.WILDCARD, (value,))
    if vr in _INTEGER_VRS:
        return Match(keyword, MatchKind.EQUAL, (_integer(keyword, value),))
    # UIDs may be listed (PS3.4 C.2.2.2.2). Several values of a code are alternatives: an extension
    # that the conformance statement names.
    separator = r"[\\,]" if vr == "UI" else r"\\"
    return Match(keyword, MatchKind.EQUAL, _parts(keyword, value, separator))


def _check_text(keyword: str, value: str) -> None:
    """Refuse what no index could hold; lists of UIDs are measured by their number of values."""
    if _CONTROL_CHARACTER.search(value):
        raise QueryError(f"{keyword} has a control character in its value.")
    if MATCHING_KEYS[keyword][1] != "UI" and len(value) > MAX_CHARACTERS:
        raise QueryError(f"{keyword} has {len(value)} characters; at most {MAX_CHARACTERS} count.")


def _name(keyword: str, value: str, *, fuzzy: bool) -> Match | None:
    folded = fold(value.replace("*", " ") if fuzzy else value)
    if not folded.strip("* "):
        return None
    return Match(keyword, MatchKind.FUZZY if fuzzy else MatchKind.NAME, (folded,))


def _parts(keyword: str, value: str, separator: str) -> tuple[str, ...]:
    found = (part.strip(" \0") for part in re.split(separator, value))
    parts = tuple(dict.fromkeys(part for part in found if part))
    most = MAX_UIDS if keyword in UNIQUE_KEYS.values() else MAX_VALUES
    if len(parts) > most:
        raise QueryError(f"{keyword} lists {len(parts)} values; at most {most} are taken.")
    if not parts:
        raise QueryError(f"{keyword} is a list without values.")
    return parts


def _integer(keyword: str, value: str) -> str:
    if not _INTEGER.fullmatch(value) or abs(int(value)) > _MAX_INTEGER:
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
