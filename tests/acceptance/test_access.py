"""Invariant: for every route of the running application, every method, every role and own and
foreign studies, what happens is what the two tables of access say (T23), and whoever may not see a
study cannot tell it from one that does not exist."""

import json
from collections.abc import Iterator, Mapping

import pytest
from starlette.routing import Route

from pacs_gateway.access.roles import ROLES, Permission, Role, Scope
from pacs_gateway.config import AccessSettings
from pacs_gateway.web.access import CHECKED, Rule
from storage.grants import Grants
from storage.records import utc_now
from tests.acceptance.cells import (
    METHODS,
    NOWHERE,
    READS,
    STATUS_OF,
    Place,
    Verdict,
    expected,
    place_of,
    rule_of,
    served,
    verdict,
)
from tests.acceptance.day import image
from tests.integration.web.gateway import (
    ROLE_OF,
    Answer,
    Client,
    Gateway,
    running,
    sample,
    settings_for,
)

OWN, FOREIGN = "CT_small.dcm", "MR_small_implicit.dcm"
FROM_OUTSIDE = {"X-Forwarded-For": "203.0.113.9"}
"""Not from this machine, which may read the metrics."""
LINKED = "linked"
"""Somebody without an account, who followed a link to the own study."""
NOBODY = ""
SCRIPT = "script"
"""A program with an administrator's API token that may only see."""
CALLERS: dict[str, Mapping[Permission, Scope] | None] = {
    NOBODY: None,
    **{username: ROLES[role] for username, role in ROLE_OF.items()},
    LINKED: ROLES[Role.GUEST],
    SCRIPT: dict.fromkeys((Permission.LOGGED_IN, Permission.MEASURE, Permission.VIEW), Scope.ALL),
}
NARROW = ("doctor", "visitor", LINKED)
"""Those who may see their own study only."""
ENDING = (("DELETE", "/api/session"), ("POST", "/logout"))
"""After these a cookie is worth nothing."""
UNKNOWN = Place(NOWHERE, f"{NOWHERE}.1", f"{NOWHERE}.1.1", "7FE00010")


class Hospital:
    """A gateway with one study that everybody may see and one that only some may."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        device = gateway.client("device")
        assert device.store(sample(OWN), sample(FOREIGN)).status == 200
        self.own, self.foreign = (place_of(device, _study(device, name)) for name in ("CT", "MR"))
        grants = Grants(gateway.archive.engine)
        for username in ("doctor", "visitor"):
            grants.give(f"user:{username}", [self.own.study], utc_now())

    def client(self, caller: str) -> Client:
        if caller == LINKED:
            guest = _followed(self.gateway, self.own.study)
            return self.gateway.client(Cookie=guest, **FROM_OUTSIDE)
        if caller == SCRIPT:
            secret = _token(self.gateway)
            return self.gateway.client(Authorization=f"Bearer {secret}", **FROM_OUTSIDE)
        return self.gateway.client(caller, **FROM_OUTSIDE)

    def cells(self) -> Iterator[tuple[str, str]]:
        """Yield every method and address that is served."""
        for template, methods in served(self.gateway.app).items():
            for method in methods:
                yield method, template

    def send(self, client: Client, method: str, template: str, place: Place) -> Answer:
        """Send a request that changes nothing, whoever may: it has no body and deletes nothing."""
        rule = rule_of(method, template)
        harmless = UNKNOWN if rule.permission is Permission.DELETE else place
        return client(harmless.fill(template), method, Accept="*/*")


def _study(client: Client, modality: str) -> str:
    (found,) = client(f"/dicom-web/studies?ModalitiesInStudy={modality}").json()
    return str(found["0020000D"]["Value"][0])


def _token(gateway: Gateway) -> str:
    """Return a token of the administrator that may only see."""
    asked = {"name": "script", "username": "admin", "permissions": [Permission.VIEW]}
    body, kind = json.dumps(asked).encode(), "application/json"
    made = gateway.client("admin")("/api/tokens", "POST", body, Content_Type=kind)
    return str(made.json()["secret"])


def _followed(gateway: Gateway, study: str) -> str:
    """Return the cookie of somebody who followed a link to a study."""
    asked = json.dumps({"parameters": {"requestType": "STUDY", "studyUID": study}}).encode()
    device = gateway.client("device")
    made = device("/api/links", "POST", asked, Content_Type="application/json").json()
    answer = gateway.client()("/view" + made["url"].partition("/view")[2])
    assert answer.status == 303
    return answer.headers["Set-Cookie"].partition(";")[0]


@pytest.fixture(name="hospital", scope="module")
def fixture_hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    # News of arrivals goes on until its time is over.
    settings = settings_for(tmp_path_factory.mktemp("access"), arrivals_stream_s=0.1)
    with running(settings) as gateway:
        yield Hospital(gateway)


@pytest.mark.parametrize("caller", CALLERS)
def test_every_route_does_what_the_table_says(hospital: Hospital, caller: str) -> None:
    grants = CALLERS[caller]
    client = hospital.client(caller)
    wrong = []
    for method, template in hospital.cells():
        rule = rule_of(method, template)
        for place in (hospital.own, hospital.foreign):
            answer = hospital.send(client, method, template, place)
            if (method, template) in ENDING:
                client = hospital.client(caller)
            wanted = expected(rule, grants, own=place is hospital.own)
            if not _fits(answer, wanted, rule, method):
                wrong.append((method, template, place is hospital.own, answer.status, answer.body))
    assert wrong == []


def _fits(answer: Answer, wanted: Verdict, rule: Rule, method: str) -> bool:
    """Return whether an answer is what the table says."""
    if wanted is Verdict.ADMITTED:
        checked = rule.studies in CHECKED
        if checked and method in READS:
            return answer.status < 300
        # The handler was reached; what it says of a request without sense is its own matter.
        refusals = {Verdict.UNKNOWN_CALLER, Verdict.REFUSED} | (
            {Verdict.HIDDEN} if checked else set()
        )
        return answer.status < 500 and verdict(answer) not in refusals
    if method == "HEAD":
        return answer.status == STATUS_OF[wanted]
    return verdict(answer) is wanted and answer.status == STATUS_OF[wanted]


@pytest.mark.parametrize("caller", [NOBODY, "admin", LINKED])
def test_no_other_method_is_served(hospital: Hospital, caller: str) -> None:
    client = hospital.client(caller)
    wrong = []
    for template, methods in served(hospital.gateway.app).items():
        for method in set(METHODS) - methods:
            answer = client(hospital.own.fill(template), method)
            if verdict(answer) is not Verdict.NO_METHOD:
                wrong.append((method, template, answer.status))
    assert wrong == []


def test_no_other_site_changes_anything(hospital: Hospital) -> None:
    """Whatever page makes an administrator's browser send it, and however it spells itself."""
    client = hospital.client("admin")
    wrong = []
    for method, template in hospital.cells():
        if method in (*READS, "OPTIONS"):
            continue
        for headers in OTHER_SITES:
            answer = client(UNKNOWN.fill(template), method, None, **headers)
            if answer.status != 403 or b"another site" not in answer.body:
                wrong.append((method, template, headers, answer.status))
    assert wrong == []


OTHER_SITES = (
    {"Origin": "https://evil.test"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
)


@pytest.mark.parametrize("caller", NARROW)
def test_a_foreign_study_looks_like_none(hospital: Hospital, caller: str) -> None:
    client = hospital.client(caller)
    compared = 0
    for method, template in hospital.cells():
        if rule_of(method, template).studies not in CHECKED:
            continue
        foreign, unknown = (
            hospital.send(client, method, template, place) for place in (hospital.foreign, UNKNOWN)
        )
        assert _told(foreign) == _told(unknown), (method, template)
        compared += 1
    assert compared > 20


def _told(answer: Answer) -> object:
    headers = {name: value for name, value in answer.headers.items() if name.lower() != "date"}
    return answer.status, answer.body, headers


@pytest.mark.parametrize("caller", NARROW)
@pytest.mark.parametrize("level", ["studies", "series", "instances"])
def test_searches_find_what_is_within_reach(hospital: Hospital, caller: str, level: str) -> None:
    client = hospital.client(caller)
    found = client(f"/dicom-web/{level}").json()
    assert {each["0020000D"]["Value"][0] for each in found} == {hospital.own.study}
    named, unknown = (
        client(f"/dicom-web/{level}?StudyInstanceUID={place.study}")
        for place in (hospital.foreign, UNKNOWN)
    )
    assert _told(named) == _told(unknown)
    page = client("/").body.decode()
    assert hospital.own.study in page
    assert hospital.foreign.study not in page


@pytest.mark.parametrize("caller", ["reader", "operator", "records", "admin", "device"])
def test_everything_is_found_by_those_who_may_see_all(hospital: Hospital, caller: str) -> None:
    found = hospital.client(caller)("/dicom-web/studies").json()
    assert len(found) == 2


def test_every_role_is_tried() -> None:
    assert set(ROLE_OF.values()) == set(Role)


def test_every_study_route_is_one_that_can_be_tried(hospital: Hospital) -> None:
    tried = {template for _, template in hospital.cells() if "{study" in template}
    routes = {
        route.path
        for route in hospital.gateway.app.routes
        if isinstance(route, Route) and "{study" in route.path
    }
    assert tried == routes
    assert {method for method, _ in hospital.cells()} >= {*READS, "POST", "DELETE"}


@pytest.fixture(name="narrowed", scope="module")
def fixture_narrowed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """Return an installation in which radiologists may see only what they are given."""
    settings = settings_for(tmp_path_factory.mktemp("narrowed"))
    access = AccessSettings(scopes={Role.RADIOLOGIST: Scope.OWN})
    with running(settings.model_copy(update={"access": access})) as gateway:
        hospital = Hospital(gateway)
        Grants(gateway.archive.engine).give("user:reader", [hospital.own.study], utc_now())
        yield hospital


def test_an_installation_may_narrow_a_role(narrowed: Hospital) -> None:
    client = narrowed.client("reader")
    seen = []
    for method, template in narrowed.cells():
        rule = rule_of(method, template)
        if method != "GET" or rule.studies not in CHECKED:
            continue
        if rule.permission not in ROLES[Role.RADIOLOGIST]:
            continue
        own, foreign, unknown = (
            narrowed.send(client, method, template, place)
            for place in (narrowed.own, narrowed.foreign, UNKNOWN)
        )
        assert own.status == 200, (template, own.status)
        assert _told(foreign) == _told(unknown), template
        seen.append(template)
    assert len(seen) > 20


def test_nobody_shares_or_sees_shared_what_they_may_not_see(narrowed: Hospital) -> None:
    """Whoever may not see a study can neither share it, nor see, renew or end its shares."""

    def share(client: Client, study: str) -> Answer:
        body = json.dumps({"study_uids": [study], "question": "id_digits"}).encode()
        return client("/api/shares", "POST", body, Content_Type="application/json")

    own, foreign = "1.2.826.0.1.1", "1.2.826.0.1.2"
    client, admin = narrowed.client("reader"), narrowed.client("admin")
    assert narrowed.client("device").store(image(own), image(foreign)).status == 200
    Grants(narrowed.gateway.archive.engine).give("user:reader", [own], utc_now())
    assert share(client, own).status == 201
    assert _told(share(client, foreign)) == _told(share(client, NOWHERE))
    made = share(admin, foreign).json()["id"]
    assert made in admin("/admin/shares").body.decode()
    assert made not in client("/admin/shares").body.decode()
    for path, method in (
        ("/admin/shares/{}", "GET"),
        ("/admin/shares/{}/reprint", "POST"),
        ("/admin/shares/{}/revoke", "POST"),
        ("/api/shares/{}", "DELETE"),
    ):
        told = {client(path.format(each), method).status for each in (made, "none")}
        assert told == {404}, path
