"""A study with overlays, and presentation states that say everything a state can say of its image."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.uid import GrayscaleSoftcopyPresentationStateStorage, SecondaryCaptureImageStorage

from tests.acceptance.readstudies import encoded, image_of, lut_item
from tests.acceptance.studies import uid

MARKED = uid("read", "marked")
COLUMNS, ROWS = 96, 64
SIZE = (COLUMNS, ROWS)
AREA = (21, 11, 68, 42)
"""First column and row, last column and row, counted from 1."""
LINE = ((10.0, 20.0), (60.0, 20.0), (60.0, 50.0))
"""Columns and rows of a polyline."""
_EMBEDDED_BIT = 15
"""Of the cells of 16 bits, of which the image uses 12."""


def state_files() -> Iterator[bytes]:
    """Yield the image and the states of the study."""
    yield encoded(_image())
    for number, (name, facts) in enumerate(STATES.items(), start=1):
        yield encoded(_state(number, name, facts))


def state_uid(name: str) -> str:
    return uid(MARKED, "state", name)


def _image() -> Dataset:
    ds = image_of(MARKED, series=1, number=1)
    ds.SOPClassUID, ds.Modality = SecondaryCaptureImageStorage, "OT"
    ds.SeriesDescription, ds.WindowCenter, ds.WindowWidth = "overlays", 2048, 4096
    ds.Rows, ds.Columns = ROWS, COLUMNS
    row, column = np.mgrid[:ROWS, :COLUMNS]
    # Darker to the left and to the top, so that no turn looks like another.
    values = (row * 40 + column * 16).astype(np.uint16)
    values[50:58, 70:90] |= 1 << _EMBEDDED_BIT
    ds.PixelData = values.tobytes()
    ds.update(_plane(0x6000, np.s_[4:12, 10:40]))
    ds.update(_plane(0x6002, None))
    return ds


def _plane(group: int, marked: Any) -> Dataset:
    """Return an overlay of the size of the image; without `marked` it lies in the image's cells."""
    ds = Dataset()
    ds.add_new((group, 0x0010), "US", ROWS)
    ds.add_new((group, 0x0011), "US", COLUMNS)
    ds.add_new((group, 0x0040), "CS", "G")
    ds.add_new((group, 0x0050), "SS", [1, 1])
    ds.add_new((group, 0x0100), "US", 16 if marked is None else 1)
    ds.add_new((group, 0x0102), "US", _EMBEDDED_BIT if marked is None else 0)
    if marked is not None:
        bits = np.zeros((ROWS, COLUMNS), np.uint8)
        bits[marked] = 1
        ds.add_new((group, 0x3000), "OW", np.packbits(bits, bitorder="little").tobytes())
    return ds


def _of(facts: Mapping[str, Any]) -> Dataset:
    ds = Dataset()
    for keyword, value in facts.items():
        setattr(ds, keyword, value)
    return ds


def _layered() -> Mapping[str, Any]:
    own = _plane(0x6004, np.s_[30:36, 20:60])
    own.add_new((0x6004, 0x1001), "CS", "LAYER")
    own.add_new((0x6002, 0x1001), "CS", "LAYER")
    return {"overlays": own}


SCALED = {"RescaleSlope": 1, "RescaleIntercept": 0, "RescaleType": "US"}
STATES: Mapping[str, Mapping[str, Any]] = {
    "window": {
        "SoftcopyVOILUTSequence": [
            _of({"WindowCenter": 1200, "WindowWidth": 900, "VOILUTFunction": "SIGMOID"})
        ]
    },
    "tables": {
        "ModalityLUTSequence": [lut_item(4096, lambda x: 1 - x, ModalityLUTType="US")],
        "SoftcopyVOILUTSequence": [_of({"VOILUTSequence": [lut_item(4096, np.sqrt)]})],
        "PresentationLUTSequence": [lut_item(256, lambda x: x**2)],
    },
    "turned": {"ImageRotation": 90, "ImageHorizontalFlip": "N"},
    "turned, flipped, inverse": {
        "ImageRotation": 270,
        "ImageHorizontalFlip": "Y",
        "PresentationLUTShape": "INVERSE",
    },
    "flipped": {"ImageRotation": 0, "ImageHorizontalFlip": "Y"},
    "layers": _layered(),
    "shutter": {
        "ShutterShape": "CIRCULAR",
        "CenterOfCircularShutter": [32, 48],
        "RadiusOfCircularShutter": 25,
        "ShutterPresentationValue": 0x8000,
    },
    "area": {
        "DisplayedAreaSelectionSequence": [
            _of(
                {
                    "DisplayedAreaTopLeftHandCorner": list(AREA[:2]),
                    "DisplayedAreaBottomRightHandCorner": list(AREA[2:]),
                    "PresentationSizeMode": "SCALE TO FIT",
                    "PresentationPixelAspectRatio": [1, 1],
                }
            )
        ]
    },
    "graphics": {
        "GraphicAnnotationSequence": [
            _of(
                {
                    "GraphicLayer": "LAYER",
                    "GraphicObjectSequence": [
                        _of(
                            {
                                "GraphicAnnotationUnits": "PIXEL",
                                "GraphicDimensions": 2,
                                "NumberOfGraphicPoints": len(LINE),
                                "GraphicData": [at for point in LINE for at in point],
                                "GraphicType": "POLYLINE",
                                "GraphicFilled": "N",
                            }
                        )
                    ],
                }
            )
        ]
    },
}


def _state(number: int, name: str, facts: Mapping[str, Any]) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = GrayscaleSoftcopyPresentationStateStorage
    ds.SOPInstanceUID, ds.StudyInstanceUID = state_uid(name), MARKED
    ds.SeriesInstanceUID, ds.SeriesNumber = uid(MARKED, "states"), 9
    ds.Modality, ds.InstanceNumber = "PR", number
    ds.PatientID, ds.PatientName = MARKED[-12:], "HỒNG^KIỂM THỬ"
    ds.StudyDate, ds.StudyTime = "20261101", "080000"
    ds.ContentLabel, ds.ContentDescription = f"STATE{number}", name
    ds.PresentationCreationDate, ds.PresentationCreationTime = "20261101", "080000"
    image = _of(
        {
            "ReferencedSOPClassUID": SecondaryCaptureImageStorage,
            "ReferencedSOPInstanceUID": uid(MARKED, 1, 1),
        }
    )
    series = _of({"SeriesInstanceUID": uid(MARKED, 1), "ReferencedImageSequence": [image]})
    ds.ReferencedSeriesSequence = [series]
    ds.GraphicLayerSequence = [_of({"GraphicLayer": "LAYER", "GraphicLayerOrder": 1})]
    ds.PresentationLUTShape = "IDENTITY"
    changes = dict(facts)
    ds.update(changes.pop("overlays", Dataset()))
    if "ModalityLUTSequence" not in changes:
        ds.update(_of(SCALED))
    if "PresentationLUTSequence" in changes:
        del ds.PresentationLUTShape
    ds.update(_of(changes))
    return ds
