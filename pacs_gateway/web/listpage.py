"""What the list of studies shows: one page of studies, and links to narrow or widen it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pacs_gateway.config import DicomSettings
from pacs_gateway.web.display import study_view
from pacs_gateway.web.language import Texts
from pacs_gateway.web.paging import pages_of
from pacs_gateway.web.studylist import PER_PAGE, PERIODS, WAYS, Filters, find_studies
from storage.index import Index
from storage.reach import Reach

OFFERED_MODALITIES = (
    "CT", "MR", "US", "DX", "CR", "MG", "XA", "RF", "ES", "NM", "PT", "IO", "PX", "OP", "ECG", "SM",
    "XC", "SC", "SR", "OT",
)  # fmt: skip
"""Modalities the filter offers, the most frequent of a general hospital first."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One link of a row of choices."""

    text: str
    """Key of the catalogue."""
    address: str
    active: bool = False


def studies_context(
    index: Index, texts: Texts, filters: Filters, *, receiver: dict[str, Any], reach: Reach
) -> dict[str, Any]:
    """Return the context of studies.html."""
    # "Today" is the hospital's day, which is this machine's.
    today = datetime.now(UTC).astimezone().date()
    listing = find_studies(index, filters, today, reach=reach)
    return {
        "filters": filters,
        "studies": [study_view(found, texts) for found in listing.studies],
        "empty": not listing.studies and not filters.narrowed and filters.page == 1,
        "receiver": receiver,
        "modalities": OFFERED_MODALITIES,
        "periods": _periods(filters),
        "found_by": listing.found_by,
        "other_ways": [
            Choice(f"studies.by.{way}", filters.address(by=way))
            for way in WAYS
            if way != listing.found_by
        ],
        "pages": pages_of(
            listing.total,
            filters.page,
            PER_PAGE,
            address=lambda page: filters.address(by=listing.found_by, page=page),
        ),
    }


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


def receiver_of(settings: DicomSettings, seen_host: str) -> dict[str, Any]:
    """Return what a sender must be told; any-address listeners are named as the browser sees them."""
    anywhere = settings.host in ("0.0.0.0", "::", "")  # noqa: S104 - compared, not bound.
    return {
        "ae_title": settings.ae_title,
        "host": seen_host if anywhere else settings.host,
        "port": settings.port,
    }
