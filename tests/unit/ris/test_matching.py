"""A study goes to the one order that fits; every doubt waits for a person, and can be undone."""

from dataclasses import replace

import pytest

from pacs_gateway.ris import linking
from pacs_gateway.ris.desk import Desk, merge
from pacs_gateway.ris.matching import StudyFacts, Why
from pacs_gateway.ris.values import Control, MergeRequest, OrderError, PatientTold
from storage.database import Engine, reading
from storage.errors import NotFoundError
from storage.orderlinks import How
from storage.orders import Order, OrderState
from storage.patients import Identifier, NumberKind, merges
from tests.unit.ris.desks import AN, STEP, WHO, images, order


def look(desk: Desk, facts: StudyFacts, *, complete: bool = False) -> object:
    return desk.find_order(facts, WHO, complete=complete)


def how(desk: Desk, placed: Order) -> list[How]:
    return [each.how for each in desk.order(placed.id).studies]


def test_without_any_order_nothing_waits(desk: Desk) -> None:
    assert look(desk, images()) is None
    assert desk.waiting(limit=9) == ((), 0) or desk.waiting(limit=9)[1] == 0


def test_images_find_their_order_by_the_uid_that_it_gave(desk: Desk) -> None:
    placed = desk.place(order(), WHO).order
    look(desk, images(study_uid=placed.study_uid, patient_id="WRONG"))
    assert how(desk, placed) == [How.STUDY_UID]
    assert desk.order(placed.id).listed.order.state is OrderState.IN_PROGRESS


def test_then_by_accession_number_if_the_name_is_the_same_without_marks(desk: Desk) -> None:
    placed = desk.place(order(accession_number="A77"), WHO).order
    look(desk, images(accession_number="A77", patient_id="TYPO"))
    assert how(desk, placed) == [How.ACCESSION]


def test_then_by_person_modality_and_day(desk: Desk) -> None:
    placed = desk.place(order(), WHO).order
    look(desk, images(), complete=True)
    assert how(desk, placed) == [How.SCHEDULE]
    assert desk.order(placed.id).listed.order.state is OrderState.COMPLETED


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (images(patient_id="9"), Why.NONE),
        (images(date="20261130"), Why.NONE),
        (images(modalities=frozenset({"MR"})), Why.NONE),
        (images(accession_number="A77", patient_name="LE^BINH"), Why.OTHER_PATIENT),
        (images(accession_number="A77", patient_id="BN2"), Why.OTHER_PATIENT),
        (images(accession_number="A88"), Why.CANCELLED),
    ],
)
def test_a_doubt_waits_with_its_reason(desk: Desk, facts: StudyFacts, why: Why) -> None:
    desk.place(order(accession_number="A77"), WHO)
    other = replace(AN, name="LÊ^BÌNH", identifiers=(Identifier(NumberKind.MRN, "BN2", "BV"),))
    desk.place(order("DH2", patient=other), WHO)
    desk.place(order("DH3", accession_number="A88", control=Control.CANCEL), WHO)
    assert look(desk, facts) == why
    waiting, number = desk.waiting(limit=9)
    assert number == 1
    assert (waiting[0].study_uid, waiting[0].reason) == ("1.2.3.4", why)


def test_two_orders_of_one_accession_number_are_told_apart_by_modality(desk: Desk) -> None:
    desk.place(order("1", accession_number="A1", steps=(replace(STEP, modality="MR"),)), WHO)
    placed = desk.place(order("2", accession_number="A1"), WHO).order
    look(desk, images(accession_number="A1"))
    assert how(desk, placed) == [How.ACCESSION]


def test_two_that_fit_alike_wait_for_a_person(desk: Desk) -> None:
    desk.place(order("1"), WHO)
    second = desk.place(order("2"), WHO).order
    assert look(desk, images()) == Why.SEVERAL
    assert {each.order.id for each in desk.hints(images(), limit=5)} >= {second.id}
    desk.settle(images(), second.id, WHO)
    assert how(desk, second) == [How.HAND]
    assert desk.waiting(limit=9)[1] == 0
    # What is settled is not decided again by more images.
    look(desk, images())
    assert how(desk, second) == [How.HAND]


def test_a_link_is_undone_and_not_made_again_by_itself(desk: Desk) -> None:
    placed = desk.place(order(), WHO).order
    look(desk, images())
    desk.undo("1.2.3.4", WHO)
    assert how(desk, placed) == []
    assert desk.order(placed.id).listed.order.state is OrderState.SCHEDULED
    assert desk.waiting(limit=9)[1] == 1
    look(desk, images())
    assert how(desk, placed) == []


def test_a_study_that_needs_no_order_waits_no_more_until_that_is_undone(desk: Desk) -> None:
    desk.place(order(), WHO)
    look(desk, images(patient_id="9"))
    desk.dismiss("1.2.3.4", WHO)
    assert look(desk, images(patient_id="9")) is None
    assert desk.waiting(limit=9)[1] == 0
    with pytest.raises(NotFoundError):
        desk.dismiss("1.2.3.4", WHO)
    desk.undo("1.2.3.4", WHO)
    assert desk.waiting(limit=9)[1] == 1


def test_a_merge_joins_and_its_end_parts_again(desk: Desk, engine: Engine) -> None:
    placed = desk.place(order(), WHO).order
    kept = PatientTold(
        name="NGUYỄN^VĂN ÁNH", identifiers=(Identifier(NumberKind.MRN, "BN9", "BV"),)
    )
    request = MergeRequest(source="hl7:HIS", kept=kept, merged=AN.identifiers)
    with desk.transaction() as connection:
        assert merge(connection, request, WHO)
        assert not merge(connection, request, WHO)
    back = MergeRequest(source="hl7:HIS", kept=AN, merged=kept.identifiers)
    with pytest.raises(OrderError, match="other way"), desk.transaction() as connection:
        merge(connection, back, WHO)
    look(desk, images(patient_id="BN9"))
    assert how(desk, placed) == [How.SCHEDULE]
    person = desk.order(placed.id).listed.person
    assert person is not None
    with reading(engine) as connection:
        (done,) = merges(connection, person.id)
    desk.undo("1.2.3.4", WHO)
    desk.unmerge(done.id, WHO)
    assert look(desk, images(study_uid="1.2.5", patient_id="BN9")) == Why.NONE


def test_a_person_may_merge_by_a_number_and_part_again(desk: Desk) -> None:
    other = replace(AN, identifiers=(Identifier(NumberKind.MRN, "BN2", "BV"),))
    first, second = (
        desk.place(order("1"), WHO).order,
        desk.place(order("2", patient=other), WHO).order,
    )
    for number, said in (("NONE", "No patient"), ("BN001", "own")):
        with pytest.raises(OrderError, match=said):
            desk.merge_number(first.id, number, WHO)
    desk.merge_number(first.id, "BN2", WHO)
    whole = desk.order(second.id)
    ((merge_id_row, person),) = whole.merges
    assert whole.listed.person is not None
    assert whole.listed.person.number == AN.identifiers[0]
    assert person.number == other.identifiers[0]
    desk.unmerge(merge_id_row.id, WHO)
    assert desk.order(first.id).merges == []
    with pytest.raises(NotFoundError):
        desk.unmerge(merge_id_row.id, WHO)


def test_people_who_differ_in_marks_alone_are_pointed_out(desk: Desk) -> None:
    placed = desk.place(order(), WHO).order
    for number, name in (("2", "NGUYỄN^VĂN ANH"), ("3", "Nguyễn^Văn Ánh"), ("4", "NGUYỄN^VĂN ẢN")):
        same = Identifier(NumberKind.MRN, number, "BV")
        desk.place(order(number, patient=PatientTold(name=name, identifiers=(same,))), WHO)
    assert [each.told.name for each in desk.order(placed.id).alike] == ["NGUYỄN^VĂN ANH"]


@pytest.mark.parametrize(
    ("image", "shown"),
    [
        ("NGUYEN^VAN ANH", "NGUYỄN^VĂN ÁNH"),
        ("NGUYỄN^VĂN ẢNH", "NGUYỄN^VĂN ẢNH"),
        ("LE^BINH", "LE^BINH"),
    ],
)
def test_the_marks_of_the_order_are_shown_where_the_images_lost_them(
    image: str, shown: str
) -> None:
    assert linking.shown_name(image, "NGUYỄN^VĂN ÁNH") == shown
