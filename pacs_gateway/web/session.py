"""`/api/session`: log in, log out, who am I; and the cookies of sessions."""

from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from pacs_gateway.access.roles import Permission
from pacs_gateway.web.access import SESSION_COOKIE, caller_of
from pacs_gateway.web.authentication import Authenticator
from pacs_gateway.web.login import Logins
from pacs_gateway.web.services import Services

SECONDS_PER_HOUR = 3600


class Credentials(BaseModel):
    """What somebody logs in with."""

    username: str = Field(max_length=256)
    password: str = Field(max_length=1024)
    code: str = Field("", max_length=16, description="of the authenticator app, where one is used")


class SessionAnswer(BaseModel):
    """Who is logged in."""

    username: str
    role: str
    permissions: list[str] = Field(description="what the caller may do")


class SessionEndpoints:
    """The routes of `/api/session`."""

    def __init__(self, services: Services, logins: Logins, authenticator: Authenticator) -> None:
        self._logins = logins
        self._authenticator = authenticator
        self._recorder = services.recorder
        self._cookies = SessionCookies(
            hours=services.settings.web.session_hours, secure=services.settings.web.behind_proxy
        )

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        path = "/api/session"
        answer: dict[int | str, dict[str, Any]] = {200: {"model": SessionAnswer}}
        return [
            APIRoute(path, self.log_in, methods=["POST"], responses=answer, tags=["session"]),
            APIRoute(path, self.who_am_i, methods=["GET"], responses=answer, tags=["session"]),
            APIRoute(path, self.log_out, methods=["DELETE"], status_code=204, tags=["session"]),
        ]

    async def log_in(self, request: Request, credentials: Credentials) -> Response:
        """Log in with user name and password; the answer sets the session cookie."""
        user, secret = await self._logins.log_in(
            request, credentials.username, credentials.password, credentials.code
        )
        response = JSONResponse({"username": user.username, "role": user.role})
        self._cookies.give(response, secret)
        return response

    async def who_am_i(self, request: Request) -> Response:
        """Tell who is logged in."""
        caller = caller_of(request)
        permissions = [each for each in Permission if caller.may(each)]
        return JSONResponse(
            {"username": caller.name, "role": caller.role, "permissions": permissions}
        )

    async def log_out(self, request: Request) -> Response:
        """End the session; its cookie and secret are worth nothing afterwards."""
        who = self._recorder.who(request, caller_of(request))
        await self._authenticator.close_session(request, who)
        response = Response(status_code=HTTPStatus.NO_CONTENT)
        self._cookies.take(response)
        return response


class SessionCookies:
    """Cookies that scripts cannot read and other sites cannot send."""

    def __init__(self, *, hours: float, secure: bool, name: str = SESSION_COOKIE) -> None:
        self._name = name
        self._max_age = int(hours * SECONDS_PER_HOUR)
        self._secure = secure

    def give(self, response: Response, secret: str) -> None:
        """Give the browser its session."""
        response.set_cookie(
            self._name,
            secret,
            max_age=self._max_age,
            httponly=True,
            samesite="lax",
            secure=self._secure,
        )

    def take(self, response: Response) -> None:
        """Make the browser forget its session."""
        response.delete_cookie(self._name, httponly=True, samesite="lax", secure=self._secure)
