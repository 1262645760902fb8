"""Documents for tests of annotations: written as the archive does it, and read back as it does."""

from collections.abc import Sequence
from datetime import datetime

from pacs_gateway.annotation.document import Making
from pacs_gateway.annotation.evidence import Evidence, evidence_of
from pacs_gateway.dicom import jsonencode, meta
from pacs_gateway.dicom.jsonencode import Span
from storage.records import DicomJson
from tests.instances import LIMITS
from tests.unit.documents.models import model_of

STUDY = "1.2.840.99.1"
SERIES = "1.2.840.99.2"
MAKING = Making(
    author="Nguyễn Văn An",
    login="an",
    description="Số đo",
    institution="Bệnh viện",
    language="vi",
    made_at=datetime(2026, 11, 23, 8, 5, 9),  # noqa: DTZ001 - local time, as documents have it.
    number=1,
)


class NoBulk:
    """There is none."""

    def spans(self, uri: str) -> Sequence[Span]:
        raise AssertionError(uri)

    def transfer_syntax(self, uri: str) -> str:
        raise AssertionError(uri)


def image(uid: str, *, frames: int = 1) -> Evidence:
    """Return an image of 512 rows and 600 columns."""

    def element(vr: str, value: str | int) -> DicomJson:
        return {"vr": vr, "Value": [value]}

    return evidence_of(
        {
            "00080016": element("UI", "1.2.840.10008.5.1.4.1.1.2"),
            "00080018": element("UI", uid),
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": "TRẦN^THỊ BÌNH"}]},
            "0020000D": element("UI", STUDY),
            "0020000E": element("UI", SERIES),
            "00280008": element("IS", frames),
            "00280010": element("US", 512),
            "00280011": element("US", 600),
        }
    )


def stored(model: DicomJson) -> DicomJson:
    """Return a model after its journey through bytes, as the index keeps it."""
    head = meta.encode(
        sop_class_uid=model["00080016"]["Value"][0],
        sop_instance_uid=model["00080018"]["Value"][0],
        transfer_syntax_uid=meta.EXPLICIT_VR_LITTLE_ENDIAN,
    )
    encoded = jsonencode.encode(model, NoBulk(), limits=LIMITS)
    return model_of(head + b"".join(piece for piece in encoded.pieces if isinstance(piece, bytes)))
