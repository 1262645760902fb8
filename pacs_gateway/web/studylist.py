"""The list of studies: filters of the page's address turned into queries, and their answers.

One box takes a name, a patient ID or an accession number. Its text is tried as each in turn, the
likelier first (a digit makes an identifier likelier), and the first way that finds a study
within the other filters is the one listed. The page says which it was and links to the others,
so nothing is hidden.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from pacs_gateway.archive.query import parse_keys
from storage.index import Index
from storage.reach import Reach
from storage.records import Found, Level

PER_PAGE = 50
LONGEST_TEXT = 64
"""Characters of a search; an LO value (PS3.5 6.2) has no more."""

PERIODS = {"today": timedelta(days=0), "week": timedelta(days=6)}
"""Name in the address and how far back it reaches; today counts."""
WAYS = ("name", "id", "accession")

_PAGE = re.compile("[0-9]{1,6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the address of the list asks for; anything senseless in it counts as not asked."""

    text: str = ""
    way: str = ""
    """One of `WAYS`, empty: the first that finds something."""
    period: str = ""
    """One of `PERIODS`, empty: any time, or the dates below."""
    first: date | None = None
    last: date | None = None
    modality: str = ""
    page: int = 1

    @property
    def narrowed(self) -> bool:
        """Whether anything but the page was chosen."""
        return bool(self.text or self.period or self.first or self.last or self.modality)

    @property
    def reversed(self) -> bool:
        """Whether the period ends before it begins."""
        return bool(self.first and self.last and self.first > self.last)

    def address(self, **changes: object) -> str:
        """Return the list's address with some filters changed, on the first page unless given."""
        query = {
            "q": self.text,
            "by": self.way,
            "period": self.period,
            "from": self.first,
            "to": self.last,
            "modality": self.modality,
            **changes,
        }
        chosen = urlencode({name: str(value) for name, value in query.items() if value})
        return f"/?{chosen}" if chosen else "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One page of the list."""

    studies: tuple[Found, ...]
    total: int
    found_by: str
    """The one of `WAYS` that found them, empty if no text was given or nothing was found."""


def read_filters(query: Mapping[str, str]) -> Filters:
    """Return the filters of an address; dates win over a named period."""
    # Control characters are in no name or number, and PostgreSQL refuses some of them.
    text = "".join(each if each.isprintable() else " " for each in query.get("q", ""))
    first, last = _date(query.get("from", "")), _date(query.get("to", ""))
    period = query.get("period", "")
    modality = query.get("modality", "").upper()
    way = query.get("by", "")
    return Filters(
        text=" ".join(text.replace("\\", " ").split())[:LONGEST_TEXT],
        way=way if way in WAYS else "",
        period=period if period in PERIODS and not (first or last) else "",
        first=first,
        last=last,
        modality=modality if modality.isascii() and modality.isalnum() else "",
        page=read_page(query),
    )


def read_page(query: Mapping[str, str]) -> int:
    """Return the number of the page that an address asks for, 1 unless it says so."""
    text = query.get("page", "")
    return max(int(text), 1) if _PAGE.fullmatch(text) else 1


def find_studies(index: Index, filters: Filters, today: date, *, reach: Reach) -> Listing:
    """Return one page of the studies within reach that pass the filters, newest first."""
    if filters.reversed:
        return Listing(studies=(), total=0, found_by="")
    others = _other_keys(filters, today)
    for way, keys, fuzzy in _attempts(filters):
        parsed = parse_keys(
            Level.STUDY,
            {**others, **keys},
            fuzzy=fuzzy,
            limit=PER_PAGE,
            offset=(filters.page - 1) * PER_PAGE,
        )
        total = index.count(parsed.spec, reach=reach)
        if total:
            found = tuple(index.search(parsed.spec, reach=reach))
            return Listing(studies=found, total=total, found_by=way)
    return Listing(studies=(), total=0, found_by="")


def _attempts(filters: Filters) -> Iterator[tuple[str, dict[str, str], bool]]:
    """Yield way, keys and whether to match fuzzily, in the order they are tried."""
    text = filters.text
    if not text:
        yield "", {}, False
        return
    has_digit = any(character.isdigit() for character in text)
    ways = ("id", "accession", "name") if has_digit else ("name", "id", "accession")
    for way in ways:
        if filters.way in ("", way):
            yield from _attempts_by(way, text)


def _attempts_by(way: str, text: str) -> Iterator[tuple[str, dict[str, str], bool]]:
    if way == "name":
        if not any(character.isalnum() for character in text):
            return  # Folding leaves nothing of it, and nothing would match every name.
        yield way, {"PatientName": text.replace("^", " ")}, True
        return
    keyword = "PatientID" if way == "id" else "AccessionNumber"
    # Identifiers match case-sensitively (PS3.4 C.2.2.2), and most hospitals write them in capitals.
    for spelling in dict.fromkeys((text, text.upper())):
        yield way, {keyword: f"{spelling}*"}, False


def _other_keys(filters: Filters, today: date) -> dict[str, str]:
    keys = {}
    if filters.period:
        keys["StudyDate"] = _range(today - PERIODS[filters.period], today)
    elif filters.first or filters.last:
        keys["StudyDate"] = _range(filters.first, filters.last)
    if filters.modality:
        keys["ModalitiesInStudy"] = filters.modality
    return keys


def _range(first: date | None, last: date | None) -> str:
    """Return a DA range (PS3.4 C.2.2.2.5); `%Y` would not fill years before 1000 with zeros."""
    ends = (day.isoformat().replace("-", "") if day else "" for day in (first, last))
    return "-".join(ends)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
