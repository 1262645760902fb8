"""The gate in front of every route: who sends this, may they, and is the look on record.

Invariant: no handler runs before the gate has admitted the request; what a caller may not see is
answered exactly like what does not exist; a look is recorded before its first byte leaves.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from pacs_gateway.access.roles import Caller, Hours, Permission, Role
from pacs_gateway.errors import UnknownError
from pacs_gateway.web import address
from pacs_gateway.web.access import TABLE, Rule, Studies
from pacs_gateway.web.headers import TEMPLATE
from pacs_gateway.web.problems import ForbiddenError, UnauthenticatedError
from pacs_gateway.web.remembered import Remembered
from storage.index import Index

WITHIN_REMEMBERED_S = 5.0
"""A study whose frames load one after the other is looked up once; a grant that is taken back
counts after this at the latest."""
MAX_REMEMBERED = 4096
GLANCE_PIXELS = 256
"""Sides of a picture that tells studies apart and shows nothing to read."""

_STUDY_PARAMETERS = ("study", "study_uid")
_READS = frozenset(
    {
        Permission.VIEW,
        Permission.DOWNLOAD,
        Permission.ANNOTATE,
        Permission.SHARE,
        Permission.AUDIT,
    }
)


class Authenticates(Protocol):
    """Tells who sends a request."""

    async def identify(self, connection: HTTPConnection) -> Caller | None:
        """Return the caller, None if the request carries no credentials.

        Raises UnauthenticatedError for credentials that are not valid.
        """


class Records(Protocol):
    """Puts looks on record; raises UnavailableError if that cannot be done."""

    def has_look(self, caller: Caller, study_uid: str) -> bool:
        """Return whether this look is already recorded, as far as this process knows."""

    async def study_viewed(
        self, connection: HTTPConnection, caller: Caller, study_uid: str
    ) -> None:
        """Record a look at a study."""

    async def searched(self, connection: HTTPConnection, caller: Caller) -> None:
        """Record a search."""

    async def access_refused(
        self, connection: HTTPConnection, caller: Caller | None, study_uid: str = ""
    ) -> None:
        """Record that somebody asked for what they may not have."""


class Gate:
    """Admits requests."""

    def __init__(
        self,
        authenticator: Authenticates,
        index: Index,
        records: Records,
        *,
        hours: Mapping[Role, Hours],
        behind_proxy: bool,
    ) -> None:
        self._authenticator = authenticator
        self._index = index
        self._records = records
        self._hours = hours
        self._behind_proxy = behind_proxy
        self._within = Remembered[bool](for_s=WITHIN_REMEMBERED_S, at_most=MAX_REMEMBERED)

    async def admit(self, connection: HTTPConnection, rule: Rule) -> Caller | None:
        """Return the caller of a request that may go on, None where nobody needs to be known.

        Raises UnauthenticatedError, ForbiddenError, UnknownError for a study beyond the caller's
        reach, UnavailableError if the look cannot be recorded.
        """
        self._check_same_origin(connection)
        if rule.permission is Permission.PUBLIC or self._may_measure(connection, rule):
            return None
        caller = await self._authenticator.identify(connection)
        if caller is None:
            raise UnauthenticatedError("Log in first, or send credentials or a token.")
        self._check_hours(caller)
        if not caller.may(rule.permission):
            await self._records.access_refused(connection, caller)
            raise ForbiddenError(f"The role of this account ({caller.role}) may not do this.")
        if rule.studies is Studies.SEARCHED:
            await self._records.searched(connection, caller)
        elif rule.studies is not Studies.NONE:
            await self._look(connection, caller, rule)
        return caller

    async def _look(self, connection: HTTPConnection, caller: Caller, rule: Rule) -> None:
        """Let a caller see one study, and record it; acts of other kinds record themselves."""
        study_uid = _study_uid(connection, rule.studies)
        if not caller.reach.everything:
            await self._check_reach(connection, caller, study_uid)
        unrecorded = rule.permission is not Permission.VIEW or _is_glance(connection, rule)
        if unrecorded or self._records.has_look(caller, study_uid):
            return
        known = await run_in_threadpool(self._index.within, study_uid, caller.reach)
        # Of what is not there nobody sees anything; the handler says so.
        if known:
            await self._records.study_viewed(connection, caller, study_uid)

    async def _check_reach(
        self, connection: HTTPConnection, caller: Caller, study_uid: str
    ) -> None:
        key = f"{caller.session} {study_uid}".encode()
        if self._within.get(key):
            return
        if not await run_in_threadpool(self._index.within, study_uid, caller.reach):
            await self._records.access_refused(connection, caller, study_uid)
            raise UnknownError("No such study, series or instance is kept here.")
        self._within.put(key, True)

    def _check_hours(self, caller: Caller) -> None:
        hours = self._hours.get(caller.role)
        if hours is not None and not hours.include(datetime.now().astimezone().time()):
            raise ForbiddenError(
                f"This account may be used from {hours.first:%H:%M} to {hours.last:%H:%M}."
            )

    def _may_measure(self, connection: HTTPConnection, rule: Rule) -> bool:
        return rule.permission is Permission.MEASURE and address.is_loopback(
            connection, behind_proxy=self._behind_proxy
        )

    def _check_same_origin(self, connection: HTTPConnection) -> None:
        """Refuse what another site makes a browser send with our cookie (or to our login).

        Browsers name the origin of every request that changes something; programs name none.
        """
        if connection.scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return
        headers = connection.headers
        # A browser adds Basic credentials that it remembers by itself, but never a bearer token.
        if headers.get("authorization", "").lower().startswith("bearer "):
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
    """ASGI application of one route, behind its rules by method."""

    def __init__(
        self, app: ASGIApp, rules: Mapping[str, Rule], gate: Gate, *, template: str
    ) -> None:
        self._app = app
        self._template = template
        self._rules = rules
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve an admitted request; its caller is in `scope["caller"]`."""
        scope[TEMPLATE] = self._template
        rule = self._rules.get(scope["method"])
        if rule is None:
            raise ForbiddenError("This method is not served here.")
        scope["caller"] = await self._gate.admit(HTTPConnection(scope), rule)
        await self._app(scope, receive, send)


def guard(routes: Iterable[BaseRoute], gate: Gate, table: Mapping[str, Rule] = TABLE) -> None:
    """Put the guard in front of every route.

    Raises LookupError naming a route without a fitting entry in the table, TypeError for other
    objects.
    """
    for route in routes:
        if not isinstance(route, Route | Mount):
            raise TypeError(f"{route!r} is no route that the access table can describe.")
        route.app = Guard(route.app, _rules(route, table), gate, template=_template(route))


def _template(route: Route | Mount) -> str:
    # The digest in a static path changes with each version.
    return route.path if isinstance(route, Route) else f"/{route.path.split('/')[1]}"


def _rules(route: Route | Mount, table: Mapping[str, Rule]) -> dict[str, Rule]:
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
        found[method] = _fitting(entry, table[entry])
    return found


def _fitting(entry: str, rule: Rule) -> Rule:
    """Return a rule that checks the study its path names, if reading it is what it is for."""
    names_study = any(f"{{{name}}}" in entry for name in _STUDY_PARAMETERS)
    if (
        names_study
        and rule.permission in _READS
        and rule.studies
        not in (
            Studies.NAMED,
            Studies.GLANCED,
        )
    ):
        raise LookupError(f"{entry} shows a study that its entry does not check.")
    return rule


def _is_glance(connection: HTTPConnection, rule: Rule) -> bool:
    """Return whether a picture is asked for that is no larger than lists show it."""
    if rule.studies is not Studies.GLANCED:
        return False
    sizes = connection.query_params.get("viewport", "").split(",")[:2]
    return all(size.isdigit() and int(size) <= GLANCE_PIXELS for size in sizes if size)


def _study_uid(connection: HTTPConnection, studies: Studies) -> str:
    """Return the study that a request names; empty if it names none, which nothing is within."""
    if studies is Studies.ASKED:
        return connection.query_params.get("studyUID", "")
    parameters = connection.path_params
    return next((parameters[name] for name in _STUDY_PARAMETERS if name in parameters), "")
