"""What the list of studies shows: one page of studies, and links to narrow, widen and order it."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote, urlencode

from pacs_gateway.config import DicomSettings
from pacs_gateway.dicom.names import fold
from pacs_gateway.web.display import Patient, StudyView, study_view
from pacs_gateway.web.language import Texts
from pacs_gateway.web.studylist import (
    PERIODS,
    WAYS,
    Filters,
    Listing,
    find_studies,
    sort_parameter,
)
from storage.index import Index
from storage.reach import Reach
from storage.records import Found
from storage.worklist import Sort, Status, Total

LONGEST_WAIT_H = 30 * 24
"""What waited longer is nobody's work any more: archives that were moved here."""
OFFERED_MODALITIES = (
    "CT", "MR", "US", "DX", "CR", "MG", "XA", "RF", "ES", "NM", "PT", "IO", "PX", "OP", "ECG", "SM",
    "XC", "SC", "SR", "OT",
)  # fmt: skip
"""Modalities the filter offers, the most frequent of a general hospital first."""


Incomplete = Callable[[Collection[str]], Mapping[str, Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Choice:
    """One link of a row of choices."""

    text: str
    """Key of the catalogue."""
    address: str
    active: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """The heading of a column that the list may be in the order of."""

    address: str
    order: str
    """`ascending` or `descending` as ARIA says it, empty if the list is in another order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One study of the list."""

    study: StudyView
    address: str
    receiving: bool
    read: bool
    alike: tuple[str, ...]
    """Other patients on this page whose names differ in nothing but marks, or in nothing."""
    incomplete: tuple[str, ...] = ()
    """Why images seem to be missing."""
    waits_hours: int = 0
    """How long it has waited for a reader, if that is too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPages:
    """The addresses of the parts around this one; empty: none."""

    first: str
    previous: str
    next: str
    further: str
    """Where a search goes on that has not looked at everything."""


def studies_context(
    index: Index,
    texts: Texts,
    filters: Filters,
    *,
    receiver: dict[str, Any],
    reach: Reach,
    quiet_since: datetime,
    unread_hours: int,
    incomplete: Incomplete,
) -> dict[str, Any]:
    """Return the context of studies.html; `incomplete` says which studies seem to miss images."""
    listing = find_studies(index, filters, hospital_day(), quiet_since=quiet_since, reach=reach)
    part = listing.part
    rows = _rows(part.studies, texts, filters.address(by=listing.found_by), quiet_since)
    told = incomplete([row.study.uid for row in rows if not row.receiving])
    rows = [
        replace(
            row,
            incomplete=tuple(told.get(row.study.uid, ())),
            waits_hours=_waits_hours(row, found.last_received, unread_hours),
        )
        for row, found in zip(rows, part.studies, strict=True)
    ]
    pages = _pages(listing, filters)
    return {
        "filters": filters,
        "fields": {way: filters.fields.get(way, "") for way in WAYS},
        "rows": rows,
        "empty": not rows and not filters.narrowed and not pages.first,
        "receiver": receiver,
        "modalities": OFFERED_MODALITIES,
        "periods": _periods(filters),
        "statuses": [
            Choice(f"studies.status.{each}", each, active=filters.status is each) for each in Status
        ],
        "columns": {str(sort): _column(filters, sort, listing.found_by) for sort in Sort},
        "sort": sort_parameter(filters.sort, reverse=filters.reverse),
        "found_by": listing.found_by,
        "other_ways": [
            Choice(f"studies.by.{way}", filters.address(by=way))
            for way in WAYS
            if way != listing.found_by
        ],
        "count": count_text(texts, listing.total),
        "newest_only": part.newest_only,
        "pages": pages,
        "live": not pages.first
        and filters.sort in (Sort.DATE, Sort.RECEIVED)
        and not filters.reverse,
    }


def hospital_day() -> date:
    """Return today's date at the hospital, which is this machine's."""
    return datetime.now(UTC).astimezone().date()


def count_text(texts: Texts, total: Total) -> str:
    """Return how many studies there are, in words."""
    if total.exact:
        return texts.count("studies.count", total.number)
    return texts("studies.count.least", n=texts.number(total.number))


def _rows(studies: Sequence[Found], texts: Texts, address: str, quiet_since: datetime) -> list[Row]:
    views = [study_view(found, texts) for found in studies]
    people = defaultdict[str, dict[tuple[str, str], Patient]](dict)
    for view in views:
        person = view.patient
        people[fold(person.name)][_same_person(person)] = person
    query = address.partition("?")[2]
    return [
        Row(
            study=view,
            address=_link(view.uid, query),
            receiving=found.last_received > quiet_since,
            read=found.read,
            alike=tuple(
                f"{other.name} ({other.patient_id})" if other.patient_id else other.name
                for key, other in people[fold(view.patient.name)].items()
                if key != _same_person(view.patient)
            ),
        )
        for found, view in zip(studies, views, strict=True)
    ]


def _waits_hours(row: Row, last_received: datetime, unread_hours: int) -> int:
    hours = int((datetime.now(UTC) - last_received).total_seconds() // 3600)
    return hours if not row.read and unread_hours <= hours < LONGEST_WAIT_H else 0


def _same_person(patient: Patient) -> tuple[str, str]:
    return patient.name.casefold(), patient.patient_id


def _link(study_uid: str, query: str) -> str:
    """Return the address of a study, with the list that it is opened from."""
    return f"/studies/{quote(study_uid)}?{urlencode({'list': query})}"


def _pages(listing: Listing, filters: Filters) -> ListPages:
    part, by = listing.part, listing.found_by or filters.way
    uids = [_uid(found) for found in part.studies]
    moved = bool(filters.place.after or filters.place.before)
    before = part.more_before and bool(uids)
    return ListPages(
        first=filters.address(by=by) if moved else "",
        previous=filters.address(by=by, before=uids[0]) if before else "",
        next=filters.address(by=by, after=uids[-1]) if part.more_after and uids else "",
        further=filters.address(by=by, after=part.looked_to) if part.looked_to else "",
    )


def _uid(found: Found) -> str:
    return str(found.attributes["0020000D"]["Value"][0])


def _periods(filters: Filters) -> list[Choice]:
    dated = filters.first or filters.last
    return [
        Choice(
            f"studies.period.{period or 'all'}",
            filters.address(period=period, **{"from": None, "to": None}),
            active=not dated and filters.period == period,
        )
        for period in (*PERIODS, "")
    ]


def _column(filters: Filters, sort: Sort, found_by: str) -> Column:
    chosen = filters.sort is sort
    reverse = chosen and not filters.reverse
    address = filters.address(by=found_by, sort=sort_parameter(sort, reverse=reverse))
    if not chosen:
        return Column(address, "")
    grows = (sort in (Sort.NAME, Sort.MODALITY)) is not filters.reverse
    return Column(address, "ascending" if grows else "descending")


def receiver_of(settings: DicomSettings, seen_host: str) -> dict[str, Any]:
    """Return what a sender must be told; any-address listeners are named as the browser sees them."""
    anywhere = settings.host in ("0.0.0.0", "::", "")  # noqa: S104 - compared, not bound.
    return {
        "ae_title": settings.ae_title,
        "host": seen_host if anywhere else settings.host,
        "port": settings.port,
    }
