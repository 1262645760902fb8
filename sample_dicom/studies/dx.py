"""One chest film in MONOCHROME1, the form in which many radiography systems send."""

from collections.abc import Iterator

import numpy as np
from pydicom import Dataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, JPEG2000Lossless

from sample_dicom.catalogue import CHEST_FILM, Series
from sample_dicom.modules import Sample, acquired, code, common, window
from sample_dicom.phantoms import film
from sample_dicom.phantoms.shapes import Points, axis
from sample_dicom.phantoms.texture import grain
from sample_dicom.transfer import set_pixels

SIZE = 1024
SPACING = 0.4
_LARGEST = 4095
_LARGEST_PASSED_MM = 310.0
_NOISE = 5.0

_SERIES = Series(CHEST_FILM, 1, "DX", "Ngực thẳng")


def samples() -> Iterator[Sample]:
    data_set = common(_SERIES, 1, DigitalXRayImageStorageForPresentation)
    acquired(data_set, _SERIES, ("DERIVED", "PRIMARY"))
    _position(data_set)
    _detect(data_set)
    data_set.PhotometricInterpretation = "MONOCHROME1"
    data_set.PresentationLUTShape = "INVERSE"
    window(data_set, NORMAL=(1950, 3300), BONE=(1500, 2000))
    across = axis(SIZE, SPACING)
    points = Points(across[None, :], np.zeros((1, 1)), -across[:, None])
    bright = film.attenuation(points, infiltrate=1.0) / _LARGEST_PASSED_MM
    bright = np.maximum(
        bright, 0.93 * film.letter_r(points, corner=(-176.0, 0.0, 180.0), pixel=2.4)
    )
    dark = (1.0 - bright) * _LARGEST + _NOISE * grain((SIZE, SIZE), seed=21)
    stored = np.rint(np.clip(dark, 0, _LARGEST)).astype(np.uint16)
    set_pixels(data_set, [stored], syntax=JPEG2000Lossless, bits_stored=12)
    yield Sample(
        _SERIES,
        data_set,
        JPEG2000Lossless,
        "MONOCHROME1, 12 bits, JPEG 2000, name that differs from another by one dot",
    )


def _position(data_set: Dataset) -> None:
    """Add what was imaged and from where (PS3.3 C.8.11.2, C.8.11.5)."""
    data_set.PatientOrientation = ["L", "F"]
    data_set.ImageLaterality = "U"
    data_set.AnatomicRegionSequence = [code("816094009", "SCT", "Chest")]
    data_set.ViewPosition = "PA"
    data_set.ViewCodeSequence = [code("272479007", "SCT", "postero-anterior")]
    data_set.PresentationIntentType = "FOR PRESENTATION"
    data_set.AcquisitionContextSequence = []


def _detect(data_set: Dataset) -> None:
    """Add the detector and what its values mean (PS3.3 C.8.11.3, C.8.11.4)."""
    data_set.DetectorType = "DIRECT"
    data_set.PositionerType = "COLUMN"
    data_set.KVP = 117
    data_set.ImagerPixelSpacing = [SPACING, SPACING]
    data_set.PixelSpacing = [SPACING, SPACING]
    data_set.PixelIntensityRelationship = "LOG"
    data_set.PixelIntensityRelationshipSign = 1
    data_set.RescaleIntercept = 0
    data_set.RescaleSlope = 1
    data_set.RescaleType = "US"
    data_set.LossyImageCompression = "00"
