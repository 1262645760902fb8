"""Invariant: what STOW-RS answers as stored is durable and byte for byte what was sent; what it
does not keep it names, with the reason; a request that breaks off leaves nothing half."""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from storage.errors import FullError
from tests.integration.web.gateway import (
    DICOM_TYPE,
    Answer,
    Gateway,
    multipart,
    running,
    sample,
    settings_for,
)

PATH = "/dicom-web/studies"
CT = sample("CT_small.dcm")
CT_STUDY = "1.3.6.1.4.1.5962.1.2.1.20040119072730.12322"
CT_INSTANCE = "1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"
REFERENCED, FAILED, REASON = "00081199", "00081198", "00081197"


@pytest.fixture(name="empty")
def fixture_empty(tmp_path: Path) -> Iterator[Gateway]:
    with running(settings_for(tmp_path)) as gateway:
        yield gateway


@pytest.fixture(name="uncommitted")
def fixture_uncommitted(tmp_path: Path) -> Iterator[Gateway]:
    with running(settings_for(tmp_path, visible_wait_s=0.2), commits=False) as gateway:
        yield gateway


def post(gateway: Gateway, body: Any, content_type: str = DICOM_TYPE, **headers: str) -> Answer:
    return gateway.client("device")(PATH, "POST", body, Content_Type=content_type, **headers)


def reasons(answer: Answer) -> list[int]:
    return [item[REASON]["Value"][0] for item in answer.json()[FAILED]["Value"]]


def waiting(gateway: Gateway) -> int:
    return len(gateway.archive.spool.ready(1000))


def incoming(gateway: Gateway) -> int:
    return len(list((gateway.services.settings.spool_dir / "incoming").iterdir()))


def test_stored_and_at_once_found(empty: Gateway) -> None:
    answer = empty.client("device").store(CT, sample("MR_small.dcm"))
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/dicom+json"
    response = answer.json()
    assert FAILED not in response
    assert len(response[REFERENCED]["Value"]) == 2
    item = response[REFERENCED]["Value"][0]
    assert item["00081150"]["Value"] == ["1.2.840.10008.5.1.4.1.1.2"]
    assert item["00081155"]["Value"] == [CT_INSTANCE]
    root = f"http://127.0.0.1:{empty.port}"
    url = item["00081190"]["Value"][0]
    assert url.startswith(f"{root}{PATH}/{CT_STUDY}/series/")
    found = empty.client("reader")(url.removeprefix(root), Accept="application/dicom")
    assert found.status == 200
    # The file meta information is ours, the data set is the sender's.
    assert found.body.endswith(CT[CT.index(b"\x08\x00\x05\x00CS") :])


def test_to_one_study(empty: Gateway) -> None:
    answer = empty.client("device").store(CT, study=CT_STUDY)
    assert answer.status == 200
    assert answer.json()["00081190"]["Value"][0].endswith(f"{PATH}/{CT_STUDY}")


def test_to_another_study(empty: Gateway) -> None:
    answer = empty.client("device").store(CT, study="1.2.3")
    assert answer.status == 409
    assert reasons(answer) == [0xA900]
    item = answer.json()[FAILED]["Value"][0]
    assert item["00081155"]["Value"] == [CT_INSTANCE]
    assert empty.client("reader")(PATH).status == 204


def test_some_stored(empty: Gateway) -> None:
    answer = empty.client("device").store(b"no DICOM at all", CT, CT[:5000])
    assert answer.status == 202
    assert reasons(answer) == [0xC000, 0xC000]
    assert len(answer.json()[REFERENCED]["Value"]) == 1
    assert "Value" not in answer.json()[FAILED]["Value"][0]["00081155"]


@pytest.mark.parametrize("content", [b"", b"no DICOM at all", CT[:100], CT[:300], CT[:5000]])
def test_none_stored(empty: Gateway, content: bytes) -> None:
    answer = empty.client("device").store(content)
    assert answer.status == 409
    assert reasons(answer) == [0xC000]


def test_the_same_again_is_no_fault(empty: Gateway) -> None:
    for _ in range(2):
        assert empty.client("device").store(CT).status == 200
    assert empty.client("reader")(PATH).headers["X-Total-Count"] == "1"


@pytest.mark.parametrize(
    "content_type",
    [
        'multipart/related; type="application/dicom"; boundary="part"',
        "multipart/related; type=application/dicom; boundary=part",
        "multipart/related; boundary=part",
        'Multipart/Related; Boundary=part; start="<1>"; type="application/dicom"',
    ],
)
def test_ways_to_write_the_content_type(empty: Gateway, content_type: str) -> None:
    assert post(empty, multipart(CT), content_type).status == 200


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("", 415),
        ("application/dicom+xml", 415),
        ('multipart/related; type="application/dicom+xml"; boundary=part', 415),
        ("image/jpeg", 415),
        ("multipart/form-data; boundary=part", 415),
        ('multipart/related; type="application/dicom"', 400),
        ('multipart/related; type="application/dicom"; boundary=""', 400),
        (f"multipart/related; boundary={'p' * 71}", 400),
        ("multipart/related; boundary=other", 400),
        ("nonsense", 400),
    ],
)
def test_requests_that_are_none(uncommitted: Gateway, content_type: str, status: int) -> None:
    answer = post(uncommitted, multipart(CT), content_type)
    assert answer.status == status
    assert answer.json()["error"]
    assert waiting(uncommitted) == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"--part--", 400),
        (multipart(CT)[:-10], 400),
        (b"--part\r\nno header\r\n\r\nx\r\n--part--", 400),
        (b"--part\r\nA: " + b"b" * 100_000 + b"\r\n\r\nx\r\n--part--", 400),
        (multipart(CT, content_type="application/dicom+xml"), 415),
        (multipart(CT, content_type="nonsense"), 415),
    ],
    ids=["empty", "no part", "cut", "no header", "long header", "XML", "nonsense"],
)
def test_bodies_that_are_none(uncommitted: Gateway, body: bytes, status: int) -> None:
    answer = post(uncommitted, body)
    assert answer.status == status
    assert answer.json()["error"]
    assert incoming(uncommitted) == 0


def test_the_answer_must_be_wanted(uncommitted: Gateway) -> None:
    answer = post(uncommitted, multipart(CT), Accept="text/plain")
    assert answer.status == 406
    assert waiting(uncommitted) == 0


def test_the_answer_may_be_xml(empty: Gateway) -> None:
    answer = post(empty, multipart(CT), Accept="application/dicom+xml")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/dicom+xml"
    tags = [each.get("tag") for each in ET.fromstring(answer.body)]
    assert tags == ["00081190", "00081199"]


def test_chunks_of_any_size(empty: Gateway) -> None:
    body = multipart(CT)
    pieces = (body[at : at + 777] for at in range(0, len(body), 777))
    assert post(empty, pieces).status == 200


def test_accepted_although_not_yet_visible(uncommitted: Gateway) -> None:
    started = time.monotonic()
    answer = uncommitted.client("device").store(CT)
    assert answer.status == 200
    assert 0.2 <= time.monotonic() - started < 2
    assert waiting(uncommitted) == 1


def test_a_full_spool_asks_to_come_again(
    uncommitted: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise FullError("The spool's disk is 91 % full; free some space.")

    monkeypatch.setattr(uncommitted.archive.spool.capacity, "check_instance", full)
    answer = uncommitted.client("device").store(CT)
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "91 %" in answer.json()["error"]


def test_a_request_that_breaks_off_leaves_nothing(uncommitted: Gateway) -> None:
    whole = multipart(CT)
    connection = http.client.HTTPConnection("127.0.0.1", uncommitted.port, timeout=10)
    connection.putrequest("POST", PATH)
    for name, value in uncommitted.client("device").headers.items():
        connection.putheader(name, value)
    connection.putheader("Content-Type", DICOM_TYPE)
    connection.putheader("Content-Length", str(len(whole)))
    connection.endheaders(whole[: len(whole) // 2])
    deadline = time.monotonic() + 5
    while not incoming(uncommitted) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert incoming(uncommitted) == 1
    assert isinstance(connection.sock, socket.socket)
    connection.sock.shutdown(socket.SHUT_RDWR)
    connection.close()
    while incoming(uncommitted) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert incoming(uncommitted) == waiting(uncommitted) == 0


def test_referring_doctors_store_nothing(uncommitted: Gateway) -> None:
    answer = uncommitted.client("doctor").store(CT)
    assert answer.status == 403
    assert waiting(uncommitted) == incoming(uncommitted) == 0


def test_what_became_of_instances_is_counted(empty: Gateway) -> None:
    empty.client("device").store(CT, b"no DICOM at all")
    text = empty.client()("/metrics").body.decode()
    assert 'pacs_gateway_stow_instances_total{outcome="accepted"} 1.0' in text
    assert 'pacs_gateway_stow_instances_total{outcome="refused"} 1.0' in text


def test_who_sent_it_is_kept(empty: Gateway) -> None:
    answer = empty.client("device").store(CT)
    uid = json.loads(answer.body)[REFERENCED]["Value"][0]["00081155"]["Value"][0]
    (version,) = empty.archive.index.known([uid])[uid]
    assert (version.origin.source, version.origin.peer) == ("stow", "device")
    assert version.origin.address == "127.0.0.1"
