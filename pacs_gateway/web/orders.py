"""`/api/orders`: orders as plain JSON, for systems that speak neither HL7 nor FHIR."""

import re
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Body, Header, Query, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from pacs_gateway.errors import BadRequestError
from pacs_gateway.ris.desk import Listed, Whole
from pacs_gateway.ris.placing import Outcome, searchable
from pacs_gateway.ris.values import Control, OrderRequest, PatientTold
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.services import Services
from storage.orders import OrderState, Priority, Step, Wanted
from storage.patients import Identifier, NumberKind
from storage.records import utc_now

PATH = "/api/orders"
LISTED = 100
MOST_LISTED = 500

_DAY = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
_PRIORITIES = {"stat": Priority.STAT, "high": Priority.HIGH, "routine": Priority.ROUTINE}


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class NumberTold(_Told):
    """A number of a patient."""

    kind: NumberKind = NumberKind.MRN
    value: str = Field(min_length=1, max_length=64)
    issuer: str = Field("", max_length=64)


class PatientBody(_Told):
    """A patient."""

    name: str = Field("", max_length=192, description="Family^Given, or as it is spoken")
    birth_date: str = Field("", max_length=10, description="YYYY-MM-DD")
    sex: str = Field("", max_length=1, description="M, F or O")
    identifiers: list[NumberTold] = Field(default=[], max_length=20)


class StepBody(_Told):
    """One scheduled step."""

    id: str = Field("", max_length=16)
    modality: str = Field("", max_length=16, examples=["CT"])
    station_ae: str = Field("", max_length=16)
    room: str = Field("", max_length=16)
    start: datetime | None = None
    description: str = Field("", max_length=4096)
    performer: str = Field("", max_length=64)


class OrderBody(_Told):
    """An order, or a change of one."""

    control: Control = Control.NEW
    told_at: datetime | None = Field(None, description="When it was said; unset: now")
    order_id: str = Field("", max_length=26)
    placer_number: str = Field("", max_length=64)
    placer_issuer: str = Field("", max_length=64)
    filler_number: str = Field("", max_length=64)
    accession_number: str = Field("", max_length=16)
    accession_issuer: str = Field("", max_length=64)
    study_uid: str = Field("", max_length=64)
    patient: PatientBody = PatientBody()
    priority: str = Field("", pattern="^(|stat|high|routine)$")
    procedure_code: str = Field("", max_length=64)
    procedure_scheme: str = Field("", max_length=64)
    procedure_text: str = Field("", max_length=4096)
    body_part: str = Field("", max_length=64)
    reason: str = Field("", max_length=4096)
    doctor: str = Field("", max_length=64)
    ward: str = Field("", max_length=64)
    comment: str = Field("", max_length=4096)
    steps: list[StepBody] = Field(default=[], max_length=50)


class OrderEndpoints:
    """The routes of the JSON API of orders."""

    def __init__(self, services: Services) -> None:
        self._desk = services.desk
        self._recorder = services.recorder

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [
            APIRoute(PATH, self.place, methods=["POST"], tags=["orders"]),
            APIRoute(PATH, self.list, methods=["GET"], tags=["orders"]),
            APIRoute(f"{PATH}/{{order_id}}", self.show, methods=["GET"], tags=["orders"]),
        ]

    async def place(
        self,
        request: Request,
        body: Annotated[OrderBody, Body()],
        idempotency_key: Annotated[str, Header(max_length=64)] = "",
    ) -> Response:
        """Place, change, cancel or discontinue an order; the same again changes nothing.

        An order is told by `placerNumber`, or else by the header `Idempotency-Key`.
        """
        caller = caller_of(request)
        wanted = request_of(body, source=f"api:{caller.name}", idempotency_key=idempotency_key)
        who = self._recorder.who(request, caller)
        placed = await run_in_threadpool(self._desk.place, wanted, who)
        whole = await run_in_threadpool(self._desk.order, placed.order.id)
        status = HTTPStatus.CREATED if placed.outcome is Outcome.CREATED else HTTPStatus.OK
        location = {"Location": f"{PATH}/{placed.order.id}"}
        answer = {"outcome": placed.outcome, **whole_json(whole)}
        return JSONResponse(answer, status, headers=location)

    async def list(
        self,
        state: Annotated[list[OrderState] | None, Query()] = None,
        day_from: Annotated[str, Query(alias="from", max_length=10)] = "",
        day_to: Annotated[str, Query(alias="to", max_length=10)] = "",
        modality: Annotated[str, Query(max_length=16)] = "",
        room: Annotated[str, Query(max_length=16)] = "",
        text: Annotated[str, Query(alias="q", max_length=64)] = "",
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = LISTED,
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    ) -> Response:
        """List orders, the newest first."""
        wanted = Wanted(
            states=tuple(state or ()),
            first_day=day_of(day_from),
            last_day=day_of(day_to),
            modality=modality,
            room=room,
            text=searchable(text),
        )
        found = await run_in_threadpool(
            lambda: self._desk.orders(wanted, limit=limit, offset=offset)
        )
        return JSONResponse({"orders": [order_json(each) for each in found]})

    async def show(self, order_id: str) -> Response:
        """Show an order with its history and studies."""
        return JSONResponse(whole_json(await run_in_threadpool(self._desk.order, order_id)))


def request_of(body: OrderBody, *, source: str, idempotency_key: str = "") -> OrderRequest:
    """Return what a body wants. Raises BadRequestError."""
    same = {
        name: getattr(body, name)
        for name in (
            "control", "order_id", "placer_issuer", "filler_number", "accession_number",
            "accession_issuer", "study_uid", "procedure_code", "procedure_scheme",
            "procedure_text", "body_part", "reason", "doctor", "ward", "comment",
        )
    }  # fmt: skip
    told_at = body.told_at.astimezone() if body.told_at is not None else utc_now()
    patient = body.patient
    numbers = tuple(Identifier(each.kind, each.value, each.issuer) for each in patient.identifiers)
    return OrderRequest(
        **same,
        source=source,
        told_at=told_at,
        # A key of the caller's own must not be somebody else's placer number.
        placer_number=body.placer_number
        or (f"{source} {idempotency_key}" if idempotency_key else ""),
        patient=PatientTold(
            name=patient.name.strip(),
            birth_date=day_of(patient.birth_date),
            sex=patient.sex,
            identifiers=numbers,
        ),
        priority=_PRIORITIES.get(body.priority),
        steps=tuple(_step(each) for each in body.steps),
    )


def day_of(text: str) -> str:
    """Return YYYYMMDD of a day written with or without hyphens. Raises BadRequestError."""
    if not text:
        return ""
    found = _DAY.fullmatch(text)
    if found is None:
        raise BadRequestError("A day is written as 2026-11-23.")
    return "".join(found.groups())


def order_json(listed: Listed) -> dict[str, Any]:
    """Return an order as JSON."""
    order, person = listed.order, listed.person
    return {
        "id": order.id,
        "state": order.state,
        "placerNumber": order.placer_number,
        "placerIssuer": order.placer_issuer,
        "fillerNumber": order.filler_number,
        "accessionNumber": order.accession_number,
        "accessionIssuer": order.accession_issuer,
        "studyUid": order.study_uid,
        "priority": order.priority.value.lower(),
        "procedureCode": order.procedure_code,
        "procedureScheme": order.procedure_scheme,
        "procedureText": order.procedure_text,
        "bodyPart": order.body_part,
        "reason": order.reason,
        "doctor": order.doctor,
        "ward": order.ward,
        "comment": order.comment,
        "patient": None
        if person is None
        else {
            "id": person.id,
            "name": person.told.name,
            "birthDate": person.told.birth_date,
            "sex": person.told.sex,
            "identifiers": [
                {"kind": each.kind, "value": each.value, "issuer": each.issuer}
                for each in person.identifiers
            ],
        },
        "steps": [_step_json(step) for step in order.steps],
    }


def whole_json(whole: Whole) -> dict[str, Any]:
    """Return an order with its history and studies as JSON."""
    return {
        **order_json(whole.listed),
        "history": [
            {
                "at": each.at.isoformat(),
                "what": each.what,
                "state": each.state,
                "who": each.who,
                "detail": each.detail,
            }
            for each in whole.history
        ],
        "studies": [
            {"studyUid": each.study_uid, "how": each.how, "by": each.linked_by}
            for each in whole.studies
        ],
        "alike": [
            {"name": each.told.name, "birthDate": each.told.birth_date} for each in whole.alike
        ],
    }


def _step(body: StepBody) -> Step:
    local = body.start.astimezone() if body.start is not None else None
    return Step(
        step_id=body.id,
        modality=body.modality,
        station_ae=body.station_ae,
        room=body.room,
        date=f"{local:%Y%m%d}" if local is not None else "",
        time=f"{local:%H%M%S}" if local is not None else "",
        description=body.description,
        performer=body.performer,
    )


def _step_json(step: Step) -> dict[str, Any]:
    return {
        "id": step.step_id,
        "state": step.state,
        "modality": step.modality,
        "stationAe": step.station_ae,
        "room": step.room,
        "date": step.date,
        "time": step.time,
        "description": step.description,
        "performer": step.performer,
    }
