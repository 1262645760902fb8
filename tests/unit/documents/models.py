"""DICOM JSON models for tests of documents, made as the archive makes them."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

from pydicom import dcmwrite
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from pacs_gateway.dicom import elements, jsonmodel, meta
from storage.records import DicomJson

INLINE_BYTES = 1024


def shipped(name: str) -> bytes:
    """Return a file inside the installed pydicom."""
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str), f"pydicom no longer ships {name}"
    return Path(path).read_bytes()


def model_of(data: bytes) -> DicomJson:
    """Return the metadata of a DICOM file, after a journey through JSON."""
    head = meta.decode(data)
    assert head is not None
    implicit, big_endian = meta.byte_encoding(head.transfer_syntax_uid)
    data_set = elements.read(data, head.length, implicit=implicit, big_endian=big_endian)
    model: DicomJson = json.loads(
        json.dumps(jsonmodel.to_json(data_set, inline_limit=INLINE_BYTES))
    )
    return model


def file_of(data_set: Dataset, sop_class_uid: str, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """Return a data set as a Part 10 file."""
    data_set.SOPClassUID = sop_class_uid
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = UID(syntax)
    file = BytesIO()
    dcmwrite(file, data_set, enforce_file_format=True)
    return file.getvalue()


def code(meaning: str, value: str = "1", scheme: str = "99TEST") -> DicomJson:
    """Return a code sequence item."""
    return {
        "00080100": element("SH", value),
        "00080102": element("SH", scheme),
        "00080104": element("LO", meaning),
    }


def element(vr: str, *values: Any) -> DicomJson:
    """Return an attribute."""
    return {"vr": vr, "Value": list(values)}


def item(kind: str, name: str, *children: DicomJson, **more: DicomJson) -> DicomJson:
    """Return a content item; `more` are attributes by tag with a `t` before it."""
    model: DicomJson = {"0040A040": element("CS", kind), "0040A010": element("CS", "CONTAINS")}
    if name:
        model["0040A043"] = element("SQ", code(name))
    if children:
        model["0040A730"] = element("SQ", *children)
    return model | {tag.removeprefix("t"): value for tag, value in more.items()}


def text(name: str, value: str, *children: DicomJson) -> DicomJson:
    """Return a TEXT item."""
    return item("TEXT", name, *children, t0040A160=element("UT", value))
