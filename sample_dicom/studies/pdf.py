"""An ultrasound report as an encapsulated PDF, whose few bytes are written here by hand."""

from collections.abc import Iterator, Sequence

from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

from sample_dicom.catalogue import ABDOMEN_US, Series
from sample_dicom.modules import Sample, code, common

_SERIES = Series(ABDOMEN_US, 2, "DOC", "Phiếu kết quả siêu âm")
_TITLE = "Phiếu kết quả siêu âm ổ bụng"
# The fonts that every PDF reader has know no Vietnamese letters, and embedding one would make the
# file fifty times its size; so the text has no accents and the title, which needs no font, has.
_LINES = (
    "BENH VIEN MAU - KHOA CHAN DOAN HINH ANH",
    "PHIEU KET QUA SIEU AM O BUNG",
    "",
    "Nguoi benh: LE THI NGOC ANH    Ma: BN26-002210    Ngay: 16/11/2026",
    "",
    "Gan: bo deu, nhu mo dong nhat. Tinh mach cua thong, dong chay ve gan.",
    "Tui mat: co mot soi khoang 9 mm, co bong can phia sau.",
    "Than phai: kich thuoc binh thuong, dai be than khong gian.",
    "",
    "KET LUAN: SOI TUI MAT.",
    "",
    "(Synthetic sample: no such patient, no such hospital.)",
)


def samples() -> Iterator[Sample]:
    data_set = common(_SERIES, 1, EncapsulatedPDFStorage)
    data_set.ConversionType = "WSD"
    data_set.ContentDate, data_set.ContentTime = data_set.StudyDate, "160210"
    data_set.AcquisitionDateTime = ""
    data_set.BurnedInAnnotation = "YES"
    data_set.DocumentTitle = _TITLE
    data_set.ConceptNameCodeSequence = [code("18748-4", "LN", "Diagnostic imaging report")]
    data_set.MIMETypeOfEncapsulatedDocument = "application/pdf"
    document = _document(_LINES, title=_TITLE)
    data_set.EncapsulatedDocumentLength = len(document)
    data_set.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    yield Sample(_SERIES, data_set, ExplicitVRLittleEndian, "encapsulated PDF, no pixels")


def _document(lines: Sequence[str], *, title: str) -> bytes:
    """Return a PDF 1.4 of one A4 page (ISO 32000-1)."""
    shown = "\n".join(f"({_escaped(line)}) Tj T*" for line in lines)
    text = f"BT /F1 11 Tf 18 TL 56 780 Td\n{shown}\nET".encode("ascii")
    heading = (b"\xfe\xff" + title.encode("utf-16-be")).hex().encode("ascii")
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources 6 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Font << /F1 5 0 R >> >>",
        b"<< /Title <%s> >>" % heading,
    )
    return _file(objects)


def _file(objects: Sequence[bytes]) -> bytes:
    """Join numbered objects with the table that says where each begins."""
    out, starts = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        starts.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    count = len(objects) + 1
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    return (
        out
        + b"xref\n0 %d\n0000000000 65535 f \n%s" % (count, table)
        + b"trailer\n<< /Size %d /Root 1 0 R /Info 7 0 R >>\n" % count
        + b"startxref\n%d\n%%%%EOF\n" % len(out)
    )


def _escaped(line: str) -> str:
    return line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
