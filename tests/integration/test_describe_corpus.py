"""Protects: the headers of real devices are described, and say what other makers' tools read.

The table of the corpus (tests/corpus.py) was made with DCMTK and GDCM.
"""

import json
import re
import warnings
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import FileDataset

from pacs_gateway.dicom import deflate, elements, meta
from pacs_gateway.dicom.describe import ObjectFacts, describe
from storage.records import Origin
from tests.corpus import CORPUS, Row, expected_rows

MAX_INFLATED_BYTES = 64 * 1024**2
FEWEST_FILES = 500
# The table shows the first Modality or Rows of a file; here that stands in an item of a sequence.
NESTED_VALUE_FIRST = (
    "dicomdir/DICOMDIR",
    "weasis/NeurosurgeryPlan.dcm",
    "weasis/mono2-CT-16bit.dcm",
)


@pytest.fixture(scope="module")
def rows() -> Sequence[Row]:
    return expected_rows()


def test_every_header_is_described_as_others_read_it(rows: Sequence[Row]) -> None:
    described = 0
    differences: list[str] = []
    for row in rows:
        path = CORPUS / row["path"]
        if row["parse"] != "ok" or row["path"].startswith("hostile/") or not path.is_file():
            continue
        content = path.read_bytes()
        data_set = _read(content)
        if data_set is None:
            continue
        described += 1
        found = _differences(content, data_set, row)
        differences += [f"{row['path']}: {difference}" for difference in found]
    assert differences == []
    assert described >= FEWEST_FILES


def _read(content: bytes) -> FileDataset | None:
    """Return what pydicom reads before the pixel data, None if it cannot."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return dcmread(BytesIO(content), force=True, stop_before_pixels=True)
        except (AttributeError, EOFError, NotImplementedError, ValueError):
            return None


def _differences(content: bytes, data_set: FileDataset, row: Row) -> list[str]:
    body = _data_set(content)
    syntax = row["transfer_syntax"] or _guessed(data_set)
    if meta.is_deflated(syntax):
        body = deflate.inflate([body], max_bytes=MAX_INFLATED_BYTES, max_ratio=None)
    head = meta.encode(
        sop_class_uid="1.2",
        sop_instance_uid="1.2.3",
        transfer_syntax_uid=meta.inflated_syntax(syntax),
    )
    record = describe(head + body, _facts(len(content), syntax))
    found = {
        "modality": record.keys.get("Modality", ""),
        "rows": record.keys.get("Rows", ""),
        "cols": record.keys.get("Columns", ""),
        "sop_instance_uid": _sop_instance_uid(body, syntax),
    }
    if row["path"] in NESTED_VALUE_FIRST:
        found = {}
    wrong = [f"{name} is {text!r}" for name, text in found.items() if text != _plain(row[name])]
    model = json.loads(zlib.decompress(record.metadata))
    lost = {f"{tag:08X}" for tag in data_set.keys() if tag & 0xFFFF} - set(model)  # noqa: SIM118
    return wrong + [f"{name} is missing" for name in sorted(lost)]


def _plain(text: str) -> str:
    """Return a value of the table as text; what stands in UN was printed as hexadecimal bytes."""
    if not re.fullmatch(r"[0-9a-f]{2}(\\[0-9a-f]{2})+", text):
        return text
    return bytes.fromhex(text.replace("\\", "")).rstrip(b" \0").decode("ascii")


def _data_set(content: bytes) -> bytes:
    """Return what follows the file meta information; `describe` stops at its pixel data."""
    if meta.is_bare_data_set(content):
        return content
    file_meta = meta.decode(content)
    assert file_meta is not None
    return content[file_meta.length :]


def _guessed(data_set: FileDataset) -> str:
    implicit, little_endian = data_set.original_encoding
    if implicit:
        return meta.IMPLICIT_VR_LITTLE_ENDIAN
    return meta.EXPLICIT_VR_LITTLE_ENDIAN if little_endian else meta.EXPLICIT_VR_BIG_ENDIAN


def _sop_instance_uid(body: bytes, syntax: str) -> str:
    """Return what the data set itself says; the record has it from the facts."""
    implicit, big_endian = meta.byte_encoding(meta.inflated_syntax(syntax))
    element = elements.read(body, 0, implicit=implicit, big_endian=big_endian).get(0x00080018)
    return (element.value or b"").rstrip(b" \0").decode("ascii") if element else ""


def _facts(size: int, syntax: str) -> ObjectFacts:
    return ObjectFacts(
        study_uid="1.2.1",
        series_uid="1.2.2",
        sop_instance_uid="1.2.3",
        sop_class_uid="1.2",
        transfer_syntax_uid=syntax,
        pixels=None,
        object_key="v1/1.2.1/1.2.2/1.2.3.00.dcm",
        sha256="00",
        size=size,
        data_set_offset=0,
        origin=Origin(source="import", received_at=datetime(2026, 1, 1, tzinfo=UTC)),
    )
