"""AA is said of what is committed, once; everything else is refused with a reason."""

from itertools import permutations

import pytest
from sqlalchemy import text

from pacs_gateway.emr.intake import Intake, IntakeRules
from pacs_gateway.emr.segments import escaped, parse, unescaped
from pacs_gateway.ris.desk import Desk
from storage.auditlog import AuditLog
from storage.auditlog import Wanted as WantedRows
from storage.database import Engine, writing
from storage.messages import Messages, Sender
from storage.orders import OrderState, Priority, Wanted
from storage.patients import Identifier, NumberKind
from tests.unit.emr.messages import PID, merge, omi, orm

HIS = Sender(name="HIS", host="10.0.0.5", issuer="BV")


@pytest.fixture
def intake(desk: Desk) -> Intake:
    return Intake(desk, IntakeRules("PACSGW", {"XQ": "DX"}))


def sent(intake: Intake, message: str, *, sender: Sender = HIS) -> tuple[str, str]:
    """Return code and reason of the answer."""
    answer = parse(intake.answer(message.encode(), sender, "10.0.0.5").decode())
    assert answer.header.text(9, 1) == "ACK"
    (msa,) = answer.all("MSA")
    return msa.text(1), msa.text(3)


def test_an_orm_becomes_an_order(intake: Intake, desk: Desk) -> None:
    assert sent(intake, orm()) == ("AA", "")
    (listed,) = desk.orders(Wanted(), limit=9)
    order, person = listed.order, listed.person
    assert person is not None
    assert person.told.name == "NGUYỄN^VĂN ÁNH"
    assert set(person.identifiers) == {
        Identifier(NumberKind.MRN, "BN001", "BV"),
        Identifier(NumberKind.CITIZEN, "079080001234"),
    }
    assert (order.placer_number, order.placer_issuer) == ("DH1", "HIS")
    assert (order.accession_number, order.procedure_text) == ("ACCDH1", "CT sọ não")
    assert (order.reason, order.doctor, order.ward) == ("đau đầu", "LÊ^VĂN CƯỜNG", "NOI2")
    assert (order.priority, order.body_part) == (Priority.STAT, "Đầu")
    (step,) = order.steps
    assert (step.modality, step.station_ae) == ("CT", "CT1")
    assert (step.date, step.time) == ("20261123", "083000")


def test_an_omi_becomes_an_order_with_its_steps(intake: Intake, desk: Desk) -> None:
    assert sent(intake, omi()) == ("AA", "")
    (listed,) = desk.orders(Wanted(), limit=9)
    order = listed.order
    assert (order.accession_number, order.accession_issuer) == ("ACC9", "BV")
    assert order.study_uid == "1.2.840.1.9"
    assert [step.step_id for step in order.steps] == ["S1", "S2"]
    assert [step.description for step in order.steps] == ["Cột sống cổ", "Cột sống ngực"]
    assert {(step.modality, step.station_ae, step.room) for step in order.steps} == {
        ("MR", "MR_AE", "P.201")
    }


def test_a_duplicate_gets_the_stored_answer_and_does_nothing(
    intake: Intake, desk: Desk, engine: Engine
) -> None:
    first = intake.answer(orm().encode(), HIS, "10.0.0.5")
    assert intake.answer(orm().encode(), HIS, "10.0.0.5") == first
    assert len(AuditLog(engine).rows(WantedRows(), limit=9)) == 1
    # A sender that counts from 1 again must not lose its order.
    sent(intake, orm(placer="DH7"))
    assert len(desk.orders(Wanted(), limit=9)) == 2


@pytest.mark.parametrize(
    "order",
    list(
        permutations(
            [
                orm("NW", control_id="1", at="20261123080000"),
                orm("XO", control_id="2", at="20261123081000", text="CT ngực"),
                orm("CA", control_id="3", at="20261123082000", text="CT ngực"),
            ]
        )
    ),
)
def test_messages_in_any_order_end_alike(
    intake: Intake, desk: Desk, order: tuple[str, ...]
) -> None:
    for message in order:
        assert sent(intake, message) == ("AA", "")
    (listed,) = desk.orders(Wanted(), limit=9)
    assert listed.order.state is OrderState.CANCELLED
    assert listed.order.procedure_text == "CT ngực"


def test_a_merge_and_a_new_name_reach_the_orders(intake: Intake, desk: Desk) -> None:
    sent(intake, orm())
    assert sent(intake, merge()) == ("AA", "")
    described = merge(control_id="9").replace("A40", "A08").replace("VĂN ÁNH", "VĂN ẢNH")
    described = described.replace("090000||", "100000||").partition("MRG")[0]
    assert sent(intake, described) == ("AA", "")
    (listed,) = desk.orders(Wanted(), limit=9)
    assert listed.person is not None
    assert listed.person.told.name == "NGUYỄN^VĂN ẢNH"
    assert listed.person.identifiers == (Identifier(NumberKind.MRN, "BN009", "BV"),)
    assert sent(intake, merge("BN001", "BN009", control_id="5"))[0] == "AE"


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        ("", "AR", "MSH"),
        ("PID|1\r", "AR", "MSH"),
        (orm().replace("|^~\\&", "|^~\\#"), "AR", "delimiters"),
        (orm(control_id=""), "AR", "control id"),
        (orm().replace("ORM^O01", "ORU^R01"), "AR", "ORU^R01"),
        (orm("ZZ"), "AR", "'ZZ'"),
        (orm().partition("ORC")[0], "AR", "ORC"),
        (orm(pid="PID|1||BN1||NGUYỄN\rVĂN^ÁNH|x"), "AR", "line end"),
        (orm() + orm(), "AR", "second segment MSH"),
        (orm(charset="BIG-5"), "AR", "BIG-5"),
        (orm(pid="PID|1||||"), "AE", "identifier or a name"),
        (orm(placer="X" * 70), "AE", "longer than 64"),
        (orm(pid=PID.replace("19800412", "19801399")), "AE", "birth date"),
        (merge().partition("MRG")[0], "AR", "MRG"),
        (merge(gone=""), "AE", "identifier"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_a_reason_and_leaves_nothing(
    intake: Intake, desk: Desk, engine: Engine, message: str, code: str, reason: str
) -> None:
    said, why = sent(intake, message)
    assert said == code
    assert reason in why
    assert desk.orders(Wanted(), limit=9) == []
    assert AuditLog(engine).rows(WantedRows(), limit=9) == []
    (kept,) = Messages(engine).refused(limit=9)
    assert (kept.code, kept.reason) == (code, why)


def test_a_refusal_names_the_message_whatever_is_wrong_with_it(intake: Intake) -> None:
    for message in (
        orm(control_id="77").encode("cp1258", "replace"),
        orm(control_id="77", pid="PID|1||A\rB|").encode(),
        b"MSH|^~\\&|HIS|\xff|||||ORM^O01|77",
    ):
        answer = parse(intake.answer(message, HIS, "10.0.0.5").decode())
        (msa,) = answer.all("MSA")
        assert (msa.text(1), msa.text(2)) == ("AR", "77")


def test_a_refused_message_is_tried_again(intake: Intake, engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("ALTER TABLE orders RENAME TO hidden"))
    said, why = sent(intake, orm())
    assert (said, "send it again" in why) == ("AE", True)
    with writing(engine) as connection:
        connection.execute(text("ALTER TABLE hidden RENAME TO orders"))
    assert sent(intake, orm()) == ("AA", "")


def test_a_name_cannot_forge_a_field_or_a_segment(intake: Intake, desk: Desk) -> None:
    evil = r"A\F\B\S\C\R\D\T\E\X0D\MSH\E\F"
    assert sent(intake, orm(pid=f"PID|1||BN1^^^BV||{evil}^VAN")) == ("AA", "")
    (listed,) = desk.orders(Wanted(), limit=9)
    assert listed.person is not None
    # A component of a DICOM name has neither ^ nor \ in it.
    assert listed.person.told.name == "A|B C~D&E MSH F^VAN"
    assert escaped("a|b^c~d&e\\f\rMSH|") == r"a\F\b\S\c\R\d\T\e\E\f MSH\F\\"[:-1]
    assert unescaped(escaped("a|b^c~d&e\\f")) == "a|b^c~d&e\\f"


def test_the_words_of_a_sender_for_modalities_are_translated(intake: Intake, desk: Desk) -> None:
    sent(intake, orm().replace("|||CT\r", "|||XQ\r"))
    sent(intake, orm(placer="2", control_id="2").replace("|||CT\r", "|||X-quang\r"))
    found = [each.order.steps[0].modality for each in desk.orders(Wanted(), limit=9)]
    assert sorted(found) == ["", "DX"]
