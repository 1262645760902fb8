"""What the page of one study shows: its facts, its series and the first images of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.errors import UnknownError
from pacs_gateway.web.display import (
    InstanceView,
    SeriesView,
    StudyView,
    instance_view,
    series_view,
    study_view,
)
from pacs_gateway.web.language import Texts
from pacs_gateway.web.paging import Pages, pages_of
from storage.index import Index
from storage.reach import EVERYTHING
from storage.records import Found, Level, Match, MatchKind, QuerySpec

SERIES_PER_PAGE = 20
IMAGES_PER_SERIES = 30
"""Previews of one series on a page with several; 20 x 30 tiles are still light on a phone."""
IMAGES_PER_PAGE = 200
"""Previews on the page of a single series."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the study's details."""

    label: str
    """Key of the catalogue."""
    value: str


@dataclass(frozen=True, slots=True)
class Preset:
    """One window for CT: `value` is center, width and function of `window` (PS3.18 8.3.5.1.4)."""

    text: str
    value: str


@dataclass(frozen=True, slots=True)
class SeriesSection:
    """One series and the images of it that the page shows."""

    series: SeriesView
    instances: Sequence[InstanceView]


WINDOWS = (
    Preset("preview.window.soft", "40,400,linear"),
    Preset("preview.window.lung", "-600,1500,linear"),
    Preset("preview.window.bone", "480,2500,linear"),
    Preset("preview.window.brain", "40,80,linear"),
)


def study_context(
    index: Index, texts: Texts, study_uid: str, *, series_uid: str, page: int
) -> dict[str, Any]:
    """Return the context of study.html; a `series_uid` asks for that series alone.

    Raises UnknownError if there is no such study or series, or no such page of it.
    """
    if not is_uid(study_uid) or not (series_uid == "" or is_uid(series_uid)):
        raise UnknownError("No study or series can have such a UID.")
    study = _study(index, texts, study_uid)
    if series_uid:
        sections, pages = _one_series(index, study_uid, series_uid, page)
    else:
        sections, pages = _every_series(index, study, page)
    return {
        "study": study,
        "facts": _facts(study, [section.series for section in sections], texts),
        "sections": sections,
        "only_series": bool(series_uid),
        "pages": pages,
        "windows": WINDOWS,
    }


def _study(index: Index, texts: Texts, study_uid: str) -> StudyView:
    found = _search(index, Level.STUDY, StudyInstanceUID=study_uid)
    if not found:
        raise UnknownError("No such study is kept here.")
    return study_view(found[0], texts)


def _every_series(
    index: Index, study: StudyView, page: int
) -> tuple[Sequence[SeriesSection], Pages]:
    found = _search(
        index,
        Level.SERIES,
        limit=SERIES_PER_PAGE,
        offset=(page - 1) * SERIES_PER_PAGE,
        StudyInstanceUID=study.uid,
    )
    if not found:
        raise UnknownError("No such page of series.")
    sections = [
        _section(index, study.uid, series_view(one), limit=IMAGES_PER_SERIES) for one in found
    ]
    pages = pages_of(
        study.series_count,
        page,
        SERIES_PER_PAGE,
        address=lambda number: f"/studies/{quote(study.uid)}?page={number}",
    )
    return sections, pages


def _one_series(
    index: Index, study_uid: str, series_uid: str, page: int
) -> tuple[Sequence[SeriesSection], Pages]:
    found = _search(index, Level.SERIES, StudyInstanceUID=study_uid, SeriesInstanceUID=series_uid)
    if not found:
        raise UnknownError("No such series is kept here.")
    series = series_view(found[0])
    section = _section(
        index,
        study_uid,
        series,
        limit=IMAGES_PER_PAGE,
        offset=(page - 1) * IMAGES_PER_PAGE,
    )
    base = f"/studies/{quote(study_uid)}?series={quote(series_uid)}"
    pages = pages_of(
        series.instance_count,
        page,
        IMAGES_PER_PAGE,
        address=lambda number: f"{base}&page={number}",
    )
    return [section], pages


def _section(
    index: Index, study_uid: str, series: SeriesView, *, limit: int, offset: int = 0
) -> SeriesSection:
    found = _search(
        index,
        Level.IMAGE,
        limit=limit,
        offset=offset,
        StudyInstanceUID=study_uid,
        SeriesInstanceUID=series.uid,
    )
    return SeriesSection(series, [instance_view(one) for one in found])


def _search(
    index: Index, level: Level, *, limit: int = 1, offset: int = 0, **uids: str
) -> Sequence[Found]:
    matches = tuple(Match(keyword, MatchKind.EQUAL, (uid,)) for keyword, uid in uids.items())
    spec = QuerySpec(level=level, matches=matches, limit=limit, offset=offset)
    # The guard of the route has made sure that the caller may see the study.
    return index.search(spec, reach=EVERYTHING)


def _facts(study: StudyView, series: Sequence[SeriesView], texts: Texts) -> list[Fact]:
    institutions = dict.fromkeys(one.institution for one in series if one.institution)
    size = (
        texts.count("study.images.count", study.instance_count),
        texts.count("study.series.count", study.series_count),
    )
    facts = (
        Fact("studies.date", f"{study.date} {study.time}".strip()),
        Fact("studies.modality", ", ".join(study.modalities)),
        Fact("studies.description", study.description),
        Fact("studies.accession", study.accession_number),
        Fact("study.id", study.study_id),
        Fact("study.referring", study.referring_physician),
        Fact("study.institution", ", ".join(institutions)),
        Fact("studies.size", " · ".join(size)),
        Fact("study.received", study.received),
    )
    return [fact for fact in facts if fact.value]
