"""Protects: whatever is wrong with a request, an answer or a destination, the requestor gets one
final status that says so, in bounded time, and the association goes on."""

import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import DataElement, Dataset
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR
from pydicom.tag import Tag
from pynetdicom import AE, AllStoragePresentationContexts, build_context, build_role, evt
from pynetdicom.dimse_primitives import C_FIND
from pynetdicom.sop_class import (
    CTImageStorage,
    PatientRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from pacs_gateway.dimse.query import ANSWERS_AT_ONCE
from storage.database import open_engine
from storage.index import Index
from storage.records import StoredInstance
from storage.testing.instance import make_record
from tests.integration.dimse.pacs import Pacs, running, shipped
from tests.servers.processes import free_port

FIND = StudyRootQueryRetrieveInformationModelFind
MOVE = StudyRootQueryRetrieveInformationModelMove
GET = StudyRootQueryRetrieveInformationModelGet
STUDY = "1.2.826.7"
IMAGES = 4
MANY = 4 * ANSWERS_AT_ONCE + 50
REACTOR_REST_S = 0.05
"""Many rounds of the thread that reads an association; one takes about a millisecond."""

Answers = list[tuple[Dataset, Dataset | None]]


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pacs]:
    folder = tmp_path_factory.mktemp("pacs")
    with running(folder, response_deadline_s=2, move_connect_deadline_s=2) as pacs:
        pacs.keep(*images())
        yield pacs


def images(study_uid: str = STUDY, count: int = IMAGES, **changes: Any) -> list[bytes]:
    return [
        shipped(
            "CT_small.dcm",
            StudyInstanceUID=study_uid,
            SeriesInstanceUID=f"{study_uid}.1",
            SOPInstanceUID=f"{study_uid}.1.{number}",
            InstanceNumber=number,
            **changes,
        )
        for number in range(1, count + 1)
    ]


@contextmanager
def associated(pacs: Pacs, *models: str, get_roles: bool = True) -> Iterator[Any]:
    """Open an association; at its end an echo proves that it is in order."""
    entity = AE(ae_title="TESTER")
    entity.dimse_timeout = entity.acse_timeout = 30
    handlers = [(evt.EVT_C_STORE, lambda _event: 0x0000)]
    contexts = [build_context(each) for each in (*models, Verification, CTImageStorage)]
    roles = [build_role(CTImageStorage, scp_role=True)] if get_roles else []
    association = entity.associate(
        "127.0.0.1", pacs.port, contexts=contexts, ext_neg=roles, evt_handlers=handlers
    )
    assert association.is_established
    try:
        rested(association)
        yield association
        rested(association)
        assert association.send_c_echo().Status == 0x0000
    finally:
        association.release()


def rested(association: Any) -> None:
    """Let the association's own thread stop reading: pynetdicom starts sending a moment early, and
    on a busy machine that thread then takes the answer that the sender waits for."""
    association._reactor_checkpoint.clear()
    time.sleep(REACTOR_REST_S)


def identifier(**keys: str) -> Dataset:
    """Return a request's keys, unchecked as from any SCU."""
    data_set = Dataset()
    for keyword, value in keys.items():
        tag = Tag(keyword)
        data_set[tag] = DataElement(tag, dictionary_VR(tag), value, validation_mode=IGNORE)
    return data_set


def ask(pacs: Pacs, asked: Dataset, model: str = FIND) -> Answers:
    with associated(pacs, model) as association:
        return list(association.send_c_find(asked, model))


def move(pacs: Pacs, destination: str, **keys: str) -> Answers:
    asked = identifier(**{"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": STUDY, **keys})
    with associated(pacs, MOVE) as association:
        return list(association.send_c_move(asked, destination, MOVE))


def counts(status: Dataset) -> tuple[int, int]:
    """Return how many sub-operations were completed and failed."""
    return status.NumberOfCompletedSuboperations, status.NumberOfFailedSuboperations


@contextmanager
def destination(
    handle: Any, title: str, pacs: Pacs, *, opened: list[Any] | None = None
) -> Iterator[None]:
    """Run a storage SCP that answers with `handle`, known as `title`."""
    entity = AE(ae_title=title)
    for context in AllStoragePresentationContexts:
        entity.add_supported_context(context.abstract_syntax)
    handlers = [(evt.EVT_C_STORE, handle)]
    if opened is not None:
        handlers.append((evt.EVT_ACCEPTED, opened.append))
    port = free_port()
    server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    pacs.know(title, port)
    try:
        yield
    finally:
        server.shutdown()


@pytest.mark.parametrize(
    ("keys", "comment"),
    [
        ({}, "QueryRetrieveLevel"),
        ({"QueryRetrieveLevel": ""}, "QueryRetrieveLevel"),
        ({"QueryRetrieveLevel": "EVERYTHING"}, "QueryRetrieveLevel"),
        ({"QueryRetrieveLevel": "PATIENT"}, "PATIENT"),
        ({"QueryRetrieveLevel": "STUDY", "StudyDate": "20260101-2026"}, "StudyDate"),
        ({"QueryRetrieveLevel": "SERIES", "SeriesNumber": "1\\2"}, "SeriesNumber"),
    ],
)
def test_a_query_that_does_not_fit_the_model_is_refused(
    pacs: Pacs, keys: dict[str, str], comment: str
) -> None:
    answers = ask(pacs, identifier(**{"StudyInstanceUID": "", **keys}))
    assert [status.Status for status, _ in answers] == [0xA900]
    assert comment in answers[0][0].ErrorComment
    assert len(answers[0][0].ErrorComment) <= 64


@pytest.mark.parametrize(
    "data",
    [
        b"\x08",
        b"not a data set at all",
        b"\x08\x00\x52\x00\xff\xff\xff\x7fSTUDY ",
        b"\x08\x00\x52\x00\x06\x00\x00\x00STUDY \x10\x00\x10\x00\x40\x00\x00\x00Doe",
        bytes(range(256)) * 8,
    ],
)
def test_an_unreadable_identifier_is_refused(pacs: Pacs, data: bytes) -> None:
    (response,) = ask_raw(pacs, data)
    assert 0xC000 <= response.Status < 0xD000
    assert response.ErrorComment


def ask_raw(pacs: Pacs, data: bytes) -> list[Any]:
    """Send a C-FIND whose identifier is `data`, in Implicit VR; return all responses."""
    with associated(pacs, FIND) as association:
        request = C_FIND()
        request.MessageID = 7
        request.AffectedSOPClassUID = FIND
        request.Priority = 2
        request.Identifier = BytesIO(data)
        # Its own thread must not take the responses.
        association._reactor_checkpoint.clear()
        association.dimse.send_msg(request, association.accepted_contexts[0].context_id)
        responses: list[Any] = []
        while not responses or responses[-1].Status in (0xFF00, 0xFF01):
            responses.append(association.dimse.get_msg(block=True)[1])
        association._reactor_checkpoint.set()
    return responses


def test_a_key_that_cannot_be_matched_is_admitted(pacs: Pacs) -> None:
    asked = identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID=STUDY, KVP="120")
    assert [status.Status for status, _ in ask(pacs, asked)] == [0xFF01, 0x0000]


def test_utf_8_is_understood_without_being_declared(pacs: Pacs) -> None:
    uid = "1.2.826.8"
    name = "Đặng^Thị Huệ"
    pacs.keep(*images(uid, 1, PatientID="H1", PatientName=name, SpecificCharacterSet="ISO_IR 192"))
    level, study = element(0x0008, 0x0052, b"STUDY "), element(0x0020, 0x000D, b"")
    asked = level + element(0x0010, 0x0010, "đặng* ".encode()) + study
    answer, final = ask_raw(pacs, asked)
    assert (answer.Status, final.Status) == (0xFF00, 0x0000)
    assert uid.encode() in answer.Identifier.getvalue()
    assert name.encode() in answer.Identifier.getvalue()


def test_a_comment_about_a_foreign_text_stays_ascii(pacs: Pacs) -> None:
    asked = element(0x0008, 0x0052, b"IMAGE ") + element(0x0020, 0x0013, "số một".encode())
    (response,) = ask_raw(pacs, asked)
    assert response.Status == 0xA900
    assert response.ErrorComment.startswith("InstanceNumber ")
    assert response.ErrorComment.isascii()


def element(group: int, number: int, value: bytes) -> bytes:
    """Return an element in Implicit VR Little Endian."""
    return struct.pack("<HHI", group, number, len(value)) + value


@pytest.fixture
def many(tmp_path: Path) -> Iterator[Pacs]:
    """Return an archive of more studies than one page of answers holds."""
    with running(tmp_path) as pacs:
        studies = range(MANY)
        pacs.archive.index.commit([make_record(study, patient=f"P{study}") for study in studies])
        yield pacs


@pytest.mark.parametrize(
    ("level", "key", "model"),
    [
        ("PATIENT", "PatientID", PatientRootQueryRetrieveInformationModelFind),
        ("STUDY", "StudyInstanceUID", FIND),
        ("SERIES", "SeriesInstanceUID", FIND),
        ("IMAGE", "SOPInstanceUID", FIND),
    ],
)
def test_every_answer_comes_once(many: Pacs, level: str, key: str, model: str) -> None:
    answers = ask(many, identifier(QueryRetrieveLevel=level, **{key: ""}), model)
    found = [str(answer[key].value) for _, answer in answers if answer is not None]
    assert len(found) == len(set(found)) == MANY
    assert answers[-1][0].Status == 0x0000


def test_too_many_answers_end_with_one_failure(tmp_path: Path) -> None:
    with running(tmp_path, max_answers=5) as pacs:
        pacs.archive.index.commit([make_record(study) for study in range(6)])
        asked = identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="")
        answers = ask(pacs, asked)
        assert [status.Status for status, _ in answers] == [0xFF00] * 5 + [0xA700]
        assert "5 answers" in answers[-1][0].ErrorComment
        asked.StudyInstanceUID = "\\".join(f"1.2.{study}" for study in range(5))
        assert ask(pacs, asked)[-1][0].Status == 0x0000


def test_a_query_can_be_cancelled(many: Pacs) -> None:
    with associated(many, FIND) as association:
        asked = identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID="")
        answers = association.send_c_find(asked, FIND, msg_id=11)
        statuses = [next(answers)[0].Status]
        association.send_c_cancel(11, query_model=FIND)
        statuses += [status.Status for status, _ in answers]
    assert statuses[-1] == 0xFE00
    assert len(statuses) < MANY


def test_an_index_that_is_down_is_said_to_be(tmp_path: Path) -> None:
    nowhere = open_engine(
        f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none", busy_deadline_s=1
    )
    with running(tmp_path, index=Index(nowhere)) as pacs:
        pacs.know("STATION", free_port())
        asked = identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID=STUDY)
        for answers in (ask(pacs, asked), move(pacs, "STATION")):
            assert [status.Status for status, _ in answers] == [0xA700]
            assert "nobody" not in answers[0][0].ErrorComment


def test_an_unknown_destination_is_named(pacs: Pacs) -> None:
    pacs.know("FLOOR2", 104, host="10.0.2.0/24")
    for title in ("NOBODY", "FLOOR2"):
        ((status, _),) = move(pacs, title)
        assert status.Status == 0xA801
        assert title in status.ErrorComment


@pytest.mark.parametrize(
    "keys",
    [
        {"StudyInstanceUID": ""},
        {"QueryRetrieveLevel": ""},
        {"QueryRetrieveLevel": "PATIENT", "PatientID": "1CT1"},
        {"QueryRetrieveLevel": "SERIES"},
        {"StudyInstanceUID": "1.2.*"},
    ],
)
def test_a_retrieve_request_must_say_what_it_wants(pacs: Pacs, keys: dict[str, str]) -> None:
    pacs.know("STATION", free_port())
    ((status, _),) = move(pacs, "STATION", **keys)
    assert status.Status == 0xA900


def test_nothing_found_is_success_with_nothing_done(pacs: Pacs) -> None:
    pacs.know("STATION", free_port())
    ((status, _),) = move(pacs, "STATION", StudyInstanceUID="1.2.3.4.5")
    assert status.Status == 0x0000
    assert counts(status) == (0, 0)


# pynetdicom leaves a socket that was refused to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
# pynetdicom leaves closing a socket that never connected to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_destination_that_is_off_fails_at_once(pacs: Pacs) -> None:
    pacs.know("OFF", free_port())
    began = time.monotonic()
    answers = move(pacs, "OFF")
    assert time.monotonic() - began < 2
    assert answers[-1][0].Status == 0xA702
    assert counts(answers[-1][0]) == (0, IMAGES)


def test_other_keys_than_the_unique_ones_mean_nothing_to_a_retrieve(pacs: Pacs) -> None:
    with destination(lambda _event: 0x0000, "KEYS", pacs):
        answers = move(pacs, "KEYS", PatientName="Somebody^Else", PatientID="?", StudyDate="x")
    assert answers[-1][0].Status == 0x0000
    assert counts(answers[-1][0]) == (IMAGES, 0)


def test_pending_responses_count_up_and_the_move_is_passed_on(pacs: Pacs) -> None:
    requests = []

    def handle(event: evt.Event) -> int:
        requests.append(event.request)
        return 0x0000

    with destination(handle, "COUNTER", pacs):
        answers = move(pacs, "COUNTER")
    pending = [status for status, _ in answers if status.Status == 0xFF00]
    assert [counts(status)[0] for status in pending] == [1, 2, 3]
    assert [status.NumberOfRemainingSuboperations for status in pending] == [3, 2, 1]
    assert answers[-1][0].Status == 0x0000
    assert {request.MoveOriginatorApplicationEntityTitle for request in requests} == {"TESTER"}
    assert {request.MoveOriginatorMessageID for request in requests} == {1}
    assert len({request.MessageID for request in requests}) == IMAGES


@pytest.mark.parametrize(("given", "final"), [(0xA700, 0xA702), (0xB000, 0xB000), (0x0000, 0)])
def test_the_statuses_of_the_destination_are_summed_up(pacs: Pacs, given: int, final: int) -> None:
    with destination(lambda _event: given, f"S{given:04X}", pacs):
        answers = move(pacs, f"S{given:04X}")
    assert answers[-1][0].Status == final
    failed = answers[-1][0].NumberOfFailedSuboperations
    assert failed == (IMAGES if given == 0xA700 else 0)


def test_a_destination_that_aborts_fails_the_rest_at_once(pacs: Pacs) -> None:
    seen: list[str] = []

    def handle(event: evt.Event) -> int:
        seen.append(event.request.AffectedSOPInstanceUID)
        if len(seen) == 2:
            event.assoc.abort()
        return 0x0000

    began = time.monotonic()
    with destination(handle, "ABORTS", pacs):
        answers = move(pacs, "ABORTS")
    assert time.monotonic() - began < 5
    status, failed = answers[-1]
    assert status.Status == 0xB000
    assert counts(status) == (1, IMAGES - 1)
    assert failed is not None
    assert list(failed.FailedSOPInstanceUIDList) == [f"{STUDY}.1.{n}" for n in (2, 3, 4)]


def test_a_destination_that_never_answers_is_given_up_after_its_deadline(pacs: Pacs) -> None:
    woken = threading.Event()

    def handle(_event: evt.Event) -> int:
        woken.wait(20)
        return 0x0000

    began = time.monotonic()
    with destination(handle, "SLEEPS", pacs):
        answers = move(pacs, "SLEEPS")
        woken.set()
    assert time.monotonic() - began < 8
    assert answers[-1][0].Status == 0xA702
    assert counts(answers[-1][0]) == (0, IMAGES)


def test_a_destination_that_stops_inside_a_pdu_is_given_up_too(pacs: Pacs) -> None:
    woken = threading.Event()

    def handle(event: evt.Event) -> int:
        event.assoc.dul.socket.socket.sendall(b"\x04\x00\x00")
        woken.wait(20)
        return 0x0000

    began = time.monotonic()
    with destination(handle, "HALF", pacs):
        answers = move(pacs, "HALF")
        woken.set()
    assert time.monotonic() - began < 8
    assert counts(answers[-1][0]) == (0, IMAGES)


def test_a_move_can_be_cancelled(pacs: Pacs) -> None:
    def handle(_event: evt.Event) -> int:
        time.sleep(0.3)
        return 0x0000

    asked = identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID=STUDY)
    with destination(handle, "SLOW", pacs), associated(pacs, MOVE) as association:
        answers = association.send_c_move(asked, "SLOW", MOVE, msg_id=5)
        assert next(answers)[0].Status == 0xFF00
        association.send_c_cancel(5, query_model=MOVE)
        status, _ = list(answers)[-1]
    assert status.Status == 0xFE00
    assert status.NumberOfRemainingSuboperations > 0
    assert sum(counts(status)) + status.NumberOfRemainingSuboperations == IMAGES


def test_an_object_that_is_lost_fails_alone(pacs: Pacs) -> None:
    uid = "1.2.826.9"
    pacs.keep(*images(uid, 3))
    lost = stored(pacs, uid)[1]
    pacs.archive.store.delete(lost.object_key)
    with destination(lambda _event: 0x0000, "LOSES", pacs):
        answers = move(pacs, "LOSES", StudyInstanceUID=uid)
    status, failed = answers[-1]
    assert status.Status == 0xB000
    assert counts(status) == (2, 1)
    assert failed is not None
    assert failed.FailedSOPInstanceUIDList == lost.sop_instance_uid


def stored(pacs: Pacs, study_uid: str) -> Sequence[StoredInstance]:
    return pacs.archive.retrieval.instances(study_uid)


def test_more_contexts_than_an_association_can_have(pacs: Pacs) -> None:
    uid = "1.2.826.10"
    classes = [str(context.abstract_syntax) for context in AllStoragePresentationContexts[:70]]
    pacs.keep(
        *(
            shipped(
                "MR_small.dcm",
                StudyInstanceUID=uid,
                SeriesInstanceUID=f"{uid}.1",
                SOPInstanceUID=f"{uid}.1.{number}",
                SOPClassUID=sop_class,
            )
            for number, sop_class in enumerate(classes)
        )
    )
    opened: list[Any] = []
    with destination(lambda _event: 0x0000, "ALLKINDS", pacs, opened=opened):
        answers = move(pacs, "ALLKINDS", StudyInstanceUID=uid)
    assert answers[-1][0].Status == 0x0000
    assert counts(answers[-1][0]) == (len(classes), 0)
    assert len(opened) == 2


@pytest.mark.parametrize(("get_roles", "final"), [(True, 0x0000), (False, 0xA702)])
def test_c_get_needs_the_requestor_in_the_role_of_a_store(
    pacs: Pacs, *, get_roles: bool, final: int
) -> None:
    asked = identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID=STUDY)
    with associated(pacs, GET, get_roles=get_roles) as association:
        answers = list(association.send_c_get(asked, GET))
    assert answers[-1][0].Status == final
    assert counts(answers[-1][0]) == ((IMAGES, 0) if get_roles else (0, IMAGES))


def test_a_requestor_that_goes_away_during_c_get_is_not_waited_for(pacs: Pacs) -> None:
    asked = identifier(QueryRetrieveLevel="STUDY", StudyInstanceUID=STUDY)
    entity = AE(ae_title="TESTER")
    entity.dimse_timeout = 1
    association = entity.associate(
        "127.0.0.1",
        pacs.port,
        contexts=[build_context(GET), build_context(CTImageStorage)],
        ext_neg=[build_role(CTImageStorage, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, lambda event: event.assoc.abort() or 0)],
    )
    list(association.send_c_get(asked, GET))
    assert association.is_aborted
    with associated(pacs, FIND) as other:
        assert other.is_established
