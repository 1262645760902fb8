"""Invariant: WADO-URI answers with the object that its UIDs name, in the form asked for, or says in
one line why not; the pictures are those of WADO-RS."""

from io import BytesIO

import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import FileDataset

from tests.integration.web.gateway import Gateway, sample
from tests.integration.web.test_wado import path_of

CT = dcmread(BytesIO(sample("CT_small.dcm")))


def address(data_set: FileDataset, **parameters: str) -> str:
    given = {
        "requestType": "WADO",
        "studyUID": data_set.StudyInstanceUID,
        "seriesUID": data_set.SeriesInstanceUID,
        "objectUID": data_set.SOPInstanceUID,
        **parameters,
    }
    return "/wado?" + "&".join(f"{name}={value}" for name, value in given.items() if value)


def picture(gateway: Gateway, **parameters: str) -> Image.Image:
    answer = gateway.client("reader")(address(CT, **parameters))
    assert answer.status == 200, answer.body
    image = Image.open(BytesIO(answer.body))
    assert answer.headers["Content-Type"] == Image.MIME[str(image.format)]
    return image


def test_a_picture_without_further_words_is_a_jpeg(filled: Gateway) -> None:
    image = picture(filled)
    assert (image.format, image.size) == ("JPEG", (128, 128))


def test_it_is_the_picture_of_wado_rs(filled: Gateway) -> None:
    ours = picture(filled, contentType="image/png", windowCenter="0", windowWidth="400")
    answer = filled.client("reader", Accept="image/png")(f"{path_of(CT)}/rendered?window=0,400")
    assert ours.tobytes() == Image.open(BytesIO(answer.body)).tobytes()


def test_the_object_itself(filled: Gateway) -> None:
    answer = filled.client("reader")(address(CT, contentType="application/dicom"))
    assert answer.status == 200
    found = dcmread(BytesIO(answer.body))
    assert found.SOPInstanceUID == CT.SOPInstanceUID
    assert found.PixelData == CT.PixelData


def test_sizes_and_regions(filled: Gateway) -> None:
    assert picture(filled, rows="64").size == (64, 64)
    assert picture(filled, columns="32", rows="64").size == (32, 32)
    quarter = picture(filled, region="0.5,0,1,0.5", contentType="image/png")
    whole = picture(filled, contentType="image/png")
    assert quarter.tobytes() == whole.crop((64, 0, 128, 64)).tobytes()
    assert picture(filled, region="0,0,0.5,0.25", columns="128").size == (128, 64)


@pytest.mark.parametrize(
    "parameters",
    [
        {"requestType": "XDS"},
        {"requestType": ""},
        {"studyUID": ""},
        {"objectUID": "../../etc"},
        {"windowCenter": "40"},
        {"windowCenter": "a", "windowWidth": "b"},
        {"rows": "0"},
        {"columns": "x"},
        {"region": "0,0,1"},
        {"region": "0.5,0,0.5,1"},
        {"region": "0,0,2,1"},
        {"imageQuality": "101"},
        {"frameNumber": "0"},
        {"frameNumber": "1,2"},
    ],
)
def test_malformed(filled: Gateway, parameters: dict[str, str]) -> None:
    answer = filled.client("reader")(address(CT, **parameters))
    assert answer.status == 400
    assert b"\n" not in answer.body.strip()


def test_what_is_not_there_or_not_offered(filled: Gateway) -> None:
    client = filled.client("reader")
    assert client(address(CT, objectUID="1.2.3")).status == 404
    assert client(address(CT, frameNumber="2")).status == 404
    assert client(address(CT, anonymize="yes")).status == 406
    assert client(address(CT, contentType="video/mp4")).status == 406
    assert (
        client(address(CT, contentType="application/dicom", transferSyntax="1.2.3")).status == 406
    )


def test_strangers_get_nothing(filled: Gateway) -> None:
    assert filled.client()(address(CT)).status == 401
