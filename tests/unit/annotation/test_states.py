"""A presentation state says of each image what it is to look like, in coordinates of viewers."""

from io import BytesIO
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset

from pacs_gateway.annotation.states import PresentationState, states_of
from pacs_gateway.imaging import header
from tests.unit.documents.models import file_of

STUDY = "1.2.840.99.1"


def reference(uid: str, *frames: int) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    item.ReferencedSOPInstanceUID = uid
    if frames:
        item.ReferencedFrameNumber = list(frames)
    return item


def window(center: float, *uids: str) -> Dataset:
    item = Dataset()
    item.WindowCenter, item.WindowWidth = center, 100
    item.ReferencedImageSequence = [reference(uid) for uid in uids]
    return item


def graphic(kind: str, points: list[float], units: str = "PIXEL", **more: Any) -> Dataset:
    item = Dataset()
    item.GraphicAnnotationUnits = units
    item.GraphicDimensions, item.NumberOfGraphicPoints = 2, len(points) // 2
    item.GraphicData, item.GraphicType = points, kind
    for name, value in more.items():
        setattr(item, name, value)
    return item


def text(words: str, **more: Any) -> Dataset:
    item = Dataset()
    item.UnformattedTextValue = words
    for name, value in more.items():
        setattr(item, name, value)
    return item


def layer(name: str, order: int) -> Dataset:
    item = Dataset()
    item.GraphicLayer, item.GraphicLayerOrder = name, order
    return item


def annotation(name: str, *objects: Dataset) -> Dataset:
    item = Dataset()
    item.GraphicLayer = name
    item.GraphicObjectSequence = [each for each in objects if "GraphicType" in each]
    item.TextObjectSequence = [each for each in objects if "GraphicType" not in each]
    return item


def read(*references: Dataset, **more: Any) -> list[PresentationState]:
    data_set = Dataset()
    data_set.SpecificCharacterSet = "ISO_IR 192"
    data_set.SOPInstanceUID, data_set.StudyInstanceUID = "1.2.9", STUDY
    series = Dataset()
    series.SeriesInstanceUID = "1.2.5"
    series.ReferencedImageSequence = list(references)
    data_set.ReferencedSeriesSequence = [series]
    for name, value in more.items():
        setattr(data_set, name, value)
    file = file_of(data_set, "1.2.840.10008.5.1.4.1.1.11.1")
    assert dcmread(BytesIO(file)).SOPInstanceUID == "1.2.9"
    return list(states_of(header.read(file), study_uid=STUDY))


def test_images_that_look_alike_come_together() -> None:
    windows = [window(40, "1.2.1", "1.2.2"), window(-600, "1.2.3")]
    first, second = read(
        *map(reference, ("1.2.1", "1.2.2", "1.2.3")), SoftcopyVOILUTSequence=windows
    )
    assert [each["instance"] for each in first.images] == ["1.2.1", "1.2.2"]
    assert [each["instance"] for each in second.images] == ["1.2.3"]
    assert first.shown.window == {"center": 40.0, "width": 100.0, "function": "LINEAR"}
    assert second.shown.window is not None
    assert second.shown.window["center"] == -600.0


def test_an_image_without_any_wish_is_shown_as_it_is() -> None:
    (state,) = read(reference("1.2.1", 2, 5), PresentationCreationDate="20261123")
    shown = state.shown
    assert (shown.window, shown.voi_lut, shown.area) == (None, None, None)
    assert (shown.inverted, shown.rotation, shown.flipped) == (False, 0, False)
    assert state.images == [{"series": "1.2.5", "instance": "1.2.1", "frames": [2, 5]}]
    assert state.created == "2026-11-23T00:00:00"


def test_modality_values_of_its_own_come_before_those_of_the_image() -> None:
    (state,) = read(reference("1.2.1"), RescaleSlope=1, RescaleIntercept=0, RescaleType="US")
    assert state.shown.modality == {"slope": 1.0, "intercept": 0.0, "modalityLut": None}
    lut = Dataset()
    lut.LUTDescriptor = [2, 0, 16]
    lut.add_new("LUTData", "US", [0, 65535])
    (state,) = read(reference("1.2.1"), PresentationLUTSequence=[lut])
    assert state.shown.modality is None
    assert state.shown.presentation_lut == {"first": 0, "bits": 16, "values": "AAD//w=="}


def test_turning_and_area() -> None:
    area = Dataset()
    area.DisplayedAreaTopLeftHandCorner = [400, 11]
    area.DisplayedAreaBottomRightHandCorner = [101, 300]
    (state,) = read(
        reference("1.2.1"),
        ImageRotation=270,
        ImageHorizontalFlip="Y",
        PresentationLUTShape="INVERSE",
        DisplayedAreaSelectionSequence=[area],
    )
    shown = state.shown
    assert (shown.rotation, shown.flipped, shown.inverted) == (270, True, True)
    # Corners are numbers of pixels from 1 on, and which is top left depends on the turning.
    assert shown.area == {"topLeft": [100, 10], "bottomRight": [400, 300]}


def test_graphics_and_texts_lowest_layer_first() -> None:
    box = {"BoundingBoxAnnotationUnits": "DISPLAY", "BoundingBoxTopLeftHandCorner": [0.1, 0.2]}
    box |= {"BoundingBoxBottomRightHandCorner": [0.5, 0.6]}
    anchor = {"AnchorPointAnnotationUnits": "PIXEL", "AnchorPoint": [12.5, 13.5]}
    (state,) = read(
        reference("1.2.1"),
        GraphicLayerSequence=[layer("TOP", 2), layer("LOW", 1)],
        GraphicAnnotationSequence=[
            annotation("TOP", graphic("CIRCLE", [5, 5, 9, 5], "DISPLAY"), text("ở hộp", **box)),
            annotation(
                "LOW",
                graphic("INTERPOLATED", [1, 1, 2, 2, 3, 1], GraphicFilled="Y"),
                text("mũi tên", **anchor),
                text("cả hai", **box, **anchor),
                text("không ở đâu"),
            ),
        ],
    )
    assert state.shown.graphics == [
        {
            "kind": "polyline",
            "points": [[1.0, 1.0], [2.0, 2.0], [3.0, 1.0]],
            "filled": True,
            "onDisplay": False,
        },
        {"kind": "circle", "points": [[5.0, 5.0], [9.0, 5.0]], "filled": False, "onDisplay": True},
    ]
    corners = [[0.1, 0.2], [0.5, 0.6]]
    rounded = [
        each | {"box": each["box"] and [[round(n, 4) for n in corner] for corner in each["box"]]}
        for each in state.shown.texts
    ]
    assert rounded == [
        {"text": "mũi tên", "anchor": [12.5, 13.5], "box": None, "onDisplay": False},
        {"text": "cả hai", "anchor": None, "box": corners, "onDisplay": True},
        {"text": "ở hộp", "anchor": None, "box": corners, "onDisplay": True},
    ]


def test_a_state_of_another_study_is_none_of_ours() -> None:
    data_set = Dataset()
    data_set.SOPInstanceUID, data_set.StudyInstanceUID = "1.2.9", "1.2.3"
    file = file_of(data_set, "1.2.840.10008.5.1.4.1.1.11.1")
    assert states_of(header.read(file), study_uid=STUDY) == ()
