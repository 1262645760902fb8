"""Patients of nobody whose every value is a word that can be found again, sound and damaged."""

from collections.abc import Iterator
from io import BytesIO

from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

WORD = "KHUYEN"
"""In every text; a name that nothing else here has."""
ROOT = "1.2.826.0.1.3680043.8.498.27182818284"
DIGITS = "27182818284"
"""In every UID and number."""
NAME = f"{WORD}^CHIM^HOANG"
PATIENT_ID = f"BN{WORD}{DIGITS}"
STUDY = f"{ROOT}.1"
BIRTH_DATE = "19581103"

_TEXTS = {
    "PatientName": NAME,
    "PatientID": PATIENT_ID,
    "OtherPatientNames": f"{WORD}^KHAC",
    "PatientAddress": f"12 {WORD}, Ha Noi",
    "PatientTelephoneNumbers": DIGITS,
    "PatientComments": f"{WORD} is allergic",
    "PatientBirthDate": BIRTH_DATE,
    "AccessionNumber": f"XN{WORD}",
    "StudyID": DIGITS,
    "StudyDescription": f"CT {WORD}",
    "SeriesDescription": f"axial {WORD}",
    "ReferringPhysicianName": f"BS {WORD}",
    "InstitutionName": f"BV {WORD}",
    "StudyInstanceUID": STUDY,
    "SeriesInstanceUID": f"{ROOT}.1.1",
}
_IMPOSSIBLE = {
    "PatientBirthDate": f"{WORD}58",
    "StudyDate": f"2026{WORD}",
    "StudyTime": f"{WORD}00",
    "InstanceNumber": f"{WORD}",
    "SeriesNumber": f"{DIGITS}{DIGITS}",
    "SliceThickness": f"{WORD} mm",
    "PatientAge": f"{WORD}Y",
    "WindowCenter": f"{WORD}",
    "PixelSpacing": f"{WORD}\\{WORD}",
    "PatientName": f"{WORD}^" * 40,
    "PatientID": f"{WORD} " * 40,
    "LossyImageCompression": f"{WORD}",
}
_NO_PICTURE = {
    "Rows": "\0\0",
    "BitsAllocated": "\r\0",
    "PhotometricInterpretation": f"{WORD}",
    "PixelRepresentation": "\7\0",
    "NumberOfFrames": f"{WORD}",
    "PixelData": WORD,
}


def files() -> Iterator[bytes]:
    """Yield Part 10 files: one that is sound, and one for each thing that is wrong."""
    yield _file(1)
    for number, (keyword, value) in enumerate(_IMPOSSIBLE.items(), start=2):
        yield _file(number, **{keyword: value})
    for number, (keyword, value) in enumerate(_NO_PICTURE.items(), start=50):
        yield _file(number, **{keyword: value})
    yield _file(70, SOPInstanceUID=f"{ROOT}.{WORD}")
    yield _file(71, StudyInstanceUID=f"../{WORD}")
    yield _file(72, StudyInstanceUID="")
    sound = _file(80)
    yield sound.replace(b"ISO_IR 100", f"ISO_{WORD}".encode())
    yield sound[:-5000]
    yield sound[:700]
    yield sound.replace(b"LO", b"ZZ", 3)
    yield WORD.encode() * 1000


def _file(number: int, **changes: str) -> bytes:
    path = get_testdata_file("CT_small.dcm", download=False)
    assert isinstance(path, str)
    ds = dcmread(path)
    # Values are written as they are: pydicom would not take most of them.
    for keyword, value in {**_TEXTS, "SOPInstanceUID": f"{ROOT}.1.1.{number}", **changes}.items():
        tag = Tag(keyword)
        content = value.encode() + (b"\0" if keyword.endswith("UID") else b" ") * (len(value) % 2)
        ds[tag] = RawDataElement(
            tag, dictionary_VR(tag), len(content), content, 0, is_implicit_VR=False,
            is_little_endian=True,
        )  # fmt: skip
    buffer = BytesIO()
    ds.save_as(buffer)
    return buffer.getvalue()
