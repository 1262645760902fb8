"""Protects MPPS: what a device reports moves its order on, once, and what is over stays over."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE
from pynetdicom.sop_class import ModalityPerformedProcedureStep

from pacs_gateway.ris.values import Control
from storage.orders import Order, OrderState, StepState
from tests.integration.dimse.pacs import AE_TITLE, Pacs, running
from tests.unit.ris.desks import STEP, WHO, order

OK = 0x0000


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Pacs]:
    with running(tmp_path) as pacs:
        yield pacs


class Device:
    """A modality that reports."""

    def __init__(self, pacs: Pacs) -> None:
        entity = AE(ae_title="CT1")
        entity.add_requested_context(ModalityPerformedProcedureStep)
        self.association = entity.associate("127.0.0.1", pacs.port, ae_title=AE_TITLE)
        assert self.association.is_established

    def create(self, uid: str, placed: Order, *, status: str = "IN PROGRESS") -> Dataset:
        created = Dataset()
        created.PerformedProcedureStepStatus = status
        created.PerformedProcedureStepID = "PPS1"
        created.Modality = "CT"
        scheduled = Dataset()
        scheduled.StudyInstanceUID = placed.study_uid
        scheduled.AccessionNumber = placed.accession_number
        scheduled.ScheduledProcedureStepID = placed.steps[0].step_id
        created.ScheduledStepAttributesSequence = [scheduled]
        answered: Dataset = self.association.send_n_create(
            created, ModalityPerformedProcedureStep, uid
        )[0]
        return answered

    def report(self, uid: str, status: str, *, reason: str = "") -> Dataset:
        changes = Dataset()
        changes.PerformedProcedureStepStatus = status
        if reason:
            code = Dataset()
            code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = reason, "DCM", "reason"
            changes.PerformedProcedureStepDiscontinuationReasonCodeSequence = [code]
        answered: Dataset = self.association.send_n_set(
            changes, ModalityPerformedProcedureStep, uid
        )[0]
        return answered


@pytest.fixture
def device(pacs: Pacs) -> Iterator[Device]:
    device = Device(pacs)
    yield device
    device.association.release()


@pytest.fixture
def placed(pacs: Pacs) -> Order:
    return pacs.archive.desk.place(order(), WHO).order


def now(pacs: Pacs, placed: Order) -> tuple[OrderState, list[StepState]]:
    found = pacs.archive.desk.order(placed.id).listed.order
    return found.state, [step.state for step in found.steps]


def test_a_step_begins_and_ends_with_its_order(pacs: Pacs, device: Device, placed: Order) -> None:
    uid = generate_uid()
    assert device.create(uid, placed).Status == OK
    assert now(pacs, placed) == (OrderState.IN_PROGRESS, [StepState.IN_PROGRESS])
    assert device.report(uid, "COMPLETED").Status == OK
    assert now(pacs, placed) == (OrderState.COMPLETED, [StepState.COMPLETED])
    history = [each.what for each in pacs.archive.desk.order(placed.id).history]
    assert history == ["created", "mpps in progress", "mpps completed"]
    # Attributes of both messages are kept.
    kept = pacs.archive.desk.performed(uid)
    assert kept is not None
    assert kept.attributes["00400253"]["Value"] == ["PPS1"]


def test_what_is_broken_off_ends_discontinued_and_a_wrong_entry_is_free_again(
    pacs: Pacs, device: Device, placed: Order
) -> None:
    first, second = generate_uid(), generate_uid()
    device.create(first, placed)
    assert device.report(first, "DISCONTINUED", reason="110514").Status == OK
    assert now(pacs, placed) == (OrderState.SCHEDULED, [StepState.SCHEDULED])
    device.create(second, placed)
    device.report(second, "DISCONTINUED", reason="110501")
    assert now(pacs, placed) == (OrderState.DISCONTINUED, [StepState.DISCONTINUED])


def test_an_order_of_two_steps_is_done_with_the_second(pacs: Pacs, device: Device) -> None:
    placed = pacs.archive.desk.place(order(steps=(STEP, STEP)), WHO).order
    uids = [generate_uid(), generate_uid()]
    for uid, step in zip(uids, placed.steps, strict=True):
        device.create(uid, replace(placed, steps=(step,)))
    device.report(uids[0], "COMPLETED")
    assert now(pacs, placed)[0] is OrderState.IN_PROGRESS
    device.report(uids[1], "COMPLETED")
    assert now(pacs, placed)[0] is OrderState.COMPLETED


def test_what_is_over_may_no_longer_be_updated(device: Device, placed: Order) -> None:
    uid = generate_uid()
    device.create(uid, placed)
    device.report(uid, "COMPLETED")
    for status in ("IN PROGRESS", "DISCONTINUED", "COMPLETED"):
        refused = device.report(uid, status)
        assert (refused.Status, refused.ErrorID) == (0x0110, 0xA710)


def test_requests_that_cannot_be_are_refused_as_the_standard_says(
    pacs: Pacs, device: Device, placed: Order
) -> None:
    uid = generate_uid()
    assert device.create(uid, placed, status="COMPLETED").Status == 0x0106
    assert device.create(uid, placed, status="").Status == 0x0120
    assert device.report(uid, "COMPLETED").Status == 0x0112
    assert device.create(uid, placed).Status == OK
    assert device.create(uid, placed).Status == 0x0111
    assert device.report(uid, "DONE").Status == 0x0106
    assert now(pacs, placed)[0] is OrderState.IN_PROGRESS


def test_an_examination_without_an_order_is_kept(pacs: Pacs, device: Device, placed: Order) -> None:
    uid = generate_uid()
    unknown = replace(placed, study_uid=generate_uid(), accession_number="NONE")
    assert device.create(uid, unknown).Status == OK
    assert device.report(uid, "COMPLETED").Status == OK
    assert now(pacs, placed)[0] is OrderState.SCHEDULED


def test_a_cancelled_order_stays_so_but_its_history_tells(
    pacs: Pacs, device: Device, placed: Order
) -> None:
    pacs.archive.desk.place(order(control=Control.CANCEL), WHO)
    device.create(generate_uid(), placed)
    assert now(pacs, placed) == (OrderState.CANCELLED, [StepState.CANCELLED])
    assert pacs.archive.desk.order(placed.id).history[-1].what == "mpps in progress"
