"""The pages: login, list of studies, one study's previews.

All of them work without scripts; scripts only add keys, the larger preview and friendlier errors.
"""

import re
from http import HTTPStatus
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

import viewer
from pacs_gateway.access.roles import Caller
from pacs_gateway.errors import BadRequestError, TooLargeError
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.authentication import Authenticator
from pacs_gateway.web.language import COOKIE, COOKIE_SECONDS
from pacs_gateway.web.listpage import receiver_of, studies_context
from pacs_gateway.web.problems import TooManyAttemptsError, UnauthenticatedError
from pacs_gateway.web.services import Services
from pacs_gateway.web.session import clear_session, set_session
from pacs_gateway.web.studylist import read_filters, read_page
from pacs_gateway.web.studypage import study_context
from pacs_gateway.web.templating import ImmutableFiles, Templates

MAX_FORM_BYTES = 16 * 1024
"""A login with the longest name and password has 8 KiB."""
MAX_FORM_FIELDS = 10

_LOCAL_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,2000}")
"""A path on this host; browsers take `//host` and `/\\host` for another host."""


class PageEndpoints:
    """The routes of everything that people look at."""

    def __init__(
        self, services: Services, authenticator: Authenticator, templates: Templates
    ) -> None:
        self._index = services.index
        self._settings = services.settings
        self._authenticator = authenticator
        self._templates = templates

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [
            Route("/", self.studies, methods=["GET"]),
            Route("/studies/{study_uid}", self.study, methods=["GET"]),
            Route("/login", self.login, methods=["GET"]),
            Route("/login", self.log_in, methods=["POST"]),
            Route("/logout", self.log_out, methods=["POST"]),
            Route("/language", self.choose_language, methods=["POST"]),
            Mount(self._templates.static_path, ImmutableFiles(directory=viewer.static_dir())),
        ]

    def studies(self, request: Request) -> Response:
        """Show the list of studies; every filter is in the address."""
        receiver = receiver_of(self._settings.dicom, request.url.hostname or "")
        context = studies_context(
            self._index,
            self._templates.texts(request),
            read_filters(request.query_params),
            receiver=receiver,
            reach=caller_of(request).reach,
        )
        return self._templates.page(request, "studies.html", context)

    def study(self, request: Request) -> Response:
        """Show one study; `series` in the address shows that series alone."""
        context = study_context(
            self._index,
            self._templates.texts(request),
            request.path_params["study_uid"],
            series_uid=request.query_params.get("series", ""),
            page=read_page(request.query_params),
        )
        return self._templates.page(request, "study.html", context)

    def login(self, request: Request) -> Response:
        """Show the login form."""
        return self._login_page(request, request.query_params.get("next", ""))

    async def log_in(self, request: Request) -> Response:
        """Log in and go on to where the person wanted to be."""
        form = await _form(request)
        username, password = form.get("username", ""), form.get("password", "")
        wanted = form.get("next", "")
        try:
            caller = await self._authenticator.check_password(request, username, password)
        except UnauthenticatedError:
            # Not 401: that asks for a WWW-Authenticate header, which would open the browser's box.
            status, problem = HTTPStatus.FORBIDDEN, "login.wrong"
        except TooManyAttemptsError:
            status, problem = HTTPStatus.TOO_MANY_REQUESTS, "login.paused"
        else:
            return await self._welcome(caller, wanted)
        return self._login_page(request, wanted, username=username, problem=problem, status=status)

    async def log_out(self, request: Request) -> Response:
        """End the session and show the login page."""
        await self._authenticator.close_session(request)
        response = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        clear_session(response, self._settings.web)
        return response

    async def choose_language(self, request: Request) -> Response:
        """Remember the language and show the same page in it."""
        form = await _form(request)
        language = form.get("language", "")
        if language not in viewer.LANGUAGES:
            raise BadRequestError("There are no pages in this language.")
        response = RedirectResponse(local_path(form.get("next", "")), HTTPStatus.SEE_OTHER)
        response.set_cookie(
            COOKIE,
            language,
            max_age=COOKIE_SECONDS,
            httponly=True,
            samesite="lax",
            secure=self._settings.web.behind_proxy,
        )
        return response

    async def _welcome(self, caller: Caller, wanted: str) -> Response:
        response = RedirectResponse(local_path(wanted), HTTPStatus.SEE_OTHER)
        secret = await self._authenticator.open_session(caller)
        set_session(response, secret, self._settings.web)
        return response

    def _login_page(
        self,
        request: Request,
        wanted: str,
        *,
        username: str = "",
        problem: str = "",
        status: HTTPStatus = HTTPStatus.OK,
    ) -> Response:
        goal = local_path(wanted)
        context = {
            "next": goal,
            "here": f"/login?next={quote(goal, safe='')}",
            "username": username,
            "problem": problem,
        }
        return self._templates.page(request, "login.html", context, status=status)


def local_path(wanted: str) -> str:
    """Return `wanted` if it is a path on this host, else the list of studies.

    A login must not send people on to a site that only looks like the hospital's.
    """
    return wanted if _LOCAL_PATH.fullmatch(wanted) else "/"


async def _form(request: Request) -> dict[str, str]:
    """Return the fields of an URL-encoded form.

    Raises TooLargeError or BadRequestError.
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_FORM_BYTES:
            raise TooLargeError("The form is longer than any of ours.")
    try:
        fields = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS
        )
    except ValueError as error:
        raise BadRequestError("The form cannot be read.") from error
    return dict(fields)
