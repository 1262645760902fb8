"""`/admin/users` and `/api/users`: who may log in, as what, and whose studies are theirs."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Body, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.access.management import Management, Profile
from pacs_gateway.access.roles import Role
from pacs_gateway.errors import BadRequestError, UnknownError
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.authentication import Authenticator
from pacs_gateway.web.forms import read_form
from pacs_gateway.web.services import Services
from pacs_gateway.web.templating import Templates
from storage.accounts import User

PATH = "/admin/users"
ACTS = ("profile", "password", "disable", "enable", "reset-second-factor")


class NewUser(BaseModel):
    """Somebody who is to log in."""

    username: str = Field(max_length=64)
    password: str = Field(max_length=1024)
    role: Role
    display_name: str = Field("", max_length=128)
    physician_name: str = Field("", max_length=128)
    ward: str = Field("", max_length=128)


class UserAnswer(BaseModel):
    """An account."""

    username: str
    role: str
    display_name: str
    physician_name: str
    ward: str
    disabled: bool
    second_factor: bool


class UserEndpoints:
    """The routes of accounts."""

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
        one: dict[int | str, dict[str, Any]] = {201: {"model": UserAnswer}}
        many: dict[int | str, dict[str, Any]] = {200: {"model": list[UserAnswer]}}
        api, tags = "/api/users", ["accounts"]
        return [
            Route(PATH, self.show, methods=["GET"]),
            Route(PATH, self.add, methods=["POST"]),
            Route(f"{PATH}/{{username}}", self.one, methods=["GET"]),
            Route(f"{PATH}/{{username}}/{{act}}", self.change, methods=["POST"]),
            APIRoute(api, self.listed, methods=["GET"], responses=many, tags=list(tags)),
            APIRoute(
                api,
                self.make,
                methods=["POST"],
                status_code=201,
                responses=one,
                tags=list(tags),
            ),
            APIRoute(
                f"{api}/{{username}}",
                self.disable,
                methods=["DELETE"],
                status_code=204,
                tags=list(tags),
            ),
        ]

    def show(self, request: Request) -> Response:
        """Show all accounts."""
        return self._page(request, {}, "")

    def one(self, request: Request) -> Response:
        """Show one account, to be changed."""
        return self._one(request, "")

    async def add(self, request: Request) -> Response:
        """Add an account."""
        form = await read_form(request)
        who = self._recorder.who(request, caller_of(request))

        def add() -> Response:
            try:
                self._management.add_user(
                    who, form.get("username", ""), form.get("password", ""), _profile(form)
                )
            except BadRequestError as error:
                return self._page(request, form, str(error))
            return RedirectResponse(PATH, HTTPStatus.SEE_OTHER)

        return await run_in_threadpool(add)

    async def change(self, request: Request) -> Response:
        """Change an account."""
        form = await read_form(request)
        who = self._recorder.who(request, caller_of(request))
        username, act = request.path_params["username"], request.path_params["act"]

        def change() -> Response:
            try:
                match act:
                    case "profile":
                        self._management.change_profile(who, username, _profile(form))
                    case "password":
                        self._management.set_password(who, username, form.get("password", ""))
                    case "disable" | "enable":
                        self._management.disable(who, username, disabled=act == "disable")
                    case "reset-second-factor":
                        self._management.set_second_factor(who, username, None)
                    case _:
                        raise UnknownError("There is no such act.")
            except BadRequestError as error:
                return self._one(request, str(error))
            return RedirectResponse(PATH, HTTPStatus.SEE_OTHER)

        answer = await run_in_threadpool(change)
        self._authenticator.forget()
        return answer

    async def listed(self) -> Response:
        """List accounts."""
        users = await run_in_threadpool(self._accounts.users)
        return JSONResponse([_answer(user).model_dump() for user in users])

    async def make(self, request: Request, wanted: Annotated[NewUser, Body()]) -> Response:
        """Add an account."""
        who = self._recorder.who(request, caller_of(request))
        profile = Profile(
            role=wanted.role,
            display_name=wanted.display_name,
            physician_name=wanted.physician_name,
            ward=wanted.ward,
        )
        user = await run_in_threadpool(
            self._management.add_user, who, wanted.username, wanted.password, profile
        )
        return JSONResponse(_answer(user).model_dump(), HTTPStatus.CREATED)

    async def disable(self, request: Request, username: str) -> Response:
        """Let somebody log in no more; what was done under the name stays."""
        who = self._recorder.who(request, caller_of(request))
        await run_in_threadpool(self._management.disable, who, username)
        self._authenticator.forget()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    def _page(self, request: Request, given: dict[str, str], problem: str) -> Response:
        context = {
            "users": self._accounts.users(),
            "roles": list(Role),
            "given": given,
            "problem": problem,
            "here": PATH,
        }
        status = HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK
        return self._templates.page(request, "admin/users.html", context, status=status)

    def _one(self, request: Request, problem: str) -> Response:
        user = self._accounts.user(request.path_params["username"])
        if user is None:
            raise UnknownError("There is no such user.")
        context = {"account": user, "roles": list(Role), "problem": problem, "here": PATH}
        status = HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK
        return self._templates.page(request, "admin/user.html", context, status=status)


def _profile(form: dict[str, str]) -> Profile:
    try:
        role = Role(form.get("role", ""))
    except ValueError as error:
        raise BadRequestError("There is no such role.") from error
    names = {
        name: " ".join(form.get(name, "").split())
        for name in ("display_name", "physician_name", "ward")
    }
    return Profile(role=role, **names)


def _answer(user: User) -> UserAnswer:
    return UserAnswer(
        username=user.username,
        role=user.role,
        display_name=user.display_name,
        physician_name=user.physician_name,
        ward=user.ward,
        disabled=user.disabled,
        second_factor=user.totp_secret is not None,
    )
