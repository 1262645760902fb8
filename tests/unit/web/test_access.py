"""Invariant: nothing is served without an entry in the access table, nobody does more than their
role says, and other sites cannot act with a reader's cookie."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.routing import BaseRoute, Host, Mount, Route

from pacs_gateway.web.access import ROLES, TABLE, Caller, Gate, Permission, guard
from pacs_gateway.web.problems import ForbiddenError, UnauthenticatedError


class Known:
    """Knows every caller beforehand."""

    def __init__(self, caller: Caller | None) -> None:
        self._caller = caller

    async def identify(self, connection: HTTPConnection) -> Caller | None:
        del connection
        return self._caller


READER = Caller("lan", "reader")


def admit(
    permission: Permission,
    caller: Caller | None = None,
    *,
    method: str = "GET",
    client: str = "10.0.0.9",
    behind_proxy: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Caller | None:
    given = {"host": "pacs:8080", **(headers or {})}
    scope = {
        "type": "http",
        "method": method,
        "client": (client, 1),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }
    gate = Gate(Known(caller), behind_proxy=behind_proxy)
    return asyncio.run(gate.admit(HTTPConnection(scope), permission))


def endpoint(request: Any) -> Response:
    del request
    return Response()


SUBAPPLICATION = Response()


@pytest.mark.parametrize(
    ("route", "table"),
    [
        (Route("/new", endpoint), {}),
        (Route("/new", endpoint, methods=["GET", "POST"]), {"GET /new": Permission.VIEW}),
        (Mount("/new", SUBAPPLICATION), {"GET /": Permission.VIEW}),
    ],
    ids=["route", "method", "mount"],
)
def test_a_route_without_entry_is_refused(
    route: BaseRoute, table: Mapping[str, Permission]
) -> None:
    with pytest.raises(LookupError, match=r"/new has no entry"):
        guard([route], Gate(Known(READER), behind_proxy=False), table)


def test_routes_of_other_kinds_are_refused() -> None:
    with pytest.raises(TypeError):
        guard([Host("x", SUBAPPLICATION)], Gate(Known(READER), behind_proxy=False))


def test_only_these_are_public() -> None:
    public = {entry for entry, permission in TABLE.items() if permission is Permission.PUBLIC}
    assert public == {
        "GET /healthz",
        "GET /readyz",
        "GET /login",
        "POST /login",
        "POST /logout",
        "POST /language",
        "GET /static",
        "POST /api/session",
    }


@pytest.mark.parametrize("permission", set(Permission) - {Permission.PUBLIC})
def test_strangers_get_nothing(permission: Permission) -> None:
    with pytest.raises(UnauthenticatedError):
        admit(permission)


@pytest.mark.parametrize("role", [*ROLES, "role of a later version"])
@pytest.mark.parametrize("permission", set(Permission) - {Permission.PUBLIC})
def test_roles(role: str, permission: Permission) -> None:
    caller = Caller("lan", role)
    if permission in ROLES.get(role, ()):
        assert admit(permission, caller) == caller
    else:
        with pytest.raises(ForbiddenError):
            admit(permission, caller)


def test_who_may_do_what() -> None:
    granted = {
        role: permissions - {Permission.PUBLIC, Permission.MEASURE, Permission.LOGGED_IN}
        for role, permissions in ROLES.items()
    }
    assert granted == {
        "admin": {
            Permission.VIEW,
            Permission.STORE,
            Permission.DELETE,
            Permission.ADMINISTER,
        },
        "reader": {Permission.VIEW},
        "device": {Permission.VIEW, Permission.STORE},
    }


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
    client: str, behind_proxy: bool, forwarded: str | None, admitted: bool
) -> None:
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    if admitted:
        assert (
            admit(Permission.MEASURE, client=client, behind_proxy=behind_proxy, headers=headers)
            is None
        )
    else:
        with pytest.raises(UnauthenticatedError):
            admit(Permission.MEASURE, client=client, behind_proxy=behind_proxy, headers=headers)


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
    ],
)
@pytest.mark.parametrize("permission", [Permission.STORE, Permission.PUBLIC])
def test_other_sites_change_nothing(
    headers: dict[str, str], admitted: bool, permission: Permission
) -> None:
    caller = Caller("ct1", "device")
    if admitted:
        admit(permission, caller, method="POST", headers=headers)
    else:
        with pytest.raises(ForbiddenError, match="another site"):
            admit(permission, caller, method="POST", headers=headers)


def test_the_origin_behind_a_proxy_is_what_the_browser_sees() -> None:
    headers = {"origin": "https://pacs.example", "x-forwarded-host": "pacs.example"}
    assert admit(Permission.VIEW, READER, method="POST", behind_proxy=True, headers=headers)
    with pytest.raises(ForbiddenError):
        admit(Permission.VIEW, READER, method="POST", headers=headers)


def test_other_sites_may_link_to_us() -> None:
    headers = {"origin": "http://emr", "sec-fetch-site": "cross-site"}
    assert admit(Permission.VIEW, READER, headers=headers)
