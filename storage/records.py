"""Frozen values that the rest of the program hands to storage and gets back from it.

Attribute values are keyed by DICOM keyword and already normalised to text; whole attribute
sets travel in the DICOM JSON model (PS3.18 F.2).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

DicomJson = dict[str, Any]


class Level(StrEnum):
    """Query/Retrieve levels, named as in (0008,0052) Query/Retrieve Level (PS3.4 C.3.1)."""

    PATIENT = "PATIENT"
    STUDY = "STUDY"
    SERIES = "SERIES"
    IMAGE = "IMAGE"


MATCHING_KEYS: Mapping[str, tuple[Level, str]] = {
    "PatientID": (Level.PATIENT, "LO"),
    "IssuerOfPatientID": (Level.PATIENT, "LO"),
    "PatientName": (Level.PATIENT, "PN"),
    "PatientBirthDate": (Level.PATIENT, "DA"),
    "PatientSex": (Level.PATIENT, "CS"),
    "StudyInstanceUID": (Level.STUDY, "UI"),
    "StudyDate": (Level.STUDY, "DA"),
    "StudyTime": (Level.STUDY, "TM"),
    "AccessionNumber": (Level.STUDY, "SH"),
    "StudyID": (Level.STUDY, "SH"),
    "StudyDescription": (Level.STUDY, "LO"),
    "ReferringPhysicianName": (Level.STUDY, "PN"),
    "ModalitiesInStudy": (Level.STUDY, "CS"),
    "SOPClassesInStudy": (Level.STUDY, "UI"),
    "SeriesInstanceUID": (Level.SERIES, "UI"),
    "Modality": (Level.SERIES, "CS"),
    "SeriesNumber": (Level.SERIES, "IS"),
    "SeriesDescription": (Level.SERIES, "LO"),
    "SeriesDate": (Level.SERIES, "DA"),
    "SeriesTime": (Level.SERIES, "TM"),
    "BodyPartExamined": (Level.SERIES, "CS"),
    "ProtocolName": (Level.SERIES, "LO"),
    "StationName": (Level.SERIES, "SH"),
    "InstitutionName": (Level.SERIES, "LO"),
    "PerformedProcedureStepStartDate": (Level.SERIES, "DA"),
    "PerformedProcedureStepStartTime": (Level.SERIES, "TM"),
    "RequestedProcedureID": (Level.SERIES, "SH"),
    "ScheduledProcedureStepID": (Level.SERIES, "SH"),
    "SOPInstanceUID": (Level.IMAGE, "UI"),
    "SOPClassUID": (Level.IMAGE, "UI"),
    "InstanceNumber": (Level.IMAGE, "IS"),
    "ContentDate": (Level.IMAGE, "DA"),
    "ContentTime": (Level.IMAGE, "TM"),
    "AcquisitionNumber": (Level.IMAGE, "IS"),
    "Rows": (Level.IMAGE, "US"),
    "Columns": (Level.IMAGE, "US"),
    "NumberOfFrames": (Level.IMAGE, "IS"),
}
"""Every key a query may match on, with its level and VR.

`ModalitiesInStudy` and `SOPClassesInStudy` are computed from the series and instances of a study;
`RequestedProcedureID` and `ScheduledProcedureStepID` come from Request Attributes Sequence.
"""

FOLDED_KEYS = ("PatientName", "ReferringPhysicianName", "StudyDescription")
"""Keys that also have a form folded for search without marks, case and word order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who brought an object, how, and when."""

    source: str
    """`dimse`, `stow`, `import` or `viewer`."""
    peer: str = ""
    """Calling AE title, user name or path: a label for people, never a proof."""
    address: str = ""
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelLocation:
    """Where the value of (7FE0,0010) Pixel Data (or its float kin) lies in the object."""

    tag: str
    offset: int
    """Byte offset of the value from the start of the object."""
    length: int
    """Bytes of the value; for encapsulated pixel data up to and with the sequence delimiter."""
    encapsulated: bool
    frame_count: int
    frame_bits: int = 0
    """Bits of one native frame (not always whole bytes, PS3.5 8.1.1); 0 if encapsulated."""
    fragments: Sequence[tuple[int, int]] = ()
    """Offset and length of each fragment after the Basic Offset Table; empty if native."""
    first_fragments: Sequence[int] = ()
    """Index of the first fragment of each frame; empty when frame n is fragment n (PS3.5 A.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRecord:
    """One stored SOP instance as the index knows it."""

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str

    patient_key: str
    """Identity of the patient: ID and issuer, or the study's UID when there is no ID."""
    keys: Mapping[str, str]
    """Matching keys by keyword; multiple values joined by a backslash, absent when empty."""
    folded: Mapping[str, str]
    """Search forms of `PatientName`, `ReferringPhysicianName`, `StudyDescription`."""
    ward: str = ""
    """Folded name of the ward that requested the study or where the patient lies."""
    attributes: Mapping[Level, DicomJson]
    """What a query answer shows of each level, in the DICOM JSON model."""
    metadata: bytes
    """The whole header in the DICOM JSON model, zlib-compressed."""
    pixels: PixelLocation | None

    object_key: str
    sha256: str
    """Digest of the whole stored object, hexadecimal."""
    size: int
    """Bytes of the whole stored object."""
    data_set_offset: int
    """Bytes of preamble and file meta information before the data set."""
    origin: Origin


class Outcome(StrEnum):
    """What committing one instance did to the index."""

    ADDED = "added"
    SAME = "same"
    """The very same object was there already: nothing changed."""
    CONFLICT = "conflict"
    """Kept as a further version of a SOP instance whose bytes differ; the first stays current."""


class MatchKind(StrEnum):
    """How one key is compared (PS3.4 C.2.2.2)."""

    EQUAL = "equal"
    """Any one of `values`, case-sensitive: single value and UID list matching."""
    WILDCARD = "wildcard"
    """`values[0]` with `*` and `?`, case-sensitive."""
    RANGE = "range"
    """`values` is (low, high), either may be empty; both ends count."""
    NAME = "name"
    """`values[0]` is a folded name, words in any order; `*` and `?` allowed."""
    FUZZY = "fuzzy"
    """Each word of folded `values[0]` begins some word of the name."""
    EMPTY = "empty"
    """There is no value (PS3.4 C.2.2.2.7); `values` is empty."""


@dataclass(frozen=True, slots=True)
class Match:
    """One matching key; a key that matches everything is simply left out."""

    keyword: str
    kind: MatchKind
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMatch:
    """One matching key without a column of its own, compared in the attributes of its level."""

    level: Level
    path: tuple[str, ...]
    """Tags as the DICOM JSON model names them; all but the last are sequences."""
    vr: str
    kind: MatchKind
    """Not NAME or FUZZY: nothing folded is kept of these."""
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuerySpec:
    """One query for C-FIND, QIDO-RS and the worklist page alike."""

    level: Level
    matches: tuple[Match | KeptMatch, ...] = ()
    limit: int | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One answer of a query."""

    attributes: DicomJson
    """DICOM JSON of the asked level and those above it, with the computed counts in it."""
    last_received: datetime
    conflict: bool
    """True if some instance below has versions that differ, or another patient's header."""
    read: bool = False
    """Whether a radiologist has opened the study and no image came since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredInstance:
    """What retrieving one instance needs to know; the current version unless asked otherwise."""

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    object_key: str
    sha256: str
    size: int
    data_set_offset: int
    pixels: PixelLocation | None
    instance_number: int | None
    version: int
    """1 for the first bytes seen under this UID, counting up."""
    deleted: bool = False
    """True for a version that a deletion hides."""
    origin: Origin


def utc_now() -> datetime:
    """Return the wall clock in UTC; for display and records only, never for deadlines."""
    return datetime.now(UTC)


def object_key(study_uid: str, series_uid: str, sop_instance_uid: str, sha256: str) -> str:
    """Return the immutable key of an object (docs/design/0004-object-keys.md).

    The UIDs must have passed `dicom.identity`; the digest makes a retry harmless and two
    different contents under one UID two objects.
    """
    return f"v1/{study_uid}/{series_uid}/{sop_instance_uid}.{sha256}.dcm"
