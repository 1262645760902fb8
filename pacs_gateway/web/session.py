"""`/api/session`: log in, log out, who am I."""

from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from pacs_gateway.config import WebSettings
from pacs_gateway.web.access import SESSION_COOKIE, caller_of
from pacs_gateway.web.authentication import Authenticator

SECONDS_PER_HOUR = 3600


class Credentials(BaseModel):
    """What somebody logs in with."""

    username: str = Field(max_length=256)
    password: str = Field(max_length=1024)


class SessionAnswer(BaseModel):
    """Who is logged in."""

    username: str
    role: str


class SessionEndpoints:
    """The routes of `/api/session`."""

    def __init__(self, authenticator: Authenticator, settings: WebSettings) -> None:
        self._authenticator = authenticator
        self._settings = settings

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
        caller = await self._authenticator.check_password(
            request, credentials.username, credentials.password
        )
        response = JSONResponse({"username": caller.name, "role": caller.role})
        set_session(response, await self._authenticator.open_session(caller), self._settings)
        return response

    async def who_am_i(self, request: Request) -> Response:
        """Tell who is logged in."""
        caller = caller_of(request)
        return JSONResponse({"username": caller.name, "role": caller.role})

    async def log_out(self, request: Request) -> Response:
        """End the session; its cookie and secret are worth nothing afterwards."""
        await self._authenticator.close_session(request)
        response = Response(status_code=HTTPStatus.NO_CONTENT)
        clear_session(response, self._settings)
        return response


def set_session(response: Response, secret: str, settings: WebSettings) -> None:
    """Give the browser its session; scripts cannot read it and other sites cannot send it."""
    response.set_cookie(
        SESSION_COOKIE,
        secret,
        max_age=int(settings.session_hours * SECONDS_PER_HOUR),
        httponly=True,
        samesite="lax",
        secure=settings.behind_proxy,
    )


def clear_session(response: Response, settings: WebSettings) -> None:
    """Make the browser forget its session."""
    response.delete_cookie(
        SESSION_COOKIE, httponly=True, samesite="lax", secure=settings.behind_proxy
    )
