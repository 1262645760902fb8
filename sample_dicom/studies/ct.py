"""Two CT examinations of one chest, nine weeks apart; between them a nodule has grown."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEGLSLossless,
)

from sample_dicom.catalogue import CT_CURRENT, CT_PRIOR, Series
from sample_dicom.modules import Sample, acquired, common, placed, window
from sample_dicom.phantoms import film, thorax
from sample_dicom.phantoms.shapes import Field, Points, axis
from sample_dicom.phantoms.texture import grain
from sample_dicom.transfer import set_pixels

SIZE = 256
SPACING = 1.40625
THICKNESS = 8.0

_PADDING = -2000
_INTERCEPT = -1024
_NOISE_HU = 6.0
_SCOUT_SPACING = 1.6


@dataclass(frozen=True, slots=True)
class _Scan:
    """One axial series: from `lowest` mm upwards, a slice every `gap` mm."""

    series: Series
    lowest: float
    gap: float
    slices: int
    nodule_radius: float
    syntax: UID
    exercises: str

    def height(self, number: int) -> float:
        return self.lowest + self.gap * (number - 1)


_SCOUT = Series(CT_CURRENT, 1, "CT", "Topogram")
_CURRENT = _Scan(
    series=Series(CT_CURRENT, 2, "CT", "Ngực 8 mm có tiêm"),
    lowest=-100.0,
    gap=THICKNESS,
    slices=24,
    nodule_radius=9.0,
    syntax=JPEGLSLossless,
    exercises="stack, signed pixels with padding, two windows, geometry for reference lines",
)
_PRIOR = _Scan(
    series=Series(CT_PRIOR, 1, "CT", "Ngực 8 mm cách 16 mm"),
    lowest=-28.0,
    gap=2 * THICKNESS,
    slices=7,
    nodule_radius=5.0,
    syntax=DeflatedExplicitVRLittleEndian,
    exercises="prior of the same patient, deflated data set, gaps between slices",
)
NODULE_SERIES = _CURRENT.series
NODULE_SLICE = 18
NODULE_MM = 2 * _CURRENT.nodule_radius


def samples() -> Iterator[Sample]:
    yield _scout()
    for scan in (_CURRENT, _PRIOR):
        for number in range(1, scan.slices + 1):
            yield _slice(scan, number)


def _slice(scan: _Scan, number: int) -> Sample:
    across, height = axis(SIZE, SPACING), scan.height(number)
    points = Points(across[None, :], across[:, None], np.full((1, 1), height))
    noise = _NOISE_HU * grain((SIZE, SIZE), seed=1000 * scan.slices + number)
    units = thorax.axial(points, nodule_radius=scan.nodule_radius) + noise
    outside = points.x**2 + points.y**2 > (SIZE / 2 * SPACING) ** 2
    data_set = common(scan.series, number, CTImageStorage)
    acquired(data_set, scan.series, ("ORIGINAL", "PRIMARY", "AXIAL"))
    corner = float(across[0])
    placed(
        data_set,
        scan.series,
        position=(corner, corner, height),
        rows=(1, 0, 0),
        columns=(0, 1, 0),
    )
    data_set.PixelSpacing = [SPACING, SPACING]
    data_set.SliceThickness = THICKNESS
    data_set.SpacingBetweenSlices = scan.gap
    data_set.SliceLocation = height
    data_set.PixelPaddingValue = _PADDING
    data_set.ConvolutionKernel = "STANDARD"
    data_set.RescaleType = "HU"
    window(data_set, MEDIASTINUM=(40, 400), LUNG=(-600, 1500))
    _expose(data_set, milliamperes=180)
    stored = np.where(outside, _PADDING, _stored(units)).astype(np.int16)
    set_pixels(data_set, [stored], syntax=scan.syntax, bits_stored=16)
    return Sample(scan.series, data_set, scan.syntax, scan.exercises)


def _scout() -> Sample:
    """Return the survey view on which the slices were planned, seen from the front."""
    across = axis(SIZE, _SCOUT_SPACING)
    points = Points(across[None, :], np.zeros((1, 1)), -across[:, None])
    passed = film.attenuation(points, infiltrate=0.0)
    data_set = common(_SCOUT, 1, CTImageStorage)
    acquired(data_set, _SCOUT, ("ORIGINAL", "PRIMARY", "LOCALIZER"))
    corner = float(across[0])
    placed(data_set, _SCOUT, position=(corner, 0.0, -corner), rows=(1, 0, 0), columns=(0, 0, -1))
    data_set.PixelSpacing = [_SCOUT_SPACING, _SCOUT_SPACING]
    data_set.SliceThickness = THICKNESS
    window(data_set, TOPOGRAM=(-300, 1000))
    _expose(data_set, milliamperes=30)
    units = 3.6 * passed - 1000.0 + 8.0 * grain((SIZE, SIZE), seed=11)
    stored = _stored(units)
    set_pixels(data_set, [stored], syntax=ExplicitVRLittleEndian, bits_stored=16)
    return Sample(
        _SCOUT,
        data_set,
        ExplicitVRLittleEndian,
        "uncompressed, coronal localizer of the next series",
    )


def _stored(units: Field) -> NDArray[np.int16]:
    """Return HU as stored values; nothing is below the scale's end at -1024 HU."""
    above: Field = np.maximum(units, _INTERCEPT) - _INTERCEPT
    return np.rint(above).astype(np.int16)


def _expose(data_set: Dataset, *, milliamperes: int) -> None:
    data_set.PhotometricInterpretation = "MONOCHROME2"
    data_set.RescaleIntercept = _INTERCEPT
    data_set.RescaleSlope = 1
    data_set.KVP = 120
    data_set.XRayTubeCurrent = milliamperes
