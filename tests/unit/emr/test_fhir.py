"""A resource that is wrong anywhere is refused in a sentence, whatever is wrong with it."""

import json
import random
from collections.abc import Callable
from typing import Any

from pacs_gateway.emr.fhir import order_of, patient_of
from pacs_gateway.ris.values import OrderError
from storage.orders import Priority
from tests.unit.emr.resources import REQUEST

TRIES = 400
SEED = 20261123
WRONG: tuple[Any, ...] = (None, "", "x" * 70, 0, -1, True, [], {}, [[]], [None], {"a": 1}, "2026")


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return container and key of everything inside a value."""
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        found.append((value, key))
        if isinstance(inner, dict | list):
            found += places(inner)
    return found


def is_refused(read: Callable[..., object], body: object, **more: str) -> bool:
    """Return whether a body is refused, which must be in one line."""
    try:
        read(json.dumps(body).encode(), **more)
    except OrderError as error:
        return str(error).isprintable()
    return False


def test_any_element_may_be_wrong_and_is_refused_or_understood() -> None:
    chance, refused = random.Random(SEED), 0
    for _ in range(TRIES):
        body = json.loads(json.dumps(REQUEST))
        for _ in range(chance.randrange(1, 4)):
            container, key = chance.choice(places(body))
            container[key] = chance.choice(WRONG)
        refused += is_refused(order_of, body, source="fhir:x")
        is_refused(patient_of, chance.choice((body, body.get("contained"))))
    assert refused > TRIES // 4


def test_what_is_said_is_kept() -> None:
    order, known = order_of(json.dumps(REQUEST).encode(), source="fhir:x")
    assert known is None
    assert (order.placer_number, order.priority) == ("DH1", Priority.STAT)
    assert order.patient.name == "NGUYỄN^VĂN ÁNH"
    (step,) = order.steps
    assert (step.modality, step.room, step.date) == ("CT", "P.101", "20261123")
