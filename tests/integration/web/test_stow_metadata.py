"""Invariant: instances stored as DICOM JSON with bulk data are the instances that were meant, pixel
for pixel; nothing outside the request is fetched; what is accepted is told even when the request
goes wrong later; memory and disk are given back."""

import base64
import http.client
import json
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.encaps import generate_frames

from tests.integration.web.gateway import Answer, Gateway, running, sample, settings_for

PATH = "/dicom-web/studies"
JSON_TYPE = 'multipart/related; type="application/dicom+json"; boundary=part'
DICOM_TYPE = 'multipart/related; type="application/dicom"; boundary=part'
REFERENCED, FAILED, REASON = "00081199", "00081198", "00081197"
MIB = 1024 * 1024
Part = tuple[dict[str, str], bytes]


@pytest.fixture(name="empty")
def fixture_empty(tmp_path: Path) -> Iterator[Gateway]:
    with running(settings_for(tmp_path)) as gateway:
        yield gateway


@pytest.fixture(name="small", scope="module")
def fixture_small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Return a gateway that takes little at once and commits nothing."""
    settings = settings_for(
        tmp_path_factory.mktemp("small"),
        max_metadata_bytes=4096,
        max_bulk_bytes=2 * MIB,
        visible_wait_s=0,
    )
    with running(settings, commits=False) as gateway:
        yield gateway


def body(*parts: Part) -> bytes:
    found = b""
    for headers, content in parts:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        found += f"--part\r\n{lines}\r\n".encode() + content + b"\r\n"
    return found + b"--part--"


def metadata(*models: Any) -> Part:
    return {"Content-Type": "application/dicom+json"}, json.dumps(models).encode()


def bulk(location: str, content: bytes, kind: str = "application/octet-stream") -> Part:
    return {"Content-Type": kind, "Content-Location": location}, content


def post(gateway: Gateway, *parts: Part, kind: str = JSON_TYPE, path: str = PATH) -> Answer:
    return gateway.client("device")(path, "POST", body(*parts), Content_Type=kind)


def model_of(name: str, uri: str | None = "pixels") -> dict[str, Any]:
    """Return the model of a file that pydicom ships, its pixels at `uri`."""
    data_set = dcmread(BytesIO(sample(name)))
    vr = data_set["PixelData"].VR if "PixelData" in data_set else ""
    if vr:
        del data_set.PixelData
    model: dict[str, Any] = data_set.to_json_dict()
    if vr and uri:
        model["7FE00010"] = {"vr": vr, "BulkDataURI": uri}
    return model


def small_model(number: int, **attributes: Any) -> dict[str, Any]:
    uids = {"00080016": "1.2.840.10008.5.1.4.1.1.7", "00080018": f"1.2.3.{number}"}
    uids |= {"0020000D": "1.2.3", "0020000E": "1.2.3.0"}
    return {tag: {"vr": "UI", "Value": [uid]} for tag, uid in uids.items()} | attributes


def reasons(answer: Answer) -> list[int]:
    return [item[REASON]["Value"][0] for item in answer.json()[FAILED]["Value"]]


def stored(gateway: Gateway, answer: Answer) -> Any:
    (item,) = answer.json()[REFERENCED]["Value"]
    path = item["00081190"]["Value"][0].removeprefix(f"http://127.0.0.1:{gateway.port}")
    found = gateway.client("reader")(path, Accept="application/dicom; transfer-syntax=*")
    assert found.status == 200
    return dcmread(BytesIO(found.body))


def left_over(gateway: Gateway) -> int:
    return len(list((gateway.services.settings.spool_dir / "incoming").iterdir()))


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "examples_palette.dcm"])
def test_native_pixels(empty: Gateway, name: str) -> None:
    original = dcmread(BytesIO(sample(name)))
    answer = post(empty, metadata(model_of(name)), bulk("pixels", original.PixelData))
    assert answer.status == 200, answer.body
    found = stored(empty, answer)
    assert found.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"
    assert found.PixelData == original.PixelData
    assert (found.pixel_array == original.pixel_array).all()
    assert found.PatientName == original.PatientName
    assert found.SpecificCharacterSet == "ISO_IR 192"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("SC_rgb_jpeg_gdcm.dcm", "image/jpeg"),
        ("JPEG2000.dcm", "image/jp2; transfer-syntax=1.2.840.10008.1.2.4.91"),
        ("SC_rgb_rle_2frame.dcm", "image/dicom-rle"),
    ],
)
def test_compressed_pixels_come_frame_by_frame(empty: Gateway, name: str, kind: str) -> None:
    original = dcmread(BytesIO(sample(name)))
    count = int(original.get("NumberOfFrames", 1))
    frames = list(generate_frames(original.PixelData, number_of_frames=count))
    answer = post(empty, metadata(model_of(name)), *(bulk("pixels", f, kind) for f in frames))
    assert answer.status == 200, answer.body
    found = stored(empty, answer)
    assert list(generate_frames(found.PixelData, number_of_frames=count)) == frames
    url = answer.json()[REFERENCED]["Value"][0]["00081190"]["Value"][0]
    path = url.removeprefix(f"http://127.0.0.1:{empty.port}")
    assert empty.client("reader")(f"{path}/rendered", Accept="image/png").status == 200


def test_inline_binary_and_one_object_as_a_single_part(empty: Gateway) -> None:
    original = dcmread(BytesIO(sample("CT_small.dcm")))
    model = model_of("CT_small.dcm", None)
    inline = base64.b64encode(original.PixelData).decode()
    model["7FE00010"] = {"vr": "OW", "InlineBinary": inline}
    answer = empty.client("device")(
        PATH, "POST", json.dumps(model).encode(), Content_Type="application/dicom+json"
    )
    assert answer.status == 200, answer.body
    assert stored(empty, answer).PixelData == original.PixelData


def test_a_single_file_without_an_envelope(empty: Gateway) -> None:
    answer = empty.client("device")(
        PATH, "POST", sample("CT_small.dcm"), Content_Type="application/dicom"
    )
    assert answer.status == 200, answer.body
    assert stored(empty, answer).PixelData == dcmread(BytesIO(sample("CT_small.dcm"))).PixelData


def test_what_we_serve_as_metadata_can_be_stored_elsewhere(empty: Gateway, tmp_path: Path) -> None:
    answer = empty.client("device").store(sample("CT_small.dcm"))
    url = answer.json()[REFERENCED]["Value"][0]["00081190"]["Value"][0]
    path = url.removeprefix(f"http://127.0.0.1:{empty.port}")
    reader = empty.client("reader")
    (model,) = reader(f"{path}/metadata").json()
    locations = [each["BulkDataURI"] for each in model.values() if "BulkDataURI" in each]
    bulk_data = [
        reader(location[location.index("/dicom-web") :], Accept="application/octet-stream").body
        for location in locations
    ]
    with running(settings_for(tmp_path / "other")) as other:
        again = post(other, metadata(model), *map(bulk, locations, bulk_data))
        assert again.status == 200, again.body
        found = stored(other, again)
    original = dcmread(BytesIO(sample("CT_small.dcm")))
    assert found.PixelData == original.PixelData
    assert found.PatientName == original.PatientName


def test_several_instances_some_refused(small: Gateway) -> None:
    answer = post(
        small,
        metadata(
            small_model(1),
            small_model(2, **{"00280010": {"vr": "US", "Value": [-1]}}),
            small_model(3, **{"7FE00010": {"vr": "OW", "BulkDataURI": "http://127.0.0.1:1/x"}}),
            small_model(4, **{"7FE00010": {"vr": "OW", "BulkDataURI": "png"}}),
            small_model(5, **{"7FE00010": {"vr": "OW", "BulkDataURI": "good"}}),
            5,
        ),
        bulk("png", b"x", "image/png"),
        bulk("good", b"12"),
    )
    assert answer.status == 202
    kept = [item["00081155"]["Value"][0] for item in answer.json()[REFERENCED]["Value"]]
    assert kept == ["1.2.3.1", "1.2.3.5"]
    assert reasons(answer) == [0xC000, 0xC000, 0xC122, 0xC000]
    lost = [item["00081155"].get("Value") for item in answer.json()[FAILED]["Value"]]
    assert lost == [["1.2.3.2"], ["1.2.3.3"], ["1.2.3.4"], None]


def test_the_addressed_study_counts(small: Gateway) -> None:
    answer = post(small, metadata(small_model(1)), path=f"{PATH}/9.9")
    assert (answer.status, reasons(answer)) == (409, [0xA900])


def test_no_address_is_ever_called(small: Gateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as bait:
        bait.setblocking(False)
        uri = f"http://127.0.0.1:{bait.getsockname()[1]}/secret"
        document = {"00420011": {"vr": "OB", "BulkDataURI": uri}}
        answer = post(small, metadata(small_model(1, **document)))
        assert (answer.status, reasons(answer)) == (409, [0xC000])
        with pytest.raises(BlockingIOError):
            bait.accept()


def test_bulk_data_that_nothing_refers_to_is_told(small: Gateway) -> None:
    answer = post(small, metadata(small_model(1)), bulk("lost", b"12"))
    assert (answer.status, reasons(answer)) == (202, [0x0110])


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([metadata()], 400),
        ([({}, b"{oh")], 400),
        ([({}, b"\xff\xfe")], 400),
        ([({}, b"[" * 3000)], 400),
        ([bulk("a", b"12")], 400),
        ([({"Content-Type": "application/dicom+xml"}, b"<NativeDicomModel/>")], 415),
        ([({"Content-Type": "application/dicom+xml", "Content-Location": "a"}, b"<N/>")], 415),
        ([({"Content-Type": "image/jpeg"}, b"12")], 415),
        ([metadata("x" * 5000)], 413),
        ([metadata(), bulk("a", bytes(3 * MIB))], 413),
        ([metadata({"00080018": {"vr": "UI"}})], 409),
    ],
)
def test_requests_that_are_none(small: Gateway, parts: list[Part], status: int) -> None:
    before = len(small.archive.spool.ready(1000))
    answer = post(small, *parts)
    assert answer.status == status, answer.body
    assert len(small.archive.spool.ready(1000)) == before
    assert left_over(small) == 0


def test_odd_ways_to_write_a_request(small: Gateway) -> None:
    text = (
        b"A preamble.\r\n--a b\r\n\r\n"
        + json.dumps([small_model(1, **{"7FE00010": {"vr": "OB", "BulkDataURI": "p"}})]).encode()
        + b"\r\n--a b  \r\nCONTENT-location: <p>\r\n\r\n12\r\n--a b--\r\nAn epilogue."
    )
    answer = small.client("device")(
        PATH,
        "POST",
        (text[at : at + 7] for at in range(0, len(text), 7)),
        content_TYPE='MULTIPART/related;TYPE="application/dicom+json" ; Boundary="a b"',
    )
    assert answer.status == 200, answer.body


@pytest.mark.parametrize(
    ("end", "kept"), [(b"--par", 1), (b"--part\r\nno header\r\n\r\nx\r\n--part--", 2)]
)
def test_a_fault_after_some_are_kept_hides_none(small: Gateway, end: bytes, kept: int) -> None:
    part = {"Content-Type": "application/dicom"}, sample("CT_small.dcm")
    text = body(part, part).removesuffix(b"--part--")
    answer = small.client("device")(PATH, "POST", text + end, Content_Type=DICOM_TYPE)
    assert answer.status == 202
    assert len(answer.json()[REFERENCED]["Value"]) == kept
    assert reasons(answer) == [0x0110]
    # Only the part that broke off is named.
    (failed,) = answer.json()[FAILED]["Value"]
    assert ("Value" in failed["00081155"]) == (kept == 1)


def test_ten_thousand_parts(small: Gateway) -> None:
    empty_part: Part = ({"Content-Type": "text/plain"}, b"")
    whole: Part = ({"Content-Type": "application/dicom"}, sample("CT_small.dcm"))
    answer = post(small, *[empty_part] * 10_000, whole, kind=DICOM_TYPE)
    assert answer.status == 202
    assert len(answer.json()[FAILED]["Value"]) == 10_000
    assert len(answer.json()[REFERENCED]["Value"]) == 1


def test_the_same_instance_from_two_clients_at_once(empty: Gateway) -> None:
    parts = metadata(model_of("CT_small.dcm")), bulk("pixels", bytes(32768))
    with ThreadPoolExecutor(2) as clients:
        answers = list(clients.map(lambda _: post(empty, *parts), range(4)))
    assert [answer.status for answer in answers] == [200] * 4
    assert empty.client("reader")("/dicom-web/instances").headers["X-Total-Count"] == "1"


def test_a_client_that_goes_leaves_nothing(small: Gateway) -> None:
    before = len(small.archive.spool.ready(1000))
    files = len(os.listdir("/proc/self/fd"))
    text = body(metadata(small_model(1)), bulk("p", bytes(MIB)))
    connection = http.client.HTTPConnection("127.0.0.1", small.port, timeout=10)
    connection.putrequest("POST", PATH)
    for name, value in small.client("device").headers.items():
        connection.putheader(name, value)
    connection.putheader("Content-Type", JSON_TYPE)
    connection.putheader("Content-Length", str(len(text)))
    connection.endheaders(text[: len(text) // 2])
    time.sleep(0.3)
    connection.close()
    deadline = time.monotonic() + 5
    while len(os.listdir("/proc/self/fd")) > files and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(os.listdir("/proc/self/fd")) <= files
    assert len(small.archive.spool.ready(1000)) == before


@pytest.mark.parametrize("kind", ["metadata", "file"])
def test_memory_does_not_grow_with_the_request(empty: Gateway, kind: str) -> None:
    size, piece = 300 * MIB, bytes(MIB)
    if kind == "metadata":
        pixels = {"7FE00010": {"vr": "OB", "BulkDataURI": "p"}}
        head = body(metadata(small_model(1, **pixels)), bulk("p", b"")).removesuffix(
            b"\r\n--part--"
        )
    else:
        length = size.to_bytes(4, "little")
        file = sample("CT_small.dcm").partition(b"\xe0\x7f\x10\x00OW")[0]
        file += b"\xe0\x7f\x10\x00OW\x00\x00" + length
        head = body(({}, file)).removesuffix(b"\r\n--part--")

    def pieces() -> Iterator[bytes]:
        yield head
        for _ in range(size // MIB):
            yield piece
        yield b"\r\n--part--"

    before = memory()
    with ThreadPoolExecutor(1) as clients:
        type_ = JSON_TYPE if kind == "metadata" else DICOM_TYPE
        sending = clients.submit(empty.client("device"), PATH, "POST", pieces(), Content_Type=type_)
        most = before
        while not sending.done():
            most = max(most, memory())
            time.sleep(0.005)
    assert sending.result().status == 200, sending.result().body
    assert most - before < 100 * MIB


def memory() -> int:
    """Return the anonymous memory of this process, which the gateway shares."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024
