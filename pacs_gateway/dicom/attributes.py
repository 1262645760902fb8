"""Names of attributes as queries write them: tags, keywords and paths (PS3.18 8.3.4.1)."""

import re
from dataclasses import dataclass

from pydicom.datadict import dictionary_VM, dictionary_VR, keyword_for_tag, tag_for_keyword

REQUEST_ATTRIBUTES_SEQUENCE = "RequestAttributesSequence"
MAX_PATH = 8
"""Sequences in each other that a name may go through; the standard's own keys need three."""

_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_NAME = re.compile(r"[0-9A-Za-z]+(\.[0-9A-Za-z]+)*")
# What a session is about in the hospital's own terms; matched as if it stood in the series itself.
_IN_SERIES = frozenset({"RequestedProcedureID", "ScheduledProcedureStepID"})


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute, inside of sequences perhaps."""

    tags: tuple[str, ...]
    """As the DICOM JSON model names them; all but the last are sequences."""
    keyword: str
    """The keywords joined by dots; empty for a private attribute."""
    vr: str
    multiple: bool
    """Whether the standard allows more than one value."""


def is_name(text: str) -> bool:
    """Return whether a text has the form of an attribute's name, be there such an attribute or not."""
    return _NAME.fullmatch(text) is not None


def attribute_of(name: str) -> Attribute | None:
    """Return the attribute given as tag, keyword or path; None if there is none of that name.

    A private attribute is known by its tag only, and in no path.
    """
    parts = name.split(".")
    tags = [_tag(part) for part in parts]
    if len(tags) == 1 and tags[0] is not None and tags[0] >> 16 & 1:
        return Attribute((f"{tags[0]:08X}",), "", "UN", multiple=True)
    known = [tag for tag in tags if tag is not None and keyword_for_tag(tag)]
    if len(known) < len(tags) or len(tags) > MAX_PATH:
        return None
    *outer, last = known
    if any(dictionary_VR(tag) != "SQ" for tag in outer):
        return None
    keyword = ".".join(keyword_for_tag(tag) for tag in known)
    return Attribute(
        tags=tuple(f"{tag:08X}" for tag in known),
        keyword=_simplest(keyword),
        vr=dictionary_VR(last).partition(" ")[0],
        multiple=dictionary_VM(last) != "1",
    )


def _tag(name: str) -> int | None:
    return int(name, 16) if _TAG.fullmatch(name) else tag_for_keyword(name)


def _simplest(keyword: str) -> str:
    inner = keyword.removeprefix(f"{REQUEST_ATTRIBUTES_SEQUENCE}.")
    return inner if inner in _IN_SERIES else keyword
