"""Protects the record of every look: one row each, for those who may read it, and reading it is one."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from storage.auditlog import Wanted
from tests.integration.web.gateway import Gateway, running, settings_for

CT = Path(str(get_testdata_file("CT_small.dcm")))
STUDY = str(dcmread(CT).StudyInstanceUID)
PATIENT = str(dcmread(CT).PatientID)


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(settings_for(tmp_path_factory.mktemp("audit"))) as gateway:
        assert gateway.client("device").store(CT.read_bytes()).status == 200
        yield gateway


def verbs(hospital: Gateway, actor: str) -> list[tuple[str, str]]:
    rows = hospital.archive.audit_log.rows(Wanted(actor=actor), limit=99)
    return [(row.verb, row.outcome) for row in reversed(rows)]


def test_an_arrival_is_on_record(hospital: Gateway) -> None:
    (row,) = hospital.archive.audit_log.rows(Wanted(verb="instances received"), limit=9)
    assert (row.actor, row.role, row.study_uid, row.patient_id) == (
        "device",
        "stow",
        STUDY,
        PATIENT,
    )


def test_a_look_of_many_requests_is_one_row(hospital: Gateway) -> None:
    reader = hospital.client("reader")
    series = reader(f"/dicom-web/studies/{STUDY}/series").json()[0]["0020000E"]["Value"][0]
    for path in (f"/studies/{STUDY}", f"/dicom-web/studies/{STUDY}/metadata",
                 f"/dicom-web/studies/{STUDY}/series/{series}/thumbnail"):  # fmt: skip
        assert reader(path).status == 200
    assert verbs(hospital, "reader") == [("logged in", "success"), ("study viewed", "success")]


def test_searches_and_refusals_are_on_record(hospital: Gateway) -> None:
    doctor = hospital.client("doctor")
    for _ in range(2):
        assert doctor("/dicom-web/studies?PatientName=Nguyen&limit=5").status == 204
        assert doctor("/dicom-web/studies?PatientName=Nguyen&limit=5&offset=5").status == 204
    assert doctor(f"/dicom-web/studies/{STUDY}/metadata").status == 404
    assert doctor("/admin/audit").status == 403
    assert verbs(hospital, "doctor") == [
        ("logged in", "success"),
        ("searched", "success"),
        ("access refused", "refused"),
        ("access refused", "refused"),
    ]


def test_a_deletion_and_its_row_come_together(hospital: Gateway) -> None:
    admin = hospital.client("admin")
    assert admin(f"/dicom-web/studies/{STUDY}?reason=test", "DELETE").status == 204
    deletion = admin("/api/deletions").json()["deletions"][0]["id"]
    assert admin(f"/api/deletions/{deletion}/restore", "POST").status == 200
    rows = hospital.archive.audit_log.rows(Wanted(actor="admin", study_uid=STUDY), limit=9)
    assert [row.verb for row in rows] == ["restored", "deleted"]
    assert json.loads(rows[1].detail)["reason"] == "test"


def test_who_has_seen_a_study(hospital: Gateway) -> None:
    admin = hospital.client("admin")
    page = admin(f"/studies/{STUDY}/audit").body.decode()
    assert "reader" in page
    assert "xem ảnh" in page
    rows = admin(f"/api/audit?study_uid={STUDY}").json()["rows"]
    assert rows[0]["verb"] == "audit trail read"
    assert {"study viewed", "instances received", "deleted"} <= {row["verb"] for row in rows}
    assert hospital.client("reader")(f"/studies/{STUDY}/audit").status == 403


def test_the_trail_is_filtered_and_paged(hospital: Gateway) -> None:
    admin = hospital.client("admin")
    first = admin("/api/audit?actor=reader").json()["rows"]
    assert {row["actor"] for row in first} == {"reader"}
    older = admin(f"/api/audit?actor=reader&before={first[0]['seq']}").json()["rows"]
    assert older == first[1:]
    page = admin("/admin/audit?since=2000-01-01&until=2001-01-01&verb=searched").body.decode()
    assert "Không có dòng nào" in page
    assert admin("/admin/audit?since=nonsense&before=x").status == 200


def test_the_trail_is_whole(hospital: Gateway) -> None:
    assert hospital.archive.audit_log.check() is None


def test_a_spoiled_row_does_not_hide_the_others(hospital: Gateway) -> None:
    with hospital.archive.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE audit_log SET actor = x'00ff', at = 'long ago', detail = x'ff' WHERE seq = 3"
        )
    admin = hospital.client("admin")
    assert "long ago" in admin("/admin/audit").body.decode()
    rows = admin("/api/audit").json()["rows"]
    assert next(row for row in rows if row["seq"] == 3)["detail"] == {"spoiled": r"b'\xff'"}
    assert "Row 3 " in str(hospital.archive.audit_log.check())
