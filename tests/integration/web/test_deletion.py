"""Invariant: deleting hides and never removes; only an administrator may do it, and everything can
be brought back; what is sent again is shown again."""

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread

from pacs_gateway.archive.deletion import ACTS_PREFIX
from tests.integration.web.gateway import Client, Gateway, running, sample, settings_for
from tests.integration.web.test_session import log_in
from tests.integration.web.test_wado import path_of

CT, MR = (dcmread(BytesIO(sample(name))) for name in ("CT_small.dcm", "MR_small.dcm"))
STUDY = f"/dicom-web/studies/{CT.StudyInstanceUID}"
SERIES = f"{STUDY}/series/{CT.SeriesInstanceUID}"
INSTANCE = path_of(CT)
SEARCH = f"/dicom-web/studies?StudyInstanceUID={CT.StudyInstanceUID}"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with running(settings_for(tmp_path)) as started:
        yield started


@pytest.fixture
def admin(gateway: Gateway) -> Client:
    client = gateway.client("admin")
    assert client.store(sample("CT_small.dcm"), sample("MR_small.dcm")).status == 200
    return client


def objects(gateway: Gateway) -> set[Path]:
    root = gateway.archive.settings.data_dir / "objects" / "v1"
    return {path for path in root.rglob("*") if path.is_file()}


def the_deletion(client: Client) -> str:
    return str(client("/api/deletions").json()["deletions"][0]["id"])


@pytest.mark.parametrize("path", [STUDY, SERIES, INSTANCE])
def test_it_is_gone_from_every_answer(gateway: Gateway, admin: Client, path: str) -> None:
    before = objects(gateway)
    assert admin(path, "DELETE").status == 204
    for resource in (
        STUDY,
        INSTANCE,
        f"{SERIES}/metadata",
        f"{INSTANCE}/metadata",
        f"{INSTANCE}/frames/1",
        f"{INSTANCE}/rendered",
        f"{STUDY}/thumbnail",
        f"{STUDY}/rendered",
    ):
        assert admin(resource).status == 410, resource
    assert admin(SEARCH).status == 204
    assert admin(f"{STUDY}/series").status == 204
    assert admin(path_of(MR)).status == 200
    assert objects(gateway) == before


def test_the_list_of_studies_does_not_show_it(gateway: Gateway, admin: Client) -> None:
    assert str(CT.PatientID) in admin("/").body.decode()
    admin(SERIES, "DELETE")
    assert str(CT.PatientID) not in admin("/").body.decode()
    assert str(MR.PatientID) in admin("/").body.decode()
    assert admin(f"/studies/{CT.StudyInstanceUID}").status == 404
    assert gateway.archive.index.totals().studies == 1


def test_a_page_of_another_site_cannot_delete(gateway: Gateway, admin: Client) -> None:
    browser = log_in(gateway.client(), "admin")
    assert browser(STUDY, "DELETE", Origin="https://elsewhere.example").status == 403
    assert admin(INSTANCE).status == 200
    assert browser(STUDY, "DELETE").status == 204


def test_it_is_described(admin: Client) -> None:
    paths = admin("/api/openapi.json").json()["paths"]
    assert "delete" in paths["/dicom-web/studies/{study}"]
    assert "get" in paths["/api/deletions"]
    assert "post" in paths["/api/deletions/{deletion_id}/restore"]


def test_bringing_it_back(admin: Client) -> None:
    shown = (SEARCH, f"{SERIES}/metadata", f"{INSTANCE}/frames/1?accept=application/octet-stream")
    before = [admin(path).body for path in shown]
    admin(f"{STUDY}?reason=wrong%20patient", "DELETE")
    (found,) = admin("/api/deletions").json()["deletions"]
    assert (found["reason"], found["deleted_by"], found["number_of_instances"]) == (
        "wrong patient",
        "admin",
        1,
    )
    answer = admin(f"/api/deletions/{found['id']}/restore", "POST")
    assert answer.status == 200
    assert answer.json()["restored_by"] == "admin"
    assert [admin(path).body for path in shown] == before


def test_deleting_again_and_deleting_nothing(admin: Client) -> None:
    assert admin(INSTANCE, "DELETE").status == 204
    assert admin(INSTANCE, "DELETE").status == 410
    assert admin(STUDY, "DELETE").status == 410
    assert admin("/dicom-web/studies/1.2.3", "DELETE").status == 404
    assert admin("/dicom-web/studies/x", "DELETE").status == 400
    assert admin(f"{path_of(MR)}?reason={'x' * 501}", "DELETE").status == 400
    assert admin(f"{path_of(MR)}?reason=a%00b", "DELETE").status == 400
    for number in ("nothing", "%00" * 26, "01ARZ3NDEKTSV4RRFFQ69G5FAV"):
        assert admin(f"/api/deletions/{number}/restore", "POST").status == 404
    assert admin("/api/deletions?limit=0").status == 400


@pytest.mark.parametrize("role", ["reader", "device"])
def test_only_administrators_may(gateway: Gateway, admin: Client, role: str) -> None:
    client = gateway.client(role)
    assert client(STUDY, "DELETE").status == 403
    assert client("/api/deletions").status == 403
    assert gateway.client()(STUDY, "DELETE").status == 401
    assert admin(INSTANCE).status == 200


def test_what_is_sent_again_is_shown_again(gateway: Gateway, admin: Client) -> None:
    admin(STUDY, "DELETE")
    assert gateway.client("device").store(sample("CT_small.dcm")).status == 200
    assert admin(INSTANCE).status == 200
    assert len(admin(SEARCH).json()) == 1


def test_other_bytes_in_its_place_are_shown(admin: Client) -> None:
    admin(STUDY, "DELETE")
    corrected = dcmread(BytesIO(sample("CT_small.dcm")))
    corrected.PatientName = "Corrected"
    file = BytesIO()
    corrected.save_as(file)
    assert admin.store(file.getvalue()).status == 200
    (found,) = admin(f"{INSTANCE}/metadata").json()
    assert found["00100010"]["Value"][0]["Alphabetic"] == "Corrected"


def test_every_act_is_kept_beside_the_objects(gateway: Gateway, admin: Client) -> None:
    admin(f"{STUDY}?reason=test", "DELETE")
    admin(f"/api/deletions/{the_deletion(admin)}/restore", "POST")
    admin(STUDY, "DELETE")
    admin.store(sample("CT_small.dcm"))
    store = gateway.archive.store
    acts = [json.loads(b"".join(store.read(key))) for key in store.list(ACTS_PREFIX)]
    assert [act["act"] for act in acts] == ["delete", "restore", "delete", "sent again"]
    assert acts[0]["objects"] == acts[3]["objects"]
    assert (acts[0]["by"], acts[0]["reason"]) == ("admin", "test")
