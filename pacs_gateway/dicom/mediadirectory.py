"""The DICOMDIR of a folder that other systems read (PS3.10 8, PS3.3 F).

Type 1 attributes that a modality left out are made up in the directory, as PS3.3 F.5 lets whoever
writes a medium do; the files themselves stay as they were received.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from pydicom import dcmwrite, fileset
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MediaStorageDirectoryStorage, generate_uid

from pacs_gateway.dicom.jsonmodel import to_dataset
from pacs_gateway.dicom.meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from storage.records import DicomJson

NAME = "DICOMDIR"
UNLISTED = "OTHER"
"""Folder of what the standard has no directory record for."""

_KEPT = (
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "PatientID", "PatientName",
    "StudyDate", "StudyTime", "StudyDescription", "StudyInstanceUID", "StudyID", "AccessionNumber",
    "Modality", "SeriesInstanceUID", "SeriesNumber", "InstanceNumber", "CompletionFlag",
    "VerificationFlag", "ContentDate", "ContentTime", "ConceptNameCodeSequence", "ContentLabel",
    "ContentDescription", "ContentCreatorName", "PresentationCreationDate",
    "PresentationCreationTime", "ReferencedSeriesSequence", "BlendingSequence", "DocumentTitle",
    "HL7InstanceIdentifier", "MIMETypeOfEncapsulatedDocument", "DoseSummationType",
    "StructureSetLabel", "StructureSetDate", "StructureSetTime", "RTPlanLabel", "RTPlanDate",
    "RTPlanTime", "TreatmentDate", "TreatmentTime", "ImageType", "NumberOfFrames", "Rows",
    "Columns", "DataPointRows", "DataPointColumns", "ReferencedImageEvidenceSequence",
    "UserContentLabel", "UserContentLongLabel",
)  # fmt: skip
"""What directory records are made of; the rest of a header may be large, or not to be encoded."""
_ABOVE_FILES = ("PATIENT", "STUDY", "SERIES")
_PREFIXES = {"PATIENT": "PT", "STUDY": "ST", "SERIES": "SE"}
_ITEM = b"\xfe\xff\x00\xe0"
_ENCAPSULATED_DOCUMENT = "00420011"
_MADE_UP: Mapping[str, str] = {
    "StudyDate": "19000101",
    "StudyTime": "000000",
    "StudyID": "0",
    "Modality": "OT",
    "SeriesNumber": "0",
    "ContentDate": "19000101",
    "ContentTime": "000000",
    "CompletionFlag": "PARTIAL",
    "VerificationFlag": "UNVERIFIED",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One file that the directory is to name."""

    header: DicomJson
    transfer_syntax_uid: str


@dataclass(frozen=True, slots=True)
class MediaDirectory:
    """A DICOMDIR, and where each file belongs below its folder."""

    content: bytes
    files: Sequence[PurePath]
    """In the order of the entries."""
    unlisted: int
    """How many of them the directory does not name."""


def directory_of(entries: Iterable[Entry]) -> MediaDirectory:
    """Return the directory of some files."""
    root, unlisted = _Node(Dataset(), PurePath()), 0
    root.record.SOPInstanceUID = generate_uid()
    files: list[PurePath] = []
    seen: set[str] = set()
    for number, entry in enumerate(entries, 1):
        described = _described(entry, number)
        uid = str(described.SOPInstanceUID)
        # Two instances under one UID cannot both be named.
        records = () if uid in seen else _records(described)
        seen.add(uid)
        if records:
            files.append(root.placed(records))
        else:
            unlisted += 1
            files.append(PurePath(UNLISTED, f"OT{unlisted:06}"))
    return MediaDirectory(_encoded(root), files, unlisted)


@dataclass(slots=True)
class _Node:
    """A directory record with those below it."""

    record: Dataset
    path: PurePath
    below: dict[str, "_Node"] = field(default_factory=dict)
    """By what tells them apart."""
    offset: int = 0

    def placed(self, records: Sequence[Dataset]) -> PurePath:
        """Add a file's records, from patient to image, and return its File ID (PS3.10 8.2)."""
        node = self
        for record in records:
            key = _key(record)
            if key not in node.below:
                name = f"{_PREFIXES.get(record.DirectoryRecordType, 'IM')}{len(node.below):06}"
                node.below[key] = _Node(record, node.path / name)
            node = node.below[key]
        node.record.ReferencedFileID = list(node.path.parts)
        return node.path

    def all_below(self) -> Iterator["_Node"]:
        """Yield the records below, each before its own."""
        for node in self.below.values():
            yield node
            yield from node.all_below()


def _key(record: Dataset) -> str:
    match record.DirectoryRecordType:
        case "PATIENT":
            return str(record.PatientID)
        case "STUDY":
            return str(record.StudyInstanceUID)
        case "SERIES":
            return str(record.SeriesInstanceUID)
        case _:
            return str(record.ReferencedSOPInstanceUIDInFile)


def _records(described: Dataset) -> Sequence[Dataset]:
    """Return an instance's records from patient to image, none if the standard has none for it."""
    # `FileSet.add` would write a file for each, and compare each with all before it.
    kinds = (*_ABOVE_FILES, fileset._four_level_record_type(described))
    try:
        records = [fileset.DIRECTORY_RECORDERS[kind](described) for kind in kinds]
    except (KeyError, ValueError):
        return ()
    for record, kind in zip(records, kinds, strict=True):
        record.OffsetOfTheNextDirectoryRecord = 0
        record.RecordInUseFlag = 0xFFFF
        record.OffsetOfReferencedLowerLevelDirectoryEntity = 0
        record.DirectoryRecordType = kind
        record.SpecificCharacterSet = described.SpecificCharacterSet
    file = records[-1]
    file.ReferencedSOPClassUIDInFile = described.SOPClassUID
    file.ReferencedSOPInstanceUIDInFile = described.SOPInstanceUID
    file.ReferencedTransferSyntaxUIDInFile = described.file_meta.TransferSyntaxUID
    return records


def _described(entry: Entry, number: int) -> Dataset:
    """Return a data set of just what directory records are made of."""
    whole = to_dataset(entry.header)
    kept = Dataset()
    for keyword in _KEPT:
        if keyword in whole:
            kept[keyword] = whole[keyword]
    # Without an ID, studies of nobody in particular must not become those of one patient.
    made_up = {**_MADE_UP, "InstanceNumber": str(number), "PatientID": kept.StudyInstanceUID}
    for keyword, value in made_up.items():
        if kept.get(keyword) in (None, ""):
            setattr(kept, keyword, value)
    # Its presence makes the record one of an encapsulated document.
    if _ENCAPSULATED_DOCUMENT in entry.header:
        kept.EncapsulatedDocument = b""
    kept.file_meta = FileMetaDataset()
    kept.file_meta.TransferSyntaxUID = UID(entry.transfer_syntax_uid)
    return kept


def _encoded(root: _Node) -> bytes:
    """Return the file: its head, then the records as items of known length (PS3.5 7.5.2)."""
    nodes = list(root.all_below())
    # Offsets have the same length whatever they are, so that of everything is known before them.
    place = len(_head(root, 0))
    for node in nodes:
        node.offset = place
        place += len(_item(node.record))
    for node in (root, *nodes):
        _link(list(node.below.values()))
    items = b"".join(_item(node.record) for node in nodes)
    return _head(root, len(items)) + items


def _link(siblings: Sequence[_Node]) -> None:
    """Let records point to the next one, and to the first below (PS3.3 F.3.2.2)."""
    for place, node in enumerate(siblings):
        following = siblings[place + 1].offset if siblings[place + 1 :] else 0
        first_below = next((each.offset for each in node.below.values()), 0)
        node.record.OffsetOfTheNextDirectoryRecord = following
        node.record.OffsetOfReferencedLowerLevelDirectoryEntity = first_below


def _item(record: Dataset) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, record)
    content = buffer.getvalue()
    return _ITEM + len(content).to_bytes(4, "little") + content


def _head(root: _Node, length: int) -> bytes:
    """Return the file up to the items of its last element, which have `length` bytes."""
    patients = list(root.below.values())
    head = Dataset()
    head.FileSetID = None
    head.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = patients[0].offset
    head.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = patients[-1].offset
    head.FileSetConsistencyFlag = 0
    head.DirectoryRecordSequence = []
    head.file_meta = FileMetaDataset()
    head.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    head.file_meta.MediaStorageSOPInstanceUID = root.record.SOPInstanceUID
    head.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    head.file_meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    head.file_meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    buffer = io.BytesIO()
    dcmwrite(buffer, head, enforce_file_format=True)
    return buffer.getvalue()[:-4] + length.to_bytes(4, "little")
