"""What is missing in a series, as people are told."""

from collections.abc import Collection, Mapping, Sequence

from pacs_gateway.web.language import Texts
from storage.completions import Completions
from storage.lacks import Lack, Lacks

MAX_RANGES = 6
"""Ranges that are told; a series with more has not merely lost an image."""


def ranges_text(ranges: Sequence[tuple[int, int]]) -> str:
    """Return ranges as people write them: `3, 5-6`; an ellipsis stands for more than fit."""
    told = [
        str(first) if first == last else f"{first}-{last}" for first, last in ranges[:MAX_RANGES]
    ]
    return ", ".join([*told, *(["…"] if len(ranges) > MAX_RANGES else [])])


def lack_text(texts: Texts, lack: Lack) -> str:
    """Return one sentence about images that a device tells of and that are not here."""
    kind = lack.cause.partition(" ")[0]
    return texts(f"study.lacks.{kind}", ae_title=lack.ae_title, n=texts.number(lack.missing))


def incomplete_studies(
    completions: Completions, lacks: Lacks, texts: Texts, study_uids: Collection[str]
) -> Mapping[str, Sequence[str]]:
    """Return why studies seem to miss images, in sentences; those that do not are left out."""
    told: dict[str, list[str]] = {}
    for study_uid, missing in lacks.of(study_uids).items():
        told[study_uid] = [lack_text(texts, each) for each in missing]
    for study_uid, gaps in completions.gaps(study_uids).items():
        ranges = ", ".join(ranges_text(each) for each in gaps.values())
        told.setdefault(study_uid, []).append(texts("studies.gaps", missing=ranges))
    return told
