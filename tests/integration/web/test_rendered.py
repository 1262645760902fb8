"""Invariant: pictures come in the type, size and window asked for, or the request is refused with
a reason; what makes no sense is never guessed at."""

from io import BytesIO
from urllib.parse import quote

import pytest
from PIL import Image
from pydicom import dcmread

from tests.integration.web.gateway import Gateway, sample
from tests.integration.web.test_wado import path_of

CT = path_of(dcmread(BytesIO(sample("CT_small.dcm"))))


def picture(gateway: Gateway, path: str, **headers: str) -> Image.Image:
    answer = gateway.client("reader", **headers)(path)
    assert answer.status == 200, answer.body
    image = Image.open(BytesIO(answer.body))
    assert answer.headers["Content-Type"] == Image.MIME[str(image.format)]
    return image


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "JPEG"),
        ("*/*", "JPEG"),
        ("image/*", "JPEG"),
        ("image/png", "PNG"),
        ("image/avif,image/webp,image/png;q=0.9,*/*;q=0.1", "WEBP"),
        ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", "JPEG"),
        ("image/png;q=0.5,image/gif;q=0.6", "GIF"),
    ],
)
def test_media_types(filled: Gateway, accept: str, kind: str) -> None:
    image = picture(filled, f"{CT}/rendered", Accept=accept)
    assert image.format == kind
    assert image.size == (128, 128)
    assert picture(filled, f"{CT}/rendered?accept={quote(accept)}").format == kind


def test_unwanted(filled: Gateway) -> None:
    assert filled.client("reader", Accept="image/bmp")(f"{CT}/rendered").status == 406


@pytest.mark.parametrize(
    "resource", ["rendered", "frames/1/rendered", "thumbnail", "frames/1/thumbnail"]
)
def test_resources_of_an_instance(filled: Gateway, resource: str) -> None:
    # A viewport, which thumbnails have of themselves, is filled (PS3.18 8.3.5.1.3).
    side = 160 if "thumbnail" in resource else 128
    assert picture(filled, f"{CT}/{resource}").size == (side, side)


def test_parameters_change_the_picture(filled: Gateway) -> None:
    plain = picture(filled, f"{CT}/rendered", Accept="image/png")
    small = picture(filled, f"{CT}/rendered?viewport=64,32", Accept="image/png")
    narrow = picture(filled, f"{CT}/rendered?window=0,10", Accept="image/png")
    exact = picture(filled, f"{CT}/rendered?window=0,10,linear-exact", Accept="image/png")
    assert small.size == (32, 32)
    pictures = {image.convert("L").tobytes() for image in (plain, small, narrow, exact)}
    assert len(pictures) == 4


def test_quality_changes_the_size(filled: Gateway) -> None:
    client = filled.client("reader")
    coarse, fine = (client(f"{CT}/rendered?quality={q}") for q in (5, 100))
    assert len(coarse.body) < len(fine.body)
    assert coarse.headers["ETag"] != fine.headers["ETag"]


@pytest.mark.parametrize(
    "query",
    [
        "window=1",
        "window=1,2,3,4",
        "window=a,b",
        "window=nan,1",
        "window=1,inf",
        "window=1,0",
        "window=1,-5",
        "window=1,2,cubic",
        "window=",
        "viewport=10",
        "viewport=0,10",
        "viewport=-1,10",
        "viewport=10,10,1,1,5",
        "viewport=10,10,500,1,5,5",
        "viewport=10,10,1,1,0,5",
        "annotation=surgeon",
        "iccprofile=plaid",
        "overlays=maybe",
        "viewport=99999,10",
        "viewport=a,b",
        "quality=0",
        "quality=101",
        "quality=high",
        "quality=",
    ],
)
def test_malformed_parameters(filled: Gateway, query: str) -> None:
    answer = filled.client("reader")(f"{CT}/rendered?{query}")
    assert answer.status == 400
    assert answer.json()["error"]


def test_unknown_parameters_are_ignored(filled: Gateway) -> None:
    assert picture(filled, f"{CT}/rendered?colour=blue&annotation=patient")


def test_frames_that_are_not_there(filled: Gateway) -> None:
    client = filled.client("reader")
    assert client(f"{CT}/frames/2/rendered").status == 404
    assert client(f"{CT}/frames/1,2/rendered").status in (404, 200)
    assert client(f"{CT}/frames/0/rendered").status == 400


@pytest.mark.parametrize("level", ["study", "series"])
def test_thumbnails_of_more_than_one(filled: Gateway, level: str) -> None:
    path = path_of(dcmread(BytesIO(sample("CT_small.dcm"))), level) + "/thumbnail"
    assert picture(filled, path)
    answer = filled.client("reader")(path)
    # Another series may come, so that this picture is asked about each time.
    assert answer.headers["Cache-Control"] == "private, no-cache"
    again = filled.client("reader", If_None_Match=answer.headers["ETag"])(path)
    assert again.status == 304


def test_a_thumbnail_fits_into_its_card(gateway: Gateway) -> None:
    file = sample("SC_rgb_jpeg_dcmtk.dcm")
    assert gateway.client("device").store(file).status == 200
    image = picture(gateway, f"{path_of(dcmread(BytesIO(file)))}/thumbnail")
    assert max(image.size) <= 160
