"""Studies for the reading viewer: every way to grey, and a volume whose axes are known."""

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from tests.acceptance.studies import uid

Floats = NDArray[np.float64]

GREYS = uid("read", "greys")
"""One series of one image for each entry of `GREY_VARIANTS`, in this order."""
VOLUME = uid("read", "volume")
"""Axial slices in which one cube is bright: on the patient's left, anterior, towards the head."""

TISSUE = uid("read", "tissue")
TISSUE_SIZE = (128, 128)
TISSUE_SPACING = 0.661468

LONG = uid("read", "long")
LONG_SLICES = 600

SIDE = 64
SLICES = 12
CUBE = {"columns": slice(44, 60), "rows": slice(4, 20), "slices": slice(8, 11)}
BRIGHT = 900
COLUMN_SPACING, ROW_SPACING, STEP = 1.0, 1.5, 8.0


def tissue_files() -> Iterator[bytes]:
    """Yield three slices with the pixels of a real CT, not compressed."""
    path = get_testdata_file("CT_small.dcm", download=False)
    assert isinstance(path, str)
    for number in (1, 2, 3):
        ds = dcmread(path)
        ds.SpecificCharacterSet = "ISO_IR 192"
        ds.StudyInstanceUID, ds.SeriesInstanceUID = TISSUE, uid(TISSUE, 1)
        ds.SOPInstanceUID = uid(TISSUE, 1, number)
        ds.PatientID, ds.PatientName, ds.InstanceNumber = TISSUE[-12:], "MÔ^THẬT", number
        ds.ImagePositionPatient = [0, 0, number * 5]
        yield encoded(ds)


def long_files() -> Iterator[bytes]:
    """Yield a CT of many small slices; its pixels are those of a real one, cut out."""
    path = get_testdata_file("CT_small.dcm", download=False)
    assert isinstance(path, str)
    pixels = dcmread(path).pixel_array[32:96, 32:96].astype(np.uint16)
    for number in range(1, LONG_SLICES + 1):
        ds = image_of(LONG, series=1, number=number)
        ds.Modality, ds.SeriesDescription = "CT", "long"
        ds.ImagePositionPatient, ds.ImageOrientationPatient = [0, 0, -number], [1, 0, 0, 0, 1, 0]
        ds.PixelSpacing, ds.FrameOfReferenceUID = [1, 1], uid(LONG, "frame of reference")
        ds.PixelData = pixels.tobytes()
        yield encoded(ds)


def read_files() -> Iterator[bytes]:
    """Yield the Part 10 files of both studies."""
    for number, (name, changes) in enumerate(GREY_VARIANTS.items(), start=1):
        yield encoded(_grey(number, name, changes))
    for number in range(SLICES):
        yield encoded(_slice(number))


def ramp(*, signed: bool) -> NDArray[np.int16] | NDArray[np.uint16]:
    """Return stored values that run through all of 12 bits, another one in every pixel."""
    values = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    return (values - 2048).astype(np.int16) if signed else values.astype(np.uint16)


def lut_item(size: int, curve: Callable[[Floats], Floats], **facts: object) -> Dataset:
    """Return a table of `size` entries of 12 bits; `curve` leads from 0 to 1."""
    lut = Dataset()
    lut.LUTDescriptor = [size, 0, 12]
    lut.add_new("LUTData", "OW", (curve(np.linspace(0, 1, size)) * 4095).astype("<u2").tobytes())
    for keyword, value in facts.items():
        setattr(lut, keyword, value)
    return lut


WINDOW = {"WindowCenter": 1500, "WindowWidth": 1200}
GREY_VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "window": WINDOW,
    "monochrome1": WINDOW | {"PhotometricInterpretation": "MONOCHROME1"},
    "sigmoid": WINDOW | {"VOILUTFunction": "SIGMOID"},
    "exact": WINDOW | {"VOILUTFunction": "LINEAR_EXACT"},
    "voi lut": {"VOILUTSequence": [lut_item(4096, np.sqrt)]},
    "modality lut": WINDOW
    | {"ModalityLUTSequence": [lut_item(4096, np.square, ModalityLUTType="US")]},
    "signed": {"PixelRepresentation": 1, "WindowCenter": -100, "WindowWidth": 500},
    "rescale": {
        "RescaleSlope": 0.5,
        "RescaleIntercept": -1024,
        "WindowCenter": -200,
        "WindowWidth": 700,
    },
    "padding": {"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 900},
    "narrow": {"WindowCenter": 2000, "WindowWidth": 1},
}


def _grey(number: int, name: str, changes: Mapping[str, Any]) -> Dataset:
    ds = image_of(GREYS, series=number, number=1)
    ds.Modality, ds.SeriesDescription = "OT", name
    ds.update(_elements(changes))
    ds.PixelData = ramp(signed=bool(ds.PixelRepresentation)).tobytes()
    return ds


def _elements(changes: Mapping[str, Any]) -> Dataset:
    elements = Dataset()
    for keyword, value in changes.items():
        setattr(elements, keyword, value)
    return elements


def _slice(number: int) -> Dataset:
    """Return one slice; the first in the list is the highest, as scanners often send them."""
    from_feet = SLICES - 1 - number
    ds = image_of(VOLUME, series=1, number=number + 1)
    ds.Modality, ds.SeriesDescription = "CT", "cube"
    ds.ImagePositionPatient = [-20.0, -30.0, 100.0 + STEP * from_feet]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.FrameOfReferenceUID = uid("read", "frame of reference")
    ds.PixelSpacing, ds.SliceThickness = [ROW_SPACING, COLUMN_SPACING], STEP
    ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 1, -1000, "HU"
    ds.WindowCenter, ds.WindowWidth = 0, 2000
    values = np.full((SIDE, SIDE), 1000, np.uint16)
    if CUBE["slices"].start <= from_feet < CUBE["slices"].stop:
        values[CUBE["rows"], CUBE["columns"]] = 1000 + BRIGHT
    ds.PixelData = values.tobytes()
    return ds


def image_of(study: str, *, series: int, number: int) -> Dataset:
    """Return an image of 12 bits without pixels."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, uid(study, series, number)
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study, uid(study, series)
    ds.PatientID, ds.PatientName = study[-12:], "HỒNG^KIỂM THỬ"
    ds.StudyDate, ds.StudyTime, ds.StudyDescription = "20261101", "080000", "Thử"
    ds.SeriesNumber, ds.InstanceNumber = series, number
    ds.Rows = ds.Columns = SIDE
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    return ds


def encoded(ds: Dataset) -> bytes:
    """Return the Part 10 file of a data set."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
