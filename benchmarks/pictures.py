"""Series of other kinds than CT: plain films, mammograms, JPEG 2000, ultrasound clips."""

from collections.abc import Iterator
from io import BytesIO

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, JPEG2000Lossless, JPEGBaseline8Bit

from benchmarks.series import Series, ct_data_set, new_uid

COMPUTED_RADIOGRAPHY = UID("1.2.840.10008.5.1.4.1.1.1")
MAMMOGRAPHY = UID("1.2.840.10008.5.1.4.1.1.1.2")
ULTRASOUND_MULTIFRAME = UID("1.2.840.10008.5.1.4.1.1.3.1")


def kinds(count: int) -> Iterator[tuple[str, Series]]:
    """Yield names and series of `count` pictures each (frames, of the clip)."""
    yield "CR 2,048 x 2,500", _series(_film(COMPUTED_RADIOGRAPHY, "CR", (2500, 2048), count))
    yield "MG 3,328 x 4,096", _series(_film(MAMMOGRAPHY, "MG", (4096, 3328), count))
    yield "JPEG 2000 CT", _series(_compressed(count))
    yield "US clip frame", _series([_clip(count)])


def _series(data_sets: Iterator[Dataset] | list[Dataset]) -> Series:
    study, series = new_uid(), new_uid()
    uids, files = [], []
    for number, data_set in enumerate(data_sets):
        uid = UID(new_uid())
        data_set.StudyInstanceUID, data_set.SeriesInstanceUID = study, series
        data_set.SOPInstanceUID = data_set.file_meta.MediaStorageSOPInstanceUID = uid
        data_set.InstanceNumber = number + 1
        file = BytesIO()
        data_set.save_as(file)
        uids.append(uid)
        files.append(file.getvalue())
    return Series(study, series, uids, files)


def _scene(shape: tuple[int, int], seed: int) -> NDArray[np.float64]:
    """Return something between 0 and 1 that has edges, slopes and the noise of a detector."""
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    body = np.clip(1.2 - x**2 - y**2, 0, 1) * (0.8 + 0.2 * np.sin(18 * y))
    noise = np.random.default_rng(seed).normal(0, 0.01, shape)
    scene: NDArray[np.float64] = np.clip(body * 0.8 + noise, 0, 1)
    return scene


def _film(sop_class: UID, modality: str, shape: tuple[int, int], count: int) -> Iterator[Dataset]:
    for number in range(count):
        data_set = ct_data_set()
        data_set.SOPClassUID = data_set.file_meta.MediaStorageSOPClassUID = sop_class
        data_set.Modality = modality
        data_set.Rows, data_set.Columns = shape
        data_set.RescaleIntercept, data_set.RescaleSlope = 0, 1
        data_set.WindowCenter, data_set.WindowWidth = 2048, 4096
        data_set.PixelData = (_scene(shape, number) * 4095).astype("<i2").tobytes()
        yield data_set


def _compressed(count: int) -> Iterator[Dataset]:
    for number in range(count):
        data_set = ct_data_set()
        data_set.Rows = data_set.Columns = 512
        data_set.PixelRepresentation = 0
        pixels = (_scene((512, 512), number) * 4095).astype("<u2")
        coded = imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", reversible=True, level=0)
        data_set.file_meta.TransferSyntaxUID = JPEG2000Lossless
        data_set.PixelData = encapsulate([bytes(coded)])
        data_set["PixelData"].VR = "OB"
        yield data_set


def _clip(frames: int) -> Dataset:
    data_set = ct_data_set()
    data_set.SOPClassUID = data_set.file_meta.MediaStorageSOPClassUID = ULTRASOUND_MULTIFRAME
    data_set.Modality, data_set.PhotometricInterpretation = "US", "YBR_FULL_422"
    data_set.SamplesPerPixel, data_set.PlanarConfiguration = 3, 0
    data_set.Rows, data_set.Columns, data_set.NumberOfFrames = 600, 800, frames
    data_set.BitsAllocated = data_set.BitsStored = 8
    data_set.HighBit, data_set.PixelRepresentation = 7, 0
    for keyword in ("RescaleIntercept", "RescaleSlope", "WindowCenter", "WindowWidth"):
        delattr(data_set, keyword)
    grey = ((_scene((600, 800), number) * 255).astype(np.uint8) for number in range(frames))
    coded = [bytes(imagecodecs.jpeg_encode(np.dstack([each] * 3), level=85)) for each in grey]
    data_set.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    data_set.PixelData = encapsulate(coded)
    data_set["PixelData"].VR = "OB"
    return data_set
