"""A CT series to measure with: a body on a table with the noise of a real scanner."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.filereader import dcmread
from pydicom.uid import UID

BONE = 0.02
"""Squared radius of the spine, in halves of the image."""
NOISE_HU = 12.0
"""Standard deviation; what a chest CT of usual dose has."""


def new_uid() -> str:
    """Return a UID that is as long as every other one from here (PS3.5 B.2)."""
    return f"2.25.1{secrets.randbelow(10**37):037d}"


@dataclass(frozen=True, slots=True)
class Series:
    """One series as Part 10 files, with the UIDs that name it."""

    study_uid: str
    series_uid: str
    sop_instance_uids: Sequence[str]
    files: Sequence[bytes]


def ct_data_set() -> Dataset:
    """Return a CT image to change; its window shows soft tissue."""
    data_set = dcmread(str(get_testdata_file("CT_small.dcm")))
    data_set.RescaleIntercept, data_set.RescaleSlope = -1024, 1
    data_set.WindowCenter, data_set.WindowWidth = 40, 400
    return data_set


def ct_series(instances: int, rows: int = 512) -> Series:
    """Return `instances` square slices, no two with the same pixels."""
    data_set = ct_data_set()
    data_set.Rows, data_set.Columns = rows, rows
    data_set.StudyInstanceUID, data_set.SeriesInstanceUID = new_uid(), new_uid()
    files = list(_slices(data_set, instances))
    return Series(
        data_set.StudyInstanceUID,
        data_set.SeriesInstanceUID,
        [uid for uid, _ in files],
        [file for _, file in files],
    )


def _slices(data_set: Dataset, instances: int) -> Iterator[tuple[str, bytes]]:
    random = np.random.default_rng(seed=1)
    y, x = np.mgrid[-1 : 1 : data_set.Rows * 1j, -1 : 1 : data_set.Columns * 1j]
    for number in range(instances):
        body = (x / 0.85) ** 2 + (y / (0.6 + 0.1 * number / instances)) ** 2 < 1
        bone = x**2 + (y - 0.35) ** 2 < BONE
        hounsfield = np.where(bone, 700.0, np.where(body, 45.0 + 30 * x, -1000.0))
        noisy = hounsfield + random.normal(0, NOISE_HU, hounsfield.shape) + 1024
        uid = UID(new_uid())
        data_set.SOPInstanceUID = data_set.file_meta.MediaStorageSOPInstanceUID = uid
        data_set.InstanceNumber = number + 1
        data_set.PixelData = np.clip(noisy, 0, 4095).astype("<i2").tobytes()
        file = BytesIO()
        data_set.save_as(file)
        yield uid, file.getvalue()
