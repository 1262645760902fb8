"""Invariant: what is read of a stream is what the file around it says; nothing is read of others."""

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from pacs_gateway.dicom.streamhead import pixel_description
from storage.records import DicomJson


def described(name: str) -> tuple[DicomJson, Dataset]:
    data_set = dcmread(str(get_testdata_file(name)))
    (frame,) = generate_frames(data_set.PixelData, number_of_frames=1)
    return pixel_description(frame), data_set


@pytest.mark.parametrize(
    "name",
    [
        "MR_small_jpeg_ls_lossless.dcm",
        "MR_small_jp2klossless.dcm",
        "JPEG2000.dcm",
        "SC_rgb_jpeg_lossy_gdcm.dcm",
    ],
)
def test_what_the_header_says(name: str) -> None:
    found, data_set = described(name)
    for keyword in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated"):
        tag = f"{data_set[keyword].tag:08X}"
        assert found[tag]["Value"] == [data_set[keyword].value], keyword
    if data_set.SamplesPerPixel == 1:
        assert found["00280004"]["Value"] == ["MONOCHROME2"]
        assert "00280006" not in found
    else:
        assert found["00280006"]["Value"] == [0]


@pytest.mark.parametrize(("mct", "reversible"), [(True, True), (True, False), (False, True)])
def test_colours_of_jpeg_2000(mct: bool, reversible: bool) -> None:
    pixels = np.zeros((8, 9, 3), np.uint8)
    stream = imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", mct=mct, reversible=reversible)
    found = pixel_description(bytes(stream))
    expected = {(True, True): "YBR_RCT", (True, False): "YBR_ICT"}.get((mct, reversible), "RGB")
    assert found["00280004"]["Value"] == [expected]
    assert (found["00280010"]["Value"], found["00280011"]["Value"]) == ([8], [9])


@pytest.mark.parametrize(
    ("subsampling", "expected"), [("444", "YBR_FULL"), ("422", "YBR_FULL_422")]
)
def test_colours_of_jpeg(subsampling: str, expected: str) -> None:
    stream = imagecodecs.jpeg8_encode(np.zeros((8, 8, 3), np.uint8), subsampling=subsampling)
    assert pixel_description(bytes(stream))["00280004"]["Value"] == [expected]


def test_signed_values() -> None:
    stream = imagecodecs.jpeg2k_encode(np.zeros((8, 8), np.int16), codecformat="j2k")
    assert pixel_description(bytes(stream))["00280103"]["Value"] == [1]


@given(st.sampled_from([b"", b"\xff\xd8", b"\xff\x4f\xff\x51"]), st.binary(max_size=80))
def test_any_bytes_give_a_whole_description_or_none(start: bytes, rest: bytes) -> None:
    found = pixel_description(start + rest)
    assert found == {} or {"00280010", "00280011", "00280100"} <= set(found)
