"""`/admin/tokens` and `/api/tokens`: bearer tokens of programs."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Body, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.access.management import MAX_TOKEN_DAYS, Management
from pacs_gateway.access.roles import Permission
from pacs_gateway.errors import BadRequestError, UnknownError
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.authentication import Authenticator
from pacs_gateway.web.forms import read_fields, read_form
from pacs_gateway.web.services import Services
from pacs_gateway.web.templating import Templates
from storage.accounts import Token

PATH = "/admin/tokens"
OFFERED = (
    Permission.VIEW,
    Permission.DOWNLOAD,
    Permission.STORE,
    Permission.ANNOTATE,
    Permission.SHARE,
    Permission.LINK,
    Permission.DELETE,
    Permission.AUDIT,
    Permission.ADMINISTER,
)


class NewToken(BaseModel):
    """A token that is to be made."""

    name: str = Field(max_length=128)
    username: str = Field(max_length=64, description="in whose name it acts")
    days: int = Field(365, ge=1, le=MAX_TOKEN_DAYS)
    permissions: list[Permission] = Field(default=[], max_length=len(Permission))


class TokenAnswer(BaseModel):
    """A token; its secret is told when it is made, and never again."""

    id: str
    name: str
    username: str
    permissions: str = Field(description="separated by spaces; empty: all of the user's role")
    expires_at: datetime | None
    last_used_at: datetime | None
    secret: str | None = None


class TokenEndpoints:
    """The routes of API tokens."""

    def __init__(
        self,
        services: Services,
        management: Management,
        authenticator: Authenticator,
        templates: Templates,
    ) -> None:
        self._accounts = services.accounts
        self._recorder = services.recorder
        self._management = management
        self._authenticator = authenticator
        self._templates = templates

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        one: dict[int | str, dict[str, Any]] = {201: {"model": TokenAnswer}}
        many: dict[int | str, dict[str, Any]] = {200: {"model": list[TokenAnswer]}}
        api, tags = "/api/tokens", ["accounts"]
        return [
            Route(PATH, self.show, methods=["GET"]),
            Route(PATH, self.add, methods=["POST"]),
            Route(f"{PATH}/revoke", self.revoke_by_form, methods=["POST"]),
            APIRoute(api, self.listed, methods=["GET"], responses=many, tags=list(tags)),
            APIRoute(
                api, self.make, methods=["POST"], status_code=201, responses=one, tags=list(tags)
            ),
            APIRoute(
                f"{api}/{{token_id}}",
                self.revoke,
                methods=["DELETE"],
                status_code=204,
                tags=list(tags),
            ),
        ]

    def show(self, request: Request) -> Response:
        """Show all tokens; their secrets are not shown again."""
        return self._page(request)

    async def add(self, request: Request) -> Response:
        """Make a token and show its secret, this once."""
        fields = await read_fields(request)
        given = dict(fields)
        who = self._recorder.who(request, caller_of(request))

        def add() -> Response:
            try:
                token, secret = self._management.add_token(
                    who,
                    name=" ".join(given.get("name", "").split()),
                    username=given.get("username", ""),
                    days=_days(given.get("days", "")),
                    permissions=_permissions(fields),
                )
            except (BadRequestError, UnknownError):
                return self._page(request, problem="tokens.invalid")
            return self._page(request, made=token, secret=secret)

        return await run_in_threadpool(add)

    async def revoke_by_form(self, request: Request) -> Response:
        """Make a token worth nothing, and show the others."""
        form = await read_form(request)
        await self.revoke(request, form.get("id", ""))
        return RedirectResponse(PATH, HTTPStatus.SEE_OTHER)

    async def listed(self) -> Response:
        """List tokens."""
        tokens = await run_in_threadpool(self._accounts.tokens)
        return JSONResponse([_answer(token).model_dump(mode="json") for token in tokens])

    async def make(self, request: Request, wanted: Annotated[NewToken, Body()]) -> Response:
        """Make a token; the answer has its secret, this once."""
        who = self._recorder.who(request, caller_of(request))
        token, secret = await run_in_threadpool(
            lambda: self._management.add_token(who, **wanted.model_dump())
        )
        answer = _answer(token).model_copy(update={"secret": secret})
        return JSONResponse(answer.model_dump(mode="json"), HTTPStatus.CREATED)

    async def revoke(self, request: Request, token_id: str) -> Response:
        """Make a token worth nothing at once."""
        who = self._recorder.who(request, caller_of(request))
        await run_in_threadpool(self._management.revoke_token, who, token_id)
        self._authenticator.forget()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    def _page(
        self,
        request: Request,
        *,
        made: Token | None = None,
        secret: str = "",
        problem: str = "",
    ) -> Response:
        context = {
            "tokens": self._accounts.tokens(),
            "users": [user.username for user in self._accounts.users() if not user.disabled],
            "permissions": OFFERED,
            "made": made,
            "secret": secret,
            "problem": problem,
            "here": PATH,
        }
        status = HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK
        return self._templates.page(request, "admin/tokens.html", context, status=status)


def _answer(token: Token) -> TokenAnswer:
    return TokenAnswer(
        id=token.id,
        name=token.name,
        username=token.username,
        permissions=token.permissions,
        expires_at=token.expires_at,
        last_used_at=token.last_used_at,
    )


def _permissions(fields: list[tuple[str, str]]) -> list[Permission]:
    try:
        return [Permission(value) for name, value in fields if name == "permission"]
    except ValueError as error:
        raise BadRequestError("There is no such permission.") from error


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > len(str(MAX_TOKEN_DAYS)):
        raise BadRequestError("Days are a whole number.")
    return int(text)
