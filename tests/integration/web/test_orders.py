"""Protects orders over HTTP: JSON, FHIR and the form make the same order, the same again changes
nothing, and the inbox puts a study where a person says, until they take it back."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from pacs_gateway.background import handlers
from pacs_gateway.outbox.tries import Patience, Tries
from storage.orders import MATCH_ORDER, MATCH_STUDY, OrderState, Wanted
from storage.outbox import State
from storage.records import utc_now
from tests.integration.dimse.pacs import shipped
from tests.integration.web.gateway import Answer, Client, Gateway, running, settings_for
from tests.unit.emr.resources import REQUEST

FORM = {
    "name": "NGUYỄN VĂN ÁNH",
    "birth_date": "1980-04-12",
    "sex": "M",
    "mrn": "BN001",
    "procedure": "CT sọ não",
    "modality": "CT",
    "priority": "STAT",
    "day": "2026-11-23",
    "time": "08:30",
    "room": "P.101",
}
ORDER = {
    "placerNumber": "DH1",
    "patient": {
        "name": "NGUYỄN^VĂN ÁNH",
        "birthDate": "1980-04-12",
        "sex": "M",
        "identifiers": [{"kind": "mrn", "value": "BN001"}],
    },
    "procedureText": "CT sọ não",
    "priority": "stat",
    "steps": [{"modality": "CT", "room": "P.101", "start": "2026-11-23T08:30:00"}],
}
STUDY = "1.2.826.0.1.3680043.8.498.9"


@pytest.fixture
def hospital(tmp_path: Any) -> Iterator[Gateway]:
    with running(settings_for(tmp_path)) as gateway:
        yield gateway


def send(client: Client, path: str, body: object, **headers: str) -> Answer:
    kind = "application/fhir+json" if path.startswith("/fhir") else "application/json"
    return client(path, "POST", json.dumps(body).encode(), Content_Type=kind, **headers)


def post(client: Client, path: str, fields: Mapping[str, str]) -> Answer:
    headers = {"Content_Type": "application/x-www-form-urlencoded"}
    return client(path, "POST", urlencode(fields).encode(), **headers)


def carry_out(gateway: Gateway, *kinds: str) -> None:
    """Do the background work of these kinds that waits."""
    archive = gateway.archive
    patience = Patience(first_pause_s=1, longest_pause_s=1, retry_hours=1)
    tries = Tries(archive.outbox, handlers(archive), patience)
    for task in archive.outbox.tasks((State.WAITING,), limit=100):
        if task.kind in kinds:
            tries.carry_out(task.id, task.attempt)


def test_three_doors_make_the_same_order(hospital: Gateway) -> None:
    device, operator = hospital.client("device"), hospital.client("operator")
    made = send(device, "/api/orders", ORDER)
    assert made.status == 201
    again = send(device, "/api/orders", ORDER)
    assert (again.status, again.json()["id"]) == (200, made.json()["id"])
    assert send(device, "/fhir/ServiceRequest", REQUEST).status == 200
    assert post(operator, "/orders", FORM).status == 303
    found = hospital.archive.desk.orders(Wanted(), limit=9)
    assert len(found) == 2
    by_form, by_json = (
        (each.order.procedure_text, each.order.priority, each.order.steps[0].room, each.person)
        for each in found
    )
    assert by_form == by_json
    assert made.headers["Location"] == f"/api/orders/{made.json()['id']}"
    listed = device("/api/orders?modality=CT&from=2026-11-23&to=2026-11-23&q=anh").json()
    assert len(listed["orders"]) == 2


def test_a_key_of_the_caller_makes_a_repetition_harmless(hospital: Gateway) -> None:
    device = hospital.client("device")
    body = {name: value for name, value in ORDER.items() if name != "placerNumber"}
    answers = [send(device, "/api/orders", body, Idempotency_Key="k1") for _ in range(2)]
    assert [each.status for each in answers] == [201, 200]
    assert send(device, "/api/orders", body, Idempotency_Key="k2").status == 201


def test_an_order_is_cancelled_once_begun_never_and_restored_by_a_person(
    hospital: Gateway,
) -> None:
    device, operator = hospital.client("device"), hospital.client("operator")
    order_id = send(device, "/api/orders", ORDER).json()["id"]
    cancel = {"control": "cancel", "placerNumber": "DH1"}
    assert send(device, "/api/orders", cancel).json()["state"] == "cancelled"
    page = operator(f"/orders/{order_id}").body.decode()
    assert f"/orders/{order_id}/restore" in page
    assert post(operator, f"/orders/{order_id}/restore", {}).status == 303
    assert device(f"/api/orders/{order_id}").json()["state"] == "scheduled"
    assert post(operator, f"/orders/{order_id}/discontinue", {}).status == 303
    assert post(operator, f"/orders/{order_id}/sign", {}).status == 404
    revoked = {**REQUEST, "status": "revoked"}
    assert send(device, "/fhir/ServiceRequest", revoked).status == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/api/orders", {"placerNumber": "1"}, 400, "identifier or a name"),
        ("/api/orders", {**ORDER, "surprise": 1}, 400, "surprise"),
        ("/api/orders", {**ORDER, "steps": [{"modality": "ct"}]}, 400, "modality"),
        ("/fhir/ServiceRequest", {"resourceType": "Patient"}, 400, "ServiceRequest"),
        ("/fhir/ServiceRequest", {**REQUEST, "subject": {"display": "x"}}, 400, "subject"),
        ("/fhir/ServiceRequest", {**REQUEST, "subject": None}, 400, "subject"),
        ("/fhir/ServiceRequest", {**REQUEST, "status": "completed"}, 400, "status"),
        ("/fhir/ServiceRequest", {**REQUEST, "priority": {"a": [[[]]] * 9}}, 400, "FHIR"),
        ("/fhir/Patient", {"resourceType": "Patient", "name": [{"text": "A"}]}, 400, "identifier"),
    ],
)
def test_what_cannot_be_kept_is_told_in_a_sentence(
    gateway: Gateway, path: str, body: object, status: int, said: str
) -> None:
    answer = send(gateway.client("device"), path, body)
    assert answer.status == status, answer.body
    assert said in answer.body.decode()


def test_a_patient_known_before_is_named_by_reference(hospital: Gateway) -> None:
    device = hospital.client("device")
    made = send(device, "/fhir/Patient", REQUEST["contained"][0])
    assert made.status == 201
    number = made.json()["id"]
    order = {**REQUEST, "contained": None, "subject": {"reference": f"Patient/{number}"}}
    order = {name: value for name, value in order.items() if value is not None}
    assert send(device, "/fhir/ServiceRequest", order).status == 201
    (listed,) = hospital.archive.desk.orders(Wanted(), limit=9)
    assert listed.person is not None
    assert listed.person.told.name == "NGUYỄN^VĂN ÁNH"
    unknown = {**order, "subject": {"reference": "Patient/999"}}
    assert send(device, "/fhir/ServiceRequest", unknown).status == 400


def test_doctors_of_wards_and_guests_order_nothing(gateway: Gateway) -> None:
    for name in ("doctor", "visitor"):
        client = gateway.client(name)
        assert send(client, "/api/orders", ORDER).status == 403
        assert client("/inbox").status == 403
    assert gateway.client("device")("/inbox").status == 403


def test_images_find_their_order_and_strays_wait_for_one_tap(hospital: Gateway) -> None:
    operator = hospital.client("operator")
    order_id = send(hospital.client("device"), "/api/orders", ORDER).json()["id"]
    facts = {"PatientName": "NGUYEN^VAN ANH", "StudyDate": "20261123", "StudyInstanceUID": STUDY}
    stray = shipped("CT_small.dcm", PatientID="TYPO", **facts)
    assert operator.store(stray).status == 200
    carry_out(hospital, MATCH_STUDY)
    page = operator("/inbox").body.decode()
    assert f"/inbox/{STUDY}/settle" in page
    assert f'value="{order_id}"' in page
    settled = post(operator, f"/inbox/{STUDY}/settle", {"order": order_id})
    assert settled.headers["Location"] == f"/inbox?settled={STUDY}"
    assert f"/inbox/{STUDY}/undo" in operator(f"/inbox?settled={STUDY}").body.decode()
    whole = hospital.archive.desk.order(order_id)
    assert whole.listed.order.state is OrderState.IN_PROGRESS
    # The name has its marks again, in the list and above the images.
    for path in ("/", f"/studies/{STUDY}"):
        assert "NGUYỄN VĂN ÁNH" in operator(path).body.decode()
    assert post(operator, f"/inbox/{STUDY}/undo", {}).status == 303
    assert "NGUYỄN VĂN ÁNH" not in operator(f"/studies/{STUDY}").body.decode()
    by_number = post(operator, f"/inbox/{STUDY}/settle", {"order": "DH1"})
    assert by_number.status == 303
    assert post(operator, f"/inbox/{STUDY}/settle", {"order": "NONE"}).status == 400
    assert post(operator, f"/inbox/{STUDY}/eat", {}).status == 404


def test_an_order_that_comes_after_its_images_finds_them(hospital: Gateway) -> None:
    operator = hospital.client("operator")
    facts = {"PatientName": "NGUYEN^VAN ANH", "StudyDate": "20261123", "PatientID": "BN001"}
    assert operator.store(shipped("CT_small.dcm", StudyInstanceUID=STUDY, **facts)).status == 200
    carry_out(hospital, MATCH_STUDY)
    order_id = send(hospital.client("device"), "/api/orders", ORDER).json()["id"]
    carry_out(hospital, MATCH_ORDER)
    (link,) = hospital.archive.desk.order(order_id).studies
    assert (link.study_uid, link.how) == (STUDY, "schedule")


def test_patients_are_merged_and_parted_at_the_page(hospital: Gateway) -> None:
    operator, device = hospital.client("operator"), hospital.client("device")
    order_id = send(device, "/api/orders", ORDER).json()["id"]
    other = {**ORDER, "placerNumber": "DH2"}
    other["patient"] = {"name": "NGUYEN^VAN ANH", "identifiers": [{"value": "BN2"}]}
    send(device, "/api/orders", other)
    assert "NGUYEN VAN ANH" in operator(f"/orders/{order_id}").body.decode()
    assert post(operator, f"/orders/{order_id}/merge", {"number": "NONE"}).status == 409
    assert post(operator, f"/orders/{order_id}/merge", {"number": "BN2"}).status == 303
    page = operator(f"/orders/{order_id}").body.decode()
    assert f"/orders/{order_id}/merge/1" in page
    assert post(operator, f"/orders/{order_id}/merge/1", {}).status == 303
    assert post(operator, f"/orders/{order_id}/merge/1", {}).status == 404
    assert post(operator, f"/orders/{order_id}/merge/x", {}).status == 404


def test_the_pages_say_everything_in_both_languages(hospital: Gateway) -> None:
    operator = hospital.client("operator")
    order_id = send(hospital.client("device"), "/api/orders", ORDER).json()["id"]
    for path in (
        "/orders", "/orders?state=scheduled&modality=CT&q=anh", "/orders/new",
        f"/orders/{order_id}", "/orders/today?day=2026-11-23", "/inbox",
    ):  # fmt: skip
        for language in ("vi", "en"):
            answer = operator(path, Cookie=f"language={language}")
            assert answer.status == 200, path
            assert f'<html lang="{language}"' in answer.body.decode()
    assert "P.101" in operator("/orders/today?day=2026-11-23").body.decode()
    wrong = post(operator, "/orders", {**FORM, "day": "someday"})
    assert (wrong.status, "NGUYỄN VĂN ÁNH" in wrong.body.decode()) == (400, True)
    changed = {**FORM, "procedure": "CT ngực", "step_id": ""}
    assert post(operator, f"/orders/{order_id}/change", changed).status == 303
    assert "CT ngực" in operator(f"/orders/{order_id}").body.decode()
    assert utc_now() > hospital.archive.desk.order(order_id).history[0].at
