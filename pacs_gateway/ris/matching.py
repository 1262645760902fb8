"""Which order a study answers: by UID, by accession number, by person, modality and day.

Invariant: a study is put to an order only where exactly one fits and nothing contradicts; all else
waits for a person, and what a person has decided is not decided again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from pacs_gateway.dicom.names import fold
from pacs_gateway.ris import checking
from pacs_gateway.ris.states import WAITING
from pacs_gateway.ris.values import OrderError
from storage import orderlinks, orders, patients
from storage.database import Connection
from storage.orderlinks import How
from storage.orders import Order, OrderState, StepState
from storage.patients import Person

DAYS_AROUND = 1
"""Days between the plan and the images: night shifts, and patients who come the next morning."""


class Why(StrEnum):
    """Why a study waits."""

    NONE = "none"
    """No order fits."""
    SEVERAL = "several"
    OTHER_PATIENT = "other patient"
    """The number fits, the patient does not."""
    CANCELLED = "cancelled"
    """It was made for an order that is cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFacts:
    """What the images of a study say."""

    study_uid: str
    accession_number: str = ""
    patient_id: str = ""
    issuer: str = ""
    patient_name: str = ""
    modalities: frozenset[str] = frozenset()
    date: str = ""
    """YYYYMMDD."""


@dataclass(frozen=True, slots=True)
class Match:
    """An order that a study answers, and by what."""

    order: Order
    how: How


def match(connection: Connection, facts: StudyFacts) -> Match | Why:
    """Return the one order of a study, or why there is none."""
    own = orders.by_study_uid(connection, facts.study_uid)
    if own is not None:
        return _decided(connection, facts, [own], How.STUDY_UID)
    if facts.accession_number:
        same = orders.by_accession(connection, facts.accession_number)
        if same:
            return _decided(connection, facts, same, How.ACCESSION)
    planned = _planned(connection, facts)
    return _decided(connection, facts, planned, How.SCHEDULE) if planned else Why.NONE


def hints(connection: Connection, facts: StudyFacts, *, limit: int) -> list[Order]:
    """Return orders that a person may mean, the likeliest first.

    Those of the same number or person come first, then those of a name that is written alike.
    """
    found: dict[str, Order] = {}
    own = orders.by_study_uid(connection, facts.study_uid)
    near = [own] if own is not None else []
    if facts.accession_number:
        near += orders.by_accession(connection, facts.accession_number)
    people = _people(connection, facts)
    near += orders.of_people(connection, people, tuple(OrderState))
    alike = patients.Demographics(name_folded=fold(facts.patient_name))
    ids = {each.id for each in patients.alike(connection, alike, limit=limit * 4)}
    ranked = sorted(near, key=lambda each: _far(each, facts))
    ranked += sorted(
        orders.of_people(connection, ids, tuple(OrderState)), key=lambda each: _far(each, facts)
    )
    for each in ranked:
        found.setdefault(each.id, each)
    return list(found.values())[:limit]


def agrees(person: Person, ids: Iterable[str], facts: StudyFacts) -> bool:
    """Return whether images may be of a person: the number or the name, and no other name.

    Devices drop marks, change case and turn names round, so names are compared folded and as
    words; one that is missing contradicts nothing.
    """
    of_images, of_order = fold(facts.patient_name), person.told.name_folded
    same_number = facts.patient_id.strip() in set(ids)
    if of_images and of_order:
        return sorted(of_images.split()) == sorted(of_order.split())
    return same_number


def _decided(
    connection: Connection, facts: StudyFacts, candidates: Sequence[Order], how: How
) -> Match | Why:
    fitting = [each for each in candidates if _fits(connection, each, facts)]
    if not fitting:
        return Why.OTHER_PATIENT
    open_ones = [each for each in fitting if each.state is not OrderState.CANCELLED]
    if not open_ones:
        return Why.CANCELLED
    if len(open_ones) > 1:
        # One accession number for all that is done on one visit: the modality tells them apart.
        open_ones = [each for each in open_ones if _has_modality(each, facts)]
    if len(open_ones) != 1:
        return Why.SEVERAL
    if orderlinks.was_undone(connection, open_ones[0].id, facts.study_uid):
        return Why.NONE
    return Match(open_ones[0], how)


def _fits(connection: Connection, order: Order, facts: StudyFacts) -> bool:
    """Return whether images may be of the patient of an order.

    A number that is somebody else's contradicts; one that nobody has may be a slip of the finger.
    """
    if order.person_id is None:
        return True
    same = patients.same(connection, order.person_id)
    owners = _people(connection, facts)
    if owners and not same & set(owners):
        return False
    people = patients.get_all(connection, same)
    numbers = [number.value for each in people.values() for number in each.identifiers]
    return any(agrees(each, numbers, facts) for each in people.values())


def _planned(connection: Connection, facts: StudyFacts) -> list[Order]:
    people = _people(connection, facts)
    waiting = orders.of_people(connection, people, tuple(WAITING))
    linked = {
        each.order_id
        for each in orderlinks.links(connection, order_ids=[each.id for each in waiting])
    }
    return [
        each
        for each in waiting
        if each.id not in linked
        and _has_modality(each, facts)
        and any(_days_apart(step.date, facts.date) <= DAYS_AROUND for step in each.steps)
    ]


def _people(connection: Connection, facts: StudyFacts) -> Sequence[int]:
    """Return everybody whom the number in the images may mean, merged people included."""
    if not facts.patient_id.strip():
        return ()
    owners = patients.with_number(connection, facts.patient_id, facts.issuer)
    found: set[int] = set()
    for each in owners:
        found |= patients.same(connection, each)
    return sorted(found)


def _has_modality(order: Order, facts: StudyFacts) -> bool:
    return any(
        not step.modality or step.modality in facts.modalities
        for step in order.steps
        if step.state is not StepState.CANCELLED
    )


def _far(order: Order, facts: StudyFacts) -> tuple[int, int]:
    days = min((_days_apart(step.date, facts.date) for step in order.steps), default=_FAR)
    return (0 if _has_modality(order, facts) else 1, days)


_FAR = 100_000


def _days_apart(first: str, second: str) -> int:
    try:
        apart = checking.day("day", first) - checking.day("day", second)
    except OrderError:
        return _FAR
    return abs(apart // timedelta(days=1))
