"""One brain in oblique slices, and a colour picture of one of them as a console would save it."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import (
    ImplicitVRLittleEndian,
    MRImageStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from sample_dicom.catalogue import BRAIN_MR, Series
from sample_dicom.modules import Sample, acquired, common, placed, window
from sample_dicom.phantoms import brain
from sample_dicom.phantoms.shapes import Field, Points, axis
from sample_dicom.phantoms.texture import clouds, grain
from sample_dicom.transfer import set_pixels

SIZE = 176
SPACING = 1.3
SLICES = 12
THICKNESS = 6.0
GAP = 9.0
# A tilt of about 16 degrees whose sine and cosine have two decimals.
COSINE, SINE = 0.96, 0.28
_NOISE = 16.0
_MAPPED_SLICE = 9
_BRIGHTEST = 1700.0

_SERIES = Series(BRAIN_MR, 1, "MR", "T2 TSE chếch")
_MAP = Series(BRAIN_MR, 99, "MR", "Bản đồ màu T2")


def samples() -> Iterator[Sample]:
    for number in range(1, SLICES + 1):
        yield _slice(number)
    yield _colour_map()


def _points(number: int) -> Points:
    """Return the slice's pixels; a column runs backwards and, for the tilt, a little upwards."""
    along, offset = axis(SIZE, SPACING), _offset(number)
    down = along[:, None]
    return Points(along[None, :], COSINE * down - SINE * offset, SINE * down + COSINE * offset)


def _offset(number: int) -> float:
    """Return the slice's distance from the middle of the stack in mm."""
    return (number - (SLICES + 1) / 2) * GAP


def _slice(number: int) -> Sample:
    points = _points(number)
    signal = brain.t2_weighted(points)
    real, imaginary = (_NOISE * grain((SIZE, SIZE), seed=s + number) for s in (300, 400))
    magnitude = np.sqrt((signal + real) ** 2 + imaginary**2)
    data_set = common(_SERIES, number, MRImageStorage)
    acquired(data_set, _SERIES, ("ORIGINAL", "PRIMARY", "OTHER"))
    corner = float(points.x[0, 0]), float(points.y[0, 0]), float(points.z[0, 0])
    placed(data_set, _SERIES, position=corner, rows=(1, 0, 0), columns=(0, COSINE, SINE))
    data_set.PixelSpacing = [SPACING, SPACING]
    data_set.SliceThickness = THICKNESS
    data_set.SpacingBetweenSlices = GAP
    data_set.SliceLocation = _offset(number)
    data_set.ScanningSequence = "SE"
    data_set.SequenceVariant = "SK"
    data_set.ScanOptions = ""
    data_set.MRAcquisitionType = "2D"
    data_set.RepetitionTime = 4500
    data_set.EchoTime = 96
    data_set.EchoTrainLength = 15
    data_set.MagneticFieldStrength = 1.5
    data_set.PhotometricInterpretation = "MONOCHROME2"
    window(data_set, T2=(800, 1600))
    stored = np.rint(magnitude).astype(np.uint16)
    set_pixels(data_set, [stored], syntax=ImplicitVRLittleEndian, bits_stored=16)
    exercises = "implicit VR, oblique plane, unsigned 16 bits without rescale"
    return Sample(_SERIES, data_set, ImplicitVRLittleEndian, exercises)


def _colour_map() -> Sample:
    points = _points(_MAPPED_SLICE)
    signal = brain.t2_weighted(points) * (0.8 + 0.4 * clouds(points, size=30.0, seed=61))
    data_set = common(_MAP, 1, SecondaryCaptureImageStorage)
    acquired(data_set, _MAP, ("DERIVED", "SECONDARY"))
    data_set.ConversionType = "WSD"
    data_set.PatientOrientation = ["L", "P"]
    data_set.PhotometricInterpretation = "PALETTE COLOR"
    for name, values in zip(("Red", "Green", "Blue"), _palette(), strict=True):
        setattr(data_set, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
        setattr(data_set, f"{name}PaletteColorLookupTableData", values.astype("<u2").tobytes())
    index = np.rint(np.clip(signal / _BRIGHTEST, 0.0, 1.0) * 255.0 / 4.0) * 4.0
    set_pixels(
        data_set,
        [np.minimum(index, 255.0).astype(np.uint8)],
        syntax=RLELossless,
        bits_stored=8,
    )
    return Sample(
        _MAP,
        data_set,
        RLELossless,
        "palette colour with 16-bit tables, RLE, other class in an MR study",
    )


def _palette() -> tuple[NDArray[np.uint16], ...]:
    """Return 256 red, green and blue entries from black over violet and orange to white."""
    share = np.arange(256) / 255.0
    channels: tuple[Field, ...] = (
        np.interp(share, (0.0, 0.3, 0.6, 1.0), (0.0, 0.35, 0.95, 1.0)),
        np.interp(share, (0.0, 0.3, 0.6, 1.0), (0.0, 0.05, 0.45, 1.0)),
        np.interp(share, (0.0, 0.3, 0.6, 1.0), (0.0, 0.55, 0.15, 1.0)),
    )
    return tuple(np.rint(channel * 65535.0).astype(np.uint16) for channel in channels)
