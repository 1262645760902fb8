"""What an order is after somebody said something about it: values in, a value out.

Invariant: what is newer replaces only what it says; what is older, or of unknown age, only fills
in what is empty; a step that has begun is touched by neither.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from pacs_gateway.ris.values import Control, OrderRequest
from storage.orders import Order, OrderState, Priority, Step, StepState

TEXTS = (
    "placer_number", "placer_issuer", "filler_number", "procedure_code", "procedure_scheme",
    "procedure_text", "body_part", "reason", "doctor", "ward", "comment",
)  # fmt: skip
"""Fields of an order that a request has by the same name."""
_NOT_BEGUN = (StepState.SCHEDULED, StepState.CANCELLED)
_STEP_TEXTS = ("modality", "station_ae", "room", "date", "time", "description", "performer")

_Thing = TypeVar("_Thing", Order, Step)


def replaces(order: Order, request: OrderRequest) -> bool:
    """Return whether a request is the newer word on an order.

    A change without a time is what somebody wants now; a new order without one may be a repetition
    of what was changed since.
    """
    if order.told_at is None:
        return request.control is Control.CHANGE or request.told_at is not None
    if request.told_at is None:
        return request.control is Control.CHANGE
    return request.told_at >= order.told_at


def merged(order: Order, request: OrderRequest) -> Order:
    """Return the order as it is after a new or changing request; its state is left alone."""
    newer = replaces(order, request)
    said = {name: getattr(request, name) for name in TEXTS}
    found = _told(order, said, newer=newer)
    priority = request.priority or order.priority
    if newer and request.accession_number and order.state is OrderState.SCHEDULED:
        # Ours was given because nobody had told one; no device has used it yet.
        numbers = (request.accession_number, request.accession_issuer)
        found = replace(found, accession_number=numbers[0], accession_issuer=numbers[1])
    return replace(
        found,
        priority=priority if newer else order.priority,
        told_at=_latest(order.told_at, request.told_at),
        steps=_steps(order.steps, request.steps, newer=newer),
    )


def fresh(request: OrderRequest, *, order_id: str, accession: str, study_uid: str) -> Order:
    """Return a new order as it was told."""
    return Order(
        id=order_id,
        accession_number=accession,
        accession_issuer=request.accession_issuer if request.accession_number else "",
        study_uid=study_uid,
        priority=request.priority or Priority.ROUTINE,
        source=request.source,
        told_at=request.told_at,
        steps=tuple(replace(each, state=StepState.SCHEDULED) for each in request.steps),
        **{name: getattr(request, name) for name in TEXTS},
    )


def _steps(known: Sequence[Step], told: Sequence[Step], *, newer: bool) -> tuple[Step, ...]:
    """Return the steps of an order; those that a newer request does not name are dropped.

    Where ids are not told, steps are the same by their place.
    """
    if not told:
        return tuple(known)
    found: list[Step] = []
    by_id = {each.step_id: each for each in known}
    unnamed = [each for each in known if each.step_id not in {step.step_id for step in told}]
    for step in told:
        before = by_id.get(step.step_id) or (unnamed.pop(0) if unnamed else None)
        if before is None:
            if newer or not known:
                found.append(replace(step, state=StepState.SCHEDULED))
            continue
        if before.state in _NOT_BEGUN:
            said = {name: getattr(step, name) for name in _STEP_TEXTS}
            before = _told(before, said, newer=newer)
        found.append(before)
    begun = [each for each in unnamed if each.state not in _NOT_BEGUN or not newer]
    return (*found, *begun)


def _told(thing: _Thing, said: dict[str, str], *, newer: bool) -> _Thing:
    kept: dict[str, Any] = {
        name: value for name, value in said.items() if value and (newer or not getattr(thing, name))
    }
    return replace(thing, **kept)


def _latest(first: datetime | None, second: datetime | None) -> datetime | None:
    return max((each for each in (first, second) if each is not None), default=None)
