"""Protects the worklist: a device finds its own steps, and what it finds equals what DCMTK answers.

The same items are served by DCMTK's wlmscpfs, and each query is put to both.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE
from pynetdicom.sop_class import ModalityWorklistInformationFind

from pacs_gateway.audit import acts
from pacs_gateway.dicom.jsonmodel import to_dataset
from pacs_gateway.dicom.names import unmarked
from pacs_gateway.ris import placing
from pacs_gateway.ris.entries import entry
from pacs_gateway.ris.values import Control, PatientTold
from storage.orders import Step, StepState
from storage.patients import Identifier, NumberKind
from storage.peers import Peer
from tests.integration.dimse.pacs import AE_TITLE, Pacs, network_address, running
from tests.servers import free_port, require_program
from tests.servers.processes import running as running_program
from tests.unit.ris.desks import WHO, order

TODAY = datetime.now().astimezone()
DAYS = [f"{TODAY + timedelta(days=days):%Y%m%d}" for days in (0, 1, 2)]
PEOPLE = ["NGUYỄN^VĂN ÁNH", "NGUYEN^VAN ANH", "LÊ^THỊ ĐÀO", "TRAN^BINH"]
STATUS_PENDING, STATUS_SUCCESS = 0xFF00, 0x0000


@dataclass(frozen=True, slots=True)
class Worklist:
    """A gateway with orders, and wlmscpfs with the same."""

    pacs: Pacs
    dcmtk_port: int


def place(pacs: Pacs) -> None:
    for number, (name, modality, station) in enumerate(
        (
            (PEOPLE[0], "CT", "CT1"),
            (PEOPLE[1], "CT", "CT2"),
            (PEOPLE[2], "MR", "MR1"),
            (PEOPLE[3], "US", "US1"),
            (PEOPLE[3], "CT", "CT1"),
        )
    ):
        patient = PatientTold(
            name=name,
            birth_date=f"198{number}0412",
            sex="MF"[number % 2],
            identifiers=(Identifier(NumberKind.MRN, f"BN00{PEOPLE.index(name)}", "BV"),),
        )
        step = Step(
            modality=modality,
            station_ae=station,
            room=f"P.{number}",
            date=DAYS[number % 3],
            time=f"{8 + number:02}3000",
            description=f"Step {number}",
            performer="DOC^TOR",
        )
        request = order(
            f"DH{number}",
            patient=patient,
            steps=(step,),
            procedure_text=f"Procedure {number}",
            doctor="LE^CUONG",
        )
        pacs.archive.desk.place(request, WHO)


def write_items(pacs: Pacs, folder: Path) -> None:
    folder.mkdir()
    (folder / "lockfile").touch()
    found = pacs.archive.desk.steps([StepState.SCHEDULED], first_day="", last_day="", limit=99)
    for number, (listed, step) in enumerate(found):
        item = to_dataset(entry(listed, step, ascii_only=True))
        item.file_meta = FileMetaDataset()
        item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        item.file_meta.MediaStorageSOPClassUID = ModalityWorklistInformationFind
        item.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dcmwrite(folder / f"{number}.wl", item, enforce_file_format=True)


@pytest.fixture(scope="module")
def worklist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worklist]:
    program = require_program("wlmscpfs", "apt-get install dcmtk")
    folder, port = tmp_path_factory.mktemp("worklist"), free_port()
    with running(folder / "gateway", worklist_charset="ascii") as pacs:
        place(pacs)
        write_items(pacs, folder / "ANY")
        command: list[str | Path] = [program, "--disable-file-reject", "-dfp", folder, str(port)]
        with running_program(
            command, log=folder / "wlmscpfs.log", ready=lambda: accepts(port, "ANY")
        ):
            yield Worklist(pacs, port)


def accepts(port: int, title: str) -> bool:
    association = AE().associate("127.0.0.1", port, ae_title=title, contexts=contexts())
    accepted = bool(association.is_established)
    if accepted:
        association.release()
    return accepted


def contexts() -> list[Any]:
    entity = AE()
    entity.add_requested_context(ModalityWorklistInformationFind)
    return list(entity.requested_contexts)


def ask(port: int, title: str, query: Dataset, *, calling: str = "CT1") -> list[Dataset]:
    """Return the answers of a query that ends in success."""
    association = AE(ae_title=calling).associate(
        "127.0.0.1", port, ae_title=title, contexts=contexts()
    )
    assert association.is_established
    answers = list(association.send_c_find(query, ModalityWorklistInformationFind))
    association.release()
    assert [status.Status for status, _ in answers][-1] == STATUS_SUCCESS
    return [answer for status, answer in answers if status.Status in (STATUS_PENDING, 0xFF01)]


def query_of(step: Mapping[str, str], **keys: str) -> Dataset:
    """Return a query for what consoles show, with some keys filled in."""
    query, scheduled = Dataset(), Dataset()
    for keyword in (
        "AccessionNumber", "PatientName", "PatientID", "PatientBirthDate", "PatientSex",
        "StudyInstanceUID", "RequestedProcedureID", "RequestedProcedureDescription",
        "RequestedProcedurePriority", "ReferringPhysicianName", "RequestingPhysician",
    ):  # fmt: skip
        setattr(query, keyword, keys.get(keyword, ""))
    for keyword in (
        "Modality", "ScheduledStationAETitle", "ScheduledProcedureStepStartDate",
        "ScheduledProcedureStepStartTime", "ScheduledPerformingPhysicianName",
        "ScheduledProcedureStepDescription", "ScheduledProcedureStepID",
    ):  # fmt: skip
        setattr(scheduled, keyword, step.get(keyword, ""))
    query.ScheduledProcedureStepSequence = [scheduled]
    return query


def plain(answer: Dataset) -> dict[str, str]:
    """Return the values of an answer by their place, those of the step among them."""
    found = {each.keyword: str(each.value or "") for each in answer if each.VR != "SQ"}
    found.pop("SpecificCharacterSet", None)
    for each in answer.ScheduledProcedureStepSequence[0]:
        found[f"step {each.keyword}"] = str(each.value or "")
    return found


def by_number(answers: list[Dataset]) -> list[dict[str, str]]:
    return sorted(map(plain, answers), key=lambda each: each["AccessionNumber"])


QUERIES: list[tuple[dict[str, str], dict[str, str]]] = [
    ({}, {}),
    ({"Modality": "CT"}, {}),
    ({"Modality": "XA"}, {}),
    ({"ScheduledStationAETitle": "CT1"}, {}),
    ({"ScheduledStationAETitle": "CT1", "Modality": "CT"}, {}),
    ({"ScheduledProcedureStepStartDate": DAYS[0]}, {}),
    ({"ScheduledProcedureStepStartDate": f"{DAYS[0]}-{DAYS[1]}"}, {}),
    ({"ScheduledProcedureStepStartDate": f"{DAYS[1]}-"}, {}),
    ({"ScheduledProcedureStepStartDate": f"-{DAYS[1]}"}, {}),
    (
        {
            "ScheduledProcedureStepStartDate": DAYS[0],
            "ScheduledProcedureStepStartTime": "080000-090000",
        },
        {},
    ),
    ({"ScheduledProcedureStepStartTime": "093000"}, {}),
    ({"ScheduledPerformingPhysicianName": "DOC*"}, {}),
    ({}, {"PatientName": "NGUYEN^VAN ANH"}),
    ({}, {"PatientName": "NGUYEN*"}),
    ({}, {"PatientName": "*ANH"}),
    ({}, {"PatientName": "TRAN^BIN?"}),
    ({}, {"PatientName": "*"}),
    ({}, {"PatientID": "BN003"}),
    ({}, {"PatientID": "BN00?"}),
    ({}, {"PatientID": "bn003"}),
    ({}, {"PatientID": "BN003", "PatientName": "LE*"}),
    ({"Modality": "CT"}, {"PatientID": "BN003"}),
    ({"ScheduledStationAETitle": "CT*"}, {}),
    ({"ScheduledProcedureStepDescription": "Step*"}, {}),
    ({}, {"AccessionNumber": "26*"}),
    ({}, {"AccessionNumber": "NONE"}),
    ({}, {"RequestedProcedureID": "26*"}),
    ({}, {"RequestedProcedureDescription": "Proc*"}),
    ({}, {"ReferringPhysicianName": "LE*"}),
    ({}, {"ReferringPhysicianName": "XX*"}),
    ({}, {"RequestingPhysician": "XX*"}),
    ({}, {"PatientBirthDate": "19800412"}),
    ({}, {"PatientBirthDate": "19800412-19810412"}),
    ({}, {"PatientSex": "M"}),
    ({}, {"RequestedProcedurePriority": "STAT"}),
    ({"ScheduledProcedureStepStartTime": "09"}, {}),
    ({"ScheduledProcedureStepStartTime": "0930"}, {}),
    ({"ScheduledProcedureStepStartTime": "0930-1030"}, {}),
    ({"ScheduledProcedureStepStartTime": "-1030"}, {}),
    (
        {
            "ScheduledProcedureStepStartDate": f"{DAYS[0]}-{DAYS[1]}",
            "ScheduledProcedureStepStartTime": "090000-100000",
        },
        {},
    ),
]


@pytest.mark.server("dcmtk")
@pytest.mark.parametrize(("step", "keys"), QUERIES)
def test_answers_equal_those_of_wlmscpfs(
    worklist: Worklist, step: dict[str, str], keys: dict[str, str]
) -> None:
    ours = ask(worklist.pacs.port, AE_TITLE, query_of(step, **keys))
    theirs = ask(worklist.dcmtk_port, "ANY", query_of(step, **keys))
    assert by_number(ours) == by_number(theirs)


@pytest.mark.parametrize(
    ("step", "keys"),
    [
        ({"ScheduledProcedureStepDescription": "Step 1"}, {"PatientName": "nguyễn^văn*"}),
        ({}, {"RequestedProcedureDescription": "Procedure 1"}),
        ({}, {"PatientName": "anh nguyen van", "PatientID": "BN001"}),
    ],
)  # fmt: skip
def test_more_keys_are_matched_than_dcmtk_does(
    worklist: Worklist, step: dict[str, str], keys: dict[str, str]
) -> None:
    query = query_of(step, **keys)
    query.SpecificCharacterSet = "ISO_IR 192"
    (answer,) = ask(worklist.pacs.port, AE_TITLE, query)
    assert answer.PatientID == "BN001"


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Pacs]:
    with running(tmp_path) as pacs:
        place(pacs)
        yield pacs


def test_names_keep_their_marks_and_say_their_character_set(pacs: Pacs) -> None:
    (answer,) = ask(pacs.port, AE_TITLE, query_of({"Modality": "MR"}))
    assert answer.SpecificCharacterSet == "ISO_IR 192"
    assert str(answer.PatientName) == "LÊ^THỊ ĐÀO"
    # Whoever types without marks finds it all the same.
    assert ask(pacs.port, AE_TITLE, query_of({}, PatientName="LE^THI DAO"))


def test_a_device_that_reads_ascii_alone_gets_it(tmp_path: Path) -> None:
    address = network_address()
    with running(tmp_path, host="0.0.0.0") as pacs:
        place(pacs)
        peer = Peer(
            ae_title="CT1", host=address, port=104, services="worklist", worklist_charset="ascii"
        )
        pacs.archive.peers.add(peer, acts.peer_changed(WHO, ae_title="CT1", change="added"))
        association = AE(ae_title="CT1").associate(
            address, pacs.port, ae_title=AE_TITLE, contexts=contexts()
        )
        answers = [
            answer
            for _, answer in association.send_c_find(query_of({}), ModalityWorklistInformationFind)
        ][:-1]
        association.release()
    assert {str(each.PatientName) for each in answers} == set(map(unmarked, PEOPLE))
    assert not any("SpecificCharacterSet" in each for each in answers)
    assert "LE^THI DAO" in {str(each.PatientName) for each in answers}


def test_every_key_that_was_asked_is_answered(pacs: Pacs) -> None:
    query = query_of({"Modality": "MR"}, PatientID="")
    query.MedicalAlerts = ""
    query.ReferencedStudySequence = []
    query.RequestedProcedureCodeSequence = [Dataset()]
    query.ScheduledProcedureStepSequence[0].PreMedication = ""
    (answer,) = ask(pacs.port, AE_TITLE, query)
    assert {each.keyword for each in query} <= {each.keyword for each in answer}
    assert answer.MedicalAlerts == ""
    assert answer.ScheduledProcedureStepSequence[0].PreMedication == ""


def test_a_step_of_any_station_is_found_by_every_station(pacs: Pacs) -> None:
    step = Step(modality="DX", date=DAYS[0], time="080000")
    pacs.archive.desk.place(order("any", steps=(step,)), WHO)
    (answer,) = ask(
        pacs.port,
        AE_TITLE,
        query_of({"ScheduledStationAETitle": "DX7", "Modality": "DX"}),
    )
    assert answer.ScheduledProcedureStepSequence[0].ScheduledStationAETitle == "DX7"


def test_what_is_cancelled_or_long_past_is_not_there(pacs: Pacs) -> None:
    pacs.archive.desk.place(order("DH2", control=Control.CANCEL), WHO)
    old = Step(modality="MR", date=f"{TODAY - timedelta(days=90):%Y%m%d}", time="080000")
    pacs.archive.desk.place(order("old", steps=(old,)), WHO)
    assert ask(pacs.port, AE_TITLE, query_of({"Modality": "MR"})) == []


def test_more_steps_than_a_page_are_all_answered(pacs: Pacs) -> None:
    step = Step(modality="PT", date=DAYS[0], time="080000")
    with pacs.archive.desk.transaction() as connection:
        for number in range(230):
            each = order(f"many{number}", steps=(replace(step, time=f"{number % 24:02}0000"),))
            placing.apply(connection, each, WHO, now=TODAY)
    answers = ask(pacs.port, AE_TITLE, query_of({"Modality": "PT"}))
    assert len({each.AccessionNumber for each in answers}) == len(answers) == 230
