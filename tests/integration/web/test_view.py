"""Protects links of the EMR: one click opens exactly the studies that were signed, once, and whatever
is wrong with a link is answered alike and is on record."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from pacs_gateway.access.links import LinkKey, signed
from pacs_gateway.audit import acts
from storage.auditlog import Wanted
from storage.links import StoredKey
from storage.records import utc_now
from tests.integration.web.gateway import PASSWORD, Answer, Client, Gateway, running, settings_for

ROOT = Path(__file__).parents[3]
CT = Path(str(get_testdata_file("CT_small.dcm")))
MR = Path(str(get_testdata_file("MR_small.dcm")))
STUDY, FOREIGN = (str(dcmread(path).StudyInstanceUID) for path in (CT, MR))
PATIENT = str(dcmread(CT).PatientID)
KEY = LinkKey(id="K1", secret="the secret that the EMR was given")
BY_UID = {"requestType": "STUDY", "studyUID": STUDY}
FRAMES = f"/dicom-web/studies/{STUDY}/metadata"


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(settings_for(tmp_path_factory.mktemp("view"))) as gateway:
        assert gateway.client("device").store(CT.read_bytes(), MR.read_bytes()).status == 200
        key = StoredKey(id=KEY.id, issuer="EMR", secret=KEY.secret, created_at=utc_now())
        entry = acts.key_changed(acts.SYSTEM, key=KEY.id, issuer="EMR", change="added")
        assert gateway.archive.links.add_key(key, most=2, entry=entry)
        yield gateway


def address(
    nonce: str,
    asked: Mapping[str, str] = BY_UID,
    *,
    audience: str = "pacs-gateway",
    age_s: float = 0,
) -> str:
    now = utc_now() - timedelta(seconds=age_s)
    nonce = f"{nonce:0>16}"
    return f"/view?{signed(asked, KEY, nonce=nonce, audience=audience, now=now)}"


def guest_of(answer: Answer, client: Client) -> Client:
    """Return the browser after it has followed a link."""
    assert answer.status == 303, answer.body
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("pacs_gateway_guest=")
    assert "HttpOnly" in cookie
    return Client(client.port, {"Cookie": cookie.partition(";")[0]})


def test_a_click_shows_exactly_the_signed_study(hospital: Gateway) -> None:
    client = hospital.client()
    answer = client(address("click"))
    assert answer.headers["Location"] == f"/studies/{STUDY}"
    doctor = guest_of(answer, client)
    assert doctor(f"/studies/{STUDY}").status == 200
    assert doctor(FRAMES).status == 200
    assert len(doctor("/dicom-web/studies").json()) == 1
    unknown = doctor("/dicom-web/studies/9.9.9/metadata")
    foreign = doctor(f"/dicom-web/studies/{FOREIGN}/metadata")
    assert (foreign.status, foreign.body) == (404, unknown.body)
    assert doctor("/api/deletions").status == 403
    assert doctor("/api/session").json()["role"] == "guest"
    viewed = hospital.archive.audit_log.rows(Wanted(study_uid=STUDY, verb="study viewed"), limit=9)
    assert [row.actor for row in viewed] == ["link:00000000000click"]
    assert [row.patient_id for row in viewed] == [PATIENT]


def test_a_link_opens_once(hospital: Gateway) -> None:
    client, link = hospital.client(), address("once")
    doctor = guest_of(client(link), client)
    assert client(link).status == 403
    again = doctor(link)
    assert (again.status, again.headers["Location"]) == (303, f"/studies/{STUDY}")
    assert "Set-Cookie" not in again.headers


def test_looking_ahead_does_not_use_a_link_up(hospital: Gateway) -> None:
    link = address("ahead")
    assert hospital.client()(link, "HEAD").status == 204
    assert hospital.client(Sec_Purpose="prefetch;prerender")(link).status == 204
    assert hospital.client()(link).status == 303


@pytest.mark.parametrize(
    "asked",
    [
        {"requestType": "PATIENT", "patientID": PATIENT},
        {"requestType": "patient", "patientID": f"{PATIENT}^^^", "mostRecentResults": "1"},
        {"requestType": "STUDY", "studyUID": f"{STUDY},9.9.9"},
        {"requestType": "PATIENT", "patientID": PATIENT, "lowerDateTime": "2004-01-19T00:00:00"},
        {"requestType": "PATIENT", "patientID": PATIENT, "modalitiesInStudy": "MR,CT"},
    ],
)
def test_the_ways_to_name_studies(hospital: Gateway, asked: dict[str, str]) -> None:
    nonce = f"w{abs(hash(json.dumps(asked)))}"
    answer = hospital.client()(address(nonce, asked))
    assert (answer.status, answer.headers["Location"]) == (303, f"/studies/{STUDY}")


def test_several_studies_are_listed(hospital: Gateway) -> None:
    client = hospital.client()
    both = f"{STUDY},{FOREIGN}"
    answer = client(address("both", {"requestType": "STUDY", "studyUID": both}))
    assert answer.headers["Location"] == "/"
    assert len(guest_of(answer, client)("/dicom-web/studies").json()) == 2


def test_images_that_have_not_come_yet_leave_the_link_good(hospital: Gateway) -> None:
    link = address("early", {"requestType": "STUDY", "accessionNumber": "NOT YET"})
    assert [hospital.client()(link).status for _ in range(2)] == [404, 404]
    older = {"requestType": "PATIENT", "patientID": PATIENT, "upperDateTime": "2004-01-18"}
    assert hospital.client()(address("older", older)).status == 404


@pytest.mark.parametrize(
    "asked",
    [
        {"requestType": "STUDY"},
        {"requestType": "SERIES", "studyUID": STUDY},
        {"requestType": "STUDY", "studyUID": "../../etc/passwd"},
        {"requestType": "STUDY", "studyUID": "*"},
        {"requestType": "PATIENT"},
        {"requestType": "PATIENT", "patientID": "x" * 65},
        {"requestType": "PATIENT", "patientID": PATIENT, "mostRecentResults": "-1"},
        {"requestType": "PATIENT", "patientID": PATIENT, "lowerDateTime": "2004-13-45"},
        {"requestType": "PATIENT", "patientID": PATIENT, "modalitiesInStudy": "<b>"},
    ],
)
def test_a_signed_request_that_makes_no_sense(hospital: Gateway, asked: dict[str, str]) -> None:
    nonce = f"s{abs(hash(json.dumps(asked)))}"
    assert hospital.client()(address(nonce, asked)).status == 403


def test_every_refusal_is_alike_and_on_record(hospital: Gateway) -> None:
    good = address("refuse")
    wrong = [
        "/view",
        good[:-1],
        good.replace(STUDY, FOREIGN),
        good.replace("refuse", "anothr"),
        address("expired", age_s=15 * 60 + 61),
        address("early2", age_s=-61),
        address("other", audience="another gateway"),
        f"{good}&studyUID={FOREIGN}",
        "/view?studyUID=%C3%A9&signature=%C3%A9",
    ]
    refused = Wanted(verb="link followed")
    before = hospital.archive.audit_log.count(refused)
    answers = [hospital.client()(each) for each in wrong]
    assert {answer.status for answer in answers} == {403}
    assert len({answer.body for answer in answers}) == 1
    assert not any("Set-Cookie" in answer.headers for answer in answers)
    rows = hospital.archive.audit_log.rows(refused, limit=len(wrong))
    assert hospital.archive.audit_log.count(refused) == before + len(wrong)
    assert {row.outcome for row in rows} == {"refused"}


def test_a_program_lets_the_gateway_sign(hospital: Gateway) -> None:
    his = hospital.client("device", Content_Type="application/json")
    body = json.dumps({"parameters": {"requestType": "PATIENT", "patientID": PATIENT}}).encode()
    made = his("/api/links", "POST", body)
    assert made.status == 201
    link = made.json()
    client = hospital.client()
    doctor = guest_of(client(link["url"].partition(str(hospital.port))[2]), client)
    assert doctor(FRAMES).status == 200
    assert his(f"/api/links/{link['nonce']}", "DELETE").status == 204
    assert doctor(FRAMES).status == 401
    assert hospital.client("reader")("/api/links", "POST", body).status == 403
    unknown = json.dumps({"parameters": {"requestType": "STUDY", "studyUID": "9.9"}}).encode()
    assert his("/api/links", "POST", unknown).status == 404


def test_a_link_revoked_before_its_click_opens_nothing(hospital: Gateway) -> None:
    link = address("revoked")
    his = hospital.client("device")
    assert his("/api/links/000000000revoked", "DELETE").status == 204
    assert hospital.client()(link).status == 403


def test_a_login_keeps_its_rights_beside_a_link(hospital: Gateway) -> None:
    client = hospital.client()
    guest = guest_of(client(address("beside")), client).headers["Cookie"]
    body = json.dumps({"username": "doctor", "password": PASSWORD}).encode()
    login = client("/api/session", "POST", body, Content_Type="application/json")
    session = login.headers["Set-Cookie"].partition(";")[0]
    alone = Client(client.port, {"Cookie": session})
    both = Client(client.port, {"Cookie": f"{session}; {guest}"})
    assert alone(FRAMES).status == 404
    assert both(FRAMES).status == 200
    assert both("/api/session").json()["username"] == "doctor"


def test_the_example_of_the_guide_opens(hospital: Gateway, tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "emr-links.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    filled = example.replace('"KEY_ID"', f'"{KEY.id}"').replace('"SECRET"', f'"{KEY.secret}"')
    filled = filled.replace('accessionNumber="A1234"', f'studyUID="{STUDY}"')
    script = tmp_path / "example.py"
    script.write_text(filled, "utf-8")
    printed = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True, timeout=60
    )
    link = printed.stdout.strip().removeprefix("https://pacs.example.vn")
    assert hospital.client()(link).status == 303


def test_a_removed_key_signs_no_more(hospital: Gateway) -> None:
    """The last of this file, because the others sign with it."""
    entry = acts.key_changed(acts.SYSTEM, key=KEY.id, issuer="EMR", change="retired")
    link = address("retired")
    assert hospital.archive.links.retire_key(KEY.id, utc_now(), entry)
    assert hospital.client()(link).status == 403
