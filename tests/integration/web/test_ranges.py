"""Invariant: a part of an answer is those bytes of the whole; HEAD says of an answer what GET would,
and no truncated object is ever taken for a whole one."""

import os
from collections.abc import Iterator
from http.client import IncompleteRead
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread

from tests.integration.web.gateway import Client, Gateway, running, sample, settings_for
from tests.integration.web.test_wado import path_of

CT = path_of(dcmread(BytesIO(sample("CT_small.dcm"))))
FRAME = f"{CT}/frames/1?accept=application/octet-stream"
WHOLE = f"{CT}?accept=application/dicom"


@pytest.mark.parametrize("path", [FRAME, WHOLE, f"{CT}/bulkdata/7FE00010?accept=application/*"])
def test_ranges(filled: Gateway, path: str) -> None:
    client = filled.client("reader")
    whole = client(path)
    assert whole.headers["Accept-Ranges"] == "bytes"
    size = len(whole.body)
    for text, start, stop in (
        ("bytes=0-9", 0, 10),
        ("bytes=100-299", 100, 300),
        (f"bytes={size - 5}-", size - 5, size),
        ("bytes=-7", size - 7, size),
    ):
        part = client(path, Range=text)
        assert part.status == 206
        assert part.body == whole.body[start:stop]
        assert part.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
        assert part.headers["ETag"] == whole.headers["ETag"]


def test_many_ranges_come_as_parts(filled: Gateway) -> None:
    client = filled.client("reader")
    whole = client(FRAME).body
    answer = client(FRAME, Range="bytes=0-3,10-13")
    assert answer.status == 206
    kind = answer.headers["Content-Type"]
    assert kind.startswith("multipart/byteranges; boundary=")
    mark = b"--" + kind.partition("boundary=")[2].encode()
    parts = [piece.partition(b"\r\n\r\n") for piece in answer.body.split(mark)[1:-1]]
    assert [content.removesuffix(b"\r\n") for _, _, content in parts] == [whole[:4], whole[10:14]]
    assert b"Content-Range: bytes 10-13/32768" in parts[1][0]


def test_a_range_beyond_the_end(filled: Gateway) -> None:
    answer = filled.client("reader")(FRAME, Range="bytes=99999999-")
    assert answer.status == 416
    assert answer.headers["Content-Range"] == "bytes */32768"


def test_a_condition_that_no_longer_holds_gives_the_whole(filled: Gateway) -> None:
    client = filled.client("reader")
    etag = client(FRAME).headers["ETag"]
    assert client(FRAME, Range="bytes=0-1", If_Range=etag).status == 206
    answer = client(FRAME, Range="bytes=0-1", If_Range='"other"')
    assert (answer.status, len(answer.body)) == (200, 32768)


@pytest.mark.parametrize("path", [FRAME, WHOLE, f"{CT}/metadata", f"{CT}/rendered", CT])
def test_head(filled: Gateway, path: str) -> None:
    client = filled.client("reader")
    whole, head = client(path), client(path, "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["ETag"] == whole.headers["ETag"]
    assert head.headers.get("Content-Length", str(len(whole.body))) == str(len(whole.body))


class TestTruncatedObject:
    """The file in the object store lost its second half."""

    @pytest.fixture
    def client(self, tmp_path: Path) -> Iterator[Client]:
        with running(settings_for(tmp_path)) as gateway:
            assert gateway.client("device").store(sample("CT_small.dcm")).status == 200
            (path,) = (tmp_path / "objects" / "v1").rglob("*.dcm")
            os.truncate(path, path.stat().st_size // 2)
            yield gateway.client("reader")

    @pytest.mark.parametrize("path", [FRAME, WHOLE, CT, f"{CT}/rendered"])
    def test_it_is_never_served_as_whole(self, client: Client, path: str) -> None:
        try:
            answer = client(path)
        except IncompleteRead:
            return
        assert answer.status == 500
        assert b"not what was once received" in answer.body

    def test_its_metadata_is_still_there(self, client: Client) -> None:
        assert client(f"{CT}/metadata").status == 200


def test_stale_series_uids_find_the_instance_and_wrong_ones_do_not(filled: Gateway) -> None:
    client = filled.client("reader")
    data_set = dcmread(BytesIO(sample("CT_small.dcm")))
    other = dcmread(BytesIO(sample("test-SR.dcm")))
    uid = data_set.SOPInstanceUID

    def status(study: str, series: str) -> int:
        return client(f"/dicom-web/studies/{study}/series/{series}/instances/{uid}/metadata").status

    assert status(data_set.StudyInstanceUID, "1.2.3.99") == 200
    assert status("1.2.3.98", "1.2.3.99") == 404
    assert status("1.2.3.98", data_set.SeriesInstanceUID) == 404
    assert status(data_set.StudyInstanceUID, other.SeriesInstanceUID) == 404
    assert status(other.StudyInstanceUID, data_set.SeriesInstanceUID) == 404
    assert status(other.StudyInstanceUID, "1.2.3.99") == 404
