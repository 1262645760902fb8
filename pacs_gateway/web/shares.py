"""Sharing, for staff: the form beside a study, its slip, and the list of what is shared."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Body, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.access.shares import MAX_DAYS, Question
from pacs_gateway.audit import acts
from pacs_gateway.errors import BadRequestError, UnknownError
from pacs_gateway.web import address
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.authentication import Authenticator
from pacs_gateway.web.display import study_view
from pacs_gateway.web.forms import read_fields
from pacs_gateway.web.services import Services
from pacs_gateway.web.sharing import (
    BY_SHARE,
    MAX_STUDIES,
    Made,
    Sharing,
    answer_of,
    is_open,
    study_uid_of,
)
from pacs_gateway.web.templating import Templates
from storage.auditlog import Recorded, Wanted
from storage.reach import EVERYTHING
from storage.records import utc_now
from storage.shares import Share

DAYS = (7, 14, 30)
LISTED = 100
"""Shares on one page of the list."""
EVENTS = 200
"""Rows of the audit trail on one receipt."""


class ShareRequest(BaseModel):
    """What to share."""

    study_uids: list[str] = Field(min_length=1, max_length=MAX_STUDIES)
    question: Question = Field(Question.BIRTH_DATE, description="what the patient is asked")
    days: int = Field(MAX_DAYS, ge=1, le=MAX_DAYS)


class ShareAnswer(BaseModel):
    """A share; its address is told this once."""

    id: str
    url: str
    expires_at: datetime


class ShareEndpoints:
    """The routes that make, list, reprint and revoke shares."""

    def __init__(
        self,
        services: Services,
        sharing: Sharing,
        authenticator: Authenticator,
        templates: Templates,
    ) -> None:
        self._sharing = sharing
        self._shares = services.shares
        self._audit_log = services.audit_log
        self._recorder = services.recorder
        self._authenticator = authenticator
        self._templates = templates
        self._web = services.settings.web

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        study, shares = "/studies/{study_uid}/share", "/admin/shares"
        made: dict[int | str, dict[str, Any]] = {201: {"model": ShareAnswer}}
        tags: list[Any] = ["shares"]
        return [
            Route(study, self.form, methods=["GET"]),
            Route(study, self.share, methods=["POST"]),
            Route(shares, self.listed, methods=["GET"]),
            Route(f"{shares}/{{share_id}}", self.receipt, methods=["GET"]),
            Route(f"{shares}/{{share_id}}/reprint", self.reprint, methods=["POST"]),
            Route(f"{shares}/{{share_id}}/revoke", self.revoke_by_form, methods=["POST"]),
            APIRoute(
                "/api/shares",
                self.make,
                methods=["POST"],
                status_code=201,
                responses=made,
                tags=tags,
            ),
            APIRoute(
                "/api/shares/{share_id}",
                self.revoke,
                methods=["DELETE"],
                status_code=204,
                tags=tags,
            ),
        ]

    def form(self, request: Request) -> Response:
        """Show the form that shares a study, and others of the patient with it."""
        return self._form(request, "")

    async def share(self, request: Request) -> Response:
        """Share the chosen studies and answer with the slip."""
        fields = await read_fields(request)
        given = dict(fields)
        uids = [request.path_params["study_uid"]]
        uids += [value for name, value in fields if name == "study"]
        question, days = _question(given.get("question", "")), _days(given.get("days", ""))

        def slip() -> Response:
            studies = self._sharing.studies(uids, caller_of(request).reach)
            made = self._make(request, studies, question, days)
            return self._slip(request, made, studies)

        try:
            return await run_in_threadpool(slip)
        except BadRequestError:
            return await run_in_threadpool(self._form, request, "share.cannot")

    def listed(self, request: Request) -> Response:
        """Show what is shared, the newest first."""
        before = request.query_params.get("before")
        shares = self._shares.listed(limit=LISTED + 1, before=before)
        now, reach = utc_now(), caller_of(request).reach
        shown = [share for share in shares[:LISTED] if self._sharing.is_within(share, reach)]
        context = {
            "shares": [_row(share, now) for share in shown],
            "older": shares[LISTED - 1].id if len(shares) > LISTED else "",
        }
        return self._templates.page(request, "admin/shares.html", context)

    def receipt(self, request: Request) -> Response:
        """Show what became of a share: who opened it, what was looked at and downloaded."""
        share = self._named(request)
        texts = self._templates.texts(request)
        found = self._sharing.found(share, EVERYTHING)
        events = self._audit_log.rows(Wanted(actor=f"{BY_SHARE}{share.id}"), limit=EVENTS)
        numbers = {study_uid_of(study): number for number, study in enumerate(found, 1)}
        context = {
            "share": _row(share, utc_now()),
            "studies": [study_view(each, texts) for each in found],
            "events": [_event(row, numbers) for row in events],
        }
        return self._templates.page(request, "admin/share.html", context)

    async def reprint(self, request: Request) -> Response:
        """Answer with a new slip; the old one opens nothing any more."""
        caller = caller_of(request)

        def slip() -> Response:
            share = self._named(request)
            studies = self._sharing.found(share, EVERYTHING)
            if not studies:
                raise UnknownError("What was shared is not kept here any more.")
            who = self._recorder.who(request, caller)
            made = self._sharing.reprint(who, share, base=self._base(request))
            return self._slip(request, made, studies)

        answer = await run_in_threadpool(slip)
        self._authenticator.forget()
        return answer

    async def revoke_by_form(self, request: Request) -> Response:
        """Take a share back and show the list again."""
        await self.revoke(request, request.path_params["share_id"])
        return RedirectResponse("/admin/shares", HTTPStatus.SEE_OTHER)

    async def make(self, request: Request, wanted: Annotated[ShareRequest, Body()]) -> Response:
        """Share studies for a program that prints slips of its own."""

        def share() -> Made:
            studies = self._sharing.studies(wanted.study_uids, caller_of(request).reach)
            return self._make(request, studies, wanted.question, wanted.days)

        made = await run_in_threadpool(share)
        answer = ShareAnswer(id=made.share.id, url=made.address, expires_at=made.share.expires_at)
        return JSONResponse(answer.model_dump(mode="json"), HTTPStatus.CREATED)

    async def revoke(self, request: Request, share_id: str) -> Response:
        """Take a share back at once; whoever looks at it now sees no more."""
        del share_id
        who = self._recorder.who(request, caller_of(request))
        await run_in_threadpool(lambda: self._sharing.revoke(who, self._named(request)))
        self._authenticator.forget()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    def _named(self, request: Request) -> Share:
        """Return the share in the path, if the caller may see all that it shows."""
        return self._sharing.within(request.path_params["share_id"], caller_of(request).reach)

    def _make(self, request: Request, studies: Any, question: Question, days: int) -> Made:
        who = self._recorder.who(request, caller_of(request))
        return self._sharing.make(
            who, studies, question=question, days=days, base=self._base(request)
        )

    def _slip(self, request: Request, made: Made, studies: Any) -> Response:
        content = self._sharing.slip(made, studies, self._templates.texts(request))
        headers = {"Content-Disposition": f'inline; filename="slip-{made.share.id}.pdf"'}
        return Response(content, media_type="application/pdf", headers=headers)

    def _form(self, request: Request, problem: str) -> Response:
        reach, texts = caller_of(request).reach, self._templates.texts(request)
        (study,) = self._sharing.studies([request.path_params["study_uid"]], reach)
        context = {
            "study": study_view(study, texts),
            "others": [
                study_view(each, texts) for each in self._sharing.of_same_patient(study, reach)
            ],
            "questions": [each for each in Question if answer_of(each, study) is not None],
            "days": DAYS,
            "problem": problem,
        }
        status = HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK
        return self._templates.page(request, "share/new.html", context, status=status)

    def _base(self, request: Request) -> str:
        """Return where patients reach the gateway, which may not be where staff do."""
        here = address.base_url(request, behind_proxy=self._web.behind_proxy)
        return (self._web.public_url or here).rstrip("/")


def _row(share: Share, now: datetime) -> dict[str, Any]:
    return {
        "id": share.id,
        "patient_id": share.patient_key,
        "created_by": share.created_by,
        "created_at": share.created_at,
        "expires_at": share.expires_at,
        "state": _state(share, now),
    }


def _event(row: Recorded, numbers: Mapping[str, int]) -> dict[str, Any]:
    return {
        "at": datetime.fromisoformat(row.at),
        "verb": row.verb,
        "refused": row.outcome == acts.REFUSED,
        "study": numbers.get(row.study_uid, 0),
        "address": row.address,
    }


def _state(share: Share, now: datetime) -> str:
    if share.revoked_at is not None:
        return "revoked"
    if share.expires_at <= now:
        return "expired"
    return "open" if is_open(share, now) else "locked"


def _question(text: str) -> Question:
    try:
        return Question(text)
    except ValueError as error:
        raise BadRequestError("There is no such question.") from error


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise BadRequestError("Days are a whole number.")
    return int(text)
