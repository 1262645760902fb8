"""Where the pixels of a frame lie: plane, spacing and orientation, in millimetres of the patient.

Image coordinates are the standard's: the first pixel's middle is at Image Position (Patient).
"""

import math
from collections.abc import Sequence
from typing import Any

from pacs_gateway.imaging import attributes, header
from pacs_gateway.imaging.dataset import Elements

_CM, _TISSUE = 3, 1
_MM_OF_CM = 10.0
_UNIT_TOLERANCE = 0.05
"""Headers round direction cosines; farther from a unit they are no directions."""


def plane_of(data_set: Elements, number: int) -> dict[str, Any] | None:
    """Return position and orientation of frame `number` (PS3.3 C.7.6.2.1.1), None if unknown."""
    placed = header.group(data_set, number, "PlanePositionSequence", "ImagePositionPatient")
    turned = header.group(data_set, number, "PlaneOrientationSequence", "ImageOrientationPatient")
    position = attributes.decimals(placed, "ImagePositionPatient")
    orientation = attributes.decimals(turned, "ImageOrientationPatient")
    if len(position) != 3 or not _are_directions(orientation):  # noqa: PLR2004 - x, y, z
        return None
    offsets = attributes.decimals(data_set, "GridFrameOffsetVector")
    if 0 < number <= len(offsets):
        position = _moved(position, orientation, offsets[number - 1] - offsets[0])
    return {
        "position": list(position),
        "orientation": list(orientation),
        "frameOfReference": str(attributes.first(data_set, "FrameOfReferenceUID") or ""),
    }


def spacing_of(measures: Elements) -> dict[str, Any] | None:
    """Return distances between the middles of pixels, in millimetres, and what they hold for.

    Pixel Spacing is in the patient, unless it only repeats that of the detector; a calibration
    makes it hold for one plane of the patient (PS3.3 10.7.1.3).
    """
    pixel = _pair(measures, "PixelSpacing")
    imager = _pair(measures, "ImagerPixelSpacing")
    if pixel is not None:
        kind = "patient"
        if measures.holds("PixelSpacingCalibrationType"):
            kind = "calibrated"
        elif imager is not None and imager == pixel:
            kind = "detector"
        return {"row": pixel[0], "column": pixel[1], "kind": kind}
    plate = imager or _pair(measures, "NominalScannedPixelSpacing")
    return None if plate is None else {"row": plate[0], "column": plate[1], "kind": "detector"}


def aspect_of(data_set: Elements) -> float:
    """Return the height of a pixel divided by its width (PS3.3 C.7.6.3.1.7)."""
    pair = _pair(data_set, "PixelAspectRatio")
    spacing = spacing_of(header.group(data_set, 1, "PixelMeasuresSequence", "PixelSpacing"))
    if spacing is not None:
        return float(spacing["row"] / spacing["column"])
    return 1.0 if pair is None else pair[0] / pair[1]


def patient_orientation(data_set: Elements) -> Sequence[str] | None:
    """Return to where rows and columns run, in letters such as L, F (PS3.3 C.7.6.1.1.1)."""
    found = [
        str(each).strip().upper() for each in attributes.values(data_set, "PatientOrientation")
    ]
    if len(found) != 2 or not all(set(each) <= set("LRAPHFUD") for each in found):  # noqa: PLR2004
        return None
    return found if any(found) else None


def regions(data_set: Elements) -> Sequence[dict[str, float]]:
    """Return the parts of an ultrasound image that have a scale (PS3.3 C.8.5.5)."""
    found = []
    for region in attributes.items(data_set, "SequenceOfUltrasoundRegions"):
        units = [attributes.integer(region, f"PhysicalUnits{way}Direction") for way in "XY"]
        deltas = [attributes.decimal(region, f"PhysicalDelta{way}") for way in "XY"]
        names = ("RegionLocationMinX0", "RegionLocationMinY0", "RegionLocationMaxX1",
                 "RegionLocationMaxY1")  # fmt: skip
        corners = [attributes.integer(region, name) for name in names]
        if units != [_CM, _CM] or not all(deltas) or None in corners:
            continue
        if attributes.integer(region, "RegionSpatialFormat") != _TISSUE:
            continue
        scale = [abs(delta or 0.0) * _MM_OF_CM for delta in deltas]
        values = (*(float(corner or 0) for corner in corners), *scale)
        found.append(dict(zip(("x0", "y0", "x1", "y1", "dx", "dy"), values, strict=True)))
    return found


def _pair(data_set: Elements, keyword: str) -> tuple[float, float] | None:
    found = attributes.decimals(data_set, keyword)
    if len(found) != 2 or not all(number > 0 for number in found):  # noqa: PLR2004 - row, column
        return None
    return found[0], found[1]


def _are_directions(orientation: Sequence[float]) -> bool:
    if len(orientation) != 6:  # noqa: PLR2004 - two directions of x, y, z
        return False
    row, column = orientation[:3], orientation[3:]
    lengths = (math.hypot(*row), math.hypot(*column))
    across = sum(a * b for a, b in zip(row, column, strict=True))
    return all(abs(length - 1) < _UNIT_TOLERANCE for length in lengths) and (
        abs(across) < _UNIT_TOLERANCE
    )


def _moved(
    position: Sequence[float], orientation: Sequence[float], distance: float
) -> Sequence[float]:
    """Return a position moved along the normal of its plane."""
    (a, b, c), (d, e, f) = orientation[:3], orientation[3:]
    normal = (b * f - c * e, c * d - a * f, a * e - b * d)
    return [start + distance * step for start, step in zip(position, normal, strict=True)]
