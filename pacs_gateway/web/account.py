"""`/account`: one's own password and second factor."""

import time
from http import HTTPStatus

import segno
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.access import secondfactor
from pacs_gateway.access.management import Management
from pacs_gateway.errors import BadRequestError, UnknownError
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.authentication import Authenticator
from pacs_gateway.web.forms import read_form
from pacs_gateway.web.login import Logins
from pacs_gateway.web.problems import TooManyAttemptsError, UnauthenticatedError
from pacs_gateway.web.remembered import Remembered
from pacs_gateway.web.services import Services
from pacs_gateway.web.templating import Templates
from storage.accounts import User

PATH = "/account"
ENROLMENT_S = 600.0
"""Time to install an app and scan the code."""
MAX_ENROLMENTS = 1000


class AccountEndpoints:
    """The routes of one's own account."""

    def __init__(
        self,
        services: Services,
        logins: Logins,
        management: Management,
        authenticator: Authenticator,
        templates: Templates,
    ) -> None:
        self._accounts = services.accounts
        self._recorder = services.recorder
        self._logins = logins
        self._management = management
        self._authenticator = authenticator
        self._templates = templates
        self._issuer = services.settings.hospital.name or "PACS gateway"
        self._enrolments = Remembered[str](for_s=ENROLMENT_S, at_most=MAX_ENROLMENTS)

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [
            Route(PATH, self.show, methods=["GET"]),
            Route(f"{PATH}/password", self.password, methods=["POST"]),
            Route(f"{PATH}/second-factor", self.second_factor, methods=["POST"]),
        ]

    def show(self, request: Request) -> Response:
        """Show the forms, and a code to scan if there is no second factor yet."""
        return self._page(request)

    async def password(self, request: Request) -> Response:
        """Replace one's own password; every login ends with it."""
        form = await read_form(request)
        user = await run_in_threadpool(self._own, request)
        try:
            await self._logins.check_password(request, user.username, form.get("old", ""))
        except (UnauthenticatedError, TooManyAttemptsError):
            return await run_in_threadpool(self._page, request, "account.wrong")
        return await run_in_threadpool(self._set_password, request, user, form.get("new", ""))

    async def second_factor(self, request: Request) -> Response:
        """Ask for codes from now on, if this one is of the secret that was shown."""
        form = await read_form(request)
        return await run_in_threadpool(self._enrol, request, form.get("code", ""))

    def _set_password(self, request: Request, user: User, password: str) -> Response:
        who = self._recorder.who(request, caller_of(request))
        try:
            self._management.set_password(who, user.username, password)
        except BadRequestError:
            return self._page(request, "account.weak")
        self._authenticator.forget()
        return RedirectResponse("/login", HTTPStatus.SEE_OTHER)

    def _enrol(self, request: Request, code: str) -> Response:
        user = self._own(request)
        secret = self._enrolments.get(user.username.encode())
        if user.totp_secret or secret is None:
            return RedirectResponse(PATH, HTTPStatus.SEE_OTHER)
        if secondfactor.step_of(secret, code, now=time.time()) is None:
            return self._page(request, "account.wrong_code")
        who = self._recorder.who(request, caller_of(request))
        self._management.set_second_factor(who, user.username, secret)
        self._enrolments.forget(user.username.encode())
        self._authenticator.forget()
        return RedirectResponse("/login", HTTPStatus.SEE_OTHER)

    def _own(self, request: Request) -> User:
        """Return the account of a login in a browser; raises UnknownError for any other caller.

        A token or a link must not be able to change whose it is.
        """
        caller = caller_of(request)
        user = self._accounts.user(caller.name)
        by_program = caller.session.startswith(("token:", "basic:"))
        if user is None or by_program:
            raise UnknownError("This caller has no account of its own.")
        return user

    def _page(self, request: Request, problem: str = "") -> Response:
        user = self._own(request)
        secret, picture = "", ""
        if user.totp_secret is None:
            key = user.username.encode()
            secret = self._enrolments.get(key) or secondfactor.new_secret()
            self._enrolments.put(key, secret)
            address = secondfactor.address_of(secret, username=user.username, issuer=self._issuer)
            picture = segno.make(address, error="m").png_data_uri(scale=5)
        context = {
            "account": user,
            "secret": secret,
            "picture": picture,
            "problem": problem,
            "here": PATH,
        }
        status = HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK
        return self._templates.page(request, "account.html", context, status=status)
