"""What may be done with orders, people and studies: each act one transaction, with its record."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from pacs_gateway.audit import acts
from pacs_gateway.audit.acts import Who
from pacs_gateway.ris import checking, identity, linking, matching, performing, placing
from pacs_gateway.ris.identity import Met
from pacs_gateway.ris.matching import StudyFacts, Why
from pacs_gateway.ris.performing import Reference
from pacs_gateway.ris.placing import Placed
from pacs_gateway.ris.values import MergeRequest, OrderError, OrderRequest, PatientTold
from storage import inbox, orderlinks, orders, patients, performed
from storage.auditlog import append
from storage.database import Connection, Engine, reading, writing
from storage.inbox import Unmatched
from storage.orderlinks import StudyLink
from storage.orders import Event, Order, Step, StepState, Wanted
from storage.patients import Merge, Person
from storage.performed import Performed
from storage.records import utc_now


@dataclass(frozen=True, slots=True)
class Listed:
    """An order with its patient, as lists and worklists show it."""

    order: Order
    person: Person | None
    """Who the patient is known to be today; None for a cancellation without its order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """All that is known of an order."""

    listed: Listed
    history: Sequence[Event]
    studies: Sequence[StudyLink]
    alike: Sequence[Person]
    """Other people whose name differs in its marks alone."""
    merges: Sequence[tuple[Merge, Person]]
    """Who was found to be the same person, and since when; each may be taken back."""


class Desk:
    """The orders of one database; every method may raise UnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Yield a transaction for what must be committed together with an order."""
        with writing(self._engine) as connection:
            orders.take_turn(connection)
            yield connection

    def place(self, request: OrderRequest, who: Who) -> Placed:
        """Carry out a request. Raises OrderError, OrderStateError, NotFoundError."""
        with self.transaction() as connection:
            return placing.apply(connection, request, who, now=utc_now())

    def restore(self, order_id: str, who: Who) -> Placed:
        """Take back that an order was cancelled. Raises OrderStateError, NotFoundError."""
        with self.transaction() as connection:
            return placing.restore(connection, order_id, who, now=utc_now())

    def describe(self, told: PatientTold, who: Who) -> Met:
        """Keep what is told of a patient. Raises OrderError."""
        with self.transaction() as connection:
            return describe(connection, told, who, told_at=utc_now())

    def with_person(self, request: OrderRequest, person_id: int) -> OrderRequest:
        """Return a request for somebody who is known. Raises OrderError."""
        with reading(self._engine) as connection:
            found = patients.get_all(connection, [patients.kept(connection, person_id)])
        if not found:
            raise OrderError("There is no such Patient here.")
        (person,) = found.values()
        return replace(request, patient=PatientTold(identifiers=person.identifiers))

    def merge_number(self, order_id: str, number: str, who: Who) -> None:
        """Make one of an order's patient and whoever has a number, because a person says so.

        Raises OrderError if nobody, more than one, or the patient already has it.
        """
        with self.transaction() as connection:
            order = orders.get(connection, order_id)
            others = {patients.kept(connection, each)
                      for each in patients.with_number(connection, number)}  # fmt: skip
            if order.person_id is None or len(others) != 1:
                raise OrderError("No patient, or more than one, has this number.")
            (other,), kept = others, patients.kept(connection, order.person_id)
            if other == kept:
                raise OrderError("This number is the patient's own.")
            now = utc_now()
            patients.merge(connection, kept_id=kept, merged_id=other, cause=who.name, now=now)
            _note_merge(connection, kept, other, who, change="merged")

    def unmerge(self, merge_id: int, who: Who) -> Merge:
        """Take a merge back. Raises NotFoundError."""
        with self.transaction() as connection:
            undone = patients.unmerge(connection, merge_id, who=who.name, now=utc_now())
            _note_merge(connection, undone.kept_id, undone.merged_id, who, change="undone")
            return undone

    def find_order(self, facts: StudyFacts, who: Who, *, complete: bool) -> Order | Why | None:
        """Put a study to its order, or let it wait; see `linking.find_order`."""
        with self.transaction() as connection:
            return linking.find_order(connection, facts, who, complete=complete, now=utc_now())

    def settle(self, facts: StudyFacts, order_id: str, who: Who) -> Order:
        """Put a study to an order because a person says so. Raises NotFoundError."""
        with self.transaction() as connection:
            return linking.settle(connection, facts, order_id, who, now=utc_now())

    def dismiss(self, study_uid: str, who: Who) -> None:
        """Say that a study needs no order. Raises NotFoundError."""
        with self.transaction() as connection:
            linking.dismiss(connection, study_uid, who, now=utc_now())

    def undo(self, study_uid: str, who: Who) -> None:
        """Take back what was decided of a study."""
        with self.transaction() as connection:
            linking.undo(connection, study_uid, who, now=utc_now())

    def begin_performing(self, step: Performed, references: Sequence[Reference], who: Who) -> None:
        """Keep a performed step that begins. Raises DuplicateError."""
        with self.transaction() as connection:
            performing.begin(connection, step, references, who)

    def performed(self, uid: str) -> Performed | None:
        """Return a performed step."""
        with reading(self._engine) as connection:
            return performed.get(connection, uid)

    def update_performing(self, step: Performed, who: Who, *, wrong_entry: bool) -> None:
        """Write a performed step. Raises UnknownInstanceError, FinishedError."""
        with self.transaction() as connection:
            performing.update(connection, step, who, wrong_entry=wrong_entry)

    def order(self, order_id: str) -> Whole:
        """Return all that is known of an order. Raises NotFoundError."""
        with reading(self._engine) as connection:
            order = orders.get(connection, order_id)
            (listed,) = _listed(connection, [order])
            person = listed.person
            return Whole(
                listed=listed,
                history=orders.history(connection, order_id),
                studies=orderlinks.links(connection, order_ids=[order_id]),
                alike=identity.look_alikes(connection, person) if person is not None else (),
                merges=_merges(connection, person) if person is not None else (),
            )

    def orders(self, wanted: Wanted, *, limit: int, offset: int = 0) -> list[Listed]:
        """Return orders, the newest first."""
        with reading(self._engine) as connection:
            found = orders.find(connection, wanted, limit=limit, offset=offset)
            return _listed(connection, found)

    def steps(
        self,
        states: Sequence[StepState],
        *,
        first_day: str,
        last_day: str,
        limit: int,
        offset: int = 0,
    ) -> list[tuple[Listed, Step]]:
        """Return scheduled steps with their orders, the earliest first."""
        with reading(self._engine) as connection:
            found = orders.scheduled(
                connection,
                states,
                first_day=first_day,
                last_day=last_day,
                limit=limit,
                offset=offset,
            )
            listed = _listed(connection, [order for order, _ in found])
            return [(each, step) for each, (_, step) in zip(listed, found, strict=True)]

    def waiting(self, *, limit: int, offset: int = 0) -> tuple[Sequence[Unmatched], int]:
        """Return the studies that wait for an order, the newest first, and how many there are."""
        with reading(self._engine) as connection:
            found = inbox.waiting(connection, limit=limit, offset=offset)
            return found, inbox.count(connection)

    def hints(self, facts: StudyFacts, *, limit: int) -> list[Listed]:
        """Return orders that a study may belong to, the likeliest first."""
        with reading(self._engine) as connection:
            return _listed(connection, matching.hints(connection, facts, limit=limit))

    def orders_of(self, study_uids: Sequence[str]) -> Mapping[str, Listed]:
        """Return the orders that studies were put to, by Study Instance UID."""
        with reading(self._engine) as connection:
            links = orderlinks.links(connection, study_uids=study_uids)
            found = orders.get_all(connection, {each.order_id for each in links})
            listed = {each.order.id: each for each in _listed(connection, found)}
            return {each.study_uid: listed[each.order_id] for each in links}

    def has_orders(self) -> bool:
        """Return whether anything was ever ordered here."""
        with reading(self._engine) as connection:
            return orders.any_order(connection)


def merge(connection: Connection, request: MergeRequest, who: Who) -> bool:
    """Make one of two people within a transaction; return False if they were.

    Raises OrderError.
    """
    checking.check_patient(request.kept)
    checking.check_patient(PatientTold(identifiers=request.merged))
    if not request.kept.identifiers or not request.merged:
        raise OrderError("A merge names both patients by an identifier.")
    orders.take_turn(connection)
    merged = identity.merge(
        connection,
        request.kept,
        request.merged,
        cause=request.source,
        told_at=request.told_at,
        now=utc_now(),
    )
    if merged is None:
        return False
    _note_merge(connection, *merged, who, change="merged")
    return True


def describe(
    connection: Connection, told: PatientTold, who: Who, *, told_at: datetime | None
) -> Met:
    """Keep what is told of a patient (ADT A08) within a transaction.

    Raises OrderError.
    """
    checking.check_patient(told)
    if not told.identifiers:
        raise OrderError("A patient is named by an identifier.")
    orders.take_turn(connection)
    now = utc_now()
    when = min(told_at, now) if told_at is not None else now
    met = identity.meet(connection, told, told_at=when, now=now)
    if met.changed:
        person = patients.get(connection, met.person_id)
        entry = acts.patients_linked(
            who, kept=person.id, merged=0, patient_id=_number_of(person), change="described"
        )
        append(connection, entry)
    return met


def _note_merge(
    connection: Connection, kept_id: int, merged_id: int, who: Who, *, change: str
) -> None:
    number = _number_of(patients.get(connection, kept_id))
    entry = acts.patients_linked(
        who, kept=kept_id, merged=merged_id, patient_id=number, change=change
    )
    append(connection, entry)


def _merges(connection: Connection, person: Person) -> list[tuple[Merge, Person]]:
    """Return the merges by which somebody became a person, those taken back left out."""
    found = [
        each
        for merged_id in sorted(patients.same(connection, person.id) - {person.id})
        for each in patients.merges(connection, merged_id)
        if each.merged_id == merged_id and each.undone_at is None
    ]
    people = patients.get_all(connection, [each.merged_id for each in found])
    return [(each, people[each.merged_id]) for each in found]


def _number_of(person: Person) -> str:
    return person.number.value if person.number is not None else ""


def _listed(connection: Connection, found: Sequence[Order]) -> list[Listed]:
    ids = {each.person_id for each in found if each.person_id is not None}
    kept = patients.kept_all(connection, ids)
    people = patients.get_all(connection, set(kept.values()))
    return [
        Listed(each, people[kept[each.person_id]] if each.person_id is not None else None)
        for each in found
    ]
