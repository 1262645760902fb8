"""Orders told in any order, twice, and cancelled before they exist end in one right state."""

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from pacs_gateway.ris.desk import Desk
from pacs_gateway.ris.performing import Reference
from pacs_gateway.ris.placing import Outcome
from pacs_gateway.ris.states import NEXT, OrderStateError, check
from pacs_gateway.ris.values import Control, OrderError, OrderRequest, PatientTold
from storage.auditlog import AuditLog
from storage.auditlog import Wanted as WantedRows
from storage.database import Engine
from storage.orders import Order, OrderState, Step, StepState, Wanted
from storage.patients import Identifier, NumberKind
from storage.performed import Performed, PerformedState
from tests.unit.ris.desks import AN, NOON, STEP, WHO, order

CHANGED = order(
    minutes=5, control=Control.CHANGE, procedure_text="CT ngực", steps=(replace(STEP, room="P.2"),)
)
CANCELLED = order(minutes=9, control=Control.CANCEL)


def only(desk: Desk) -> Order:
    (listed,) = desk.orders(Wanted(), limit=10)
    return listed.order


def test_a_new_order_gets_what_it_lacks(desk: Desk) -> None:
    placed = desk.place(order(), WHO)
    assert placed.outcome is Outcome.CREATED
    found = only(desk)
    assert found == placed.order
    assert len(found.accession_number) == 11
    assert found.accession_number.isdigit()
    assert found.study_uid.startswith("2.25.")
    assert found.steps[0].step_id
    assert len(found.steps[0].step_id) <= 16


def test_accession_numbers_count_up_and_pass_over_those_of_others(desk: Desk) -> None:
    first = desk.place(order("1"), WHO).order.accession_number
    desk.place(order("2", accession_number=first[:6] + "9999X"), WHO)
    third = desk.place(order("3"), WHO).order.accession_number
    assert int(third) == int(first) + 1


@pytest.mark.parametrize("told", list(permutations([order(), CHANGED, order(), CANCELLED])))
def test_whatever_comes_first_it_ends_cancelled_with_the_last_content(
    desk: Desk, told: tuple[OrderRequest, ...]
) -> None:
    for each in told:
        desk.place(each, WHO)
    found = only(desk)
    assert found.state is OrderState.CANCELLED
    assert {step.state for step in found.steps} == {StepState.CANCELLED}
    assert found.procedure_text == "CT ngực"
    assert [step.room for step in found.steps] == ["P.2"]


def test_an_older_message_fills_in_and_replaces_nothing(desk: Desk) -> None:
    desk.place(CHANGED, WHO)
    placed = desk.place(order(reason="đau đầu"), WHO)
    assert (placed.order.procedure_text, placed.order.reason) == ("CT ngực", "đau đầu")


def test_the_same_twice_changes_nothing_and_leaves_no_second_entry(
    desk: Desk, engine: Engine
) -> None:
    desk.place(order(), WHO)
    assert desk.place(order(), WHO).outcome is Outcome.UNCHANGED
    assert len(desk.order(only(desk).id).history) == 1
    assert len(AuditLog(engine).rows(WantedRows(verb="order changed"), limit=9)) == 1


def test_one_accession_number_may_serve_two_orders_of_a_visit(desk: Desk) -> None:
    desk.place(order("1", accession_number="A1"), WHO)
    desk.place(order("2", accession_number="A1"), WHO)
    assert len(desk.orders(Wanted(), limit=9)) == 2


def test_a_cancellation_of_what_has_begun_is_refused_and_discontinuing_is_not(desk: Desk) -> None:
    placed = desk.place(order(), WHO)
    begin(desk, placed.order)
    with pytest.raises(OrderStateError, match="has begun"):
        desk.place(CANCELLED, WHO)
    ended = desk.place(replace(CANCELLED, control=Control.DISCONTINUE), WHO)
    assert ended.order.state is OrderState.DISCONTINUED


def test_a_step_that_has_begun_stays_as_it_is(desk: Desk) -> None:
    begin(desk, desk.place(order(), WHO).order)
    found = desk.place(CHANGED, WHO).order
    assert found.procedure_text == "CT ngực"
    assert [step.room for step in found.steps] == ["P.101"]


def test_a_cancelled_order_comes_back_by_a_person_alone(desk: Desk) -> None:
    desk.place(order(), WHO)
    order_id = desk.place(CANCELLED, WHO).order.id
    desk.place(order(minutes=30), WHO)
    assert only(desk).state is OrderState.CANCELLED
    assert desk.restore(order_id, WHO).order.state is OrderState.SCHEDULED
    assert {step.state for step in only(desk).steps} == {StepState.SCHEDULED}


def test_a_clock_that_is_ahead_has_not_the_last_word(desk: Desk) -> None:
    desk.place(order(minutes=10_000_000, procedure_text="from the future"), WHO)
    changed = replace(CHANGED, told_at=None)
    assert desk.place(changed, WHO).order.procedure_text == "CT ngực"


def test_an_order_whose_patient_turns_out_another_moves_to_them(desk: Desk) -> None:
    desk.place(order(), WHO)
    other = PatientTold(name="LÊ^BÌNH", identifiers=(Identifier(NumberKind.MRN, "BN2", "BV"),))
    desk.place(order(minutes=3, control=Control.CHANGE, patient=other), WHO)
    (listed,) = desk.orders(Wanted(), limit=9)
    assert listed.person is not None
    assert listed.person.told.name == "LÊ^BÌNH"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"patient": PatientTold()}, "identifier or a name"),
        ({"accession_number": "12345678901234567"}, "accession number is longer than 16"),
        ({"procedure_text": "a\rMSH|"}, "control character"),
        ({"study_uid": "1.2.x"}, "not a UID"),
        ({"steps": (Step(modality="ct"),)}, "modality"),
        ({"steps": (Step(date="20260231"),)}, "no date"),
        ({"steps": (Step(time="2560"),)}, "no time"),
        ({"patient": replace(AN, birth_date="1980")}, "no date"),
        ({"patient": replace(AN, sex="X")}, "sex"),
    ],
)
def test_what_no_order_can_hold_is_refused_with_its_name(
    desk: Desk, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(OrderError, match=said):
        desk.place(order(**changes), WHO)
    assert desk.orders(Wanted(), limit=9) == []


def test_the_table_of_states_knows_every_state_and_ends_nowhere_else() -> None:
    assert set(NEXT) == set(OrderState)
    with pytest.raises(OrderStateError, match="cancelled cannot become signed"):
        check(OrderState.CANCELLED, OrderState.SIGNED)


def test_orders_are_found_by_number_name_and_day(desk: Desk) -> None:
    placed = desk.place(order(), WHO)
    for wanted in (
        Wanted(text="DH1"),
        Wanted(text="BN001"),
        Wanted(text="anh"),
        Wanted(first_day="20261123", last_day="20261123", modality="CT", room="P.101"),
        Wanted(states=(OrderState.SCHEDULED,)),
    ):
        assert [each.order.id for each in desk.orders(wanted, limit=9)] == [placed.order.id]
    assert desk.orders(Wanted(text="guyen"), limit=9) == []
    assert desk.orders(Wanted(last_day="20261122"), limit=9) == []


def begin(desk: Desk, placed: Order) -> None:
    step = Performed(
        uid="1.2.9",
        state=PerformedState.IN_PROGRESS,
        ae_title="CT1",
        study_uid=placed.study_uid,
        attributes={},
        changed_at=NOON,
    )
    desk.begin_performing(step, [Reference(study_uid=placed.study_uid)], WHO)
