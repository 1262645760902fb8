"""Protects: compressed pixels stored with metadata that does not describe them become an image that
everybody can read (PS3.18 10.5.2)."""

import json
from collections.abc import Iterator
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames

from tests.integration.web.gateway import Gateway, running, settings_for

TYPE = 'multipart/related; type="application/dicom+json"; boundary=part'
DESCRIBING = [
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
]


@pytest.fixture(name="gateway")
def fixture_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(settings_for(tmp_path_factory.mktemp("deriving"))) as gateway:
        yield gateway


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("MR_small_jpeg_ls_lossless.dcm", "image/jls"),
        ("MR_small_jp2klossless.dcm", "image/jp2"),
        ("SC_rgb_jpeg_dcmtk.dcm", "image/jpeg"),
    ],
)
def test_pixels_describe_themselves(gateway: Gateway, name: str, kind: str) -> None:
    data_set = dcmread(str(get_testdata_file(name)))
    (frame,) = generate_frames(data_set.PixelData, number_of_frames=1)
    original = {keyword: data_set.get(keyword) for keyword in DESCRIBING}
    for keyword in (*DESCRIBING, "PixelData"):
        if keyword in data_set:
            del data_set[keyword]
    model = data_set.to_json_dict() | {
        "7FE00010": {"vr": "OB", "BulkDataURI": "pixels"},
        # What a server says of itself is no part of the object.
        "00083002": {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]},
    }
    body = (
        b"--part\r\nContent-Type: application/dicom+json\r\n\r\n"
        + json.dumps([model]).encode()
        + f"\r\n--part\r\nContent-Type: {kind}\r\nContent-Location: pixels\r\n\r\n".encode()
        + frame
        + b"\r\n--part--\r\n"
    )
    answer = gateway.client("device")("/dicom-web/studies", "POST", body, Content_Type=TYPE)
    assert answer.status == 200, answer.body
    (item,) = answer.json()["00081199"]["Value"]
    path = item["00081190"]["Value"][0].removeprefix(f"http://127.0.0.1:{gateway.port}")
    reader = gateway.client("reader")
    stored = dcmread(BytesIO(reader(path, Accept="application/dicom; transfer-syntax=*").body))
    for keyword in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated"):
        assert stored[keyword].value == original[keyword]
    assert "AvailableTransferSyntaxUID" not in stored
    assert reader(f"{path}/rendered").status == 200
