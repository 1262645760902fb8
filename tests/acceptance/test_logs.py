"""Invariant (T39): whatever comes in, sound or damaged, and however it is asked for, no name,
identifier, UID, password or token of it is in the logs, the metrics or the name of a file."""

import base64
import http.client
import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.acceptance import canaries
from tests.acceptance.canaries import BIRTH_DATE, DIGITS, NAME, PATIENT_ID, ROOT, STUDY, WORD
from tests.servers import require_program
from tests.servers.gateway import PASSWORD, GatewayPlace

SECRET = "Vành-khuyên-0x5ec"
"""A password, token or signature that somebody sends."""
SECRETS = (SECRET, quote(SECRET), base64.b64encode(SECRET.encode()).decode().rstrip("="), PASSWORD)
BOUNDARY = "canary"

pytestmark = pytest.mark.server("dcmtk")


@dataclass(frozen=True, slots=True)
class Passed:
    """What went through a gateway, which has ended."""

    place: GatewayPlace
    secrets: Sequence[str]
    """Those that the gateway made."""


@pytest.fixture(name="place")
def fixture_place(passed: Passed) -> GatewayPlace:
    return passed.place


@pytest.fixture(name="passed", scope="module")
def fixture_passed(tmp_path_factory: pytest.TempPathFactory) -> Passed:
    place = GatewayPlace(tmp_path_factory.mktemp("gateway"))
    files = _written(tmp_path_factory.mktemp(WORD))
    with place.running():
        _send_by_dimse(place, files)
        _send_by_http(place, files)
        assert place.drained()
        _query_by_dimse(place)
        for path in _requests(place):
            _ask(place, path, headers=_admin())
        _guess(place)
        secrets = (*_follow_a_link(place), *_open_a_share(place))
        metrics = _ask(place, "/metrics")
        assert b"pacs_gateway_http_answers" in metrics
        (place.folder / "scrape.txt").write_bytes(metrics)
    return Passed(place, secrets)


def _written(folder: Path) -> list[Path]:
    paths = []
    for number, content in enumerate(canaries.files()):
        path = folder / f"{WORD}-{number:03}.dcm"
        path.write_bytes(content)
        paths.append(path)
    return paths


def _dcmtk(program: str, place: GatewayPlace, *options: str, file: Path | None = None) -> None:
    """Run a program of DCMTK; much of what is asked here is refused."""
    peer = ("-aec", "PACSGW", "127.0.0.1", str(place.dicom_port))
    sent = () if file is None else (file,)
    command = [require_program(program, "apt install dcmtk"), *options, *peer, *sent]
    received = place.folder.with_name(f"{place.folder.name}-received")
    received.mkdir(exist_ok=True)
    subprocess.run(command, cwd=received, capture_output=True, timeout=60, check=False)


def _send_by_dimse(place: GatewayPlace, files: list[Path]) -> None:
    """Send one by one: the program stops at the first that it cannot read itself."""
    for path in files:
        _dcmtk("storescu", place, file=path)


def _send_by_http(place: GatewayPlace, files: list[Path]) -> None:
    for path in files:
        head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        body = head + path.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()
        kind = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
        _ask(place, "/dicom-web/studies", "POST", body, {**_admin(), "Content-Type": kind})
    model = f'[{{"00100010":{{"vr":"PN","Value":["{WORD}"]}},"0020000D":{{"vr":"{WORD}"}}}}]'
    part = f"--{BOUNDARY}\r\nContent-Type: application/dicom+json\r\n\r\n{model}\r\n--{BOUNDARY}--"
    kind = f'multipart/related; type="application/dicom+json"; boundary={BOUNDARY}'
    _ask(
        place, "/dicom-web/studies", "POST", part.encode(), {**_admin(), "Content-Type": kind}
    )  # fmt: skip


def _query_by_dimse(place: GatewayPlace) -> None:
    for keys in (
        (f"PatientName={NAME}", f"PatientID={PATIENT_ID}"),
        (f"StudyDate={WORD}",),
        (f"NumberOfStudyRelatedInstances={WORD}", f"PatientName={WORD}\n"),
        (f"StudyInstanceUID={ROOT}.{WORD}",),
        (f"StudyInstanceUID={STUDY}",),
    ):
        options = [part for key in ("QueryRetrieveLevel=STUDY", *keys) for part in ("-k", key)]
        _dcmtk("findscu", place, "-S", *options)
        _dcmtk("getscu", place, "-S", *options)
        _dcmtk("movescu", place, "-S", "-aem", "NOBODY", *options)


def _requests(place: GatewayPlace) -> Iterator[str]:
    """Yield addresses of everything that is kept, and of things that cannot be."""
    study = f"/dicom-web/studies/{STUDY}"
    yield from (f"/?q={WORD}", f"/studies/{STUDY}", f"{study}/metadata", f"{study}/rendered")
    yield from (f"/dicom-web/studies?PatientName={WORD}*", f"/dicom-web/studies?StudyDate={WORD}")
    yield from (f"/dicom-web/studies?{WORD}={WORD}", f"/dicom-web/studies/{WORD}/series")
    yield from (f"/wado?requestType={WORD}&studyUID={STUDY}", f"/{WORD}", f"/static/{WORD}")
    yield from (f"/studies/{STUDY}?token={quote(SECRET)}", f"/login?next=/studies/{STUDY}")
    found = _ask(place, "/dicom-web/instances?limit=200", headers=_admin()).decode()
    instances = set(re.findall(re.escape(f"{ROOT}.1.1.") + "[0-9]+", found))
    assert len(instances) > 10
    for instance in instances:
        address = f"{study}/series/{ROOT}.1.1/instances/{instance}"
        yield from (f"{address}/rendered", f"{address}/frames/1", f"{address}/metadata", address)


def _guess(place: GatewayPlace) -> None:
    """Try to come in with names and secrets that people mistake for one another."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    guess = f"username={WORD}&password={quote(SECRET)}".encode()
    _ask(place, "/login", "POST", guess, form)
    as_json = f'{{"username": "{WORD}", "password": "{SECRET}"}}'.encode()
    _ask(place, "/api/session", "POST", as_json, {"Content-Type": "application/json"})
    credentials = base64.b64encode(f"{WORD}:{SECRET}".encode()).decode()
    for header in (f"Basic {credentials}", f"Bearer {quote(SECRET)}", f"{WORD} {WORD}"):
        _ask(place, "/dicom-web/studies", headers={"Authorization": header})
    _ask(place, "/", headers={"Cookie": f"pacs_gateway_session={quote(SECRET)}"})
    for path in ("/view", "/s/"):
        _ask(place, f"{path}?studyUID={STUDY}&signature={quote(SECRET)}")


def _follow_a_link(place: GatewayPlace) -> Iterator[str]:
    """Yield the parts of a link, and the cookie that it is worth."""
    asked = {"parameters": {"requestType": "STUDY", "studyUID": STUDY}}
    made = json.loads(_ask(place, "/api/links", "POST", json.dumps(asked).encode(), _as_json()))
    link = "/view" + made["url"].partition("/view")[2]
    for address in (link[:-1], link, link):
        yield _cookie_of(place, address)
    yield from (made["nonce"], link.rpartition("=")[2], link.rpartition("=")[2][:-1])


def _open_a_share(place: GatewayPlace) -> Iterator[str]:
    """Yield the address of a share, the answer to it, and the cookie that it is worth."""
    asked = {"study_uids": [STUDY], "question": "birth_date"}
    made = json.loads(_ask(place, "/api/shares", "POST", json.dumps(asked).encode(), _as_json()))
    page = "/s/" + made["url"].rpartition("/")[2]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    _ask(place, page, "POST", f"answer={SECRET}".encode(), form)
    yield _cookie_of(place, page, "POST", f"answer={BIRTH_DATE}".encode(), form)
    yield from (page.removeprefix("/s/"), BIRTH_DATE)


def _cookie_of(
    place: GatewayPlace,
    path: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> str:
    """Return the secret that an answer gives to the browser, empty if it gives none."""
    given = _exchange(place, path, method, body, headers)[0].get("Set-Cookie", "")
    return given.partition("=")[2].partition(";")[0]


def _as_json() -> dict[str, str]:
    return {**_admin(), "Content-Type": "application/json"}


def _admin() -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'admin:{PASSWORD}'.encode()).decode()}"}


def _ask(
    place: GatewayPlace,
    path: str,
    method: str = "GET",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> bytes:
    return _exchange(place, path, method, body, headers)[1]


def _exchange(
    place: GatewayPlace,
    path: str,
    method: str,
    body: bytes | None,
    headers: dict[str, str] | None,
) -> tuple[Message, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", place.web_port, timeout=30)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.headers, answer.read()
    finally:
        connection.close()


def test_the_log_tells_what_went_wrong(place: GatewayPlace) -> None:
    log = (place.folder / "serve.log").read_text("utf-8")
    assert log.count("instance refused") >= 8
    assert "peer=STORESCU" in log
    assert all(line.startswith(("timestamp=", "Ready.")) for line in log.splitlines())


@pytest.mark.parametrize("word", [WORD, WORD.lower(), DIGITS, *SECRETS])
@pytest.mark.parametrize("file", ["serve.log", "scrape.txt"])
def test_no_word_of_it_is_written(place: GatewayPlace, file: str, word: str) -> None:
    content = (place.folder / file).read_text("utf-8")
    assert [line for line in content.splitlines() if word in line] == []


def test_no_secret_of_ours_is_written(passed: Passed) -> None:
    secrets = {secret for secret in passed.secrets if secret}
    assert len(secrets) >= 7
    for file in ("serve.log", "scrape.txt"):
        content = (passed.place.folder / file).read_text("utf-8")
        assert [secret for secret in secrets if secret in content] == []


def test_no_file_is_named_by_a_person(place: GatewayPlace) -> None:
    """Objects are named by their UIDs (docs/design/0004-object-keys.md), and by nothing else."""
    names = [str(path.relative_to(place.folder)) for path in place.folder.rglob("*")]
    assert any(STUDY in name for name in names)
    assert [name for name in names if WORD.lower() in name.lower()] == []
