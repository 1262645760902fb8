"""`/inbox`: studies without an order, each with those that it may belong to, settled by one tap."""

from http import HTTPStatus
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.errors import BadRequestError, UnknownError
from pacs_gateway.ris.arrival import facts_in, facts_of
from pacs_gateway.ris.placing import searchable
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.display import study_view
from pacs_gateway.web.forms import read_form
from pacs_gateway.web.language import Texts
from pacs_gateway.web.orderviews import order_view
from pacs_gateway.web.services import Services
from pacs_gateway.web.studylist import read_page
from pacs_gateway.web.templating import Templates
from storage.inbox import Unmatched
from storage.orders import Wanted
from storage.reach import EVERYTHING
from storage.records import Level, Match, MatchKind, QuerySpec

PATH = "/inbox"
PER_PAGE = 20
MOST_HINTS = 5
ULID_CHARACTERS = 26


class InboxPages:
    """The routes of the inbox."""

    def __init__(self, services: Services, templates: Templates) -> None:
        self._desk = services.desk
        self._index = services.index
        self._recorder = services.recorder
        self._templates = templates

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [
            Route(PATH, self.show, methods=["GET"]),
            Route(f"{PATH}/{{study_uid}}/{{act}}", self.decide, methods=["POST"]),
        ]

    def show(self, request: Request) -> Response:
        """Show the studies that wait; `?settled=` offers to take the last act back."""
        texts, page = self._templates.texts(request), read_page(request.query_params)
        found, number = self._desk.waiting(limit=PER_PAGE, offset=(page - 1) * PER_PAGE)
        settled = request.query_params.get("settled", "")
        context = {
            "studies": [shown for each in found if (shown := self._waiting(each, texts))],
            "number": number,
            "previous": f"{PATH}?page={page - 1}" if page > 1 else "",
            "next": f"{PATH}?page={page + 1}" if page * PER_PAGE < number else "",
            "settled": settled if is_uid(settled) else "",
        }
        return self._templates.page(request, "orders/inbox.html", context)

    async def decide(self, request: Request) -> Response:
        """Put a study to an order (`settle`), to none (`dismiss`), or take that back (`undo`)."""
        study_uid, act = request.path_params["study_uid"], request.path_params["act"]
        if not is_uid(study_uid):
            raise UnknownError("No study can have such a UID.")
        form = await read_form(request)
        who = self._recorder.who(request, caller_of(request))
        if act == "undo":
            await run_in_threadpool(self._desk.undo, study_uid, who)
            return RedirectResponse(PATH, HTTPStatus.SEE_OTHER)
        if act == "dismiss":
            await run_in_threadpool(self._desk.dismiss, study_uid, who)
        elif act == "settle":
            facts = await run_in_threadpool(facts_of, self._index, study_uid)
            if facts is None:
                raise UnknownError("No such study is kept here.")
            order_id = await run_in_threadpool(self._order_id, form.get("order", "").strip())
            await run_in_threadpool(self._desk.settle, facts, order_id, who)
        else:
            raise UnknownError("Nothing of this kind can be done with a study.")
        return RedirectResponse(f"{PATH}?settled={study_uid}", HTTPStatus.SEE_OTHER)

    def _order_id(self, told: str) -> str:
        """Return the order that a tap or a typed number means. Raises BadRequestError."""
        if len(told) == ULID_CHARACTERS:
            return told
        found = self._desk.orders(Wanted(text=searchable(told)), limit=2) if told else []
        if len(found) != 1:
            raise BadRequestError("No order, or more than one, has this number.")
        return found[0].order.id

    def _waiting(self, waiting: Unmatched, texts: Texts) -> dict[str, Any] | None:
        """Return a study with its hints, None if it was deleted meanwhile."""
        match = Match("StudyInstanceUID", MatchKind.EQUAL, (waiting.study_uid,))
        found = self._index.search(QuerySpec(level=Level.STUDY, matches=(match,)), reach=EVERYTHING)
        if not found:
            return None
        hints = self._desk.hints(facts_in(found[0]), limit=MOST_HINTS)
        return {
            "study": study_view(found[0], texts),
            "why": f"inbox.why.{waiting.reason.replace(' ', '_')}",
            "hints": [order_view(each, texts) for each in hints],
        }
