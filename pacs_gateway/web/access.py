"""Who may do what: ONE table from route to permission, default deny.

Invariant: a route without an entry here cannot be served, because the application refuses to be
made with it; and no handler runs before the guard of its route has admitted the request.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from pacs_gateway.web import address
from pacs_gateway.web.accounts import Role
from pacs_gateway.web.problems import ForbiddenError, UnauthenticatedError

SESSION_COOKIE = "pacs_gateway_session"


class Permission(StrEnum):
    """What a route asks of its caller."""

    PUBLIC = "public"
    """Nothing at all."""
    MEASURE = "measure"
    """A loopback address, or any login."""
    LOGGED_IN = "logged in"
    VIEW = "view"
    """See every study."""
    STORE = "store"
    DELETE = "delete"
    """Hide what is kept, and show it again."""
    ADMINISTER = "administer"


ROLES: Mapping[str, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    Role.READER: frozenset({Permission.MEASURE, Permission.LOGGED_IN, Permission.VIEW}),
    Role.DEVICE: frozenset(
        {Permission.MEASURE, Permission.LOGGED_IN, Permission.VIEW, Permission.STORE}
    ),
}
"""What each role may do; a person reads, a device or program also stores."""

_STUDY = "/dicom-web/studies/{study}"
_SERIES = f"{_STUDY}/series/{{series}}"
_INSTANCE = f"{_SERIES}/instances/{{instance}}"

TABLE: Mapping[str, Permission] = {
    "GET /healthz": Permission.PUBLIC,
    "GET /readyz": Permission.PUBLIC,
    "GET /metrics": Permission.MEASURE,
    "GET /login": Permission.PUBLIC,
    "POST /login": Permission.PUBLIC,
    "POST /logout": Permission.PUBLIC,
    "GET /static": Permission.PUBLIC,
    "POST /language": Permission.PUBLIC,
    "GET /": Permission.VIEW,
    "GET /studies/{study_uid}": Permission.VIEW,
    "GET /ohif": Permission.VIEW,
    "GET /ohif/{path:path}": Permission.VIEW,
    "GET /api/docs": Permission.LOGGED_IN,
    "GET /api/openapi.json": Permission.LOGGED_IN,
    "POST /api/session": Permission.PUBLIC,
    "GET /api/session": Permission.LOGGED_IN,
    "DELETE /api/session": Permission.LOGGED_IN,
    "GET /dicom-web/studies": Permission.VIEW,
    "GET /dicom-web/series": Permission.VIEW,
    "GET /dicom-web/instances": Permission.VIEW,
    f"GET {_STUDY}/series": Permission.VIEW,
    f"GET {_STUDY}/instances": Permission.VIEW,
    f"GET {_SERIES}/instances": Permission.VIEW,
    f"GET {_STUDY}": Permission.VIEW,
    f"GET {_SERIES}": Permission.VIEW,
    f"GET {_INSTANCE}": Permission.VIEW,
    f"GET {_STUDY}/metadata": Permission.VIEW,
    f"GET {_SERIES}/metadata": Permission.VIEW,
    f"GET {_INSTANCE}/metadata": Permission.VIEW,
    f"GET {_INSTANCE}/frames/{{frames}}": Permission.VIEW,
    f"GET {_INSTANCE}/bulkdata/{{path:path}}": Permission.VIEW,
    f"GET {_STUDY}/rendered": Permission.VIEW,
    f"GET {_SERIES}/rendered": Permission.VIEW,
    f"GET {_INSTANCE}/rendered": Permission.VIEW,
    f"GET {_INSTANCE}/frames/{{frame}}/rendered": Permission.VIEW,
    f"GET {_STUDY}/thumbnail": Permission.VIEW,
    f"GET {_SERIES}/thumbnail": Permission.VIEW,
    f"GET {_INSTANCE}/thumbnail": Permission.VIEW,
    f"GET {_INSTANCE}/frames/{{frame}}/thumbnail": Permission.VIEW,
    "GET /wado": Permission.VIEW,
    "POST /dicom-web/studies": Permission.STORE,
    f"POST {_STUDY}": Permission.STORE,
    f"DELETE {_STUDY}": Permission.DELETE,
    f"DELETE {_SERIES}": Permission.DELETE,
    f"DELETE {_INSTANCE}": Permission.DELETE,
    "GET /api/deletions": Permission.DELETE,
    "POST /api/deletions/{deletion_id}/restore": Permission.DELETE,
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request."""

    username: str
    role: str

    def may(self, permission: Permission) -> bool:
        """Return whether the caller's role grants `permission`; unknown roles grant nothing."""
        return permission in ROLES.get(self.role, frozenset())


class Authenticates(Protocol):
    """Tells who sends a request."""

    async def identify(self, connection: HTTPConnection) -> Caller | None:
        """Return the caller, None if the request carries no credentials.

        Raises UnauthenticatedError for credentials that are not valid.
        """


class Gate:
    """Admits requests by permission."""

    def __init__(self, authenticator: Authenticates, *, behind_proxy: bool) -> None:
        self._authenticator = authenticator
        self._behind_proxy = behind_proxy

    async def admit(self, connection: HTTPConnection, permission: Permission) -> Caller | None:
        """Return the caller of a request that may go on, None where nobody needs to be known.

        Raises UnauthenticatedError or ForbiddenError.
        """
        self._check_same_origin(connection)
        if permission is Permission.PUBLIC:
            return None
        if permission is Permission.MEASURE and address.is_loopback(
            connection, behind_proxy=self._behind_proxy
        ):
            return None
        caller = await self._authenticator.identify(connection)
        if caller is None:
            raise UnauthenticatedError("Log in first, or send credentials or a token.")
        if not caller.may(permission):
            raise ForbiddenError(f"The role of this account ({caller.role}) may not do this.")
        return caller

    def _check_same_origin(self, connection: HTTPConnection) -> None:
        """Refuse what another site makes a browser send with our cookie (or to our login).

        Browsers name the origin of every request that changes something; programs name none.
        """
        if connection.scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return
        headers = connection.headers
        if "authorization" in headers:
            return
        origin = headers.get("origin")
        if origin is not None:
            here = address.host(connection, behind_proxy=self._behind_proxy)
            same = origin.partition("://")[2] == here
        else:
            same = headers.get("sec-fetch-site", "none") in ("same-origin", "none")
        if not same:
            raise ForbiddenError("This request was made by a page of another site.")


class Guard:
    """ASGI application of one route, behind its permissions by method."""

    def __init__(self, app: ASGIApp, permissions: Mapping[str, Permission], gate: Gate) -> None:
        self._app = app
        self._permissions = permissions
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve an admitted request; its caller is in `scope["caller"]`."""
        permission = self._permissions.get(scope["method"])
        if permission is None:
            raise ForbiddenError("This method is not served here.")
        scope["caller"] = await self._gate.admit(HTTPConnection(scope), permission)
        await self._app(scope, receive, send)


def caller_of(connection: HTTPConnection) -> Caller:
    """Return who sent a request to a route that only known callers reach."""
    caller = connection.scope["caller"]
    assert isinstance(caller, Caller)
    return caller


def guard(routes: Iterable[BaseRoute], gate: Gate, table: Mapping[str, Permission] = TABLE) -> None:
    """Put the guard in front of every route.

    Raises LookupError naming a route without an entry in the table, TypeError for other objects.
    """
    for route in routes:
        if not isinstance(route, Route | Mount):
            raise TypeError(f"{route!r} is no route that the access table can describe.")
        route.app = Guard(route.app, _permissions(route, table), gate)


def _permissions(route: Route | Mount, table: Mapping[str, Permission]) -> dict[str, Permission]:
    if isinstance(route, Mount):
        # The digest in a static path is no part of the rule.
        path, methods = f"/{route.path.split('/')[1]}", {"GET", "HEAD"}
    else:
        path, methods = route.path, route.methods or set()
    found = {}
    for method in methods:
        entry = f"{'GET' if method == 'HEAD' else method} {path}"
        if entry not in table:
            raise LookupError(f"{entry} has no entry in the access table.")
        found[method] = table[entry]
    return found
