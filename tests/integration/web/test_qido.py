"""Invariant: a search answers what PS3.18 10.6 requires of it, from what was really stored, and
says when it does not tell everything."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from pacs_gateway.web.searchanswer import REQUIRED
from storage.records import Level
from tests.integration.web.gateway import Gateway, running, sample, settings_for

CT = "1.3.6.1.4.1.5962.1.2.1.20040119072730.12322"
STUDIES = "/dicom-web/studies"


def search(gateway: Gateway, path: str, **headers: str) -> list[dict[str, Any]]:
    answer = gateway.client("reader", **headers)(path)
    assert answer.status in (200, 204), answer.body
    if answer.status == 204:
        assert answer.body == b""
        return []
    assert answer.headers["Content-Type"] == "application/dicom+json"
    found: list[dict[str, Any]] = answer.json()
    return found


def values(answers: list[dict[str, Any]], tag: str) -> list[Any]:
    return [answer[tag]["Value"][0] for answer in answers]


@pytest.mark.parametrize(
    ("path", "level", "url"),
    [
        (f"{STUDIES}?StudyInstanceUID={CT}", Level.STUDY, f"/studies/{CT}"),
        (f"{STUDIES}/{CT}/series", Level.SERIES, f"/studies/{CT}/series/"),
        (f"/dicom-web/series?StudyInstanceUID={CT}", Level.SERIES, f"/studies/{CT}/series/"),
        (f"{STUDIES}/{CT}/instances", Level.IMAGE, f"/studies/{CT}/series/"),
        (f"/dicom-web/instances?0020000D={CT}", Level.IMAGE, f"/studies/{CT}/series/"),
    ],
)
def test_required_attributes(filled: Gateway, path: str, level: Level, url: str) -> None:
    (answer,) = search(filled, path)
    assert set(REQUIRED[level]) < set(answer)
    assert list(answer) == sorted(answer)
    assert answer["00080005"]["Value"] == ["ISO_IR 192"]
    assert answer["00080056"]["Value"] == ["ONLINE"]
    retrieve_url = answer["00081190"]["Value"][0]
    assert retrieve_url.startswith(f"http://127.0.0.1:{filled.port}/dicom-web{url}")
    path = retrieve_url.removeprefix(f"http://127.0.0.1:{filled.port}")
    assert filled.client("reader")(path).status == 200
    for element in answer.values():
        assert element["vr"]
        assert element.get("Value") != []


def test_one_series_of_one_study(filled: Gateway) -> None:
    (series,) = search(filled, f"{STUDIES}/{CT}/series")
    uid = series["0020000E"]["Value"][0]
    (instance,) = search(filled, f"{STUDIES}/{CT}/series/{uid}/instances")
    assert instance["00080018"]["Value"] == ["1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"]
    assert instance["00280010"]["Value"] == [128]
    assert search(filled, f"{STUDIES}/1.2/series/{uid}/instances") == []


@pytest.mark.parametrize(
    "query",
    [
        f"StudyInstanceUID={CT}",
        f"0020000D={CT}",
        f"0020000d={CT}",
        f"StudyInstanceUID={CT},1.2.3",
        f"StudyInstanceUID=1.2.3%5C{CT}",
        f"StudyInstanceUID={CT}&StudyInstanceUID=1.2.3",
        "PatientName=compressed*&ModalitiesInStudy=CT",
        f"PatientName={quote('CompressedSamples^CT1')}",
        "00100020=1CT1&includefield=all",
        "PatientID=1CT1&includefield=00081030&includefield=PatientAge,PatientWeight",
        "PatientID=1CT1&fuzzymatching=true",
        "StudyDate=20040101-20040131&ModalitiesInStudy=CT,PT",
    ],
)
def test_ways_to_ask_for_the_same(filled: Gateway, query: str) -> None:
    assert CT in values(search(filled, f"{STUDIES}?{query}"), "0020000D")


def test_nothing_found(filled: Gateway) -> None:
    answer = filled.client("reader")(f"{STUDIES}?PatientID=nobody")
    assert answer.status == 204
    assert answer.headers["X-Total-Count"] == "0"


def test_pages_hold_every_study_once(filled: Gateway) -> None:
    everything = values(search(filled, STUDIES), "0020000D")
    assert len(everything) > 2
    paged = [
        uid
        for offset in range(len(everything) + 2)
        for uid in values(search(filled, f"{STUDIES}?limit=1&offset={offset}"), "0020000D")
    ]
    assert paged == everything
    assert search(filled, f"{STUDIES}?limit=0") == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=-1",
        "limit=x",
        "limit=1e3",
        "limit=",
        "offset=-1",
        "offset=1.5",
        "limit=99999999999",
        "fuzzymatching=maybe",
        "StudyDate=yesterday",
        "&".join(f"x{n}=1" for n in range(300)),
    ],
)
def test_bad_parameters(filled: Gateway, query: str) -> None:
    answer = filled.client("reader")(f"{STUDIES}?{query}")
    assert answer.status == 400
    assert answer.json()["error"]


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/dicom+json", 200),
        ("application/json", 200),
        ("*/*", 200),
        ('multipart/related; type="application/dicom+xml"', 200),
        ("application/dicom+xml", 200),
        ("multipart/related", 200),
        ('multipart/related; type="application/dicom"', 406),
        ("text/plain", 406),
    ],
)
def test_media_types(filled: Gateway, accept: str, status: int) -> None:
    assert filled.client("reader", Accept=accept)(STUDIES).status == status
    assert filled.client("reader")(f"{STUDIES}?accept={quote(accept)}").status == status


def test_a_cut_answer_says_so(tmp_path: Path) -> None:
    with running(settings_for(tmp_path, max_answers=2)) as gateway:
        files = map(sample, ("CT_small.dcm", "MR_small.dcm", "test-SR.dcm"))
        assert gateway.client("device").store(*files).status == 200
        answer = gateway.client("reader")(STUDIES)
        assert len(answer.json()) == 2
        assert answer.headers["X-Total-Count"] == "3"
        service = f"http://127.0.0.1:{gateway.port}/dicom-web"
        told = f"299 {service}: There are 1 additional results that can be requested"
        assert answer.headers["Warning"] == told
        rest = gateway.client("reader")(f"{STUDIES}?offset=2")
        assert len(rest.json()) == 1
        assert "Warning" not in rest.headers


def test_addresses_behind_a_proxy(tmp_path: Path) -> None:
    with running(settings_for(tmp_path, behind_proxy=True)) as gateway:
        assert gateway.client("device").store(sample("CT_small.dcm")).status == 200
        client = gateway.client(
            "reader", X_Forwarded_Proto="https", X_Forwarded_Host="pacs.example"
        )
        answer = client(STUDIES)
        assert values(answer.json(), "00081190") == [f"https://pacs.example{STUDIES}/{CT}"]


def test_forwarded_headers_count_only_behind_a_proxy(filled: Gateway) -> None:
    answer = filled.client("reader")(STUDIES, X_Forwarded_Proto="https", X_Forwarded_Host="evil")
    assert b"evil" not in answer.body
    assert b"https" not in answer.body
