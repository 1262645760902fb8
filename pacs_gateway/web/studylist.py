"""The list of studies: filters of the page's address turned into a worklist, and its studies.

One box takes a name, a patient ID, an accession number or words of the description. Its text is
tried as each in turn, the likelier first (a digit makes an identifier likelier), and the first way
that finds a study within the other filters is the one listed. The page says which it was and links
to the others, so nothing is hidden.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from types import MappingProxyType
from urllib.parse import urlencode

from pacs_gateway.dicom.names import fold
from storage.index import Index
from storage.narrowing import words_of
from storage.reach import Reach
from storage.records import Match, MatchKind
from storage.worklist import Part, Place, Sort, Status, Total, Wanted

PER_PAGE = 50
LONGEST_TEXT = 64
"""Characters of a search; an LO value (PS3.5 6.2) has no more."""

PERIODS = {
    "today": (timedelta(days=0), timedelta(days=0)),
    "yesterday": (timedelta(days=1), timedelta(days=1)),
    "week": (timedelta(days=6), timedelta(days=0)),
}
"""Name in the address, and how long ago it begins and ends; today counts."""
WAYS = ("name", "id", "accession", "description")
"""What the text of the box may be; each may also be asked for by a parameter of its own."""

_PAGE = re.compile("[0-9]{1,6}")
_UID = re.compile("[0-9.]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the address of the list asks for; anything senseless in it counts as not asked."""

    text: str = ""
    way: str = ""
    """One of `WAYS`, empty: the first that finds something."""
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Texts that are to be found in one way each."""
    period: str = ""
    """One of `PERIODS`, empty: any time, or the dates below."""
    first: date | None = None
    last: date | None = None
    modality: str = ""
    status: Status | None = None
    sort: Sort = Sort.DATE
    reverse: bool = False
    place: Place = field(default_factory=Place)

    @property
    def narrowed(self) -> bool:
        """Whether anything but order and place was chosen."""
        return bool(
            self.text
            or self.fields
            or self.period
            or self.first
            or self.last
            or self.modality
            or self.status
        )

    @property
    def backwards(self) -> bool:
        """Whether the period ends before it begins."""
        return bool(self.first and self.last and self.first > self.last)

    def address(self, **changes: object) -> str:
        """Return the list's address with some filters changed, at its top unless given."""
        query = {
            "q": self.text,
            "by": self.way,
            **self.fields,
            "period": self.period,
            "from": self.first,
            "to": self.last,
            "modality": self.modality,
            "status": self.status,
            "sort": sort_parameter(self.sort, reverse=self.reverse),
            **changes,
        }
        chosen = urlencode({name: str(value) for name, value in query.items() if value})
        return f"/?{chosen}" if chosen else "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One page of the list."""

    part: Part
    total: Total
    found_by: str
    """The one of `WAYS` that found them, or that has not looked at everything; else empty."""


NOTHING = Listing(
    part=Part(studies=(), more_before=False, more_after=False),
    total=Total(0, exact=True),
    found_by="",
)


def read_filters(query: Mapping[str, str]) -> Filters:
    """Return the filters of an address; dates win over a named period."""
    first, last = _date(query.get("from", "")), _date(query.get("to", ""))
    period, way = query.get("period", ""), query.get("by", "")
    modality, status = query.get("modality", "").upper(), query.get("status", "")
    sort, reverse = _sort(query.get("sort", ""))
    fields = {each: _text(query.get(each, "")) for each in WAYS}
    return Filters(
        text=_text(query.get("q", "")),
        way=way if way in WAYS else "",
        fields=MappingProxyType({each: text for each, text in fields.items() if text}),
        period=period if period in PERIODS and not (first or last) else "",
        first=first,
        last=last,
        modality=modality if modality.isascii() and modality.isalnum() else "",
        status=Status(status) if status in set(Status) else None,
        sort=sort,
        reverse=reverse,
        place=_place(query),
    )


def sort_parameter(sort: Sort, *, reverse: bool) -> str:
    """Return how an address names an order; the order that nobody chose has no name."""
    if sort is Sort.DATE and not reverse:
        return ""
    return f"-{sort}" if reverse else str(sort)


def read_page(query: Mapping[str, str]) -> int:
    """Return the number of the page that an address asks for, 1 unless it says so."""
    text = query.get("page", "")
    return max(int(text), 1) if _PAGE.fullmatch(text) else 1


def find_studies(
    index: Index, filters: Filters, today: date, *, quiet_since: datetime, reach: Reach
) -> Listing:
    """Return one page of the studies within reach that pass the filters."""
    unfinished = NOTHING
    for way, wanted in worklists(filters, today, quiet_since=quiet_since):
        part = index.list_part(wanted, place=filters.place, size=PER_PAGE, reach=reach)
        if part.studies:
            total = index.list_total(wanted, reach=reach)
            return Listing(part=part, total=total, found_by=way)
        # Where nothing was found so far, there may be something further back.
        if part.looked_to and not unfinished.part.looked_to:
            unfinished = Listing(part=part, total=Total(0, exact=False), found_by=way)
    return unfinished


def worklists(
    filters: Filters, today: date, *, quiet_since: datetime
) -> Iterator[tuple[str, Wanted]]:
    """Yield each way to understand the filters, in the order in which they are tried."""
    if filters.backwards:
        return
    fixed = [*_period(filters, today)]
    if filters.modality:
        fixed.append(Match("ModalitiesInStudy", MatchKind.EQUAL, (filters.modality,)))
    for way, matches in _attempts(filters):
        for in_fields in _in_fields(filters.fields):
            yield (
                way,
                Wanted(
                    matches=(*matches, *in_fields, *fixed),
                    marked_words=_marked(filters, way),
                    status=filters.status,
                    quiet_since=quiet_since,
                    sort=filters.sort,
                    reverse=filters.reverse,
                ),
            )


def _attempts(filters: Filters) -> Iterator[tuple[str, list[Match]]]:
    text = filters.text
    if not text:
        yield "", []
        return
    has_digit = any(character.isdigit() for character in text)
    ways = ("id", "accession", "name", "description") if has_digit else WAYS
    for way in ways:
        if filters.way in ("", way):
            for match in _matches(way, text):
                yield way, [match]


def _in_fields(fields: Mapping[str, str]) -> list[list[Match]]:
    """Return what the texts of fields may mean together: as they are written, and in capitals."""
    meant = [found for way, text in fields.items() if (found := _matches(way, text))]
    written, capitals = [found[0] for found in meant], [found[-1] for found in meant]
    return [written] if written == capitals else [written, capitals]


def _matches(way: str, text: str) -> list[Match]:
    """Return what a text may mean in one way, the likelier first."""
    if way in ("name", "description"):
        keyword = "PatientName" if way == "name" else "StudyDescription"
        # Folding leaves nothing of some texts, which would match every name.
        folded = fold(text.replace("*", " ").replace("?", " "))
        return [Match(keyword, MatchKind.FUZZY, (folded,))] if folded else []
    keyword = "PatientID" if way == "id" else "AccessionNumber"
    # Identifiers match case-sensitively (PS3.4 C.2.2.2), and most hospitals write them in capitals.
    spellings = dict.fromkeys((text, text.upper()))
    return [Match(keyword, MatchKind.WILDCARD, (f"{each}*",)) for each in spellings]


def _marked(filters: Filters, way: str) -> tuple[str, ...]:
    """Return the words of a name that was written with marks: these are meant, above others."""
    name = filters.fields.get("name", filters.text if way == "name" else "")
    words = words_of(name)
    return tuple(words) if fold(" ".join(words)) != " ".join(words) else ()


def _period(filters: Filters, today: date) -> list[Match]:
    first, last = filters.first, filters.last
    if filters.period:
        begins, ends = PERIODS[filters.period]
        first, last = today - begins, today - ends
    if not (first or last):
        return []
    # `%Y` would not fill years before 1000 with zeros.
    ends_of = tuple(day.isoformat().replace("-", "") if day else "" for day in (first, last))
    return [Match("StudyDate", MatchKind.RANGE, ends_of)]


def _text(given: str) -> str:
    # Control characters are in no name or number, and PostgreSQL refuses some of them.
    text = "".join(each if each.isprintable() else " " for each in given)
    return " ".join(text.replace("\\", " ").split())[:LONGEST_TEXT]


def _sort(text: str) -> tuple[Sort, bool]:
    name = text.removeprefix("-")
    return (Sort(name), text.startswith("-")) if name in set(Sort) else (Sort.DATE, False)


def _place(query: Mapping[str, str]) -> Place:
    after, before = query.get("after", ""), query.get("before", "")
    if _UID.fullmatch(after):
        return Place(after=after)
    return Place(before=before) if _UID.fullmatch(before) else Place()


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
