"""`/view`: links of the EMR, turned into a session for exactly their studies; and `/api/links`."""

import secrets
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Body, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from ulid import ULID

from pacs_gateway.access import links
from pacs_gateway.access.links import Link, LinkKey, LinkRefusedError
from pacs_gateway.access.secrets import new_secret, secret_sha256
from pacs_gateway.archive.display import studies_asked
from pacs_gateway.audit import acts
from pacs_gateway.errors import BadRequestError, UnknownError
from pacs_gateway.web import address
from pacs_gateway.web.access import GUEST_COOKIE, caller_of
from pacs_gateway.web.authentication import Authenticator
from pacs_gateway.web.problems import TooManyAttemptsError
from pacs_gateway.web.services import Services
from pacs_gateway.web.session import SessionCookies
from pacs_gateway.web.templating import Templates
from pacs_gateway.web.throttle import LoginThrottle
from storage.guests import Guest
from storage.links import Followed, StoredKey
from storage.records import utc_now

REVOCATIONS_KEPT = timedelta(days=366)
"""A link may be signed today and become valid later, but nobody signs a year ahead."""
OWN_ISSUER = "gateway"
"""Issuer of the key that links of `/api/links` are signed with."""

REFUSALS, PAUSE_S = 60, 60.0
"""Refused links of one address that go on record in a row; anybody may send any number."""


class LinkRequest(BaseModel):
    """What a link is to open: parameters of Invoke Image Display."""

    parameters: dict[str, str] = Field(
        max_length=20,
        examples=[{"requestType": "STUDY", "accessionNumber": "A1234"}],
        description="requestType and studyUID, accessionNumber or patientID",
    )


class LinkAnswer(BaseModel):
    """A link that is valid for the next minutes and opens once."""

    url: str
    nonce: str = Field(description="names the link when it is to be revoked")
    expires_at: datetime


class ViewEndpoints:
    """The routes that follow, make and revoke links."""

    def __init__(
        self, services: Services, authenticator: Authenticator, templates: Templates
    ) -> None:
        self._links = services.links
        self._guests = services.guests
        self._index = services.index
        self._audit_log = services.audit_log
        self._recorder = services.recorder
        self._authenticator = authenticator
        self._templates = templates
        self._refusals = LoginThrottle(attempts=REFUSALS, pause_s=PAUSE_S)
        settings = services.settings
        self._audience = settings.access.link_audience
        self._hours = settings.access.guest_hours
        self._behind_proxy = settings.web.behind_proxy
        self._cookies = SessionCookies(
            hours=self._hours, secure=self._behind_proxy, name=GUEST_COOKIE
        )

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        made: dict[int | str, dict[str, Any]] = {201: {"model": LinkAnswer}}
        return [
            Route("/view", self.view, methods=["GET"]),
            APIRoute(
                "/api/links",
                self.make,
                methods=["POST"],
                status_code=201,
                responses=made,
                tags=["links"],
            ),
            APIRoute(
                "/api/links/{nonce}",
                self.revoke,
                methods=["DELETE"],
                status_code=204,
                tags=["links"],
            ),
        ]

    async def view(self, request: Request) -> Response:
        """Follow a link; a browser that only looks ahead does not use it up."""
        looks_ahead = "prefetch" in request.headers.get("sec-purpose", "")
        if request.method == "HEAD" or looks_ahead:
            return Response(status_code=HTTPStatus.NO_CONTENT)
        try:
            return await run_in_threadpool(self._view, request)
        except LinkRefusedError as refused:
            await run_in_threadpool(self._note_refusal, request, refused)
            return self._page(request, "link_refused", HTTPStatus.FORBIDDEN)

    async def make(self, request: Request, wanted: Annotated[LinkRequest, Body()]) -> Response:
        """Make a link for a program that would rather not sign by itself."""
        made = await run_in_threadpool(self._make, request, wanted.parameters)
        return JSONResponse(made.model_dump(mode="json"), HTTPStatus.CREATED)

    async def revoke(self, request: Request, nonce: str) -> Response:
        """Refuse a link from now on, used or not, and end the session it opened."""
        now, who = utc_now(), self._recorder.who(request, caller_of(request))
        until = now + REVOCATIONS_KEPT
        entry = acts.link_revoked(who, nonce=nonce)
        await run_in_threadpool(
            lambda: self._links.revoke(nonce, by=who.name, at=now, until=until, entry=entry)
        )
        self._authenticator.forget()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    def _note_refusal(self, request: Request, refused: LinkRefusedError) -> None:
        """Put a refused link on record; of a flood only the beginning, lest it fill the disk."""
        who = self._recorder.who(request, None)
        try:
            self._refusals.attempt("", who.address)
        except TooManyAttemptsError:
            return
        entry = acts.link_refused(who, reason=refused.reason, nonce=refused.nonce)
        self._audit_log.append(entry)

    def _view(self, request: Request) -> Response:
        now = utc_now()
        link = self._verified(request, now)
        try:
            study_uids = studies_asked(self._index, link.asked)
        except BadRequestError as error:
            raise LinkRefusedError(str(error), link.nonce) from error
        if not study_uids:
            # Whoever signed may know; the link stays good for when the images have come.
            return self._page(request, "link_nothing", HTTPStatus.NOT_FOUND)
        response = RedirectResponse(_clean_address(study_uids), HTTPStatus.SEE_OTHER)
        if self._is_open(request, link):
            return response
        self._cookies.give(response, self._open(request, link, study_uids, now))
        return response

    def _verified(self, request: Request, now: datetime) -> Link:
        try:
            query = request.scope["query_string"].decode("ascii")
        except UnicodeDecodeError as error:
            raise LinkRefusedError("not ASCII") from error
        return links.verified(query, self._key, audience=self._audience, now=now)

    def _key(self, key_id: str) -> LinkKey | None:
        found = self._links.key(key_id)
        return LinkKey(id=found.id, secret=found.secret) if found else None

    def _is_open(self, request: Request, link: Link) -> bool:
        """Return whether this browser has followed this link already."""
        secret = request.cookies.get(GUEST_COOKIE)
        guest = self._guests.guest(secret_sha256(secret)) if secret else None
        return guest is not None and (guest.source, guest.source_id) == ("link", link.nonce)

    def _open(self, request: Request, link: Link, study_uids: list[str], now: datetime) -> str:
        secret = new_secret()
        guest = Guest(
            id=str(ULID()),
            token_sha256=secret_sha256(secret),
            source="link",
            source_id=link.nonce,
            created_at=now,
            expires_at=now + timedelta(hours=self._hours),
        )
        key = self._links.key(link.key_id)
        entry = acts.link_followed(
            self._recorder.who(request, None),
            nonce=link.nonce,
            issuer=key.issuer if key else "",
            studies=len(study_uids),
        )
        followed = self._links.follow(
            link.nonce,
            link.key_id,
            guest,
            study_uids,
            expires_at=link.expires_at + links.CLOCK_SKEW,
            entry=entry,
        )
        if followed is not Followed.OPENED:
            raise LinkRefusedError(followed.name.lower().replace("_", " "), link.nonce)
        return secret

    def _make(self, request: Request, parameters: dict[str, str]) -> LinkAnswer:
        who, now = self._recorder.who(request, caller_of(request)), utc_now()
        study_uids = studies_asked(self._index, parameters)
        if not study_uids:
            raise UnknownError("No such study is kept here.")
        nonce = secrets.token_urlsafe(16)
        query = links.signed(
            parameters, self._own_key(who), nonce=nonce, audience=self._audience, now=now
        )
        if len(query) > links.MAX_QUERY_CHARACTERS:
            raise BadRequestError("The link would be longer than addresses may be.")
        self._audit_log.append(acts.link_made(who, nonce=nonce, studies=len(study_uids)))
        base = address.base_url(request, behind_proxy=self._behind_proxy)
        return LinkAnswer(url=f"{base}/view?{query}", nonce=nonce, expires_at=now + links.LONGEST)

    def _own_key(self, who: acts.Who) -> LinkKey:
        """Return the gateway's own key, made when it is first needed."""
        live = [
            key
            for key in self._links.all_keys()
            if key.issuer == OWN_ISSUER and key.retired_at is None
        ]
        if not live:
            key = StoredKey(
                id=str(ULID()), issuer=OWN_ISSUER, secret=new_secret(), created_at=utc_now()
            )
            entry = acts.key_changed(who, key=key.id, issuer=OWN_ISSUER, change="added")
            if not self._links.add_key(key, most=1, entry=entry):
                return self._own_key(who)
            live = [key]
        return LinkKey(id=live[-1].id, secret=live[-1].secret)

    def _page(self, request: Request, message: str, status: HTTPStatus) -> Response:
        # A change of language must not carry the link along.
        context = {"message": message, "here": "/"}
        return self._templates.page(request, "message.html", context, status=status)


def _clean_address(study_uids: list[str]) -> str:
    """Return where a guest sees the studies; nothing of the link is in it."""
    return f"/studies/{quote(study_uids[0])}" if len(study_uids) == 1 else "/"
