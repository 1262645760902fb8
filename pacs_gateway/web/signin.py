"""The pages of logging in and out, and the choice of language and theme."""

from http import HTTPStatus
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

import viewer
from pacs_gateway.errors import BadRequestError, UnknownError
from pacs_gateway.web.access import GUEST_COOKIE
from pacs_gateway.web.authentication import Authenticator
from pacs_gateway.web.forms import local_path, read_form
from pacs_gateway.web.language import COOKIE, COOKIE_SECONDS
from pacs_gateway.web.login import Logins
from pacs_gateway.web.problems import TooManyAttemptsError, UnauthenticatedError
from pacs_gateway.web.services import Services
from pacs_gateway.web.session import SessionCookies
from pacs_gateway.web.templating import Templates
from pacs_gateway.web.theme import THEME_COOKIE, THEMES

OIDC_PATH = "/login/oidc"


class SignInEndpoints:
    """The routes of `/login`, `/logout`, `/language` and `/theme`."""

    def __init__(
        self,
        services: Services,
        logins: Logins,
        authenticator: Authenticator,
        templates: Templates,
    ) -> None:
        self._logins = logins
        self._authenticator = authenticator
        self._recorder = services.recorder
        self._templates = templates
        oidc = services.settings.oidc
        self._provider = oidc.name if oidc.issuer else ""
        self._secure = services.settings.web.behind_proxy
        self._cookies = SessionCookies(
            hours=services.settings.web.session_hours, secure=self._secure
        )
        self._guest_cookies = SessionCookies(
            hours=services.settings.access.guest_hours, secure=self._secure, name=GUEST_COOKIE
        )

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [
            Route("/login", self.login, methods=["GET"]),
            Route("/login", self.log_in, methods=["POST"]),
            Route("/logout", self.log_out, methods=["POST"]),
            Route("/language", self.choose_language, methods=["POST"]),
            Route("/theme", self.choose_theme, methods=["POST"]),
        ]

    def login(self, request: Request) -> Response:
        """Show the login form."""
        return self._page(request, request.query_params.get("next", ""))

    async def log_in(self, request: Request) -> Response:
        """Log in and go on to where the person wanted to be."""
        form = await read_form(request)
        wanted, half_way = form.get("next", ""), form.get("half_way", "")
        try:
            if half_way:
                return await self._with_code(request, half_way, form.get("code", ""), wanted)
            user = await self._logins.check_password(
                request, form.get("username", ""), form.get("password", "")
            )
        except UnauthenticatedError:
            # Not 401: that asks for a WWW-Authenticate header, which would open the browser's box.
            status, problem = HTTPStatus.FORBIDDEN, "login.wrong"
        except TooManyAttemptsError:
            status, problem = HTTPStatus.TOO_MANY_REQUESTS, "login.paused"
        else:
            if user.totp_secret:
                return self._page(request, wanted, half_way=self._logins.remember(user))
            return self._welcome(await self._logins.finish(request, user, ""), wanted)
        username = form.get("username", "")
        return self._page(request, wanted, username=username, problem=problem, status=status)

    async def log_out(self, request: Request) -> Response:
        """End the session and show the login page."""
        caller = await self._authenticator.identify(request)
        if caller is not None:
            who = self._recorder.who(request, caller)
            await self._authenticator.close_session(request, who)
        response = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        self._cookies.take(response)
        self._guest_cookies.take(response)
        return response

    async def choose_language(self, request: Request) -> Response:
        """Remember the language and show the same page in it."""
        form = await read_form(request)
        language = form.get("language", "")
        if language not in viewer.LANGUAGES:
            raise BadRequestError("There are no pages in this language.")
        return self._remember(COOKIE, language, form.get("next", ""))

    async def choose_theme(self, request: Request) -> Response:
        """Remember light or dark, and show the same page in it."""
        form = await read_form(request)
        theme = form.get("theme", "")
        if theme not in THEMES:
            raise BadRequestError("There are no pages in this theme.")
        return self._remember(THEME_COOKIE, theme, form.get("next", ""))

    def _remember(self, cookie: str, value: str, wanted: str) -> Response:
        response = RedirectResponse(local_path(wanted), HTTPStatus.SEE_OTHER)
        response.set_cookie(
            cookie,
            value,
            max_age=COOKIE_SECONDS,
            httponly=True,
            samesite="lax",
            secure=self._secure,
        )
        return response

    async def _with_code(self, request: Request, half_way: str, code: str, wanted: str) -> Response:
        user = self._logins.remembered(half_way)
        try:
            return self._welcome(await self._logins.finish(request, user, code or " "), wanted)
        except UnauthenticatedError:
            return self._page(
                request,
                wanted,
                half_way=half_way,
                problem="login.wrong_code",
                status=HTTPStatus.FORBIDDEN,
            )

    def _welcome(self, secret: str, wanted: str) -> Response:
        response = RedirectResponse(local_path(wanted), HTTPStatus.SEE_OTHER)
        self._cookies.give(response, secret)
        return response

    def _page(
        self,
        request: Request,
        wanted: str,
        *,
        username: str = "",
        half_way: str = "",
        problem: str = "",
        status: HTTPStatus = HTTPStatus.OK,
    ) -> Response:
        goal = local_path(wanted)
        context = {
            "next": goal,
            "here": f"/login?next={quote(goal, safe='')}",
            "username": username,
            "half_way": half_way,
            "provider": self._provider,
            "problem": problem,
        }
        return self._templates.page(request, "login.html", context, status=status)


def no_provider(request: Request) -> Response:
    """Answer where a login through an identity provider would begin, if there were one."""
    del request
    raise UnknownError("No identity provider is set up here.")
