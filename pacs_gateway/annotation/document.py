"""SR and KO documents around their content (PS3.3 A.35.3, A.35.4, C.17.2, C.17.6)."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pacs_gateway import __version__
from pacs_gateway.annotation.evidence import Evidence
from pacs_gateway.annotation.items import attribute, reference_to
from storage.records import DicomJson

COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33"
KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
MAX_NAME_CHARACTERS = 64
"""Of a component group of PN (PS3.5 6.2)."""

_SERIES = uuid.UUID("9f0a1c52-7e2b-4a55-9d0c-6f1f0e8f3a71")
"""Name space of the series that our documents of one study and modality are in."""
_PATIENT = {"00100010": "PN", "00100020": "LO", "00100030": "DA", "00100040": "CS"}
_STUDY = {
    "00080020": "DA",
    "00080030": "TM",
    "00080050": "SH",
    "00080090": "PN",
    "00200010": "SH",
}
_MORE = ("00081030", "00100021", "00100024", "00101010", "00101020", "00101030")
"""Study description, whose the Patient ID is, and age, size and weight: copied where they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """What is said of a document besides its content."""

    author: str
    """As people write the name."""
    login: str
    description: str
    """Of the series, in the language of this hospital."""
    institution: str
    language: str
    """`vi` or `en`: that of the labels."""
    made_at: datetime
    """In local time."""
    number: int
    """Instance Number."""


def person_name(name: str) -> str:
    """Return a name as a PN of one component: which part is the family name is not known here."""
    plain = "".join(
        " " if letter in "^=\\" or not letter.isprintable() else letter for letter in name
    )
    return " ".join(plain.split())[:MAX_NAME_CHARACTERS].strip()


def new_uid() -> str:
    """Return a UID that nothing else has (PS3.5 B.2)."""
    return f"2.25.{uuid.uuid4().int}"


def series_uid_of(study_uid: str, modality: str) -> str:
    """Return the series that our documents of a study are in, the same every time."""
    return f"2.25.{uuid.uuid5(_SERIES, f'{modality} {study_uid}').int}"


def document(
    sop_class_uid: str,
    content: DicomJson,
    images: Mapping[str, Evidence],
    making: Making,
) -> DicomJson:
    """Return a whole SR or KO about `images`, which are of one study."""
    modality = "KO" if sop_class_uid == KEY_OBJECTS else "SR"
    first = next(iter(images.values())).model
    study_uid = first["0020000D"]["Value"][0]
    day, moment = f"{making.made_at:%Y%m%d}", f"{making.made_at:%H%M%S}"
    model = {
        **_inherited(first),
        "0020000D": attribute("UI", study_uid),
        "00080016": attribute("UI", sop_class_uid),
        "00080018": attribute("UI", new_uid()),
        "00080012": attribute("DA", day),
        "00080013": attribute("TM", moment),
        "00080060": attribute("CS", modality),
        "0020000E": attribute("UI", series_uid_of(study_uid, modality)),
        # Behind the series of the modality, in lists that are sorted by number.
        "00200011": attribute("IS", 9901 if modality == "SR" else 9902),
        "0008103E": attribute("LO", making.description),
        "00081111": attribute("SQ"),
        "00080070": attribute("LO", "PACS gateway"),
        "00081090": attribute("LO", "PACS gateway"),
        "00181020": attribute("LO", __version__),
        "00200013": attribute("IS", making.number),
        "00080023": attribute("DA", day),
        "00080033": attribute("TM", moment),
        "0040A375": attribute("SQ", _evidence(study_uid, images.values())),
        **content,
    }
    if making.institution:
        model["00080080"] = attribute("LO", making.institution[:MAX_NAME_CHARACTERS])
    if modality == "SR":
        model |= {
            "0040A491": attribute("CS", "COMPLETE"),
            "0040A493": attribute("CS", "UNVERIFIED"),
            "0040A372": attribute("SQ"),
        }
    return model


def _inherited(header: DicomJson) -> DicomJson:
    """Return patient and study as an image of it says; what is of type 2 is there in any case."""
    required = {tag: header.get(tag, attribute(vr)) for tag, vr in (_PATIENT | _STUDY).items()}
    return required | {tag: header[tag] for tag in _MORE if tag in header}


def _evidence(study_uid: str, images: Iterable[Evidence]) -> DicomJson:
    """Return the images, series by series (PS3.3 C.17.2.3)."""
    series: dict[str, list[DicomJson]] = {}
    for image in images:
        series.setdefault(image.series_uid, []).append(reference_to(image))
    items = [
        {"00081199": attribute("SQ", *references), "0020000E": attribute("UI", uid)}
        for uid, references in series.items()
    ]
    return {"00081115": attribute("SQ", *items), "0020000D": attribute("UI", study_uid)}
