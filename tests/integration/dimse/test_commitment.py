"""Protects storage commitment: an instance is told to be kept only if its object was read back
whole, every instance is in the answer, and the answer arrives, if need be much later."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, evt
from pynetdicom.presentation import build_context

from pacs_gateway.background import handlers
from pacs_gateway.dimse.commitment import INSTANCE, PUSH_MODEL
from pacs_gateway.outbox.tries import Patience, Tries
from storage.commitments import CHECK, REPORT
from storage.outbox import UNFINISHED, State, Task
from storage.records import Origin, utc_now
from storage.testing.instance import make_entry
from tests.integration.dimse.pacs import AE_TITLE, Pacs, running, shipped

CT_IMAGE, MR_IMAGE = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
NOT_STORAGE = "1.2.840.10008.5.1.4.34.6.1"
HERE = ["1.2.7.1", "1.2.7.2"]
DEADLINE_S = 10.0


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Pacs]:
    with running(tmp_path) as pacs:
        yield pacs


class Requester:
    """A modality that asks, and listens for what it is told."""

    def __init__(self, pacs: Pacs, title: str = "CT1") -> None:
        self.pacs = pacs
        self.title = title
        self.told: list[tuple[int, Dataset]] = []
        self.answer = 0x0000

    def _told(self, event: evt.Event) -> tuple[int, None]:
        self.told.append((event.event_type, event.event_information))
        return self.answer, None

    @contextmanager
    def associated(self) -> Iterator[Any]:
        entity = AE(ae_title=self.title)
        association = entity.associate(
            "127.0.0.1",
            self.pacs.port,
            contexts=[build_context(PUSH_MODEL)],
            ae_title=AE_TITLE,
            evt_handlers=[(evt.EVT_N_EVENT_REPORT, self._told)],
        )
        assert association.is_established
        yield association
        association.release()

    @contextmanager
    def listening(self) -> Iterator[None]:
        entity = AE(ae_title=self.title)
        entity.add_supported_context(PUSH_MODEL, scu_role=True, scp_role=True)
        server = entity.start_server(
            ("127.0.0.1", 0),
            block=False,
            evt_handlers=[(evt.EVT_N_EVENT_REPORT, self._told)],
        )
        self.pacs.know(self.title, server.server_address[1])
        try:
            yield
        finally:
            server.shutdown()

    def ask(
        self,
        association: Any,
        references: Sequence[tuple[str, str]],
        transaction_uid: str | None = None,
        *,
        action: int = 1,
    ) -> int:
        request = Dataset()
        request.TransactionUID = transaction_uid or generate_uid()
        request.ReferencedSOPSequence = [_item(*each) for each in references]
        status, _ = association.send_n_action(request, action, PUSH_MODEL, INSTANCE)
        return int(status.Status)

    def outcome(self, number: int = 0) -> dict[str, int]:
        """Return what was told of each instance, 0 or the reason."""
        event, information = self.told[number]
        kept = {
            item.ReferencedSOPInstanceUID: 0
            for item in information.get("ReferencedSOPSequence", [])
        }
        failed = {
            item.ReferencedSOPInstanceUID: item.FailureReason
            for item in information.get("FailedSOPSequence", [])
        }
        assert event == (2 if failed else 1)
        assert not kept.keys() & failed.keys()
        return kept | failed


def _item(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class_uid
    item.ReferencedSOPInstanceUID = sop_instance_uid
    return item


def work(pacs: Pacs, *, wait_s: float = 0.0, grace_s: float = 3.0, hours: float = 72) -> None:
    """Do once what is due now."""
    limits = pacs.archive.settings.commitment.model_copy(
        update={"wait_s": wait_s, "grace_s": grace_s}
    )
    settings = pacs.archive.settings.model_copy(update={"commitment": limits})
    patience = Patience(first_pause_s=0.01, longest_pause_s=0.01, retry_hours=hours)
    archive = replace(pacs.archive, settings=settings)
    tries = Tries(archive.outbox, handlers(archive), patience)
    for task in archive.outbox.due(utc_now(), limit=100):
        tries.carry_out(task.id, task.attempt)


def wait_for(condition: Any) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, "what was waited for did not happen"
        time.sleep(0.02)


def unfinished(pacs: Pacs) -> Sequence[Task]:
    """Return the work that commitments make; studies make some too."""
    tasks = pacs.archive.outbox.tasks(UNFINISHED, limit=9)
    return [task for task in tasks if task.kind in (CHECK, REPORT)]


def is_reported(pacs: Pacs, number: int) -> bool:
    request = pacs.archive.commitments.request(number)
    return request is not None and request.reported_at is not None


def keep(pacs: Pacs, *uids: str) -> None:
    pacs.keep(*(shipped("CT_small.dcm", SOPInstanceUID=uid) for uid in uids))


def path_of(pacs: Pacs, uid: str) -> Path:
    (stored,) = pacs.archive.index.known([uid])[uid]
    return pacs.archive.settings.data_dir / "objects" / stored.object_key


def test_each_instance_is_told_of_on_the_association_that_asked(pacs: Pacs) -> None:
    keep(pacs, *HERE)
    requester = Requester(pacs)
    absent, conflicting, unsupported = "1.2.7.8", HERE[1], "1.2.7.9"
    with requester.associated() as association:
        references = [
            (CT_IMAGE, HERE[0]),
            (MR_IMAGE, conflicting),
            (CT_IMAGE, absent),
            (NOT_STORAGE, unsupported),
        ]
        assert requester.ask(association, references) == 0
        assert not requester.told
        work(pacs)
        wait_for(lambda: requester.told)
    assert requester.outcome() == {
        HERE[0]: 0, conflicting: 0x0119, absent: 0x0112, unsupported: 0x0122
    }  # fmt: skip
    wait_for(lambda: is_reported(pacs, 1))


def test_all_that_is_kept_is_told_as_success(pacs: Pacs) -> None:
    keep(pacs, *HERE)
    requester = Requester(pacs)
    with requester.associated() as association:
        assert requester.ask(association, [(CT_IMAGE, uid) for uid in HERE]) == 0
        work(pacs)
        wait_for(lambda: requester.told)
    assert requester.outcome() == dict.fromkeys(HERE, 0)


@pytest.mark.parametrize("damage", ["flipped", "short", "gone"])
def test_a_damaged_object_is_never_said_to_be_kept(pacs: Pacs, damage: str) -> None:
    keep(pacs, *HERE)
    path = path_of(pacs, HERE[0])
    data = bytearray(path.read_bytes())
    data[-7] ^= 1
    path.unlink()
    if damage != "gone":
        path.write_bytes(data if damage == "flipped" else data[:-1])
    requester = Requester(pacs)
    with requester.associated() as association:
        requester.ask(association, [(CT_IMAGE, uid) for uid in HERE])
        work(pacs)
        wait_for(lambda: requester.told)
    assert requester.outcome() == {HERE[0]: 0x0110, HERE[1]: 0}


def test_what_is_only_in_the_spool_is_awaited(pacs: Pacs) -> None:
    archive = pacs.archive
    arrival = archive.ingest.begin_file(Origin(source="import", received_at=utc_now()))
    arrival.write(shipped("CT_small.dcm", SOPInstanceUID=HERE[0]))
    arrival.accept()
    requester = Requester(pacs)
    with requester.associated() as association:
        requester.ask(association, [(CT_IMAGE, HERE[0])])
        # No time to wait, but the spool holds what came before the request.
        work(pacs, wait_s=0)
        (task,) = unfinished(pacs)
        assert "on their way" in task.reason
        committer = archive.committer()
        committer.run_once()
        committer.close()
        archive.outbox.retry(task.id, make_entry(), now=utc_now())
        work(pacs, wait_s=0)
        wait_for(lambda: requester.told)
    assert requester.outcome() == {HERE[0]: 0}


def test_a_requester_that_is_gone_is_told_when_it_is_back(pacs: Pacs) -> None:
    keep(pacs, *HERE)
    requester = Requester(pacs)
    with requester.associated() as association:
        requester.ask(association, [(CT_IMAGE, uid) for uid in HERE])
    for _ in range(3):
        work(pacs, grace_s=0)
        time.sleep(0.05)
    (task,) = unfinished(pacs)
    assert task.state is State.WAITING
    assert "Nobody knows where CT1 is" in task.reason
    requester.answer = 0x0110
    with requester.listening():
        work(pacs)
        assert len(requester.told) == 1
        (task,) = unfinished(pacs)
        assert "answered 0110" in task.reason
        requester.answer = 0x0000
        time.sleep(0.05)
        work(pacs)
    assert requester.outcome(1) == dict.fromkeys(HERE, 0)
    assert not unfinished(pacs)


def test_a_report_that_nobody_takes_waits_for_a_person_at_last(pacs: Pacs) -> None:
    requester = Requester(pacs)
    with requester.associated() as association:
        requester.ask(association, [(CT_IMAGE, "1.2.7.8")])
    work(pacs, grace_s=0)
    time.sleep(0.05)
    work(pacs, hours=0)
    (task,) = unfinished(pacs)
    assert task.state is State.STUCK


def test_the_same_request_is_answered_again_and_another_under_its_uid_fails(pacs: Pacs) -> None:
    keep(pacs, *HERE)
    requester, transaction_uid = Requester(pacs), generate_uid()
    references = [(CT_IMAGE, uid) for uid in HERE]
    with requester.associated() as association:
        for number, asked in enumerate([references, references, references[:1], references[:1]]):
            assert requester.ask(association, asked, transaction_uid) == 0
            work(pacs)
            wait_for(lambda: len(requester.told) > number)  # noqa: B023 - called at once
    assert requester.outcome(0) == requester.outcome(1) == dict.fromkeys(HERE, 0)
    assert requester.outcome(2) == requester.outcome(3) == {HERE[0]: 0x0131}


def test_the_transaction_of_another_device_is_none_of_mine(pacs: Pacs) -> None:
    keep(pacs, *HERE)
    transaction_uid = generate_uid()
    for title in ("CT1", "CT2"):
        requester = Requester(pacs, title)
        with requester.associated() as association:
            requester.ask(association, [(CT_IMAGE, HERE[0])], transaction_uid)
            work(pacs)
            wait_for(lambda: requester.told)  # noqa: B023 - called at once
        assert requester.outcome() == {HERE[0]: 0}


def test_a_restart_between_request_and_outcome_loses_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as pacs:
        keep(pacs, *HERE)
        requester = Requester(pacs)
        with requester.associated() as association:
            requester.ask(association, [(CT_IMAGE, HERE[0])])
    with running(tmp_path) as pacs:
        requester.pacs = pacs
        with requester.listening():
            work(pacs, grace_s=0)
            work(pacs, grace_s=0)
    assert requester.outcome() == {HERE[0]: 0}


@pytest.mark.parametrize(
    ("references", "transaction_uid", "action", "status"),
    [
        ([], "1.2.3", 1, 0x0115),
        ([(CT_IMAGE, "../../etc")], "1.2.3", 1, 0x0115),
        ([(CT_IMAGE, "1.2.7.1")], "", 1, 0x0115),
        ([(CT_IMAGE, "1.2.7.1")], "1.2.3", 2, 0x0123),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_a_request_that_makes_no_sense_is_refused_and_not_kept(
    pacs: Pacs,
    references: list[tuple[str, str]],
    transaction_uid: str,
    action: int,
    status: int,
) -> None:
    requester = Requester(pacs)
    request = Dataset()
    request.TransactionUID = transaction_uid
    request.ReferencedSOPSequence = [_item(*each) for each in references]
    with requester.associated() as association:
        answer, _ = association.send_n_action(request, action, PUSH_MODEL, INSTANCE)
        assert answer.Status == status
    assert not unfinished(pacs)


def test_too_many_references_are_refused_before_anything_is_kept(tmp_path: Path) -> None:
    with running(tmp_path, max_references=3) as pacs:
        requester = Requester(pacs)
        with requester.associated() as association:
            references = [(CT_IMAGE, f"1.2.{number}") for number in range(4)]
            assert requester.ask(association, references) == 0x0213
            assert not unfinished(pacs)
            assert requester.ask(association, references[:3]) == 0


def test_other_messages_are_served_while_an_outcome_is_awaited(pacs: Pacs) -> None:
    keep(pacs, *HERE)
    requester = Requester(pacs)
    with requester.associated() as association:
        for number in range(5):
            requester.ask(association, [(CT_IMAGE, HERE[0])])
            work(pacs)
            assert len(requester.told) <= number + 1
        wait_for(lambda: len(requester.told) == 5)
    assert all(requester.outcome(number) == {HERE[0]: 0} for number in range(5))


def test_old_outcomes_are_forgotten_and_what_is_undecided_never(pacs: Pacs) -> None:
    requester = Requester(pacs)
    with requester.associated() as association:
        requester.ask(association, [(CT_IMAGE, "1.2.7.8")])
        work(pacs)
        requester.ask(association, [(CT_IMAGE, "1.2.7.9")])
    commitments = pacs.archive.commitments
    assert commitments.forget(before=utc_now() - timedelta(minutes=1)) == 0
    assert commitments.forget(before=utc_now()) == 1
    assert [commitments.request(number) is None for number in (1, 2)] == [True, False]
    assert commitments.items(1) == []
