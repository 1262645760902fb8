"""`/fhir/ServiceRequest` and `/fhir/Patient`: orders and patients by FHIR R4 (POST)."""

import json
from http import HTTPStatus
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pacs_gateway.errors import GatewayError, TooLargeError
from pacs_gateway.ris.placing import Outcome
from pacs_gateway.ris.values import OrderError, PatientTold
from pacs_gateway.web.access import caller_of
from pacs_gateway.web.negotiation import parse_media_type
from pacs_gateway.web.problems import UnsupportedMediaTypeError
from pacs_gateway.web.services import Services
from storage.records import utc_now

MAX_BYTES = 5 * 1024 * 1024
FHIR_JSON = "application/fhir+json"
_TAKEN = frozenset({FHIR_JSON, "application/json"})


class FhirOrderEndpoints:
    """The routes by which other systems order."""

    def __init__(self, services: Services) -> None:
        self._desk = services.desk
        self._recorder = services.recorder

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        return [
            Route("/fhir/ServiceRequest", self.order, methods=["POST"]),
            Route("/fhir/Patient", self.patient, methods=["POST"]),
        ]

    async def order(self, request: Request) -> Response:
        """Keep a ServiceRequest; the same identifier again is the same order."""
        body = await _body(request)
        try:
            return await run_in_threadpool(self._place, request, body)
        except GatewayError as error:
            return _outcome(error.http_status, str(error))

    async def patient(self, request: Request) -> Response:
        """Keep a Patient, found by any identifier."""
        body = await _body(request)
        try:
            return await run_in_threadpool(self._describe, request, body)
        except GatewayError as error:
            return _outcome(error.http_status, str(error))

    def _place(self, request: Request, body: bytes) -> Response:
        # FHIR's models take 25 MB and half a second, which few hospitals need.
        from pacs_gateway.emr import fhir  # noqa: PLC0415

        caller = caller_of(request)
        wanted, person_id = fhir.order_of(body, source=f"fhir:{caller.name}")
        who = self._recorder.who(request, caller)
        if person_id is not None:
            wanted = self._desk.with_person(wanted, person_id)
        placed = self._desk.place(wanted, who)
        status = HTTPStatus.CREATED if placed.outcome is Outcome.CREATED else HTTPStatus.OK
        order = placed.order
        told = json.loads(body) | {
            "id": order.id,
            "requisition": {"value": order.accession_number},
            "meta": {"lastUpdated": utc_now().isoformat(timespec="seconds")},
        }
        return _resource(status, told, f"/fhir/ServiceRequest/{order.id}")

    def _describe(self, request: Request, body: bytes) -> Response:
        from pacs_gateway.emr import fhir  # noqa: PLC0415

        told: PatientTold = fhir.patient_of(body)
        if not told.identifiers:
            raise OrderError("A Patient has an identifier here: its name alone tells nobody apart.")
        who = self._recorder.who(request, caller_of(request))
        met = self._desk.describe(told, who)
        status = HTTPStatus.CREATED if met.is_new else HTTPStatus.OK
        patient = json.loads(body) | {"id": str(met.person_id)}
        return _resource(status, patient, f"/fhir/Patient/{met.person_id}")


async def _body(request: Request) -> bytes:
    media_type = request.headers.get("content-type", "")
    if not media_type or parse_media_type(media_type).name not in _TAKEN:
        raise UnsupportedMediaTypeError(f"A resource is sent as {FHIR_JSON}.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise TooLargeError(f"A resource has at most {MAX_BYTES} bytes.")
    return bytes(body)


def _resource(status: int, resource: dict[str, Any], location: str) -> Response:
    text = json.dumps(resource, ensure_ascii=False)
    return Response(text, status, media_type=FHIR_JSON, headers={"Location": location})


def _outcome(status: int, text: str) -> Response:
    """Return an OperationOutcome (FHIR R4 3.1.0.4)."""
    issue = {"severity": "error", "code": "processing", "diagnostics": text}
    resource = {"resourceType": "OperationOutcome", "issue": [issue]}
    return Response(json.dumps(resource), status, media_type=FHIR_JSON)
