"""People at work: 25 of them do what is done in a hospital, and each keeps a list of it.

The list is the driver's own; it is made of what was meant and answered, never read from the
gateway.
"""

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random

from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from pacs_gateway.access.roles import Role
from pacs_gateway.audit.acts import REFUSED, SUCCESS, Verb
from tests.integration.web.gateway import DICOM_TYPE, PASSWORD, Answer, Client, multipart

STAFF = {
    Role.RADIOLOGIST: 8,
    Role.TECHNOLOGIST: 5,
    Role.REFERRING: 5,
    Role.ARCHIVIST: 3,
    Role.ADMINISTRATOR: 2,
    Role.DEVICE: 2,
}
"""25 people and programs."""
ACTS_EACH = 40
SEES_ALL = frozenset(STAFF) - {Role.REFERRING}
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

Act = tuple[str, str, str, str]
"""Verb, outcome, actor, study."""


def names() -> Iterator[tuple[str, Role]]:
    """Yield the user name and role of everybody."""
    for role, count in STAFF.items():
        for number in range(1, count + 1):
            yield f"{role}{number}", role


def image(study: str) -> bytes:
    """Return a small image of a study."""
    path = get_testdata_file("CT_small.dcm", download=False)
    assert isinstance(path, str)
    ds = dcmread(path)
    ds.Rows = ds.Columns = 8
    ds.PixelData = bytes(128)
    ds.PatientID, ds.PatientBirthDate = "BN26-000417", "19671105"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study, generate_uid(entropy_srcs=[study])
    ds.SOPInstanceUID = generate_uid(entropy_srcs=[study, "1"])
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Ward:
    """What there is to work with."""

    port: int
    studies: Sequence[str]
    """Studies that everybody may look at, save referring doctors."""
    granted: frozenset[str]
    """Those of them that referring doctors may see."""


@dataclass(slots=True)
class Person:
    """Somebody at work, always in the same way."""

    name: str
    role: Role
    ward: Ward
    random: Random = field(init=False)
    done: Counter[Act] = field(default_factory=Counter)
    acts: int = 0
    _cookie: str = ""
    _looked_at: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Begin."""
        self.random = Random(self.name)

    def work(self) -> None:
        """Do ACTS_EACH acts."""
        self.log_in()
        ways = self._ways()
        while self.acts < ACTS_EACH:
            self.random.choice(ways)()

    def log_in(self) -> None:
        """Log in as people do, over the web."""
        answer = self._log_in(PASSWORD)
        assert answer.status == 200, answer.body
        self._cookie = answer.headers["Set-Cookie"].partition(";")[0]
        self._looked_at.clear()
        self._note(Verb.LOGGED_IN)

    def mistype(self) -> None:
        """Give a wrong password, then the right one: nobody gets locked out."""
        assert self._log_in("a wrong password").status == 401
        self._note(Verb.LOGGED_IN, REFUSED)
        self.log_in()

    def log_out(self) -> None:
        """Log out, and in again."""
        assert self._ask("/api/session", "DELETE").status == 204
        self._note(Verb.LOGGED_OUT)
        self.log_in()

    def look(self) -> None:
        """Open a study, whose page asks for many things at once."""
        study = self.random.choice(self.ward.studies)
        if self.role not in SEES_ALL and study not in self.ward.granted:
            assert self._ask(f"/studies/{study}").status == 404
            self._note(Verb.ACCESS_REFUSED, REFUSED, study)
            return
        root = f"/dicom-web/studies/{study}"
        paths = (f"/studies/{study}", f"{root}/series")
        with ThreadPoolExecutor(len(paths)) as together:
            answers = list(together.map(self._ask, paths))
        assert {answer.status for answer in answers} == {200}, answers
        if study not in self._looked_at:
            self._looked_at.add(study)
            self._note(Verb.STUDY_VIEWED, SUCCESS, study)

    def download(self) -> None:
        """Take a study away."""
        study = self.random.choice(self.ward.studies)
        assert self._ask(f"/api/studies/{study}/archive").status == 200
        self._note(Verb.STUDY_DOWNLOADED, SUCCESS, study)

    def read_the_trail(self) -> None:
        """Ask what was done today, and who has seen a study."""
        assert self._ask("/api/audit?verb=searched").status == 200
        self._note(Verb.TRAIL_READ)
        study = self.random.choice(self.ward.studies)
        assert self._ask(f"/studies/{study}/audit").status == 200
        self._note(Verb.TRAIL_READ, SUCCESS, study)

    def share(self) -> None:
        """Share a study with its patient, who mistypes the answer, looks, and takes it home."""
        study = self.random.choice(self.ward.studies)
        asked = {"study_uids": [study], "question": "birth_date"}
        made = self._send("/api/shares", asked).json()
        self._note(Verb.SHARED, SUCCESS, study)
        patient, page = Client(self.ward.port), "/s/" + made["url"].rpartition("/")[2]
        assert patient(page, "POST", b"answer=01011900", Content_Type=FORM).status == 403
        guest = f"share:{made['id']}"
        self._note(Verb.SHARE_OPENED, REFUSED, actor=guest)
        answer = patient(page, "POST", b"answer=05111967", Content_Type=FORM)
        assert answer.status == 303, answer.body
        self._note(Verb.SHARE_OPENED, actor=guest)
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
        assert patient(f"/studies/{study}", Cookie=cookie).status == 200
        self._note(Verb.STUDY_VIEWED, SUCCESS, study, actor=guest)
        assert patient("/shared/download", Cookie=cookie).status == 200
        self._note(Verb.STUDY_DOWNLOADED, SUCCESS, study, actor=guest)
        assert self._ask(f"/api/shares/{made['id']}", "DELETE").status == 204
        self._note(Verb.SHARE_REVOKED)

    def search(self) -> None:
        """Search for something new, and turn the pages."""
        wanted = f"/dicom-web/studies?PatientName=X{self.acts}{self.random.random()}"
        for page in ("", "&offset=1"):
            assert self._ask(wanted + page).status in (200, 204)
        self._note(Verb.SEARCHED)

    def overstep(self) -> None:
        """Try what the role does not allow."""
        assert self._ask("/api/deletions/none/restore", "POST").status == 403
        self._note(Verb.ACCESS_REFUSED, REFUSED)

    def send(self, times: int = 2) -> str:
        """Send a new study, and once more, which adds nothing; return its UID."""
        study = generate_uid(entropy_srcs=[self.name, str(self.acts)])
        for _ in range(times):
            body = multipart(image(study))
            answer = self._ask("/dicom-web/studies", "POST", body, DICOM_TYPE)
            assert answer.status == 200, answer.body
        self._note(Verb.RECEIVED, SUCCESS, study)
        return study

    def delete_and_restore(self) -> None:
        """Send a study to the wrong place, hide it, hide it again, and bring it back."""
        # Sent again while it is hidden, it would be shown again.
        study = self.send(times=1)
        path = f"/dicom-web/studies/{study}?reason=wrong%20patient"
        while (answer := self._ask(path, "DELETE")).status == 404:
            # It is not stored yet.
            continue
        assert answer.status == 204, answer.body
        assert self._ask(path, "DELETE").status == 410
        self._note(Verb.DELETED, SUCCESS, study)
        listed = self._ask("/api/deletions?limit=200").json()["deletions"]
        (deletion,) = (each["id"] for each in listed if each["study_uid"] == study)
        restore = f"/api/deletions/{deletion}/restore"
        for _ in range(2):
            assert self._ask(restore, "POST").status == 200
        self._note(Verb.RESTORED, SUCCESS, study)

    def administer(self) -> None:
        """Let a new colleague, a program and a device in, and out again."""
        name = f"{self.name}.{self.acts}"
        user = {"username": name, "password": PASSWORD, "role": "technologist"}
        assert self._send("/api/users", user).status == 201
        self._note(Verb.ACCOUNT_CHANGED)
        token = self._send("/api/tokens", {"name": "script", "username": name}).json()
        self._note(Verb.TOKEN_CHANGED)
        program = Client(self.ward.port, {"Authorization": f"Bearer {token['secret']}"})
        assert program("/api/session").status == 200
        assert self._ask(f"/api/tokens/{token['id']}", "DELETE").status == 204
        self._note(Verb.TOKEN_CHANGED)
        assert program("/api/session").status == 401
        assert self._ask(f"/api/users/{name}", "DELETE").status == 204
        self._note(Verb.ACCOUNT_CHANGED)
        device = f"ae_title=CT{self.name[-1]}{self.acts}&host=10.0.0.7&port=104".encode()
        for path in ("/admin/peers", "/admin/peers/remove", "/admin/peers/remove"):
            assert self._ask(path, "POST", device, FORM).status == 303
        self._note(Verb.PEER_CHANGED)
        self._note(Verb.PEER_CHANGED)

    def make_link(self) -> None:
        """Make a link, follow it twice and look at the study, as somebody at the EMR does."""
        study = self.random.choice(self.ward.studies)
        asked = {"parameters": {"requestType": "STUDY", "studyUID": study}}
        made = self._send("/api/links", asked).json()
        self._note(Verb.LINK_MADE)
        guest = f"link:{made['nonce']}"
        link = "/view" + made["url"].partition("/view")[2]
        stranger = Client(self.ward.port)
        answer = stranger(link)
        assert answer.status == 303
        self._note(Verb.LINK_FOLLOWED, actor="")
        cookie = answer.headers["Set-Cookie"].partition(";")[0]
        assert stranger(f"/dicom-web/studies/{study}/metadata", Cookie=cookie).status == 200
        self._note(Verb.STUDY_VIEWED, SUCCESS, study, actor=guest)
        assert stranger(link).status == 403
        self._note(Verb.LINK_FOLLOWED, REFUSED, actor="")
        assert self._ask(f"/api/links/{made['nonce']}", "DELETE").status == 204
        self._note(Verb.LINK_REVOKED)

    def _ways(self) -> list[Callable[[], object]]:
        ways: list[Callable[[], object]] = [self.mistype, self.log_out]
        ways += [self.look] * 6 + [self.search] * 5
        if self.role in (Role.RADIOLOGIST, Role.TECHNOLOGIST, Role.REFERRING):
            ways.append(self.overstep)
        if self.role in (Role.TECHNOLOGIST, Role.DEVICE):
            ways += [self.send] * 3
        if self.role in (Role.TECHNOLOGIST, Role.RADIOLOGIST):
            ways.append(self.share)
        if self.role in (Role.RADIOLOGIST, Role.ARCHIVIST):
            ways.append(self.download)
        if self.role is Role.ARCHIVIST:
            ways += [self.delete_and_restore, self.delete_and_restore, self.read_the_trail]
        if self.role in (Role.ADMINISTRATOR, Role.DEVICE):
            ways += [self.make_link] * 2
        if self.role is Role.ADMINISTRATOR:
            ways += [self.administer] * 2
        return ways

    def _log_in(self, password: str) -> Answer:
        body = json.dumps({"username": self.name, "password": password}).encode()
        return Client(self.ward.port)("/api/session", "POST", body, Content_Type=JSON)

    def _send(self, path: str, content: object) -> Answer:
        return self._ask(path, "POST", json.dumps(content).encode(), JSON)

    def _ask(
        self, path: str, method: str = "GET", body: bytes | None = None, content_type: str = ""
    ) -> Answer:
        headers = {"Cookie": self._cookie, "Accept": "*/*"}
        if content_type:
            headers["Content_Type"] = content_type
        return Client(self.ward.port, headers)(path, method, body)

    def _note(
        self, verb: Verb, outcome: str = SUCCESS, study: str = "", *, actor: str | None = None
    ) -> None:
        self.done[verb, outcome, self.name if actor is None else actor, study] += 1
        self.acts += 1
