"""`/orders`: the list of orders, one order with its form and history, and today's worklist."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.errors import BadRequestError, UnknownError
from pacs_gateway.ris.placing import searchable
from pacs_gateway.ris.states import NEXT, OrderStateError
from pacs_gateway.ris.values import Control, OrderError, OrderRequest, PatientTold
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.forms import read_form
from pacs_gateway.web.orders import day_of
from pacs_gateway.web.orderviews import OrderView, form_of, order_view, patient_view
from pacs_gateway.web.services import Services
from pacs_gateway.web.studylist import read_page
from pacs_gateway.web.templating import Templates
from storage.orders import OrderState, Priority, Step, StepState, Wanted
from storage.patients import Identifier, NumberKind
from storage.records import utc_now

PATH = "/orders"
PER_PAGE = 50
MOST_TODAY = 1000
MAX_DIGITS = 9
MODALITIES = ("CR", "CT", "DX", "MG", "MR", "NM", "PT", "RF", "US", "XA")

_OPEN = (StepState.SCHEDULED, StepState.IN_PROGRESS, StepState.COMPLETED)


class OrderPages:
    """The routes of the pages of orders."""

    def __init__(self, services: Services, templates: Templates) -> None:
        self._desk = services.desk
        self._recorder = services.recorder
        self._templates = templates

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [
            Route(PATH, self.list, methods=["GET"]),
            Route(PATH, self.place, methods=["POST"]),
            Route(f"{PATH}/new", self.new, methods=["GET"]),
            Route(f"{PATH}/today", self.today, methods=["GET"]),
            Route(f"{PATH}/{{order_id}}", self.show, methods=["GET"]),
            Route(f"{PATH}/{{order_id}}/merge", self.merge, methods=["POST"]),
            Route(f"{PATH}/{{order_id}}/merge/{{merge_id}}", self.unmerge, methods=["POST"]),
            Route(f"{PATH}/{{order_id}}/change", self.place, methods=["POST"]),
            Route(f"{PATH}/{{order_id}}/{{act}}", self.decide, methods=["POST"]),
        ]

    def list(self, request: Request) -> Response:
        """List orders; every filter is in the address."""
        query, texts = request.query_params, self._templates.texts(request)
        page = read_page(query)
        found = self._desk.orders(_wanted(query), limit=PER_PAGE + 1, offset=(page - 1) * PER_PAGE)
        context = {
            "orders": [order_view(each, texts) for each in found[:PER_PAGE]],
            "filters": {name: query.get(name, "") for name in _FILTERS},
            "states": list(OrderState),
            "modalities": MODALITIES,
            "previous": _page_address(query, page - 1) if page > 1 else "",
            "next": _page_address(query, page + 1) if len(found) > PER_PAGE else "",
            "waiting": self._desk.waiting(limit=1)[1],
        }
        return self._templates.page(request, "orders/list.html", context)

    def new(self, request: Request) -> Response:
        """Show the form for a new order, for today and now."""
        now = datetime.now().astimezone()
        given = {"day": f"{now:%Y-%m-%d}", "time": f"{now:%H:%M}", "priority": Priority.ROUTINE}
        return self._form(request, given)

    def show(self, request: Request) -> Response:
        """Show an order, with what may be done with it."""
        return self._order(request, request.path_params["order_id"])

    async def place(self, request: Request) -> Response:
        """Place an order, or change the one in the path."""
        form = await read_form(request)
        order_id = str(request.path_params.get("order_id", ""))
        caller = caller_of(request)
        who = self._recorder.who(request, caller)
        try:
            wanted = _request(form, order_id, source=f"page:{caller.name}")
            placed = await run_in_threadpool(self._desk.place, wanted, who)
        except (OrderError, BadRequestError) as error:
            if order_id:
                return await run_in_threadpool(
                    self._order, request, order_id, form, problem=str(error)
                )
            return await run_in_threadpool(self._form, request, form, problem=str(error))
        return RedirectResponse(f"{PATH}/{placed.order.id}", HTTPStatus.SEE_OTHER)

    async def decide(self, request: Request) -> Response:
        """Cancel an order, break it off, or bring it back."""
        order_id, act = request.path_params["order_id"], request.path_params["act"]
        await read_form(request)
        caller = caller_of(request)
        who = self._recorder.who(request, caller)
        try:
            if act == "restore":
                await run_in_threadpool(self._desk.restore, order_id, who)
            elif act in (Control.CANCEL, Control.DISCONTINUE):
                wanted = OrderRequest(
                    control=Control(act),
                    source=f"page:{caller.name}",
                    told_at=utc_now(),
                    order_id=order_id,
                )
                await run_in_threadpool(self._desk.place, wanted, who)
            else:
                raise UnknownError("Nothing of this kind can be done with an order.")
        except OrderStateError as error:
            return await run_in_threadpool(self._order, request, order_id, problem=str(error))
        return RedirectResponse(f"{PATH}/{order_id}", HTTPStatus.SEE_OTHER)

    async def merge(self, request: Request) -> Response:
        """Make one of the order's patient and whoever has the number in the form."""
        order_id = request.path_params["order_id"]
        number = (await read_form(request)).get("number", "").strip()
        who = self._recorder.who(request, caller_of(request))
        try:
            await run_in_threadpool(self._desk.merge_number, order_id, number, who)
        except OrderError as error:
            return await run_in_threadpool(self._order, request, order_id, problem=str(error))
        return RedirectResponse(f"{PATH}/{order_id}", HTTPStatus.SEE_OTHER)

    async def unmerge(self, request: Request) -> Response:
        """Take a merge back."""
        order_id, merge_id = request.path_params["order_id"], request.path_params["merge_id"]
        if not (merge_id.isascii() and merge_id.isdigit() and len(merge_id) <= MAX_DIGITS):
            raise UnknownError("No merge has such a number.")
        await read_form(request)
        who = self._recorder.who(request, caller_of(request))
        await run_in_threadpool(self._desk.unmerge, int(merge_id), who)
        return RedirectResponse(f"{PATH}/{order_id}", HTTPStatus.SEE_OTHER)

    def today(self, request: Request) -> Response:
        """Show what is planned on a day, by room and modality."""
        query, texts = request.query_params, self._templates.texts(request)
        day = day_of(query.get("day", "")) or f"{datetime.now().astimezone():%Y%m%d}"
        found = self._desk.steps(_OPEN, first_day=day, last_day=day, limit=MOST_TODAY)
        rooms: defaultdict[tuple[str, str], list[tuple[OrderView, Any]]] = defaultdict(list)
        for listed, step in found:
            view = order_view(listed, texts)
            shown = next(each for each in view.steps if each.step_id == step.step_id)
            rooms[step.room or step.station_ae, step.modality].append((view, shown))
        context = {
            "day": f"{day[:4]}-{day[4:6]}-{day[6:]}",
            "rooms": sorted(rooms.items()),
            "number": len(found),
        }
        return self._templates.page(request, "orders/today.html", context)

    def _form(self, request: Request, given: Mapping[str, str], *, problem: str = "") -> Response:
        context = {"given": given, "problem": problem, **_choices()}
        status = HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK
        return self._templates.page(request, "orders/new.html", context, status=status)

    def _order(
        self,
        request: Request,
        order_id: str,
        given: Mapping[str, str] | None = None,
        *,
        problem: str = "",
    ) -> Response:
        texts = self._templates.texts(request)
        whole = self._desk.order(order_id)
        order, person = whole.listed.order, whole.listed.person
        context = {
            "order": order_view(whole.listed, texts),
            "study_uid": order.study_uid,
            "given": given if given is not None else form_of(order, person),
            "numbers": person.identifiers if person is not None else (),
            "history": [(texts.moment(each.at), each, _key(each.what)) for each in whole.history],
            "studies": whole.studies,
            "alike": [patient_view(each, texts) for each in whole.alike],
            "merges": [
                (each.id, texts.moment(each.merged_at), patient_view(other, texts))
                for each, other in whole.merges
            ],
            "may_cancel": order.state is OrderState.SCHEDULED,
            "may_discontinue": order.state is OrderState.IN_PROGRESS,
            "may_restore": order.state in (OrderState.CANCELLED, OrderState.DISCONTINUED)
            and OrderState.SCHEDULED in NEXT[order.state],
            "problem": problem,
            **_choices(),
        }
        status = HTTPStatus.CONFLICT if problem else HTTPStatus.OK
        return self._templates.page(request, "orders/order.html", context, status=status)


_FILTERS = ("q", "state", "modality", "from", "to")
_KINDS = (NumberKind.MRN, NumberKind.CITIZEN, NumberKind.INSURANCE)


def _choices() -> dict[str, Any]:
    return {"modalities": MODALITIES, "priorities": list(Priority)}


def _key(what: str) -> str:
    """Return the key of what happened; a page in another language shows its own words."""
    return f"orders.what.{what.replace(' ', '_')}"


def _wanted(query: Mapping[str, str]) -> Wanted:
    state = query.get("state", "")
    return Wanted(
        states=(OrderState(state),) if state in set(OrderState) else (),
        first_day=day_of(query.get("from", "")),
        last_day=day_of(query.get("to", "")),
        modality=query.get("modality", "")[:16],
        text=searchable(query.get("q", "")[:64]),
    )


def _page_address(query: Mapping[str, str], page: int) -> str:
    given = {name: query[name] for name in _FILTERS if query.get(name)}
    return f"{PATH}?{urlencode({**given, 'page': page})}"


def _request(form: Mapping[str, str], order_id: str, *, source: str) -> OrderRequest:
    """Return what a form wants. Raises OrderError, BadRequestError."""
    given = {name: value.strip() for name, value in form.items()}
    priority = given.get("priority", "")
    numbers = tuple(
        Identifier(kind, value, given.get("issuer", "") if kind is NumberKind.MRN else "")
        for kind in _KINDS
        if (value := given.get(kind.value, ""))
    )
    step = Step(
        step_id=given.get("step_id", ""),
        modality=given.get("modality", ""),
        station_ae=given.get("station_ae", ""),
        room=given.get("room", ""),
        date=day_of(given.get("day", "")),
        time=given.get("time", "").replace(":", ""),
        description=given.get("procedure", ""),
    )
    return OrderRequest(
        control=Control.CHANGE if order_id else Control.NEW,
        source=source,
        told_at=utc_now(),
        order_id=order_id,
        patient=PatientTold(
            name=" ".join(given.get("name", "").replace("\\", " ").split()),
            birth_date=day_of(given.get("birth_date", "")),
            sex=given.get("sex", ""),
            identifiers=numbers,
        ),
        priority=Priority(priority) if priority in set(Priority) else None,
        procedure_text=given.get("procedure", ""),
        procedure_code=given.get("code", ""),
        body_part=given.get("body_part", ""),
        reason=given.get("reason", ""),
        doctor=given.get("doctor", ""),
        ward=given.get("ward", ""),
        steps=(step,),
    )
