"""What the page of one study shows: its facts, its series, the picture it begins with, its priors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from pacs_gateway.archive.completeness import missing_numbers
from pacs_gateway.archive.pictures import is_image
from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.documents.kinds import VIDEOS, kind_of
from pacs_gateway.errors import UnknownError
from pacs_gateway.web.completeness import ranges_text
from pacs_gateway.web.display import SeriesView, StudyView, object_kind, series_view, study_view
from pacs_gateway.web.language import Texts
from pacs_gateway.web.paging import Pages, pages_of
from pacs_gateway.web.priors import Prior, priors_of
from storage.index import Index
from storage.reach import EVERYTHING, Reach
from storage.records import Found, Level, Match, MatchKind, QuerySpec, StoredInstance

SERIES_PER_PAGE = 60
"""Series in the strip at once; a cardiac MR has some fifty."""
IMAGES_PER_PAGE = 60
"""Pictures at once of the chosen series, for browsers without scripts."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the study's details."""

    label: str
    """Key of the catalogue."""
    value: str


@dataclass(frozen=True, slots=True)
class SeriesSection:
    """One series in the strip."""

    series: SeriesView
    frames: int
    """Of all its images together; more than its images where some move."""
    kind: str
    """What it holds when it has no image: a key below `kind.` of the catalogue; else empty."""
    first: StoredInstance | None
    """None while nothing of it is visible."""
    missing: str
    """Numbers that its images skip, empty if none."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The frame that the viewer begins with."""

    instance: StoredInstance
    frame: int
    """1 is the first."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of the page asks for."""

    series_uid: str = ""
    """Empty: the first series that has images."""
    page: int = 1
    images_page: int = 1


def study_context(
    index: Index, texts: Texts, study_uid: str, *, asked: Asked, reach: Reach, recent: datetime
) -> dict[str, Any]:
    """Return the context of study.html; what came in since `recent` says that more may follow.

    Raises UnknownError if there is no such study or series, or no such page of it.
    """
    if not is_uid(study_uid) or not (asked.series_uid == "" or is_uid(asked.series_uid)):
        raise UnknownError("No study or series can have such a UID.")
    found = _search(index, Level.STUDY, study_uid)
    if not found:
        raise UnknownError("No such study is kept here.")
    study = study_view(found[0], texts)
    instances = _by_series(index.instances(study_uid))
    views = [series_view(each) for each in _search(index, Level.SERIES, study_uid)]
    sections = [_section(view, instances.get(view.uid, ())) for view in views]
    start = (asked.page - 1) * SERIES_PER_PAGE
    if not sections[start:]:
        raise UnknownError("No such page of series.")
    chosen = _chosen(sections, asked.series_uid)
    return {
        "study": study,
        "facts": _facts(study, views, texts),
        "sections": sections[start : start + SERIES_PER_PAGE],
        "pages": _pages(study.uid, len(sections), asked.page, SERIES_PER_PAGE, "page"),
        "chosen": chosen,
        "reports": [each for each in sections if each.first and each.kind in ("report", "pdf")],
        "receiving": found[0].last_received >= recent,
        "gaps": [each for each in sections if each.missing],
        "others": [_other(each, texts) for each in priors_of(index, study_uid, reach)],
        **_pictures(study_uid, chosen, instances, asked),
    }


def recent_since(now: datetime, seconds: float) -> datetime:
    """Return since when what came in counts as still arriving."""
    return now - timedelta(seconds=seconds)


def _by_series(found: Sequence[StoredInstance]) -> Mapping[str, Sequence[StoredInstance]]:
    series: dict[str, list[StoredInstance]] = {}
    for instance in found:
        series.setdefault(instance.series_uid, []).append(instance)
    return series


def _section(series: SeriesView, instances: Sequence[StoredInstance]) -> SeriesSection:
    images = [each for each in instances if is_image(each)]
    frames = sum(each.pixels.frame_count for each in images if each.pixels)
    kind = "" if images or not instances else _kind(instances[0])
    missing = missing_numbers(each.instance_number for each in images)
    return SeriesSection(
        series, frames, kind, next(iter(images or instances), None), ranges_text(missing)
    )


def _kind(instance: StoredInstance) -> str:
    if kind_of(instance.sop_class_uid, instance.transfer_syntax_uid) in VIDEOS:
        return "video"
    return object_kind(instance.sop_class_uid)


def _chosen(sections: Sequence[SeriesSection], series_uid: str) -> SeriesSection:
    if not series_uid:
        return _first_choice(sections)
    chosen = next((each for each in sections if each.series.uid == series_uid), None)
    if chosen is None:
        raise UnknownError("No such series is kept here.")
    return chosen


def _first_choice(sections: Sequence[SeriesSection]) -> SeriesSection:
    """Return the first series with images; a lone one, as a scout is, gives way to the stack."""
    images = [each for each in sections if each.frames]
    if not images:
        return sections[0]
    same = [each for each in images if each.series.modality == images[0].series.modality]
    lone = images[0].frames == 1
    return next((each for each in same if lone and each.frames > 1), images[0])


def _pictures(
    study_uid: str,
    chosen: SeriesSection,
    instances: Mapping[str, Sequence[StoredInstance]],
    asked: Asked,
) -> dict[str, Any]:
    """Return the picture to begin with, and one page of those that browsers without scripts show."""
    held = instances.get(chosen.series.uid, ())
    start = (asked.images_page - 1) * IMAGES_PER_PAGE
    if asked.images_page > 1 and not held[start:]:
        raise UnknownError("No such page of images.")
    base = f"{study_uid}?{urlencode({'series': chosen.series.uid})}"
    return {
        "picture": _first_picture([each for each in held if is_image(each)]),
        "listed": [_listed(each) for each in held[start : start + IMAGES_PER_PAGE]],
        "image_pages": _pages(base, len(held), asked.images_page, IMAGES_PER_PAGE, "images"),
    }


def _first_picture(images: Sequence[StoredInstance]) -> Picture | None:
    """Return the middle of a stack, as its thumbnail shows it; of moving images the beginning."""
    stack = [each for each in images if each.pixels and each.pixels.frame_count == 1]
    if stack and stack[0] is images[0]:
        return Picture(stack[len(stack) // 2], 1)
    return Picture(images[0], 1) if images else None


def _listed(instance: StoredInstance) -> dict[str, Any]:
    return {
        "uid": instance.sop_instance_uid,
        "number": "" if instance.instance_number is None else str(instance.instance_number),
        "kind": "" if is_image(instance) else _kind(instance),
    }


def _other(prior: Prior, texts: Texts) -> dict[str, Any]:
    return {"study": study_view(prior.found, texts), "body_parts": ", ".join(prior.body_parts)}


def _pages(base: str, total: int, page: int, per_page: int, name: str) -> Pages:
    separator = "&" if "?" in base else "?"
    return pages_of(
        total, page, per_page, address=lambda number: f"/studies/{base}{separator}{name}={number}"
    )


def _search(index: Index, level: Level, study_uid: str) -> Sequence[Found]:
    match = Match("StudyInstanceUID", MatchKind.EQUAL, (study_uid,))
    # The guard of the route has made sure that the caller may see the study.
    return index.search(QuerySpec(level=level, matches=(match,)), reach=EVERYTHING)


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
        Fact("studies.size", " · ".join(size)),
        Fact("study.referring", study.referring_physician),
        Fact("study.institution", ", ".join(institutions)),
        Fact("study.id", study.study_id),
        Fact("study.received", study.received),
    )
    return [fact for fact in facts if fact.value]
