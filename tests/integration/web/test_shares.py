"""Protects what a patient gets by a slip: exactly the shared studies, after the right answer, until it
is taken back; a finder of the slip learns nothing."""

import contextlib
import http.client
import io
import json
import re
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from urllib.parse import urlencode

import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file

from pacs_gateway.audit import acts
from storage.auditlog import Wanted
from storage.guests import Guest
from tests.integration.web.gateway import Answer, Client, Gateway, running, settings_for

BORN = "19671105"
FORM = {"Content_Type": "application/x-www-form-urlencoded"}


def study(number: int, *, instances: int = 1) -> list[bytes]:
    """Return instances of a study of one patient."""
    files = []
    for instance in range(instances):
        data_set: Dataset = dcmread(str(get_testdata_file("CT_small.dcm")))
        data_set.PatientName = "Nguyen^Thi Anh"
        data_set.PatientID = "BN26-000417" if number < 3 else "BN26-999999"
        data_set.PatientBirthDate = BORN
        data_set.StudyInstanceUID = f"1.2.826.0.1.{number}"
        data_set.SeriesInstanceUID = f"1.2.826.0.1.{number}.1"
        data_set.SOPInstanceUID = f"1.2.826.0.1.{number}.1.{instance}"
        data_set.file_meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
        data_set.InstanceNumber = instance
        file = io.BytesIO()
        data_set.save_as(file)
        files.append(file.getvalue())
    return files


def uid(number: int) -> str:
    return f"1.2.826.0.1.{number}"


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(settings_for(tmp_path_factory.mktemp("shares"))) as gateway:
        files = [*study(1, instances=3), *study(2), *study(3)]
        assert gateway.client("device").store(*files).status == 200
        yield gateway


def share(hospital: Gateway, *numbers: int, question: str = "birth_date") -> tuple[str, str]:
    """Share studies as a program does; return identifier and path."""
    body = {"study_uids": [uid(number) for number in numbers], "question": question, "days": 7}
    client = hospital.client("reader", Content_Type="application/json")
    answer = client("/api/shares", "POST", json.dumps(body).encode())
    assert answer.status == 201, answer.body
    made = answer.json()
    assert re.fullmatch(rf"http://127.0.0.1:{hospital.port}/s/[A-Za-z0-9_-]{{43}}", made["url"])
    return made["id"], made["url"].partition(str(hospital.port))[2]


def type_answer(hospital: Gateway, path: str, text: str) -> Answer:
    body = urlencode({"answer": text}).encode()
    return hospital.client()(path, "POST", body, **FORM)


def opened(hospital: Gateway, path: str, text: str = "05/11/1967") -> Client:
    """Return the phone of somebody who knew the answer."""
    answer = type_answer(hospital, path, text)
    assert answer.status == 303, answer.body
    assert answer.headers["Location"] == "/shared"
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    return Client(hospital.port, {"Cookie": cookie})


def test_a_patient_sees_exactly_what_was_shared(hospital: Gateway) -> None:
    identifier, path = share(hospital, 1)
    question = hospital.client()(path)
    assert question.status == 200
    assert b"Nguyen" not in question.body
    phone = opened(hospital, path)
    page = phone("/shared").body.decode()
    assert "Nguyen Thi Anh" in page
    assert page.count("first-picture") == 1
    assert "data:image/jpeg;base64," in page
    assert phone(f"/dicom-web/studies/{uid(1)}/thumbnail?viewport=512,512").status == 200
    assert phone(f"/studies/{uid(1)}").status == 200
    for foreign in (uid(2), uid(3)):
        assert phone(f"/dicom-web/studies/{foreign}/thumbnail").status == 404
        assert phone(f"/studies/{foreign}").status == 404
    assert phone("/admin/shares").status == 403
    seen = hospital.archive.audit_log.rows(Wanted(actor=f"share:{identifier}"), limit=9)
    assert [row.verb for row in seen].count("study viewed") == 1
    assert seen[-1].verb == "share opened"


def test_everything_downloads_whole(hospital: Gateway) -> None:
    identifier, path = share(hospital, 1, 2)
    phone = opened(hospital, path)
    assert "4 ảnh DICOM" in phone("/shared").body.decode()
    answer = phone("/shared/download")
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    with zipfile.ZipFile(io.BytesIO(answer.body)) as whole:
        assert whole.testzip() is None
        images = [name for name in whole.namelist() if name.endswith(".dcm")]
        uids = {dcmread(io.BytesIO(whole.read(name))).SOPInstanceUID for name in images}
        expected = {name: sha256(whole.read(name)).hexdigest() for name in images}
        manifest = whole.read("MANIFEST.txt").decode().splitlines()
    assert len(images) == len(uids) == 4
    assert manifest == [f"{expected[name]}  {name}" for name in images]
    downloads = Wanted(actor=f"share:{identifier}", verb="study downloaded")
    assert hospital.archive.audit_log.count(downloads) == 2


def test_staff_download_a_study(hospital: Gateway) -> None:
    address = f"/api/studies/{uid(1)}/archive"
    answer = hospital.client("reader")(address)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.body)) as whole:
        assert sum(name.endswith(".dcm") for name in whole.namelist()) == 3
    taken = Wanted(study_uid=uid(1), verb="study downloaded", actor="reader")
    assert hospital.archive.audit_log.count(taken) == 1
    assert hospital.client("operator")(address).status == 403
    assert hospital.client("reader")("/api/studies/1.2.3/archive").status == 404


def test_a_download_breaks_off_when_a_file_is_damaged(hospital: Gateway) -> None:
    (instance,) = hospital.archive.index.instances(uid(2))
    path = hospital.archive.settings.data_dir / "objects" / instance.object_key
    whole = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(whole[:-100])
    try:
        client = hospital.client("reader")
        answer = None
        with contextlib.suppress(http.client.HTTPException):
            answer = client(f"/api/studies/{uid(2)}/archive")
        assert answer is None or answer.status == 500
    finally:
        path.write_bytes(whole)


def test_wrong_answers_lock_a_share_and_look_like_no_share(hospital: Gateway) -> None:
    _, path = share(hospital, 1)
    wrong = [type_answer(hospital, path, f"0{day}/01/2000") for day in range(1, 6)]
    late = type_answer(hospital, path, "05/11/1967")
    unknown = type_answer(hospital, "/s/" + "x" * 43, "05/11/1967")
    assert {answer.status for answer in (*wrong, late, unknown)} == {403}
    own = late.body.replace(path.encode(), b"/s/" + b"x" * 43)
    assert own == unknown.body
    assert hospital.client()(path).body.replace(path.encode(), b"") == hospital.client()(
        "/s/" + "y" * 43
    ).body.replace(b"/s/" + b"y" * 43, b"")


def test_wrong_answers_count_in_all_and_are_on_the_receipt(hospital: Gateway) -> None:
    identifier, path = share(hospital, 1)
    for day in range(1, 5):
        assert type_answer(hospital, path, f"0{day}/01/2000").status == 403
    opened(hospital, path)
    opened(hospital, path)
    assert type_answer(hospital, path, "05/01/2000").status == 403
    assert type_answer(hospital, path, "05/11/1967").status == 403
    reader = hospital.client("reader")
    receipt = reader(f"/admin/shares/{identifier}").body.decode()
    assert receipt.count("mở phiếu") == 2
    assert receipt.count("không mở được") == 6
    again = reader(f"/admin/shares/{identifier}/reprint", "POST", b"", **FORM)
    assert again.headers["Content-Type"] == "application/pdf"
    renewed = hospital.archive.shares.share(identifier)
    assert renewed is not None
    assert renewed.tries_left == 5
    assert type_answer(hospital, path, "05/11/1967").status == 403


def test_many_answers_at_once_get_no_more_tries(hospital: Gateway) -> None:
    identifier, path = share(hospital, 1)
    with ThreadPoolExecutor(16) as finders:
        days = [f"{day:02}/01/2000" for day in range(1, 17)]
        answers = list(finders.map(lambda day: type_answer(hospital, path, day), days))
    assert {answer.status for answer in answers} <= {403, 429}
    rows = hospital.archive.audit_log.rows(Wanted(actor=f"share:{identifier}"), limit=99)
    assert sum("wrong answer" in row.detail for row in rows) == 5
    found = hospital.archive.shares.share(identifier)
    assert found is not None
    assert found.tries_left == 0


def test_a_share_that_is_being_opened_can_be_revoked(hospital: Gateway) -> None:
    identifier, _ = share(hospital, 1)
    found = hospital.archive.shares.share(identifier)
    assert found is not None
    assert hospital.client("reader")(f"/api/shares/{identifier}", "DELETE").status == 204
    guest = Guest(
        id="late",
        token_sha256="late",
        source="share",
        source_id=identifier,
        created_at=found.created_at,
        expires_at=found.expires_at,
    )
    entry = acts.share_opened(acts.SYSTEM, share=identifier)
    assert not hospital.archive.shares.open(found, guest, [uid(1)], entry=entry)
    assert hospital.archive.guests.guest("late") is None


def test_the_other_question(hospital: Gateway) -> None:
    _, path = share(hospital, 1, question="id_digits")
    assert type_answer(hospital, path, "0418").status == 403
    opened(hospital, path, "0417")


def test_what_is_taken_back_is_gone_at_once(hospital: Gateway) -> None:
    identifier, path = share(hospital, 1)
    phone = opened(hospital, path)
    assert phone("/shared").status == 200
    assert hospital.client("reader")(f"/api/shares/{identifier}", "DELETE").status == 204
    assert phone("/shared").status == 401
    assert phone(f"/dicom-web/studies/{uid(1)}/thumbnail").status == 401
    assert type_answer(hospital, path, "05/11/1967").status == 403
    assert hospital.client("reader")("/api/shares/none", "DELETE").status == 404


def test_a_slip_is_printed_and_printed_again(hospital: Gateway) -> None:
    reader = hospital.client("reader")
    form = reader(f"/studies/{uid(1)}/share")
    assert uid(2).encode() in form.body
    assert uid(3).encode() not in form.body
    body = urlencode({"study": uid(2), "question": "birth_date", "days": "30"}).encode()
    printed = reader(f"/studies/{uid(1)}/share", "POST", body, **FORM)
    assert (printed.status, printed.headers["Content-Type"]) == (200, "application/pdf")
    assert printed.body.startswith(b"%PDF-")
    newest = hospital.archive.shares.listed(limit=1)[0]
    assert hospital.archive.shares.studies(newest.id) == [uid(1), uid(2)]
    assert newest.id.encode() in reader("/admin/shares").body
    again = reader(f"/admin/shares/{newest.id}/reprint", "POST", b"", **FORM)
    assert again.headers["Content-Type"] == "application/pdf"
    renewed = hospital.archive.shares.share(newest.id)
    assert renewed is not None
    assert renewed.token_sha256 != newest.token_sha256
    assert reader(f"/admin/shares/{newest.id}").status == 200
    assert reader(f"/admin/shares/{newest.id}/revoke", "POST", b"", **FORM).status == 303
    assert reader(f"/admin/shares/{newest.id}/reprint", "POST", b"", **FORM).status == 404


@pytest.mark.parametrize(
    ("numbers", "changes", "status"),
    [
        ((1, 3), {}, 400),
        ((9,), {}, 404),
        ((1,), {"days": 31}, 400),
        ((1,), {"question": "name of the cat"}, 400),
        ((), {}, 400),
    ],
)
def test_what_cannot_be_shared(
    hospital: Gateway, numbers: tuple[int, ...], changes: dict[str, object], status: int
) -> None:
    body = {"study_uids": [uid(number) for number in numbers], **changes}
    client = hospital.client("reader", Content_Type="application/json")
    assert client("/api/shares", "POST", json.dumps(body).encode()).status == status


def test_nobody_shares_without_the_right(hospital: Gateway) -> None:
    for role in ("doctor", "visitor", "device"):
        assert hospital.client(role)("/admin/shares").status == 403
    assert hospital.client()(f"/studies/{uid(1)}/share").status == 401
    # Whoever came by nothing has nothing shared.
    assert hospital.client("reader")("/shared").status == 404
