"""Sharing, for patients: the page behind the QR code, and what it opens.

Invariant: the page is the same whether its address was ever given out or not, and so is the answer
to a wrong answer; nothing of the patient is shown before the right one.
"""

import asyncio
from base64 import b64encode
from datetime import datetime, timedelta
from http import HTTPStatus

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from ulid import ULID

from pacs_gateway.access.passwords import hash_of_nobody, verify_password
from pacs_gateway.access.roles import Role
from pacs_gateway.access.secrets import new_secret, secret_sha256
from pacs_gateway.access.shares import Question, given_answer
from pacs_gateway.audit import acts
from pacs_gateway.audit.acts import Who
from pacs_gateway.errors import UnknownError
from pacs_gateway.imaging.options import RenderOptions, Viewport
from pacs_gateway.web.access import GUEST_COOKIE, caller_of
from pacs_gateway.web.display import study_view
from pacs_gateway.web.forms import read_form
from pacs_gateway.web.login import HASHES_AT_ONCE
from pacs_gateway.web.packages import Packages
from pacs_gateway.web.problems import TooManyAttemptsError
from pacs_gateway.web.rendered import RenderedEndpoints
from pacs_gateway.web.services import Services
from pacs_gateway.web.session import SessionCookies
from pacs_gateway.web.sharing import BY_SHARE, Sharing, is_open, study_uid_of
from pacs_gateway.web.streaming import Content, answer_of
from pacs_gateway.web.templating import Templates
from pacs_gateway.web.throttle import LoginThrottle
from storage.guests import Guest
from storage.reach import EVERYTHING
from storage.records import Found, utc_now
from storage.shares import Share

ATTEMPTS, PAUSE_S = 30, 60.0
"""Answers from one address a minute, over all shares: a ward's patients share one network."""
FIRST_PICTURE = RenderOptions(quality=70, viewport=Viewport(columns=480, rows=480))
"""As wide as a phone, and about 20 kB."""


class SharedEndpoints:
    """The routes of `/s/…` and `/shared`."""

    def __init__(
        self,
        services: Services,
        sharing: Sharing,
        rendered: RenderedEndpoints,
        packages: Packages,
        templates: Templates,
    ) -> None:
        self._sharing = sharing
        self._rendered = rendered
        self._shares = services.shares
        self._packages = packages
        self._audit_log = services.audit_log
        self._recorder = services.recorder
        self._templates = templates
        self._hospital = services.settings.hospital.name
        self._hours = services.settings.access.guest_hours
        self._cookies = SessionCookies(
            hours=self._hours, secure=services.settings.web.behind_proxy, name=GUEST_COOKIE
        )
        self._throttle = LoginThrottle(attempts=ATTEMPTS, pause_s=PAUSE_S)
        self._hashing = asyncio.Semaphore(HASHES_AT_ONCE)
        # A share that does not exist takes as long as one that does.
        self._nobody = hash_of_nobody()

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [
            Route("/s/{token}", self.ask, methods=["GET"]),
            Route("/s/{token}", self.answer, methods=["POST"]),
            Route("/shared", self.shared, methods=["GET"]),
            Route("/shared/download", self.download, methods=["GET"]),
        ]

    def ask(self, request: Request) -> Response:
        """Ask what the patient knows, and make the first picture while they type."""
        page = self._page(request)
        page.background = BackgroundTask(self._prepare, request.path_params["token"])
        return page

    async def answer(self, request: Request) -> Response:
        """Open the share for the right answer."""
        form = await read_form(request)
        who = self._recorder.who(request, None)
        try:
            self._throttle.attempt("", who.address)
        except TooManyAttemptsError:
            return self._page(request, "share.paused", HTTPStatus.TOO_MANY_REQUESTS)
        async with self._hashing:
            secret = await run_in_threadpool(
                self._opened, request.path_params["token"], form.get("answer", ""), who
            )
        if secret is None:
            return self._page(request, "share.wrong", HTTPStatus.FORBIDDEN)
        self._throttle.success("", who.address)
        response = RedirectResponse("/shared", HTTPStatus.SEE_OTHER)
        self._cookies.give(response, secret)
        return response

    async def shared(self, request: Request) -> Response:
        """Show what is shared, the first picture within the page."""
        _, found = await run_in_threadpool(self._of, request)
        if found:
            # The page shows a picture of it, which nothing else records.
            uid = study_uid_of(found[0])
            await self._recorder.study_viewed(request, caller_of(request), uid)
        return await run_in_threadpool(self._shared, request, found)

    def _shared(self, request: Request, found: list[Found]) -> Response:
        texts = self._templates.texts(request)
        views = [study_view(each, texts) for each in found]
        context = {
            "studies": views,
            "files": sum(view.instance_count for view in views),
            "first_picture": self._first_picture(views[0].uid) if views else "",
        }
        return self._templates.page(request, "share/shared.html", context)

    def _first_picture(self, study_uid: str) -> str:
        """Return a picture as an address that holds it: on a slow line, one journey less."""
        picture = self._rendered.preview(study_uid, FIRST_PICTURE)
        return f"data:image/jpeg;base64,{b64encode(picture).decode()}" if picture else ""

    async def download(self, request: Request) -> Response:
        """Answer with a ZIP of everything, whose length is known beforehand."""

        def whole() -> Content:
            _, found = self._of(request)
            if not found:
                raise UnknownError("What was shared is not kept here any more.")
            return self._packages.content(request, [study_uid_of(each) for each in found])

        return await answer_of(request, whole)

    def _prepare(self, token: str) -> None:
        share = self._shares.of_token(secret_sha256(token))
        if share is None or not is_open(share, utc_now()):
            return
        found = self._sharing.found(share, EVERYTHING)
        if found:
            self._rendered.preview(study_uid_of(found[0]), FIRST_PICTURE)

    def _opened(self, token: str, text: str, who: Who) -> str | None:
        """Return the secret of a new session, None if the answer or the share is not right."""
        share, now = self._shares.of_token(secret_sha256(token)), utc_now()
        refused = self._why_not(share, text, now)
        if share is None:
            self._audit_log.append(acts.share_refused(who, share="", reason=refused))
            return None
        named = Who(name=f"{BY_SHARE}{share.id}", role=Role.GUEST, address=who.address)
        secret = None if refused else self._open(share, named, now)
        if secret is None:
            reason = refused or "closed"
            self._audit_log.append(acts.share_refused(named, share=share.id, reason=reason))
        return secret

    def _why_not(self, share: Share | None, text: str, now: datetime) -> str:
        """Return why a share stays closed, empty if it opens; always costs the same."""
        tried = share is not None and is_open(share, now) and self._shares.count_try(share.id)
        question = Question(share.question) if share else Question.BIRTH_DATE
        right = verify_password(
            share.answer_hash if share is not None and tried else self._nobody,
            given_answer(question, text) or "",
        )
        if share is None:
            return "unknown"
        if not tried:
            return "closed"
        return "" if right else "wrong answer"

    def _open(self, share: Share, who: Who, now: datetime) -> str | None:
        """Return the secret of a new session, None if the share was revoked meanwhile."""
        secret = new_secret()
        guest = Guest(
            id=str(ULID()),
            token_sha256=secret_sha256(secret),
            source="share",
            source_id=share.id,
            created_at=now,
            expires_at=min(now + timedelta(hours=self._hours), share.expires_at),
        )
        uids = self._shares.studies(share.id)
        entry = acts.share_opened(who, share=share.id)
        return secret if self._shares.open(share, guest, uids, entry=entry) else None

    def _of(self, request: Request) -> tuple[Share, list[Found]]:
        """Return the share that a guest came by, and its studies.

        Raises UnknownError for anybody else.
        """
        caller = caller_of(request)
        share = None
        for holder in caller.reach.holders:
            share = share or self._shares.of_guest(holder.removeprefix("guest:"))
        if share is None:
            raise UnknownError("Nothing is shared with you here.")
        return share, self._sharing.found(share, caller.reach)

    def _page(
        self, request: Request, problem: str = "", status: HTTPStatus = HTTPStatus.OK
    ) -> Response:
        # Here an answer was posted; a change of language leads back to the question.
        context = {"problem": problem, "here": request.url.path, "hospital": self._hospital}
        return self._templates.page(request, "share/ask.html", context, status=status)
