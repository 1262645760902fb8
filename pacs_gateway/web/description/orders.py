"""The operations of orders: pages, and FHIR; those of JSON describe themselves."""

from collections.abc import Mapping

from pacs_gateway.web.description.operation import (
    Described,
    answers,
    one_of,
    operation,
    parameter,
    text,
    whole,
)
from pacs_gateway.web.description.pages import form, page
from pacs_gateway.web.description.parameters import EXAMPLE_STUDY, UID
from storage.orders import OrderState

_ORDER = parameter("order_id", text(most=26), "Identifier of the order", place="path")
_ACT = parameter("act", one_of("cancel", "discontinue", "restore"), "What to do", place="path")
_STUDY = parameter(
    "study_uid",
    text(pattern=UID, most=64, examples=[EXAMPLE_STUDY]),
    "Study Instance UID",
    place="path",
)
_SETTLING = parameter("act", one_of("settle", "dismiss", "undo"), "What to do", place="path")
_FIELDS: Described = {
    "name": text(most=192),
    "mrn": text(most=64),
    "procedure": text(most=400),
    "modality": text(most=16),
    "day": text(most=10),
    "time": text(most=5),
    "room": text(most=16),
}
_FHIR = "application/fhir+json"


def _resource(summary: str) -> Described:
    described = operation(
        summary,
        "fhir",
        answers("It was known, and is up to date.", _FHIR),
        answers("It is new.", _FHIR, status=201),
        body={"content": {_FHIR: {"schema": {"type": "object"}}}, "required": True},
        refused=(400, 404, 409, 413, 415),
    )
    for status in ("400", "404", "409"):
        # What is wrong with a resource is told as an OperationOutcome.
        refused = described["responses"][status]
        content = {**refused["content"], _FHIR: {"schema": {"type": "object"}}}
        described["responses"][status] = {**refused, "content": content}
    return described


ORDERS: Mapping[str, Described] = {
    "GET /orders": page(
        "List orders",
        parameter("q", text(most=64), "Name or number"),
        parameter("state", one_of(*OrderState), "State"),
        parameter("modality", text(most=16), "Modality"),
        parameter("from", text(most=10), "First day"),
        parameter("to", text(most=10), "Last day"),
    ),
    "POST /orders": form("Place an order", public=False, **_FIELDS),
    "GET /orders/new": page("Show the form of an order"),
    "GET /orders/today": page(
        "Show the worklist of a day", parameter("day", text(most=10), "Another day than today")
    ),
    "GET /orders/{order_id}": page("Show an order", _ORDER),
    "POST /orders/{order_id}/change": form("Change an order", _ORDER, public=False, **_FIELDS),
    "POST /orders/{order_id}/{act}": form("Cancel or restore an order", _ORDER, _ACT, public=False),
    "POST /orders/{order_id}/merge": form(
        "Merge another patient into the order's", _ORDER, public=False, number=text(most=64)
    ),
    "POST /orders/{order_id}/merge/{merge_id}": form(
        "Take a merge back",
        _ORDER,
        parameter("merge_id", whole(1, 2**31 - 1), "Number of the merge", place="path"),
        public=False,
    ),
    "GET /inbox": page("List studies without an order"),
    "POST /inbox/{study_uid}/{act}": form(
        "Match a study with an order", _STUDY, _SETTLING, public=False, order=text(most=64)
    ),
    "POST /fhir/ServiceRequest": _resource("Place, change or revoke an order (FHIR R4)"),
    "POST /fhir/Patient": _resource("Make a patient known (FHIR R4)"),
}
"""Descriptions by method and path."""
