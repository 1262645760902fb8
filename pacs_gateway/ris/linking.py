"""Puts studies to orders and takes them away again: by rule, and by a person at the inbox."""

from dataclasses import replace
from datetime import datetime

from pacs_gateway.audit import acts
from pacs_gateway.audit.acts import Who
from pacs_gateway.dicom.names import fold
from pacs_gateway.ris import placing, states
from pacs_gateway.ris.matching import Match, StudyFacts, Why, match
from storage import inbox, orderlinks, orders, performed
from storage.auditlog import append
from storage.database import Connection
from storage.errors import NotFoundError
from storage.orderlinks import How
from storage.orders import Event, Order, OrderState, StepState
from storage.performed import PerformedState

_BY_IMAGES = (OrderState.IN_PROGRESS, OrderState.COMPLETED)


def find_order(
    connection: Connection, facts: StudyFacts, who: Who, *, complete: bool, now: datetime
) -> Order | Why | None:
    """Put a study to its order, if exactly one fits; otherwise let it wait.

    `complete`: nothing more is expected of it. Returns None where nothing is to be decided: there
    are no orders at all, or a person has decided.
    """
    orders.take_turn(connection)
    linked = orderlinks.links(connection, study_uids=[facts.study_uid])
    if linked:
        order = orders.get(connection, linked[0].order_id)
        return progress(connection, order, facts, who, complete=complete, now=now)
    if inbox.is_settled(connection, facts.study_uid) or not orders.any_order(connection):
        return None
    found = match(connection, facts)
    if not isinstance(found, Match):
        inbox.wait(connection, facts.study_uid, found, now=now)
        return found
    _link(connection, found.order, facts.study_uid, how=found.how, who=who, now=now)
    return progress(connection, found.order, facts, who, complete=complete, now=now)


def settle(
    connection: Connection, facts: StudyFacts, order_id: str, who: Who, *, now: datetime
) -> Order:
    """Put a study to an order because a person says so. Raises NotFoundError."""
    orders.take_turn(connection)
    order = orders.get(connection, order_id)
    _unlink(connection, facts.study_uid, who, now)
    _link(connection, order, facts.study_uid, how=How.HAND, who=who, now=now)
    return progress(connection, order, facts, who, complete=False, now=now)


def dismiss(connection: Connection, study_uid: str, who: Who, *, now: datetime) -> None:
    """Say that a study needs no order. Raises NotFoundError if it does not wait."""
    orders.take_turn(connection)
    if not inbox.settle(connection, study_uid, who=who.name, now=now):
        raise NotFoundError("This study does not wait for an order.")
    append(connection, acts.study_matched(who, study_uid=study_uid, order="", change="no order"))


def undo(connection: Connection, study_uid: str, who: Who, *, now: datetime) -> None:
    """Take a study from its order, or let one wait again that needed none."""
    orders.take_turn(connection)
    _unlink(connection, study_uid, who, now)
    inbox.reopen(connection, study_uid, Why.NONE, now=now)
    append(connection, acts.study_matched(who, study_uid=study_uid, order="", change="undone"))


def progress(
    connection: Connection,
    order: Order,
    facts: StudyFacts,
    who: Who,
    *,
    complete: bool,
    now: datetime,
) -> Order:
    """Move an order on because of its images, where no device reports by MPPS."""
    if order.state not in states.WAITING or _reported_by_device(connection, order):
        return order
    after = StepState.COMPLETED if complete else StepState.IN_PROGRESS
    steps = tuple(
        replace(step, state=after)
        if step.state in (StepState.SCHEDULED, StepState.IN_PROGRESS)
        and (not step.modality or step.modality in facts.modalities or len(order.steps) == 1)
        else step
        for step in order.steps
    )
    state = states.state_of(steps, order.state)
    moved = replace(order, steps=steps, state=state)
    if moved == order:
        return order
    orders.change(connection, moved, now=now)
    if state is not order.state:
        event = Event(at=now, what="images", state=state, who=who.name, detail=facts.study_uid)
        orders.note(connection, order.id, event)
        placing.record(connection, moved, state, who)
    return moved


def shown_name(image_name: str, order_name: str) -> str:
    """Return the name to show for images: the order's, where theirs only lacks its marks."""
    lost = image_name.isascii() and not order_name.isascii()
    same = sorted(fold(image_name).split()) == sorted(fold(order_name).split())
    return order_name if lost and same else image_name


def _reported_by_device(connection: Connection, order: Order) -> bool:
    return any(
        each.state is PerformedState.IN_PROGRESS
        for step in order.steps
        for each in performed.of_step(connection, order.id, step.step_id)
    )


def _unlink(connection: Connection, study_uid: str, who: Who, now: datetime) -> None:
    """Take a study from its orders; one that only these images had moved is scheduled again."""
    for each in orderlinks.links(connection, study_uids=[study_uid]):
        orderlinks.unlink(connection, each.order_id, study_uid, who=who.name, now=now)
        order = orders.get(connection, each.order_id)
        others = orderlinks.links(connection, order_ids=[order.id])
        by_device = any(
            performed.of_step(connection, order.id, step.step_id) for step in order.steps
        )
        if order.state in _BY_IMAGES and not others and not by_device:
            steps = tuple(replace(step, state=StepState.SCHEDULED) for step in order.steps)
            order = replace(order, steps=steps, state=OrderState.SCHEDULED)
            orders.change(connection, order, now=now)
        event = Event(at=now, what="unlinked", state=order.state, who=who.name, detail=study_uid)
        orders.note(connection, order.id, event)


def _link(
    connection: Connection, order: Order, study_uid: str, *, how: How, who: Who, now: datetime
) -> None:
    orderlinks.link(connection, order.id, study_uid, how=how, who=who.name, now=now)
    inbox.settle(connection, study_uid, who=who.name, now=now)
    detail = f"{study_uid} by {how}"
    event = Event(at=now, what="linked", state=order.state, who=who.name, detail=detail)
    orders.note(connection, order.id, event)
    entry = acts.study_matched(who, study_uid=study_uid, order=order.accession_number, change=how)
    append(connection, entry)
