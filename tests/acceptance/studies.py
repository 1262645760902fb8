"""Four studies made of files that pydicom ships, under Vietnamese names of nobody."""

import io
from collections.abc import Iterator
from datetime import date

from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import UID, generate_uid

CT_SLICES = 5
FRAMES = 2

Identity = tuple[str, str, str, str]
AN: Identity = ("NGUYỄN^VĂN AN", "BN000123", "19580412", "M")
DUC: Identity = ("ĐỖ^MINH ĐỨC", "BN000456", "20250601", "M")
HOA: Identity = ("TRẦN^THỊ HOA", "BN000789", "19900131", "F")
HOSTILE: Identity = ("<script>alert(1)</script>^<b>X", "BN000<9", "19700101", "O")


def uid(*parts: object) -> str:
    """Return the same UID for the same parts, so that tests can name studies."""
    return generate_uid(entropy_srcs=[str(part) for part in parts])


def study_uid(identity: Identity) -> str:
    return uid(identity[1])


def sample_files(today: date) -> Iterator[bytes]:
    """Yield the Part 10 files of all studies."""
    for number in range(1, CT_SLICES + 1):
        yield _file("CT_small.dcm", AN, today, "CT ngực có tiêm thuốc cản quang", 1, number)
    yield _file("reportsi.dcm", AN, today, "CT ngực có tiêm thuốc cản quang", 2, 1)
    yield _file("SC_rgb_rle_2frame.dcm", DUC, today, "Siêu âm tim", 1, 1)
    yield _broken(_data_set("CT_small.dcm", DUC, today, "Siêu âm tim", 2, 1))
    yield _file("MR_small.dcm", HOA, date(2020, 2, 29), "MRI cột sống thắt lưng", 1, 1)
    yield _file("MR_small.dcm", HOSTILE, date(2019, 1, 1), "<img src=x onerror=alert(1)>", 1, 1)


def ct_file(identity: Identity, day: date, *, instance: str = "") -> bytes:
    """Return the Part 10 file of one CT image, whose study is named by its patient's ID."""
    ds = _data_set("CT_small.dcm", identity, day, "CT sọ não", 1, 1)
    if instance:
        ds.SOPInstanceUID = instance
        ds.file_meta.MediaStorageSOPInstanceUID = UID(instance)
    return _bytes(ds)


def _file(name: str, identity: Identity, day: date, text: str, series: int, number: int) -> bytes:
    return _bytes(_data_set(name, identity, day, text, series, number))


def _data_set(
    name: str, identity: Identity, day: date, text: str, series: int, number: int
) -> Dataset:
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    ds = dcmread(path)
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = identity
    ds.StudyInstanceUID = study_uid(identity)
    ds.SeriesInstanceUID = uid(identity[1], series)
    ds.SOPInstanceUID = uid(identity[1], series, number)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.StudyDate, ds.StudyTime = f"{day:%Y%m%d}", "081530"
    ds.StudyDescription, ds.SeriesDescription = text, f"Chuỗi thử {series}"
    ds.AccessionNumber = f"XN{identity[1][2:]}"
    ds.ReferringPhysicianName = "BÙI^VĂN HẢI^^BS"
    ds.SeriesNumber, ds.InstanceNumber = series, number
    return ds


def _broken(ds: Dataset) -> bytes:
    """Cut the pixels short, as a modality with a full disk does."""
    ds.PixelData = ds.PixelData[:100]
    return _bytes(ds)


def _bytes(ds: Dataset) -> bytes:
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
