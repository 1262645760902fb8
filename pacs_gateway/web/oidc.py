"""`/login/oidc`: the way to the hospital's identity provider and back."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from hashlib import sha256
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.access.management import Management, Profile
from pacs_gateway.access.oidc import Begun, Identity, IdentityProvider, LoginRefusedError
from pacs_gateway.audit import acts
from pacs_gateway.errors import BadRequestError
from pacs_gateway.web import address
from pacs_gateway.web.authentication import Authenticator
from pacs_gateway.web.forms import local_path
from pacs_gateway.web.login import Logins
from pacs_gateway.web.services import Services
from pacs_gateway.web.session import SessionCookies
from pacs_gateway.web.signin import OIDC_PATH as PATH
from storage.accounts import User

COOKIE = "pacs_gateway_oidc"
COOKIE_SECONDS = 600
"""Time to type a password at the provider."""


class OidcEndpoints:
    """The routes of logging in through the identity provider."""

    def __init__(
        self,
        services: Services,
        provider: IdentityProvider,
        logins: Logins,
        management: Management,
        authenticator: Authenticator,
    ) -> None:
        self._provider = provider
        self._logins = logins
        self._management = management
        self._authenticator = authenticator
        self._accounts = services.accounts
        self._audit_log = services.audit_log
        self._recorder = services.recorder
        self._web = services.settings.web
        self._cookies = SessionCookies(hours=self._web.session_hours, secure=self._web.behind_proxy)

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [
            Route(PATH, self.begin, methods=["GET"]),
            Route(f"{PATH}/callback", self.finish, methods=["GET"]),
        ]

    async def begin(self, request: Request) -> Response:
        """Send the browser to the provider."""
        begun = await run_in_threadpool(self._provider.begin, self._callback(request))
        response = RedirectResponse(begun.address, HTTPStatus.SEE_OTHER)
        response.set_cookie(
            COOKIE,
            _packed(replace(begun, address=local_path(request.query_params.get("next", "")))),
            max_age=COOKIE_SECONDS,
            path=PATH,
            httponly=True,
            samesite="lax",
            secure=self._web.behind_proxy,
        )
        return response

    async def finish(self, request: Request) -> Response:
        """Log in whoever comes back from the provider in the browser that went there."""
        begun = _unpacked(request.cookies.get(COOKIE, ""))
        given = request.query_params
        if not hmac.compare_digest(begun.state.encode(), given.get("state", "").encode()):
            raise BadRequestError("This login was begun in another browser; begin again.")
        try:
            secret = await run_in_threadpool(self._log_in, request, begun, given.get("code", ""))
        except LoginRefusedError:
            entry = acts.login_refused(self._recorder.who(request, None), method="oidc")
            await run_in_threadpool(self._audit_log.append, entry)
            raise
        response = RedirectResponse(local_path(begun.address), HTTPStatus.SEE_OTHER)
        response.delete_cookie(COOKIE, path=PATH)
        self._cookies.give(response, secret)
        return response

    def _log_in(self, request: Request, begun: Begun, code: str) -> str:
        if not code:
            raise LoginRefusedError("The identity provider did not log this person in.")
        identity = self._provider.finish(self._callback(request), begun, code)
        user = self._account(identity)
        if user.disabled:
            raise LoginRefusedError("This account is disabled.")
        return self._logins.open_session(request, user, method="oidc")

    def _account(self, identity: Identity) -> User:
        """Return the account of a person, made at the first login; the role follows the provider.

        An account that somebody else made under the same name stays theirs.
        """
        found = self._accounts.user_of_subject(identity.subject)
        if found is None:
            profile = Profile(role=identity.role, display_name=identity.display_name)
            name = identity.username
            if self._accounts.user(name) is not None:
                name = f"{name[:48]}.{sha256(identity.subject.encode()).hexdigest()[:8]}"
            return self._management.add_user(
                acts.SYSTEM, name, None, profile, oidc_subject=identity.subject
            )
        if found.role != identity.role:
            profile = Profile(
                role=identity.role,
                display_name=found.display_name,
                physician_name=found.physician_name,
                ward=found.ward,
            )
            self._management.change_profile(acts.SYSTEM, found.username, profile)
            self._authenticator.forget()
        return self._accounts.user_of_subject(identity.subject) or found

    def _callback(self, request: Request) -> str:
        base = address.base_url(request, behind_proxy=self._web.behind_proxy)
        return f"{base}{PATH}/callback"


def _packed(begun: Begun) -> str:
    """Return what the browser keeps meanwhile; it could only log its own owner in with it."""
    kept = [begun.address, begun.state, begun.nonce, begun.verifier]
    return urlsafe_b64encode(json.dumps(kept).encode()).decode()


def _unpacked(text: str) -> Begun:
    try:
        goal, state, nonce, verifier = json.loads(urlsafe_b64decode(text))
        return Begun(address=str(goal), state=str(state), nonce=str(nonce), verifier=str(verifier))
    except (ValueError, TypeError) as error:
        raise BadRequestError("This login was not begun here, or too long ago.") from error
