"""Invariant: nothing is served without an entry in the access table, nobody does more than their
role says or sees a study beyond their reach, every look is recorded before it is answered, and
other sites cannot act with a reader's cookie."""

import asyncio
from collections.abc import Mapping
from datetime import time
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.routing import BaseRoute, Host, Mount, Route

from pacs_gateway.access.roles import ROLES, Caller, Hours, Permission, Role, grants_of
from pacs_gateway.errors import UnknownError
from pacs_gateway.web.access import TABLE, Rule, Studies
from pacs_gateway.web.gate import Gate, guard
from pacs_gateway.web.problems import ForbiddenError, UnauthenticatedError
from storage.database import migrate, open_engine
from storage.index import Index
from storage.reach import EVERYTHING, Reach
from storage.testing.instance import make_record

STUDY = make_record(study=1).study_uid
FOREIGN = make_record(study=2).study_uid


class Known:
    """Knows every caller beforehand."""

    def __init__(self, caller: Caller | None) -> None:
        self._caller = caller

    async def identify(self, connection: HTTPConnection) -> Caller | None:
        del connection
        return self._caller


class Notes:
    """Keeps what the gate wants recorded, in the order it came."""

    def __init__(self) -> None:
        self.acts: list[tuple[str, str]] = []

    def has_look(self, caller: Caller, study_uid: str) -> bool:
        del caller
        return ("viewed", study_uid) in self.acts

    async def study_viewed(
        self, connection: HTTPConnection, caller: Caller, study_uid: str
    ) -> None:
        del connection, caller
        self.acts.append(("viewed", study_uid))

    async def searched(self, connection: HTTPConnection, caller: Caller) -> None:
        del connection, caller
        self.acts.append(("searched", ""))

    async def access_refused(
        self, connection: HTTPConnection, caller: Caller | None, study_uid: str = ""
    ) -> None:
        del connection, caller
        self.acts.append(("refused", study_uid))


def caller_in(role: Role, reach: Reach = EVERYTHING) -> Caller:
    """Return somebody of a role."""
    return Caller(name="lan", role=role, grants=grants_of(role, {}), reach=reach, session="s1")


READER = caller_in(Role.RADIOLOGIST)
DOCTOR = caller_in(Role.REFERRING, Reach(physician="tran thi binh"))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder: Path = tmp_path_factory.mktemp("index")
    engine = open_engine(f"sqlite:///{folder}/index.sqlite", busy_deadline_s=5)
    migrate(engine)
    filled = Index(engine)
    own = {"ReferringPhysicianName": "tran thi binh"}
    filled.commit([make_record(study=1, folded=own), make_record(study=2)])
    return filled


class Gates:
    """Makes gates and sends requests through them."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.notes = Notes()

    def gate(
        self,
        caller: Caller | None,
        *,
        behind_proxy: bool = False,
        hours: Mapping[Role, Hours] | None = None,
    ) -> Gate:
        return Gate(
            Known(caller), self.index, self.notes, hours=hours or {}, behind_proxy=behind_proxy
        )

    def admit(
        self,
        rule: Rule | Permission,
        caller: Caller | None = None,
        *,
        method: str = "GET",
        client: str = "10.0.0.9",
        behind_proxy: bool = False,
        headers: Mapping[str, str] | None = None,
        study: str = STUDY,
        query: str = "",
        hours: Mapping[Role, Hours] | None = None,
    ) -> Caller | None:
        given = {"host": "pacs:8080", **(headers or {})}
        scope = {
            "type": "http",
            "method": method,
            "client": (client, 1),
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "path_params": {"study": study},
            "query_string": query.encode(),
        }
        gate = self.gate(caller, behind_proxy=behind_proxy, hours=hours)
        asked = rule if isinstance(rule, Rule) else Rule(rule)
        return asyncio.run(gate.admit(HTTPConnection(scope), asked))


@pytest.fixture
def gates(index: Index) -> Gates:
    return Gates(index)


def endpoint(request: Any) -> Response:
    del request
    return Response()


SUBAPPLICATION = Response()
LOOK = Rule(Permission.VIEW, Studies.NAMED)


@pytest.mark.parametrize(
    ("route", "table"),
    [
        (Route("/new", endpoint), {}),
        (Route("/new", endpoint, methods=["GET", "POST"]), {"GET /new": Rule(Permission.VIEW)}),
        (Mount("/new", SUBAPPLICATION), {"GET /": Rule(Permission.VIEW)}),
    ],
    ids=["route", "method", "mount"],
)
def test_a_route_without_entry_is_refused(
    gates: Gates, route: BaseRoute, table: Mapping[str, Rule]
) -> None:
    with pytest.raises(LookupError, match=r"/new has no entry"):
        guard([route], gates.gate(READER), table)


@pytest.mark.parametrize("permission", [Permission.VIEW, Permission.DOWNLOAD, Permission.AUDIT])
def test_a_route_that_shows_a_study_must_have_it_checked(
    gates: Gates, permission: Permission
) -> None:
    route = Route("/new/{study}/x", endpoint)
    with pytest.raises(LookupError, match="does not check"):
        guard([route], gates.gate(READER), {"GET /new/{study}/x": Rule(permission)})


def test_routes_of_other_kinds_are_refused(gates: Gates) -> None:
    with pytest.raises(TypeError):
        guard([Host("x", SUBAPPLICATION)], gates.gate(READER))


def test_only_these_are_public() -> None:
    public = {entry for entry, rule in TABLE.items() if rule.permission is Permission.PUBLIC}
    assert public == {
        "GET /healthz",
        "GET /readyz",
        "GET /login",
        "POST /login",
        "POST /logout",
        "POST /language",
        "POST /theme",
        "GET /identity/{digest}/{name}",
        "GET /static",
        "GET /view",
        "GET /login/oidc",
        "GET /login/oidc/callback",
        "GET /s/{token}",
        "POST /s/{token}",
        "POST /api/session",
    }


@pytest.mark.parametrize(
    "permission", [each for each in Permission if each is not Permission.PUBLIC]
)
def test_strangers_get_nothing(gates: Gates, permission: Permission) -> None:
    with pytest.raises(UnauthenticatedError):
        gates.admit(permission)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(
    "permission", [each for each in Permission if each is not Permission.PUBLIC]
)
def test_roles(gates: Gates, role: Role, permission: Permission) -> None:
    caller = caller_in(role)
    if permission in ROLES[role]:
        assert gates.admit(permission, caller) == caller
        assert gates.notes.acts == []
    else:
        with pytest.raises(ForbiddenError):
            gates.admit(permission, caller)
        assert gates.notes.acts == [("refused", "")]


def test_who_may_do_what() -> None:
    P = Permission  # noqa: N806 - a table reads better with short names.
    plain = {P.PUBLIC, P.MEASURE, P.LOGGED_IN}
    granted = {role: set(grants) - plain for role, grants in ROLES.items()}
    assert granted == {
        Role.ADMINISTRATOR: set(Permission) - plain,
        Role.RADIOLOGIST: {
            P.VIEW,
            P.DOWNLOAD,
            P.STORE,
            P.ANNOTATE,
            P.SHARE,
            P.ORDER,
            P.MATCH,
        },
        Role.TECHNOLOGIST: {P.VIEW, P.STORE, P.SHARE, P.ORDER, P.MATCH},
        Role.ARCHIVIST: {P.VIEW, P.DOWNLOAD, P.STORE, P.DELETE, P.SHARE, P.AUDIT},
        Role.REFERRING: {P.VIEW},
        Role.GUEST: {P.VIEW},
        Role.DEVICE: {P.VIEW, P.STORE, P.LINK, P.ORDER},
    }


def test_a_look_is_recorded_once(gates: Gates) -> None:
    gates.admit(LOOK, READER)
    gates.admit(LOOK, READER)
    assert gates.notes.acts == [("viewed", STUDY)]


@pytest.mark.parametrize(
    ("query", "recorded"),
    [
        ("", False),
        ("viewport=160,160", False),
        ("viewport=256,256", False),
        ("viewport=257,10", True),
        ("viewport=10,4096", True),
        ("viewport=x", True),
        ("viewport=256", False),
    ],
)
def test_a_glance_of_a_list_is_no_look(gates: Gates, query: str, *, recorded: bool) -> None:
    gates.admit(Rule(Permission.VIEW, Studies.GLANCED), READER, query=query)
    assert gates.notes.acts == ([("viewed", STUDY)] if recorded else [])
    with pytest.raises(UnknownError):
        gates.admit(Rule(Permission.VIEW, Studies.GLANCED), DOCTOR, study=FOREIGN, query=query)


def test_a_look_at_nothing_is_none(gates: Gates) -> None:
    assert gates.admit(LOOK, READER, study="1.2.3") == READER
    assert gates.notes.acts == []


def test_a_search_is_recorded(gates: Gates) -> None:
    gates.admit(Rule(Permission.VIEW, Studies.SEARCHED), DOCTOR)
    assert gates.notes.acts == [("searched", "")]


def test_a_doctor_sees_own_studies(gates: Gates) -> None:
    assert gates.admit(LOOK, DOCTOR) == DOCTOR
    assert gates.notes.acts == [("viewed", STUDY)]


@pytest.mark.parametrize("study", [FOREIGN, "1.2.3", ""])
@pytest.mark.parametrize("how", [Studies.NAMED, Studies.ASKED])
def test_a_foreign_study_is_refused_like_an_unknown_one(
    gates: Gates, study: str, how: Studies
) -> None:
    named = study if how is Studies.NAMED else "not used"
    with pytest.raises(UnknownError) as refused:
        gates.admit(Rule(Permission.VIEW, how), DOCTOR, study=named, query=f"studyUID={study}")
    assert str(refused.value) == "No such study, series or instance is kept here."
    assert gates.notes.acts == [("refused", study)]


@pytest.mark.parametrize(
    ("hours", "moment", "inside"),
    [
        ("07:00-19:30", time(7), True),
        ("07:00-19:30", time(19, 30), False),
        ("22:00-06:00", time(23), True),
        ("22:00-06:00", time(5, 59), True),
        ("22:00-06:00", time(12), False),
        ("00:00-00:00", time(3), True),
    ],
)
def test_hours(hours: str, moment: time, *, inside: bool) -> None:
    assert Hours.parse(hours).include(moment) is inside


def test_outside_the_hours_nobody_of_the_role_gets_in(gates: Gates) -> None:
    # An empty stretch of the day at its very end, in which this test does not run.
    never = Hours(time(23, 59, 59, 999998), time(23, 59, 59, 999999))
    with pytest.raises(ForbiddenError, match="may be used from 23:59 to 23:59"):
        gates.admit(LOOK, READER, hours={Role.RADIOLOGIST: never})
    assert gates.admit(LOOK, READER, hours={Role.TECHNOLOGIST: never})


@pytest.mark.parametrize(
    ("client", "behind_proxy", "forwarded", "admitted"),
    [
        ("127.0.0.1", False, None, True),
        ("::1", False, None, True),
        ("10.0.0.9", False, None, False),
        # A proxy on this machine that the settings do not know of.
        ("127.0.0.1", False, "10.0.0.9", False),
        ("127.0.0.1", True, "10.0.0.9", False),
        ("127.0.0.1", True, "127.0.0.1, 10.0.0.9", False),
        ("10.0.0.1", True, "10.0.0.9, 127.0.0.1", True),
        ("10.0.0.9", True, "nonsense", False),
    ],
)
def test_measurements_are_for_this_machine(
    gates: Gates, client: str, behind_proxy: bool, forwarded: str | None, admitted: bool
) -> None:
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    if admitted:
        assert (
            gates.admit(
                Permission.MEASURE, client=client, behind_proxy=behind_proxy, headers=headers
            )
            is None
        )
    else:
        with pytest.raises(UnauthenticatedError):
            gates.admit(
                Permission.MEASURE, client=client, behind_proxy=behind_proxy, headers=headers
            )


@pytest.mark.parametrize(
    ("headers", "admitted"),
    [
        ({}, True),
        ({"origin": "http://pacs:8080"}, True),
        ({"origin": "http://evil"}, False),
        ({"origin": "http://pacs:9090"}, False),
        ({"origin": "null"}, False),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"origin": "http://evil", "authorization": "Bearer x"}, True),
        ({"origin": "http://evil", "authorization": "Basic x"}, False),
        ({"authorization": "Basic x"}, True),
    ],
)
@pytest.mark.parametrize("permission", [Permission.STORE, Permission.PUBLIC])
def test_other_sites_change_nothing(
    gates: Gates, headers: dict[str, str], admitted: bool, permission: Permission
) -> None:
    caller = caller_in(Role.DEVICE)
    if admitted:
        gates.admit(permission, caller, method="POST", headers=headers)
    else:
        with pytest.raises(ForbiddenError, match="another site"):
            gates.admit(permission, caller, method="POST", headers=headers)


def test_the_origin_behind_a_proxy_is_what_the_browser_sees(gates: Gates) -> None:
    headers = {"origin": "https://pacs.example", "x-forwarded-host": "pacs.example"}
    assert gates.admit(Permission.VIEW, READER, method="POST", behind_proxy=True, headers=headers)
    with pytest.raises(ForbiddenError):
        gates.admit(Permission.VIEW, READER, method="POST", headers=headers)


def test_other_sites_may_link_to_us(gates: Gates) -> None:
    headers = {"origin": "http://emr", "sec-fetch-site": "cross-site"}
    assert gates.admit(Permission.VIEW, READER, headers=headers)
