"""Invariant: what is retrieved is what was stored: whole data sets, headers and frames, in a
representation the client accepts, in memory that does not grow with the study."""

import gzip
import http.client
import json
import tracemalloc
import zlib
from collections.abc import Iterator
from io import BytesIO

import pytest
from pydicom import Dataset, dcmread
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID

from pacs_gateway.web.streaming import AT_ONCE_BYTES, _gather
from tests.integration.web.gateway import Client, Gateway, sample

EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
RLE = "1.2.840.10008.1.2.5"
PARTS = 'multipart/related; type="application/dicom"'
FILES = {
    EXPLICIT: "CT_small.dcm",
    IMPLICIT: "MR_small_implicit.dcm",
    BIG: "MR_small_bigendian.dcm",
    "1.2.840.10008.1.2.4.80": "MR_small_jpeg_ls_lossless.dcm",
    "1.2.840.10008.1.2.4.90": "MR_small_jp2klossless.dcm",
    "1.2.840.10008.1.2.5": "MR_small_RLE.dcm",
}


def path_of(data_set: Dataset, level: str = "instance") -> str:
    path = f"/dicom-web/studies/{data_set.StudyInstanceUID}"
    if level != "study":
        path += f"/series/{data_set.SeriesInstanceUID}"
    return path + (f"/instances/{data_set.SOPInstanceUID}" if level == "instance" else "")


@pytest.fixture(name="stored", params=FILES.values())
def fixture_stored(request: pytest.FixtureRequest, gateway: Gateway) -> tuple[bytes, Dataset]:
    """Return one file that the gateway has, and the same decoded.

    The MR files of pydicom are one instance in several encodings; each gets UIDs of its own.
    """
    data_set = dcmread(BytesIO(sample(request.param)))
    number = list(FILES.values()).index(request.param)
    uid = UID(f"{data_set.SOPInstanceUID}.{number}")
    data_set.SOPInstanceUID = data_set.file_meta.MediaStorageSOPInstanceUID = uid
    data_set.StudyInstanceUID = f"{data_set.StudyInstanceUID}.{number}"
    stream = BytesIO()
    data_set.save_as(stream)
    assert gateway.client("device").store(stream.getvalue()).status == 200
    return stream.getvalue(), dcmread(BytesIO(stream.getvalue()))


@pytest.fixture(name="client")
def fixture_client(gateway: Gateway) -> Client:
    return gateway.client("reader")


def data_set_bytes(file: bytes) -> bytes:
    meta_length = int.from_bytes(file[140:144], "little")
    return file[144 + meta_length :]


def test_as_stored_byte_for_byte(client: Client, stored: tuple[bytes, Dataset]) -> None:
    file, data_set = stored
    answer = client(path_of(data_set), Accept=f"{PARTS}; transfer-syntax=*")
    assert answer.status == 200
    ((kind, content),) = answer.parts()
    syntax = data_set.file_meta.TransferSyntaxUID
    # These two never go over the web, whatever is asked for (PS3.18 8.7.3.4).
    expected = EXPLICIT if syntax in (IMPLICIT, BIG) else syntax
    assert kind == f"application/dicom; transfer-syntax={expected}"
    assert dcmread(BytesIO(content)).file_meta.TransferSyntaxUID == expected
    if expected == syntax:
        assert data_set_bytes(content) == data_set_bytes(file)


def test_without_wishes_in_a_syntax_for_the_web(
    client: Client, stored: tuple[bytes, Dataset]
) -> None:
    _, data_set = stored
    ((kind, content),) = client(path_of(data_set)).parts()
    found = dcmread(BytesIO(content))
    # None of them is lossy, and so none needs to be left as it is (PS3.18 8.7.3.4).
    assert kind == f"application/dicom; transfer-syntax={EXPLICIT}"
    assert found.file_meta.TransferSyntaxUID == EXPLICIT
    assert found.SOPInstanceUID == data_set.SOPInstanceUID
    # What pydicom cannot decode is compared with DCMTK's decoder in test_transcoding.py.
    if data_set.file_meta.TransferSyntaxUID in (EXPLICIT, IMPLICIT, BIG, RLE):
        assert (pixel_array(found) == pixel_array(data_set)).all()


def test_one_instance_without_envelope(client: Client, stored: tuple[bytes, Dataset]) -> None:
    _, data_set = stored
    answer = client(path_of(data_set), Accept="application/dicom")
    assert answer.headers["Content-Type"].startswith("application/dicom; transfer-syntax=")
    assert dcmread(BytesIO(answer.body)).SOPInstanceUID == data_set.SOPInstanceUID


@pytest.mark.parametrize("level", ["study", "series"])
def test_many_instances(filled: Gateway, level: str) -> None:
    data_set = dcmread(BytesIO(sample("CT_small.dcm")))
    client = filled.client("reader")
    parts = client(path_of(data_set, level)).parts()
    assert dcmread(BytesIO(parts[0][1])).SOPInstanceUID == data_set.SOPInstanceUID
    assert client(path_of(data_set, level), Accept="application/dicom").status == 406


def test_frames_as_stored(client: Client, stored: tuple[bytes, Dataset]) -> None:
    _, data_set = stored
    answer = client(
        f"{path_of(data_set)}/frames/1",
        Accept="multipart/related; type=application/octet-stream; transfer-syntax=*",
    )
    ((kind, content),) = answer.parts()
    syntax = data_set.file_meta.TransferSyntaxUID
    if syntax in (EXPLICIT, IMPLICIT, BIG):
        assert kind == f"application/octet-stream; transfer-syntax={EXPLICIT}"
        pixels = pixel_array(data_set)
        assert content == pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    else:
        assert kind == f"application/octet-stream; transfer-syntax={syntax}"
        assert content in data_set.PixelData


def test_frames_decoded(client: Client, stored: tuple[bytes, Dataset]) -> None:
    _, data_set = stored
    accept = f"multipart/related; type=application/octet-stream; transfer-syntax={EXPLICIT}"
    ((kind, content),) = client(f"{path_of(data_set)}/frames/1", Accept=accept).parts()
    assert kind.endswith(EXPLICIT)
    assert len(content) == data_set.Rows * data_set.Columns * data_set.BitsAllocated // 8


def test_frames_in_the_order_asked_for(gateway: Gateway, client: Client) -> None:
    file = sample("rtdose.dcm")
    assert gateway.client("device").store(file).status == 200
    data_set = dcmread(BytesIO(file))
    frames = pixel_array(data_set)
    path = f"{path_of(data_set)}/frames"
    parts = client(f"{path}/3,1,3").parts()
    assert [content for _, content in parts] == [frames[n].tobytes() for n in (2, 0, 2)]
    bulk = client(f"{path_of(data_set)}/bulkdata/7FE00010").parts()
    assert [content for _, content in bulk] == [frames.tobytes()]
    single = client(f"{path}/2", Accept="application/octet-stream")
    assert single.body == frames[1].tobytes()
    assert client(f"{path}/2,3", Accept="application/octet-stream").status == 406


@pytest.mark.parametrize(
    ("numbers", "status"),
    [("0", 400), ("x", 400), ("1,,2", 400), ("-1", 400), ("1.5", 400), ("2", 404), ("1,2", 404)],
)
def test_frames_that_are_not_there(filled: Gateway, numbers: str, status: int) -> None:
    path = path_of(dcmread(BytesIO(sample("CT_small.dcm"))))
    assert filled.client("reader")(f"{path}/frames/{numbers}").status == status


def test_an_instance_without_pixels(filled: Gateway) -> None:
    path = path_of(dcmread(BytesIO(sample("test-SR.dcm"))))
    client = filled.client("reader")
    assert client(path).status == 200
    assert client(f"{path}/frames/1").status == 422
    assert client(f"{path}/rendered").headers["Content-Type"].startswith("text/html")
    assert client(f"{path}/thumbnail").headers["Content-Type"] == "image/jpeg"


@pytest.mark.parametrize("level", ["study", "series", "instance"])
@pytest.mark.parametrize("compressed", [False, True])
def test_metadata(filled: Gateway, level: str, compressed: bool) -> None:
    data_set = dcmread(BytesIO(sample("CT_small.dcm")))
    client = filled.client("reader", **({"Accept_Encoding": "gzip"} if compressed else {}))
    answer = client(f"{path_of(data_set, level)}/metadata")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/dicom+json"
    assert answer.headers.get("Content-Encoding") == ("gzip" if compressed else None)
    found = json.loads(gzip.decompress(answer.body) if compressed else answer.body)
    assert data_set.SOPInstanceUID in [each["00080018"]["Value"][0] for each in found]
    for each in found:
        assert "Value" not in each.get("7FE00010", {})
        assert "InlineBinary" not in each.get("7FE00010", {})


@pytest.mark.parametrize("resource", ["", "/frames/1", "/rendered", "/thumbnail"])
def test_what_never_changes_is_asked_for_once(filled: Gateway, resource: str) -> None:
    client = filled.client("reader")
    path = path_of(dcmread(BytesIO(sample("CT_small.dcm")))) + resource
    first = client(path)
    assert first.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert "Accept" in first.headers["Vary"]
    assert "Set-Cookie" not in first.headers
    again = client(path, If_None_Match=first.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert client(path, If_None_Match='"other"').status == 200
    assert filled.client(If_None_Match="*")(path).status == 401


def test_answers_are_read_in_bounded_pieces() -> None:
    """A study is sent piece by piece: memory holds what is gathered for one of them."""
    piece = bytes(64 * 1024)
    pieces: Iterator[bytes] = (bytes(piece) for _ in range(4000))
    tracemalloc.start()
    more = True
    total = 0
    while more:
        data, more = _gather(pieces)
        total += len(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == 4000 * len(piece)
    assert peak < 4 * AT_ONCE_BYTES


@pytest.fixture(name="large", scope="module")
def fixture_large(gateway: Gateway) -> Dataset:
    """Return an instance that is sent in many pieces."""
    data_set = dcmread(BytesIO(sample("MR_small_implicit.dcm")))
    data_set.Rows, data_set.Columns = 1500, 1500
    data_set.PixelData = bytes(range(250)) * (1500 * 1500 * 2 // 250)
    data_set.StudyInstanceUID = UID("1.2.3.4.5.6")
    data_set.SOPInstanceUID = data_set.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3.4.5.7")
    stream = BytesIO()
    data_set.save_as(stream)
    assert gateway.client("device").store(stream.getvalue()).status == 200
    return data_set


@pytest.mark.parametrize("syntax", ["*", EXPLICIT])
def test_large_instances_arrive_whole(gateway: Gateway, large: Dataset, syntax: str) -> None:
    client = gateway.client("reader", Accept=f"{PARTS}; transfer-syntax={syntax}")
    answer = client(path_of(large, "study"))
    assert answer.headers["Transfer-Encoding"] == "chunked"
    ((_, content),) = answer.parts()
    assert dcmread(BytesIO(content)).PixelData == large.PixelData


def test_an_answer_that_fails_on_its_way_is_never_taken_for_whole(
    gateway: Gateway, large: Dataset
) -> None:
    (instance,) = gateway.archive.index.instances(large.StudyInstanceUID)
    client = gateway.client("reader", Accept=f"{PARTS}; transfer-syntax=*")
    path = gateway.services.settings.data_dir / "objects" / instance.object_key
    whole = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(whole[: len(whole) // 2])
    try:
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            client(path_of(large, "study"))
    finally:
        path.write_bytes(whole)


def test_metadata_is_what_ingest_wrote(filled: Gateway) -> None:
    data_set = dcmread(BytesIO(sample("test-SR.dcm")))
    written = list(filled.archive.index.metadata(data_set.StudyInstanceUID))
    answer = filled.client("reader")(f"{path_of(data_set, 'study')}/metadata")
    assert answer.json() == [json.loads(zlib.decompress(each)) for each in written]


@pytest.mark.parametrize("level", ["study", "series", "instance"])
def test_bulk_data_is_where_the_metadata_says(filled: Gateway, level: str) -> None:
    data_set = dcmread(BytesIO(sample("CT_small.dcm")))
    client = filled.client("reader")
    root = f"http://127.0.0.1:{filled.port}"
    (model,) = client(f"{path_of(data_set, level)}/metadata").json()
    uri = model["7FE00010"]["BulkDataURI"]
    assert uri == f"{root}{path_of(data_set)}/bulkdata/7FE00010"
    ((_, content),) = client(uri.removeprefix(root)).parts()
    assert content == data_set.PixelData


@pytest.mark.parametrize("name", ["MR_small_implicit.dcm", "MR_small_bigendian.dcm"])
def test_bulk_data_inside_sequences(gateway: Gateway, name: str) -> None:
    data_set = dcmread(BytesIO(sample(name)))
    value = bytes(range(256)) * 10
    item = Dataset()
    item.add_new(0x00420011, "OB", value)
    item.add_new(0x00283006, "OW", value)
    data_set.add_new(0x00081115, "SQ", [Dataset(), item])
    uid = UID(f"1.2.3.{len(name)}")
    data_set.SOPInstanceUID = data_set.file_meta.MediaStorageSOPInstanceUID = uid
    stream = BytesIO()
    data_set.save_as(stream)
    assert gateway.client("device").store(stream.getvalue()).status == 200
    path = f"{path_of(data_set)}/bulkdata/00081115/1"
    client = gateway.client("reader", Accept="application/octet-stream")
    assert client(f"{path}/00420011").body == value
    words = client(f"{path}/00283006").body
    swapped = bytes(number ^ 1 for number in value)
    assert words == (swapped if "big" in name else value)


@pytest.mark.parametrize(
    "path", ["00990099", "7FE00011", "x", "", "00081115", "00081115/0/00080018", "../metadata"]
)
def test_bulk_data_that_is_not_there(filled: Gateway, path: str) -> None:
    data_set = dcmread(BytesIO(sample("CT_small.dcm")))
    assert filled.client("reader")(f"{path_of(data_set)}/bulkdata/{path}").status == 404
