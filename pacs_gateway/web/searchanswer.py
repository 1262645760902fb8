"""What the answers of a QIDO-RS search hold (PS3.18 10.6.3.3).

An answer has the attributes that the standard's tables require of its level, empty if unknown,
those that were matched, and those that `includefield` names, of its level or above. Where the
path does not name study or series, the tables of those levels count as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pacs_gateway.dicom.attributes import Attribute
from pacs_gateway.dicom.levels import ATTRIBUTES, level_of
from pacs_gateway.web.searchquery import Search
from storage.records import DicomJson, Level

RETRIEVE_URL = "00081190"
STUDY_INSTANCE_UID = "0020000D"
SERIES_INSTANCE_UID = "0020000E"
SOP_INSTANCE_UID = "00080018"

REQUIRED: Mapping[Level, Mapping[str, str]] = {
    Level.STUDY: {
        "00080020": "DA", "00080030": "TM", "00080050": "SH", "00080061": "CS", "00080090": "PN",
        # Study Description is optional in the table; every list of studies shows it.
        "00081030": "LO",
        "00100010": "PN", "00100020": "LO", "00100030": "DA", "00100040": "CS",
        STUDY_INSTANCE_UID: "UI", "00200010": "SH", "00201206": "IS", "00201208": "IS",
    },
    Level.SERIES: {
        "00080060": "CS", "0008103E": "LO", STUDY_INSTANCE_UID: "UI", SERIES_INSTANCE_UID: "UI",
        "00200011": "IS", "00201209": "IS", "00400244": "DA", "00400245": "TM", "00400275": "SQ",
    },
    Level.IMAGE: {
        "00080016": "UI", SOP_INSTANCE_UID: "UI", STUDY_INSTANCE_UID: "UI",
        SERIES_INSTANCE_UID: "UI", "00200013": "IS", "00280008": "IS", "00280010": "US",
        "00280011": "US", "00280100": "US",
    },
}  # fmt: skip
"""Attributes every answer has, empty if unknown (PS3.18 Tables 10.6.3-3, -4 and -5)."""

_SPECIFIC_CHARACTER_SET = "00080005"
_INSTANCE_AVAILABILITY = "00080056"
_OURS = frozenset({_SPECIFIC_CHARACTER_SET, _INSTANCE_AVAILABILITY, RETRIEVE_URL})
"""What an answer says of itself, whatever the instances say."""
_TIMEZONE_OFFSET = "00080201"
"""Required of every level, but only where it is known."""
_AVAILABLE_TRANSFER_SYNTAX = "00083002"
"""Viewers find out by it which instances are video."""
_LEVELS = tuple(Level)
_COMPUTED_OF_STUDY = ("00080062",)
_MODALITIES_IN_STUDY = "00080061"
_NO_MODALITIES: DicomJson = {"vr": "CS", "Value": []}
"""OHIF goes through these values without a look whether there are any: one study of unknown
modality would leave its whole list empty. Readers of PS3.18 F.2 take this for no value, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Which attributes the answers of one search show."""

    level: Level
    always: Mapping[str, str]
    """Tags with the VR an empty attribute has."""
    if_known: frozenset[str]
    from_header: frozenset[str]
    """Tags that only the header of an instance has."""


def shown(search: Search, level: Level, path_parameters: Mapping[str, str]) -> Shown:
    """Return what the answers to a search show."""
    tables = _tables(level, path_parameters)
    always = {tag: vr for each in tables for tag, vr in REQUIRED[each].items()}
    if_known = {_TIMEZONE_OFFSET}
    if level is Level.IMAGE:
        if_known.add(_AVAILABLE_TRANSFER_SYNTAX)
    if search.all_fields:
        if_known |= {tag for each in tables for tag in ATTRIBUTES[each]}
        if Level.STUDY in tables:
            if_known |= {*ATTRIBUTES[Level.PATIENT], *_COMPUTED_OF_STUDY}
    from_header: set[str] = set()
    for attribute in (*search.keyed, *search.fields):
        tag, kept_at = attribute.tags[0], level_of(attribute.tags[0])
        if tag in _OURS:
            continue
        if kept_at is None:
            if level is Level.IMAGE and attribute in search.fields:
                from_header |= _with_creator(tag)
        elif _LEVELS.index(kept_at) <= _LEVELS.index(level):
            always[tag] = _outer_vr(attribute)
    return Shown(
        level=level,
        always=always,
        if_known=frozenset(if_known),
        from_header=frozenset(from_header),
    )


def answer(known: DicomJson, what: Shown, url: str) -> DicomJson:
    """Return one answer from what the index keeps; `url` is where its entity is retrieved."""
    attributes: DicomJson = {tag: known.get(tag, {"vr": vr}) for tag, vr in what.always.items()}
    attributes |= {tag: known[tag] for tag in what.if_known & known.keys()}
    if attributes.get(_MODALITIES_IN_STUDY) == {"vr": "CS"}:
        attributes[_MODALITIES_IN_STUDY] = _NO_MODALITIES
    return attributes | {
        _SPECIFIC_CHARACTER_SET: {"vr": "CS", "Value": ["ISO_IR 192"]},
        _INSTANCE_AVAILABILITY: {"vr": "CS", "Value": ["ONLINE"]},
        RETRIEVE_URL: {"vr": "UR", "Value": [url]},
    }


def retrieve_url(known: DicomJson, level: Level, root: str) -> str:
    """Return where a study, series or instance is retrieved."""
    url = f"{root}/studies/{_first(known, STUDY_INSTANCE_UID)}"
    if level in (Level.SERIES, Level.IMAGE):
        url += f"/series/{_first(known, SERIES_INSTANCE_UID)}"
    if level is Level.IMAGE:
        url += f"/instances/{_first(known, SOP_INSTANCE_UID)}"
    return url


def _tables(level: Level, path_parameters: Mapping[str, str]) -> Sequence[Level]:
    """Return the levels whose tables an answer fulfils, its own and those the path leaves open."""
    tables = [level]
    if level is Level.IMAGE and "series" not in path_parameters:
        tables.append(Level.SERIES)
    if level is not Level.STUDY and "study" not in path_parameters:
        tables.append(Level.STUDY)
    return tables


def _with_creator(tag: str) -> set[str]:
    """Return a tag, and that of the creator which reserved it if it is private (PS3.5 7.8.1)."""
    private = int(tag[:4], 16) % 2 == 1
    return {tag, f"{tag[:4]}00{tag[4:6]}"} if private else {tag}


def _outer_vr(attribute: Attribute) -> str:
    return attribute.vr if len(attribute.tags) == 1 else "SQ"


def _first(attributes: DicomJson, tag: str) -> str:
    return str(attributes[tag]["Value"][0])
