"""Invariant: an image is shown as its presentation state says, and a state says nothing about images
and frames that it does not name."""

import time
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence

from pacs_gateway.dicom import meta
from pacs_gateway.errors import UnrenderableError
from pacs_gateway.imaging import worker
from pacs_gateway.imaging.options import PNG, RenderOptions
from tests.instances import made

GSPS = "1.2.840.10008.5.1.4.1.1.11.1"
IMAGE_UID = "1.2.3.4"
ROWS, COLUMNS = 6, 8
# Every pixel has a value of its own: no turn or crop can go unnoticed.
CELLS = np.arange(ROWS * COLUMNS, dtype=np.uint8).reshape(ROWS, COLUMNS) * 5
WHOLE_RANGE = {"WindowCenter": 128, "WindowWidth": 256}

PIXEL_DATA_BYTES = 12
"""Of tag, VR and length, with which an image's header ends."""

Pixels = NDArray[np.uint8]


def data_set(**attributes: Any) -> Dataset:
    found = Dataset()
    for keyword, value in attributes.items():
        setattr(
            found,
            keyword,
            Sequence(value)
            if isinstance(value, list) and value and isinstance(value[0], Dataset)
            else value,
        )
    return found


def encoded(elements: Dataset) -> bytes:
    stream = DicomBytesIO()
    stream.is_implicit_VR, stream.is_little_endian = False, True
    write_dataset(stream, elements)
    return stream.getvalue()


def state(**attributes: Any) -> bytes:
    head = meta.encode(
        sop_class_uid=GSPS,
        sop_instance_uid="1.2.9",
        transfer_syntax_uid=meta.EXPLICIT_VR_LITTLE_ENDIAN,
    )
    return head + encoded(data_set(**attributes))


def named(uid: str = IMAGE_UID, *frames: int) -> list[Dataset]:
    reference = data_set(ReferencedSOPInstanceUID=uid)
    if frames:
        reference.ReferencedFrameNumber = list(frames)
    return [reference]


def shown(part10: bytes | None, number: int = 1, overlay: bytes = b"", **attributes: Any) -> Pixels:
    given = {
        "SOPInstanceUID": IMAGE_UID,
        "Rows": ROWS,
        "Columns": COLUMNS,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        **WHOLE_RANGE,
        **attributes,
    }
    image = made(**given)
    file = worker.render_frame(
        image[:-PIXEL_DATA_BYTES] + overlay + image[-PIXEL_DATA_BYTES:],
        CELLS.tobytes(),
        number=number,
        options=RenderOptions(media_type=PNG),
        max_samples=10_000,
        presentation_state=part10,
    )
    return np.asarray(Image.open(BytesIO(file)))


def window(center: float, width: float, **more: Any) -> list[Dataset]:
    return [data_set(WindowCenter=center, WindowWidth=width, **more)]


PLAIN = shown(None)


def test_the_image_alone_is_what_its_cells_are() -> None:
    assert (PLAIN == CELLS).all()


def test_the_window_of_the_state_counts() -> None:
    found = shown(state(SoftcopyVOILUTSequence=window(20, 41)), WindowWidth=100)
    assert found[0, 0] == 3
    assert found[0, 4] > PLAIN[0, 4]
    assert (found[2:] == 255).all()


def test_a_window_for_another_image_or_frame_does_not() -> None:
    for references in (named("9.9.9"), named(IMAGE_UID, 2, 3)):
        found = shown(
            state(
                SoftcopyVOILUTSequence=window(20, 41, ReferencedImageSequence=references)
                + window(128, 256, ReferencedImageSequence=named(IMAGE_UID, 1))
            )
        )
        assert (found == PLAIN).all()


def test_the_presentation_lut_shape_replaces_the_photometric_interpretation() -> None:
    voi = window(128, 256)
    inverse = state(SoftcopyVOILUTSequence=voi, PresentationLUTShape="INVERSE")
    identity = state(SoftcopyVOILUTSequence=voi, PresentationLUTShape="IDENTITY")
    assert (shown(inverse) == 255 - PLAIN).all()
    assert (shown(identity, PhotometricInterpretation="MONOCHROME1") == PLAIN).all()


def test_a_presentation_lut() -> None:
    lut = data_set(LUTDescriptor=[256, 0, 8])
    lut["LUTDescriptor"].VR = "US"
    lut.add_new("LUTData", "OW", bytes(255 - value for value in range(256)))
    found = shown(state(SoftcopyVOILUTSequence=window(128, 256), PresentationLUTSequence=[lut]))
    assert (found == 255 - PLAIN).all()


@pytest.mark.parametrize("flipped", ["Y", "N"])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_turning_to_the_right_and_then_flipping(rotation: int, flipped: str) -> None:
    found = shown(
        state(
            SoftcopyVOILUTSequence=window(128, 256),
            ImageRotation=rotation,
            ImageHorizontalFlip=flipped,
        )
    )
    expected = np.rot90(CELLS, -rotation // 90)
    assert (found == (expected[:, ::-1] if flipped == "Y" else expected)).all()


def area(left: int, top: int, right: int, bottom: int) -> list[Dataset]:
    return [
        data_set(
            DisplayedAreaTopLeftHandCorner=[left, top],
            DisplayedAreaBottomRightHandCorner=[right, bottom],
        )
    ]


def test_the_displayed_area_is_what_is_seen() -> None:
    voi = window(128, 256)
    part = state(SoftcopyVOILUTSequence=voi, DisplayedAreaSelectionSequence=area(3, 2, 5, 6))
    assert (shown(part) == CELLS[1:6, 2:5]).all()
    beyond = shown(
        state(SoftcopyVOILUTSequence=voi, DisplayedAreaSelectionSequence=area(-1, 1, COLUMNS, ROWS))
    )
    assert (beyond[:, 2:] == CELLS).all()
    assert (beyond[:, :2] == 0).all()


def test_a_displayed_area_names_the_corners_as_they_are_after_flipping() -> None:
    found = shown(
        state(
            SoftcopyVOILUTSequence=window(128, 256),
            ImageRotation=180,
            ImageHorizontalFlip="N",
            DisplayedAreaSelectionSequence=area(5, 6, 3, 2),
        )
    )
    assert (found == CELLS[1:6, 2:5][::-1, ::-1]).all()


def test_a_rectangular_shutter() -> None:
    found = shown(
        state(
            SoftcopyVOILUTSequence=window(128, 256),
            ShutterShape="RECTANGULAR",
            ShutterLeftVerticalEdge=2,
            ShutterRightVerticalEdge=7,
            ShutterUpperHorizontalEdge=1,
            ShutterLowerHorizontalEdge=5,
            ShutterPresentationValue=0x8000,
        )
    )
    assert (found[1:4, 2:6] == CELLS[1:4, 2:6]).all()
    outside = np.ones(found.shape, bool)
    outside[1:4, 2:6] = False
    assert (found[outside] == 0x80).mean() > 0.75


def test_circular_and_polygonal_shutters_leave_their_middle() -> None:
    circle = shown(
        state(
            SoftcopyVOILUTSequence=window(128, 256),
            ShutterShape="CIRCULAR",
            CenterOfCircularShutter=[3, 4],
            RadiusOfCircularShutter=2,
        )
    )
    assert circle[2, 3] == CELLS[2, 3]
    assert circle[5, 7] == circle[0, 7] == 0
    triangle = shown(
        state(
            SoftcopyVOILUTSequence=window(128, 256),
            ShutterShape="POLYGONAL",
            VerticesOfThePolygonalShutter=[1, 1, 1, 8, 6, 1],
        )
    )
    assert triangle[1, 1] == CELLS[1, 1]
    assert triangle[5, 7] == 0


def overlay_of(marked: Pixels | None, layer: str | None = None) -> bytes:
    """Return the elements of group 6000, to be put behind all others."""
    elements = Dataset()
    if marked is not None:
        elements.add_new(0x60000010, "US", marked.shape[0])
        elements.add_new(0x60000011, "US", marked.shape[1])
        elements.add_new(0x60000050, "SS", [1, 1])
        elements.add_new(0x60003000, "OW", np.packbits(marked, bitorder="little").tobytes())
    if layer is not None:
        elements.add_new(0x60001001, "CS", layer)
    return encoded(elements)


LEFT = np.zeros((ROWS, COLUMNS), np.uint8)
LEFT[:, :3] = 1


@pytest.mark.parametrize(
    ("of_state", "of_image", "marked"),
    [
        (overlay_of(LEFT, "ONE"), b"", LEFT),
        (overlay_of(None, "ONE"), overlay_of(LEFT), LEFT),
        (overlay_of(LEFT, "ONE"), overlay_of(1 - LEFT), LEFT),
        (overlay_of(LEFT, ""), overlay_of(LEFT), None),
        (overlay_of(LEFT), overlay_of(LEFT), None),
        (overlay_of(None, "ONE"), b"", None),
    ],
)
def test_overlays_are_shown_if_the_state_says_so(
    of_state: bytes, of_image: bytes, marked: Pixels | None
) -> None:
    voi = window(128, 256)
    found = shown(state(SoftcopyVOILUTSequence=voi) + of_state, overlay=of_image)
    expected = PLAIN if marked is None else np.where(marked == 1, 255, PLAIN)
    assert (found == expected).all()


def test_a_bitmap_shutter_hides_what_it_marks() -> None:
    shutter = state(
        SoftcopyVOILUTSequence=window(128, 256),
        ShutterShape="BITMAP",
        ShutterOverlayGroup=0x6000,
        ShutterPresentationValue=0x4000,
    )
    found = shown(shutter + overlay_of(LEFT))
    assert (found == np.where(LEFT == 1, 0x40, PLAIN)).all()


def test_the_voi_lut_of_the_state_counts() -> None:
    lut = data_set(LUTDescriptor=[256, 0, 8])
    lut["LUTDescriptor"].VR = "US"
    lut.add_new("LUTData", "OW", bytes(255 - value for value in range(256)))
    found = shown(state(SoftcopyVOILUTSequence=[data_set(VOILUTSequence=[lut])]))
    assert (found == 255 - PLAIN).all()


def drawing(kind: str, points: list[float], units: str = "PIXEL") -> list[Dataset]:
    graphic = data_set(
        GraphicAnnotationUnits=units,
        GraphicDimensions=2,
        NumberOfGraphicPoints=len(points) // 2,
        GraphicData=points,
        GraphicType=kind,
        GraphicFilled="N",
    )
    return [data_set(GraphicLayer="ONE", GraphicObjectSequence=[graphic])]


def test_a_line_is_drawn_where_its_points_are() -> None:
    voi = window(128, 256)
    line = state(
        SoftcopyVOILUTSequence=voi,
        GraphicAnnotationSequence=drawing("POLYLINE", [0.5, 2.5, 7.5, 2.5]),
    )
    found = shown(line)
    assert (found[2] == 255).all()
    assert (np.delete(found, 2, axis=0) == np.delete(CELLS, 2, axis=0)).all()


def test_a_line_turns_with_the_image() -> None:
    found = shown(
        state(
            SoftcopyVOILUTSequence=window(128, 256),
            ImageRotation=90,
            ImageHorizontalFlip="N",
            GraphicAnnotationSequence=drawing("POLYLINE", [0.5, 2.5, 7.5, 2.5]),
        )
    )
    # Row 3 of 6 from the top is column 3 of 6 from the right.
    assert (found[:, ROWS - 3] == 255).all()
    assert (found[:, 0] != 255).all()


def test_display_units_span_what_is_shown() -> None:
    found = shown(
        state(
            SoftcopyVOILUTSequence=window(128, 256),
            DisplayedAreaSelectionSequence=area(1, 1, 4, 4),
            GraphicAnnotationSequence=drawing("POLYLINE", [0, 0.6, 1, 0.6], "DISPLAY"),
        )
    )
    assert found.shape == (4, 4)
    assert (found[2] == 255).all()


RED_CIELAB = [35580, 53660, 50860]
"""sRGB's red, L* 54.29, a* 80.8, b* 69.9 (PS3.3 C.10.7.1.1)."""


def layered(graphic: dict[str, Any], **layer: Any) -> bytes:
    annotation = drawing("POLYLINE", [0.5, 2.5, 7.5, 2.5])
    for keyword, value in graphic.items():
        setattr(annotation[0].GraphicObjectSequence[0], keyword, Sequence(value))
    return state(
        SoftcopyVOILUTSequence=window(128, 256),
        GraphicAnnotationSequence=annotation,
        GraphicLayerSequence=[data_set(GraphicLayer="ONE", GraphicLayerOrder=1, **layer)],
    )


def test_a_layer_has_the_grey_it_recommends() -> None:
    found = shown(layered({}, GraphicLayerRecommendedDisplayGrayscaleValue=0x4080))
    assert found.ndim == 2
    assert (found[2] == 0x40).all()


def test_a_layer_has_the_colour_it_recommends_and_the_image_stays_grey() -> None:
    layer = {
        "GraphicLayerRecommendedDisplayCIELabValue": RED_CIELAB,
        "GraphicLayerRecommendedDisplayGrayscaleValue": 0x4080,
    }
    found = shown(layered({}, **layer)).astype(int)
    assert np.abs(found[2] - (255, 0, 0)).max() <= 2
    rest = np.delete(found, 2, axis=0)
    assert (rest == np.delete(CELLS, 2, axis=0)[..., np.newaxis]).all()


def test_what_has_no_colour_of_its_own_is_white_on_grey() -> None:
    red = drawing("POLYLINE", [0.5, 2.5, 7.5, 2.5])[0]
    red.GraphicLayer = "RED"
    plain = drawing("POLYLINE", [0.5, 4.5, 7.5, 4.5])[0]
    layer = data_set(GraphicLayer="RED", GraphicLayerRecommendedDisplayCIELabValue=RED_CIELAB)
    found = shown(
        state(
            SoftcopyVOILUTSequence=window(128, 256),
            GraphicAnnotationSequence=[red, plain],
            GraphicLayerSequence=[layer],
        )
    )
    assert (found[4] == 255).all()
    assert not (found[2] == 255).all()


def test_the_style_of_a_line_comes_before_its_layers() -> None:
    style = {"LineStyleSequence": [data_set(PatternOnColorCIELabValue=RED_CIELAB)]}
    found = shown(layered(style, GraphicLayerRecommendedDisplayGrayscaleValue=0)).astype(int)
    assert np.abs(found[2] - (255, 0, 0)).max() <= 2


@pytest.mark.parametrize("colour", [[1, 2], 7, [70000, 1, 1]])
def test_a_colour_that_is_none_is_left_out(colour: Any) -> None:
    layer = data_set(GraphicLayer="ONE")
    layer.add_new("GraphicLayerRecommendedDisplayCIELabValue", "UL", colour)
    found = shown(
        state(
            SoftcopyVOILUTSequence=window(128, 256),
            GraphicAnnotationSequence=drawing("POLYLINE", [0.5, 2.5, 7.5, 2.5]),
            GraphicLayerSequence=[layer],
        )
    )
    assert found.shape[:2] == (ROWS, COLUMNS)


def palette_of(red: list[int], green: list[int], blue: list[int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, values in (("Red", red), ("Green", green), ("Blue", blue)):
        found[f"{name}PaletteColorLookupTableDescriptor"] = [len(values), 0, 16]
        data = np.array(values, "<u2").tobytes()
        found[f"{name}PaletteColorLookupTableData"] = data
    return found


def test_pseudo_colours_follow_the_window() -> None:
    ramp = [level * 257 for level in range(256)]
    palette = palette_of(ramp, ramp[::-1], [0x8000] * 256)
    found = shown(state(SoftcopyVOILUTSequence=window(128, 256), **palette))
    assert (found[..., 0] == CELLS).all()
    assert (found[..., 1] == 255 - CELLS).all()
    assert (found[..., 2] == 128).all()
    bright = shown(state(SoftcopyVOILUTSequence=window(20, 41), **palette))
    assert (bright[2:, :, 0] == 255).all()


def test_the_range_of_greys_spans_a_palette_of_any_length() -> None:
    two = palette_of([0, 0xFFFF], [0xFFFF, 0], [0, 0])
    found = shown(state(SoftcopyVOILUTSequence=window(128, 256), **two))
    assert (found[..., 0] == np.where(CELLS < 128, 0, 255)).all()
    assert (found[..., 1] == np.where(CELLS < 128, 255, 0)).all()


@pytest.mark.parametrize(
    ("pixels", "size"),
    [
        ({"PresentationPixelSpacing": [0.5, 0.5]}, (ROWS, COLUMNS)),
        ({"PresentationPixelAspectRatio": [2, 1]}, (2 * ROWS, COLUMNS)),
        ({"PresentationPixelSpacing": [0.5, 1.5]}, (ROWS, 3 * COLUMNS)),
        ({"PresentationPixelAspectRatio": [0, 1]}, (ROWS, COLUMNS)),
        ({"PresentationPixelAspectRatio": [1, 10**9]}, (ROWS, COLUMNS)),
    ],
)
def test_pixels_become_square(pixels: dict[str, Any], size: tuple[int, int]) -> None:
    whole = area(1, 1, COLUMNS, ROWS)
    for keyword, value in pixels.items():
        setattr(whole[0], keyword, value)
    found = shown(
        state(SoftcopyVOILUTSequence=window(128, 256), DisplayedAreaSelectionSequence=whole)
    )
    assert found.shape == size


def squared(ratio: list[int], line: list[float], **more: Any) -> Pixels:
    whole = area(1, 1, COLUMNS, ROWS)
    whole[0].PresentationPixelAspectRatio = ratio
    return shown(
        state(
            SoftcopyVOILUTSequence=window(128, 256),
            DisplayedAreaSelectionSequence=whole,
            GraphicAnnotationSequence=drawing("POLYLINE", line),
            **more,
        )
    )


def test_a_line_is_where_its_points_are_once_pixels_are_square() -> None:
    found = squared([1, 4], [2.5, 0, 2.5, 6])
    assert found.shape == (ROWS, 4 * COLUMNS)
    # The middle of column 2.
    assert (found[:, 10] == 255).all()
    assert not (found[:, 14:] == 255).any()


def test_pixels_become_square_before_the_image_is_turned() -> None:
    found = squared([4, 1], [0, 2.5, 8, 2.5], ImageRotation=90, ImageHorizontalFlip="N")
    assert found.shape == (COLUMNS, 4 * ROWS)
    # The middle of row 2 is row 10 of 24, which is column 14 after turning to the right.
    assert (found[:, 14] == 255).all()
    assert not (found[:, :12] == 255).any()


def test_graphics_of_another_image_are_not_drawn() -> None:
    annotation = drawing("POLYLINE", [0.5, 2.5, 7.5, 2.5])
    annotation[0].ReferencedImageSequence = Sequence(named("9.9.9"))
    found = shown(
        state(SoftcopyVOILUTSequence=window(128, 256), GraphicAnnotationSequence=annotation)
    )
    assert (found == PLAIN).all()


@pytest.mark.parametrize(
    ("kind", "points"),
    [("CIRCLE", [3.5, 2.5, 5.5, 2.5]), ("ELLIPSE", [1.5, 2.5, 5.5, 2.5, 3.5, 1.5, 3.5, 4.5])],
)
def test_closed_figures_are_drawn_around_their_middle(kind: str, points: list[float]) -> None:
    found = shown(
        state(
            SoftcopyVOILUTSequence=window(128, 256),
            GraphicAnnotationSequence=drawing(kind, points),
        )
    )
    assert found[2, 3] == CELLS[2, 3]
    assert (found == 255).sum() > 5


def test_a_filled_figure_covers_its_middle() -> None:
    square = drawing("POLYLINE", [1.5, 1.5, 5.5, 1.5, 5.5, 4.5, 1.5, 4.5, 1.5, 1.5])
    square[0].GraphicObjectSequence[0].GraphicFilled = "Y"
    found = shown(state(SoftcopyVOILUTSequence=window(128, 256), GraphicAnnotationSequence=square))
    assert (found[1:5, 1:6] == 255).all()
    assert (found != CELLS).sum() == 20


@pytest.mark.parametrize("kind", ["CIRCLE", "POLYLINE"])
def test_graphics_far_outside_are_left_out_at_once(kind: str) -> None:
    began = time.monotonic()
    far = drawing(kind, [1e9, 1.0, 2.0, 3.0])
    found = shown(state(SoftcopyVOILUTSequence=window(128, 256), GraphicAnnotationSequence=far))
    assert (found == PLAIN).all()
    assert time.monotonic() - began < 1.0


def test_a_shutter_without_an_opening_hides_everything() -> None:
    edges = ("LeftVertical", "RightVertical", "UpperHorizontal", "LowerHorizontal")
    given = {f"Shutter{edge}Edge": at for edge, at in zip(edges, (5, 6, 2, 3), strict=True)}
    found = shown(
        state(SoftcopyVOILUTSequence=window(128, 256), ShutterShape="RECTANGULAR", **given)
    )
    assert (found == 0).all()


def test_texts_are_written() -> None:
    text = data_set(
        BoundingBoxAnnotationUnits="PIXEL",
        UnformattedTextValue="Khối u",
        BoundingBoxTopLeftHandCorner=[1, 1],
        BoundingBoxBottomRightHandCorner=[8, 6],
    )
    found = shown(
        state(
            SpecificCharacterSet="ISO_IR 192",
            SoftcopyVOILUTSequence=window(128, 256),
            GraphicAnnotationSequence=[data_set(GraphicLayer="ONE", TextObjectSequence=[text])],
        )
    )
    assert (found != PLAIN).sum() > 5


@pytest.mark.parametrize(
    "attributes",
    [
        {"ImageRotation": 45},
        {"ImageRotation": 65535},
        {"ShutterShape": ["RECTANGULAR", "NONSENSE"]},
        {"ShutterShape": "CIRCULAR", "RadiusOfCircularShutter": 2**31 - 1},
        {"GraphicAnnotationSequence": drawing("POLYLINE", [float("nan"), 1, 2, 3])},
        {"GraphicAnnotationSequence": drawing("CIRCLE", [1e30, 1e30, 2e30, 3])},
        {"GraphicAnnotationSequence": drawing("ELLIPSE", [1e9, 1, 2, -1e9, 3, 3, 5, 5])},
        {"GraphicAnnotationSequence": drawing("POLYLINE", [1.0])},
        {"DisplayedAreaSelectionSequence": area(2**30, 2**30, -(2**30), 5)},
        {"DisplayedAreaSelectionSequence": area(1, 1, 2**30, 2**30)},
    ],
)
def test_hostile_states_do_no_harm(attributes: dict[str, Any]) -> None:
    try:
        found = shown(state(SoftcopyVOILUTSequence=window(128, 256), **attributes))
    except UnrenderableError:
        return
    assert found.size


def test_what_is_no_state_is_refused() -> None:
    with pytest.raises(UnrenderableError):
        shown(b"nothing of the kind")
