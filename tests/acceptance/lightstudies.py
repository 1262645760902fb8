"""Studies for the light viewer: the samples, and what modalities get wrong."""

import io
from collections.abc import Iterator
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import ComputedRadiographyImageStorage

from tests.acceptance.studies import uid

SAMPLES = Path(__file__).parents[2] / "sample_dicom"
CT, PRIOR, FILM, CINE = (
    "ct-chest-2026-11-12",
    "ct-chest-2026-09-08",
    "dx-chest-2026-11-13",
    "us-abdomen-2026-11-16",
)
BROKEN = uid("light", "broken")
"""Four slices without spacing, number 3 never came, and the pixels of number 2 are cut short."""
DETECTOR = uid("light", "detector")
"""One film whose spacing is that of its detector."""


def sample_study(folder: str) -> str:
    """Return the Study Instance UID of a sample."""
    return str(dcmread(SAMPLES / folder / "001.dcm", stop_before_pixels=True).StudyInstanceUID)


def light_files() -> Iterator[bytes]:
    """Yield the Part 10 files of all studies."""
    for folder in (CT, PRIOR, FILM, CINE):
        for path in sorted((SAMPLES / folder).glob("*.dcm")):
            yield path.read_bytes()
    for number in (1, 2, 4, 5):
        slice_ = _slice(BROKEN, number)
        del slice_.PixelSpacing
        if number == 2:
            slice_.PixelData = slice_.PixelData[:100]
        yield _bytes(slice_)
    film = _slice(DETECTOR, 1)
    del film.PixelSpacing
    film.ImagerPixelSpacing = [0.2, 0.2]
    film.Modality = "CR"
    film.SOPClassUID = film.file_meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    yield _bytes(film)


def _slice(study: str, number: int) -> Dataset:
    path = get_testdata_file("CT_small.dcm", download=False)
    assert isinstance(path, str)
    ds = dcmread(path)
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study, uid(study, "series")
    ds.SOPInstanceUID = uid(study, number)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.PatientID, ds.PatientName, ds.InstanceNumber = study[-12:], "THỬ^NGHIỆM", number
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImagePositionPatient = [0, 0, number * 5]
    return ds


def _bytes(ds: Dataset) -> bytes:
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
