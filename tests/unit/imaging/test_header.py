"""Protects: headers that are wrong, odd or hostile give sensible values or one clear refusal."""

from typing import Any

import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pacs_gateway.dicom import meta
from pacs_gateway.errors import UnrenderableError
from pacs_gateway.imaging import header
from pacs_gateway.imaging.image import Image, Kind, Lut, Palette, Shades, Window
from tests.instances import made, shipped


def image(**attributes: Any) -> Image:
    return header.image(header.parse(made(**attributes)))


def shades(number: int = 1, **attributes: Any) -> Shades:
    return header.shades(header.parse(made(**attributes)), number)


def palette(**attributes: Any) -> Palette:
    return header.palette(header.parse(made(**attributes)))


def item(**attributes: Any) -> Sequence:
    data_set = Dataset()
    for keyword, value in attributes.items():
        setattr(data_set, keyword, value)
    return Sequence([data_set])


def lut_item(descriptor: list[int], data: bytes) -> Sequence:
    sequence = item(LUTDescriptor=descriptor)
    sequence[0]["LUTDescriptor"].VR = "US"
    sequence[0].add(DataElement("LUTData", "OW", data))
    return sequence


def test_a_plain_image() -> None:
    assert image(Rows=3, Columns=4, BitsStored=12, HighBit=11, PixelRepresentation=1) == Image(
        transfer_syntax_uid=meta.EXPLICIT_VR_LITTLE_ENDIAN,
        kind=Kind.INTEGER,
        big_endian=False,
        word_swapped=False,
        rows=3,
        columns=4,
        samples=1,
        photometric="MONOCHROME2",
        planar=False,
        bits_allocated=16,
        bits_stored=12,
        high_bit=11,
        signed=True,
    )


@pytest.mark.parametrize(
    ("stored", "high_bit", "expected"),
    [
        (12, 15, (12, 15)),
        (12, 5, (12, 11)),
        (32, 31, (16, 15)),
        (0, 0, (16, 15)),
        (12, 99, (12, 11)),
    ],
)
def test_impossible_bits_are_mended(stored: int, high_bit: int, expected: tuple[int, int]) -> None:
    found = image(BitsStored=stored, HighBit=high_bit)
    assert (found.bits_stored, found.high_bit) == expected


@pytest.mark.parametrize(
    "attributes",
    [{"Rows": 0}, {"Columns": 0}, {"SamplesPerPixel": 2}, {"BitsAllocated": 24}, {"Rows": None}],
)
def test_impossible_images_are_refused(attributes: dict[str, Any]) -> None:
    with pytest.raises(UnrenderableError, match="cannot be shown"):
        image(**attributes)


@pytest.mark.parametrize("cut", [0, 100, 132, 200])
def test_headers_that_announce_no_pixels_are_refused(cut: int) -> None:
    with pytest.raises(UnrenderableError):
        header.parse(made()[:cut])


def test_bytes_that_are_no_header_are_refused() -> None:
    with pytest.raises(UnrenderableError, match="cannot be read"):
        header.parse(b"<html>" * 50)


def test_header_of_an_instance_without_pixels() -> None:
    head = meta.encode(
        sop_class_uid="1.2", sop_instance_uid="1.2", transfer_syntax_uid="1.2.840.10008.1.2.1"
    )
    with pytest.raises(UnrenderableError, match="no data set"):
        header.parse(head + b"\x08\x00\x60\x00CS\x02\x00SR")


def test_first_of_several_windows() -> None:
    found = shades(WindowCenter=["40", "400"], WindowWidth=["80", "2000"])
    assert found.window == Window(40, 80)


@pytest.mark.parametrize(
    ("width", "function", "valid"),
    [
        ("0", "LINEAR", False),
        ("0.5", "LINEAR", False),
        ("1", "LINEAR", True),
        ("0.5", "LINEAR_EXACT", True),
        ("0.5", "SIGMOID", True),
        ("-1", "SIGMOID", False),
        ("1e40", "LINEAR", False),
    ],
)
def test_windows_that_cannot_be_are_ignored(width: str, function: str, *, valid: bool) -> None:
    found = shades(WindowCenter="1", WindowWidth=width, VOILUTFunction=function)
    assert found.window == (Window(1, float(width), function) if valid else None)


def test_half_a_window_is_none() -> None:
    assert shades(WindowCenter="1").window is None


def test_rescale_slope_of_zero_is_ignored() -> None:
    assert shades(RescaleSlope="0", RescaleIntercept="5").slope == 1.0


def test_luts_of_either_width() -> None:
    found = shades(
        ModalityLUTSequence=lut_item([2, 3, 16], b"\x01\x00\x02\x01"),
        VOILUTSequence=lut_item([4, 0, 8], b"\x01\x02\x03\x04"),
    )
    assert found.modality_lut == Lut(3, 16, (1, 0x102))
    assert found.voi_lut == Lut(0, 8, (1, 2, 3, 4))


def test_a_lut_without_data_is_ignored() -> None:
    assert shades(VOILUTSequence=item(LUTDescriptor=[2, 3, 16])).voi_lut is None
    assert shades(VOILUTSequence=Sequence()).voi_lut is None


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, False),
        ({"PhotometricInterpretation": "MONOCHROME1"}, True),
        ({"PresentationLUTShape": "INVERSE"}, True),
        # Digital X-ray says both; it is one inversion, not two (PS3.3 C.8.11.3.1.2).
        ({"PresentationLUTShape": "INVERSE", "PhotometricInterpretation": "MONOCHROME1"}, True),
        # Where they contradict each other, the shape counts.
        ({"PresentationLUTShape": "IDENTITY", "PhotometricInterpretation": "MONOCHROME1"}, False),
        ({"PresentationLUTShape": "", "PhotometricInterpretation": "MONOCHROME1"}, True),
    ],
)
def test_inversion(attributes: dict[str, Any], *, expected: bool) -> None:
    assert shades(**attributes).inverted is expected


def test_padding_range_and_sign() -> None:
    assert shades().padding is None
    assert shades(PixelPaddingValue=0).padding == (0, 0)
    assert shades(PixelPaddingValue=10, PixelPaddingRangeLimit=5).padding == (5, 10)
    signed = shades(PixelRepresentation=1, PixelPaddingValue=-2000)
    assert signed.padding == (-2000, -2000)


def test_a_padding_value_with_the_wrong_vr_is_still_negative() -> None:
    part10 = made(PixelRepresentation=1, PixelPaddingValue=-2000)
    wrong = part10.replace(b"\x28\x00\x20\x01SS", b"\x28\x00\x20\x01US")
    assert wrong != part10
    assert header.shades(header.parse(wrong), 1).padding == (-2000, -2000)


def test_two_values_are_black_and_white() -> None:
    found = shades(BitsAllocated=8, BitsStored=1, HighBit=0)
    assert found.window == Window(0.5, 1.0, "LINEAR_EXACT")


def functional_groups(center: str, intercept: str) -> Dataset:
    groups = Dataset()
    groups.FrameVOILUTSequence = item(WindowCenter=center, WindowWidth="10")
    groups.PixelValueTransformationSequence = item(RescaleSlope="2", RescaleIntercept=intercept)
    return groups


def test_a_frames_own_group_comes_before_the_shared_and_the_top_level() -> None:
    attributes = {
        "NumberOfFrames": 3,
        "WindowCenter": "1",
        "WindowWidth": "1",
        "SharedFunctionalGroupsSequence": Sequence([functional_groups("20", "200")]),
        "PerFrameFunctionalGroupsSequence": Sequence([Dataset(), functional_groups("30", "300")]),
    }
    first, second, third = (shades(number, **attributes) for number in (1, 2, 3))
    assert (first.window, first.intercept) == (Window(20, 10), 200)
    assert (second.window, second.intercept) == (Window(30, 10), 300)
    assert third == first
    assert second.slope == 2


def palette_attributes(bits: int, *values: bytes) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for colour, value in zip(("Red", "Green", "Blue"), values, strict=True):
        attributes[f"{colour}PaletteColorLookupTableDescriptor"] = [2, 5, bits]
        attributes[f"{colour}PaletteColorLookupTableData"] = value
    return attributes


def test_palettes_of_either_width() -> None:
    wide = palette_attributes(16, b"\x00\x01\x00\xff", b"\x00\x02\x00\xfe", b"\x00\x03\x00\xfd")
    assert palette(**wide) == Palette(5, b"\x01\xff", b"\x02\xfe", b"\x03\xfd")
    narrow = palette_attributes(8, b"\x01\xff", b"\x02\xfe", b"\x03\xfd")
    assert palette(**narrow) == Palette(5, b"\x01\xff", b"\x02\xfe", b"\x03\xfd")


def test_bytes_of_a_palette_are_packed_into_words_of_either_byte_order() -> None:
    narrow = palette_attributes(8, b"\xff\x01", b"\xfe\x02", b"\xfd\x03")
    read = header.parse(made("1.2.840.10008.1.2.2", **narrow))
    assert header.palette(read) == Palette(5, b"\x01\xff", b"\x02\xfe", b"\x03\xfd")


def test_segmented_palette() -> None:
    attributes: dict[str, Any] = {}
    for colour in ("Red", "Green", "Blue"):
        attributes[f"{colour}PaletteColorLookupTableDescriptor"] = [3, 0, 16]
        attributes[f"Segmented{colour}PaletteColorLookupTableData"] = (
            b"\x00\x00\x01\x00\x00\x10\x01\x00\x02\x00\x00\x30"
        )
    assert palette(**attributes).red == b"\x10\x20\x30"


def test_palette_tables_of_different_lengths() -> None:
    attributes = palette_attributes(8, b"\x01\xff", b"\x02\xfe", b"\x03\xfd")
    attributes["BluePaletteColorLookupTableDescriptor"] = [1, 5, 8]
    with pytest.raises(UnrenderableError, match="different lengths"):
        palette(**attributes)


def test_no_palette() -> None:
    with pytest.raises(UnrenderableError, match="missing"):
        palette()


@pytest.mark.parametrize(
    ("bits", "syntax", "swapped"),
    [(1, "1.2.840.10008.1.2.2", True), (8, "1.2.840.10008.1.2.2", True),
     (16, "1.2.840.10008.1.2.2", False), (64, "1.2.840.10008.1.2.1", False),
     (8, "1.2.840.10008.1.2.1", False)],
)  # fmt: skip
def test_pixels_smaller_than_words_change_places_in_big_endian(
    bits: int, syntax: str, *, swapped: bool
) -> None:
    found = header.image(header.parse(made(syntax, BitsAllocated=bits, BitsStored=bits)))
    assert (found.bits_allocated, found.word_swapped) == (bits, swapped)


def test_odd_headers_of_real_files() -> None:
    # "1A" frames and a VR that is none; pydicom alone refuses it.
    assert header.image(header.parse(shipped("badVR.dcm").header)).bits_allocated == 32


def test_a_frames_group_may_hold_a_table_of_its_own() -> None:
    groups = Dataset()
    groups.FrameVOILUTSequence = item(VOILUTSequence=lut_item([2, 0, 8], b"\x07\x08"))
    found = shades(
        WindowCenter="1",
        WindowWidth="9",
        SharedFunctionalGroupsSequence=Sequence([groups]),
    )
    assert (found.window, found.voi_lut) == (None, Lut(0, 8, (7, 8)))


def test_real_world_values_are_not_for_the_picture() -> None:
    groups = Dataset()
    groups.RealWorldValueMappingSequence = item(
        RealWorldValueSlope=99.0, RealWorldValueIntercept=5.0
    )
    found = shades(PerFrameFunctionalGroupsSequence=Sequence([groups]))
    assert (found.slope, found.intercept) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, 65436),
        ({"PixelRepresentation": 1}, -100),
        ({"RescaleSlope": "1", "RescaleIntercept": "-1024"}, -100),
    ],
)
def test_the_first_input_of_a_table_is_negative_where_inputs_are(
    attributes: dict[str, Any], expected: int
) -> None:
    found = shades(VOILUTSequence=lut_item([2, 65436, 8], b"\1\2"), **attributes)
    assert found.voi_lut is not None
    assert found.voi_lut.first == expected


def test_a_table_of_bytes_announced_as_words() -> None:
    found = shades(VOILUTSequence=lut_item([4, 0, 16], b"\x01\x02\x03\x04"))
    assert found.voi_lut == Lut(0, 16, (1, 2, 3, 4))


def test_supplemental_palette() -> None:
    tables: dict[str, Any] = {
        f"{colour}PaletteColorLookupTable{part}": value
        for colour in ("Red", "Green", "Blue")
        for part, value in (("Descriptor", [2, 1000, 8]), ("Data", b"\x01\x02"))
    }
    assert shades(**tables).supplement is None
    found = shades(PixelPresentation="COLOR", **tables)
    assert found.supplement == Palette(1000, b"\x01\x02", b"\x01\x02", b"\x01\x02")
    assert shades(PixelPresentation="COLOR").supplement is None


def test_a_photometric_interpretation_that_is_missing_is_guessed() -> None:
    assert image(PhotometricInterpretation=None).photometric == "MONOCHROME2"
    assert image(PhotometricInterpretation=None, SamplesPerPixel=3).photometric == "RGB"
    found = image(PhotometricInterpretation="", RedPaletteColorLookupTableDescriptor=[2, 0, 8])
    assert found.photometric == "PALETTE COLOR"


def test_four_samples_are_for_two_retired_colour_models_only() -> None:
    assert image(PhotometricInterpretation="CMYK", SamplesPerPixel=4).samples == 4
    with pytest.raises(UnrenderableError, match="cannot be shown"):
        image(PhotometricInterpretation="RGB", SamplesPerPixel=4)


def test_an_image_inside_the_deepest_nesting_is_read() -> None:
    nested = Dataset()
    for _ in range(200):
        outer = Dataset()
        outer.ContentSequence = Sequence([nested])
        nested = outer
    assert image(Rows=3, ContentSequence=nested.ContentSequence).rows == 3
