"""Protects: what real workstations ask for over DIMSE they get: found by the rules of PS3.4 C.2.2.2,
and byte for byte as it was stored.

DCMTK asks and receives; the index and the objects are real.
"""

import socket
import subprocess
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    RLELossless,
)

from tests.integration.dimse.pacs import (
    AE_TITLE,
    Pacs,
    data_set_of,
    running,
    shipped,
    transfer_syntax_of,
)
from tests.servers import processes
from tests.servers.programs import require_program

pytestmark = pytest.mark.server("dcmtk")

NAME = "NGUYỄN^VĂN ÁNH"
CHEST, HEAD, BABY = "1.2.826.1", "1.2.826.2", "1.2.826.3"
UTF_8 = "ISO_IR 192"

SYNTAXES = {
    "CT_small.dcm": ExplicitVRLittleEndian,
    "MR_small_implicit.dcm": ImplicitVRLittleEndian,
    "MR_small_bigendian.dcm": ExplicitVRBigEndian,
    "image_dfl.dcm": DeflatedExplicitVRLittleEndian,
    "JPEG-lossy.dcm": JPEGExtended12Bit,
    "MR_small_RLE.dcm": RLELossless,
    "MR_small_jp2klossless.dcm": JPEG2000Lossless,
}


def chest_study() -> dict[str, bytes]:
    """Return one study in every kind of transfer syntax, by SOP Instance UID."""
    files = {}
    for number, (name, syntax) in enumerate(SYNTAXES.items(), start=1):
        uid = f"{CHEST}.{number}.1"
        files[uid] = shipped(
            name,
            SpecificCharacterSet=UTF_8,
            PatientName=unicodedata.normalize("NFC", NAME),
            PatientID="BN001",
            PatientBirthDate="19500102",
            StudyInstanceUID=CHEST,
            SeriesInstanceUID=f"{CHEST}.{number}",
            SeriesNumber=number,
            InstanceNumber=1,
            SOPInstanceUID=uid,
            StudyDate="20260105",
            StudyTime="081500",
            AccessionNumber="A100",
            StudyDescription="Chụp ngực",
            Modality="CT" if number == 1 else "MR",
            RequestAttributesSequence=[request_attributes("RP7", "SPS7")],
        )
        assert transfer_syntax_of(files[uid]) == syntax
    return files


def request_attributes(requested: str, scheduled: str) -> Dataset:
    item = Dataset()
    item.RequestedProcedureID = requested
    item.ScheduledProcedureStepID = scheduled
    return item


def other_studies() -> list[bytes]:
    head = shipped(
        "MR_small.dcm",
        SpecificCharacterSet=UTF_8,
        PatientName=unicodedata.normalize("NFD", NAME),
        PatientID="BN002",
        StudyInstanceUID=HEAD,
        SeriesInstanceUID=f"{HEAD}.1",
        SOPInstanceUID=f"{HEAD}.1.1",
        StudyDate="20260210",
        StudyTime="140000",
        AccessionNumber="B200",
    )
    baby = shipped(
        "CT_small.dcm",
        PatientName="TRAN^THI DAO",
        PatientID="bn003",
        StudyInstanceUID=BABY,
        SeriesInstanceUID=f"{BABY}.1",
        SOPInstanceUID=f"{BABY}.1.1",
        StudyDate="20260301",
        StudyTime="235959.5",
        AccessionNumber="",
    )
    return [head, baby]


@pytest.fixture(scope="module")
def chest() -> dict[str, bytes]:
    return chest_study()


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory, chest: dict[str, bytes]) -> Iterator[Pacs]:
    with running(tmp_path_factory.mktemp("pacs")) as pacs:
        pacs.keep(*chest.values(), *other_studies())
        yield pacs


Find = Callable[..., list[Dataset]]


@pytest.fixture
def find(pacs: Pacs, tmp_path: Path) -> Find:
    """Return a function that runs findscu and returns the answers."""

    def answers(*keys: str, level: str = "STUDY", model: str = "-S") -> list[Dataset]:
        asked = [f"QueryRetrieveLevel={level}", f"SpecificCharacterSet={UTF_8}", *keys]
        run_scu("findscu", pacs, asked, model, "-X", "-od", str(tmp_path))
        paths = sorted(tmp_path.glob("rsp*.dcm"))
        found: list[Dataset] = [dcmread(path, force=True) for path in paths]
        for path in paths:
            path.unlink()
        return found

    return answers


def run_scu(program: str, pacs: Pacs, keys: Sequence[str], *options: str) -> str:
    """Run a DCMTK user; return what it says, which includes the final status."""
    path = require_program(program, "apt install dcmtk")
    asked = [part for key in keys for part in ("-k", key)]
    command = [str(path), "-v", "-aec", AE_TITLE, *options, *asked, "127.0.0.1", str(pacs.port)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    return (done.stdout + done.stderr).decode("utf-8", "replace")


def studies(found: Sequence[Dataset]) -> set[str]:
    return {str(answer.StudyInstanceUID) for answer in found}


STUDY = "StudyInstanceUID"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize(
    "asked", [NAME, "nguyễn^văn ánh", "NGUYEN^VAN ANH", "Nguyễn*", "*ánh", "Ánh Nguyễn Văn"]
)
def test_a_vietnamese_name_is_found_however_it_is_written(
    find: Find, asked: str, form: str
) -> None:
    written = unicodedata.normalize(form, asked)  # type: ignore[arg-type]
    assert studies(find(STUDY, f"PatientName={written}")) == {CHEST, HEAD}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("StudyInstanceUID", {CHEST, HEAD, BABY}),
        ("PatientName=*", {CHEST, HEAD, BABY}),
        ("PatientName=Tran*", {BABY}),
        ("PatientName=NGUYEN^THI*", set()),
        ("PatientID=BN00?", {CHEST, HEAD}),
        ("PatientID=bn*", {BABY}),
        ("PatientID=BN0", set()),
        ("AccessionNumber=A100", {CHEST}),
        ("StudyDescription=Chụp*", {CHEST}),
        ("PatientBirthDate=19500102", {CHEST}),
        ("StudyDate=20260105", {CHEST}),
        ("StudyDate=2026.01.05", {CHEST}),
        ("StudyDate=20260210-", {HEAD, BABY}),
        ("StudyDate=-20260210", {CHEST, HEAD}),
        ("StudyDate=20260106-20260228", {HEAD}),
        ("StudyTime=08-1359", {CHEST}),
        ("StudyTime=235959-", {BABY}),
        (f"StudyInstanceUID={CHEST}\\{BABY}", {CHEST, BABY}),
        ("StudyInstanceUID=1.2.826.*", set()),
        ("ModalitiesInStudy=MR", {CHEST, HEAD}),
        ("ModalitiesInStudy=CT\\US", {CHEST, BABY}),
        ("SOPClassesInStudy=1.2.840.10008.5.1.4.1.1.4", {CHEST, HEAD}),
    ],
)
def test_studies_are_found_by_the_rules_of_matching(
    find: Find, key: str, expected: set[str]
) -> None:
    keys = (key,) if key.startswith(STUDY) else (STUDY, key)
    assert studies(find(*keys)) == expected


def test_every_asked_key_comes_back(find: Find) -> None:
    keys = ("PatientName", "PatientComments", "NumberOfStudyRelatedInstances", "ModalitiesInStudy")
    (answer,) = find(f"StudyInstanceUID={CHEST}", *keys)
    assert answer.QueryRetrieveLevel == "STUDY"
    assert answer.RetrieveAETitle == AE_TITLE
    assert answer.InstanceAvailability == "ONLINE"
    assert answer.SpecificCharacterSet == UTF_8
    assert answer.PatientName == unicodedata.normalize("NFC", NAME)
    assert answer.PatientComments == ""
    assert answer.NumberOfStudyRelatedInstances == len(SYNTAXES)
    assert set(answer.ModalitiesInStudy) == {"CT", "MR"}


def test_an_answer_in_ascii_declares_no_character_set(find: Find) -> None:
    (answer,) = find(f"StudyInstanceUID={BABY}", "PatientName", "AccessionNumber")
    assert answer.PatientName == "TRAN^THI DAO"
    assert answer.AccessionNumber == ""
    assert not answer.get("SpecificCharacterSet")


def test_patients_are_found_in_the_patient_root_model(find: Find) -> None:
    found = find("PatientID", "PatientName=Nguyen*", level="PATIENT", model="-P")
    assert {str(answer.PatientID) for answer in found} == {"BN001", "BN002"}


def test_series_and_images_are_found_below_their_study(find: Find) -> None:
    series = find(f"StudyInstanceUID={CHEST}", "SeriesInstanceUID", "Modality=MR", level="SERIES")
    assert {str(answer.SeriesInstanceUID) for answer in series} == {
        f"{CHEST}.{number}" for number in range(2, len(SYNTAXES) + 1)
    }
    keys = (f"StudyInstanceUID={CHEST}", f"SeriesInstanceUID={CHEST}.1", "SOPInstanceUID")
    (image,) = find(*keys, "Rows=128", "InstanceNumber=1", "NumberOfFrames", level="IMAGE")
    assert image.SOPInstanceUID == f"{CHEST}.1.1"
    assert image.Rows == 128
    assert find(*keys, "Rows=127", level="IMAGE") == []


def test_request_attributes_match_and_come_back(find: Find) -> None:
    inside = "RequestAttributesSequence[0]"
    keys = ("SeriesInstanceUID", f"{inside}.ScheduledProcedureStepID")
    found = find(*keys, f"{inside}.RequestedProcedureID=RP7", level="SERIES")
    assert len(found) == len(SYNTAXES)
    (item,) = found[0].RequestAttributesSequence
    assert (item.RequestedProcedureID, item.ScheduledProcedureStepID) == ("RP7", "SPS7")
    assert find(*keys, f"{inside}.RequestedProcedureID=RP8", level="SERIES") == []


@contextmanager
def storescp(folder: Path, ae_title: str, *options: str) -> Iterator[int]:
    """Run a receiver that writes what it gets, bit by bit; yield its port."""
    folder.mkdir(exist_ok=True)
    path = require_program("storescp", "apt install dcmtk")
    port = processes.free_port()
    command: list[str | Path] = [
        path,
        "-v",
        "-aet",
        ae_title,
        "-od",
        str(folder),
        "+B",
        *options,
        str(port),
    ]
    log = folder.parent / f"{ae_title}.log"
    with processes.running(command, log=log, ready=lambda: accepts(port)):
        yield port


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def received(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder by SOP Instance UID."""
    files = {}
    for path in folder.iterdir():
        found = dcmread(path, stop_before_pixels=True)
        files[str(found.file_meta.MediaStorageSOPInstanceUID)] = path.read_bytes()
    return files


def test_a_moved_study_arrives_byte_for_byte(
    pacs: Pacs, chest: dict[str, bytes], tmp_path: Path
) -> None:
    with storescp(tmp_path / "in", "STATION", "+xa") as port:
        pacs.know("STATION", port)
        keys = ["QueryRetrieveLevel=STUDY", f"StudyInstanceUID={CHEST}"]
        said = run_scu("movescu", pacs, keys, "-S", "-aem", "STATION")
    assert "Final Move Response (Success)" in said
    files = received(tmp_path / "in")
    assert files.keys() == chest.keys()
    for uid, stored in chest.items():
        assert transfer_syntax_of(files[uid]) == transfer_syntax_of(stored)
        assert data_set_of(files[uid]) == data_set_of(stored), transfer_syntax_of(stored)


def test_a_receiver_of_implicit_vr_gets_what_can_be_had_and_the_rest_is_named(
    pacs: Pacs, chest: dict[str, bytes], tmp_path: Path
) -> None:
    with storescp(tmp_path / "in", "OLD", "+xi") as port:
        pacs.know("OLD", port)
        keys = ["QueryRetrieveLevel=STUDY", f"StudyInstanceUID={CHEST}"]
        said = run_scu("movescu", pacs, keys, "-S", "-d", "-aem", "OLD")
    final = said.partition("Received Final Move Response")[2]
    assert "Failed Suboperations          : 3" in final
    assert "DIMSE Status                  : 0xb000" in final
    files = received(tmp_path / "in")
    compressed = {uid for uid, file in chest.items() if is_compressed(file)}
    assert files.keys() == chest.keys() - compressed
    assert all(uid in final for uid in compressed)
    for uid, file in files.items():
        assert transfer_syntax_of(file) == ImplicitVRLittleEndian
        assert_same_image(file, chest[uid], tmp_path)


def is_compressed(file: bytes) -> bool:
    return transfer_syntax_of(file) in (JPEGExtended12Bit, RLELossless, JPEG2000Lossless)


def assert_same_image(one: bytes, other: bytes, folder: Path) -> None:
    left, right = (read(file, folder / "compared.dcm") for file in (one, other))
    assert left.PatientName == right.PatientName
    assert left.Rows == right.Rows
    big_endian = transfer_syntax_of(other) == ExplicitVRBigEndian
    assert left.PixelData == (swapped(right.PixelData) if big_endian else right.PixelData)


def read(file: bytes, path: Path) -> Dataset:
    path.write_bytes(file)
    return dcmread(path)


def swapped(words: bytes) -> bytes:
    turned = bytearray(words)
    turned[::2], turned[1::2] = words[1::2], words[::2]
    return bytes(turned)


@pytest.mark.parametrize(
    ("level", "keys", "numbers"),
    [
        ("PATIENT", ["PatientID=BN001"], range(1, 8)),
        ("SERIES", [f"StudyInstanceUID={CHEST}", f"SeriesInstanceUID={CHEST}.2"], [2]),
        ("IMAGE", [f"SOPInstanceUID={CHEST}.1.1\\{CHEST}.6.1"], [1, 6]),
    ],
)
def test_every_level_can_be_moved(
    pacs: Pacs, tmp_path: Path, level: str, keys: list[str], numbers: Sequence[int]
) -> None:
    with storescp(tmp_path / "in", "LEVELS", "+xa") as port:
        # The table of peers may be seconds old, so each port has a title of its own.
        title = f"LEVEL{port}"
        pacs.know(title, port)
        asked = [f"QueryRetrieveLevel={level}", *keys]
        said = run_scu("movescu", pacs, asked, "-P", "-aem", title)
    assert "Final Move Response (Success)" in said
    assert received(tmp_path / "in").keys() == {f"{CHEST}.{number}.1" for number in numbers}


@pytest.mark.parametrize(
    ("number", "option"),
    [(1, "+xe"), (3, "+xb"), (4, "+xd"), (5, "+xx"), (6, "+xr"), (7, "+xv")],
)
def test_c_get_brings_an_image_as_it_is_kept(
    pacs: Pacs, chest: dict[str, bytes], tmp_path: Path, number: int, option: str
) -> None:
    uid = f"{CHEST}.{number}.1"
    keys = ["QueryRetrieveLevel=IMAGE", f"StudyInstanceUID={CHEST}", f"SOPInstanceUID={uid}"]
    said = run_scu("getscu", pacs, keys, "-S", option, "+B", "-od", str(tmp_path))
    files = received(tmp_path)
    assert files.keys() == {uid}, said
    assert data_set_of(files[uid]) == data_set_of(chest[uid])


def test_c_get_converts_what_the_requestor_does_not_take(
    pacs: Pacs, chest: dict[str, bytes], tmp_path: Path
) -> None:
    uid = f"{CHEST}.2.1"
    keys = ["QueryRetrieveLevel=IMAGE", f"SOPInstanceUID={uid}"]
    run_scu("getscu", pacs, keys, "-S", "+xe", "+B", "-od", str(tmp_path))
    file = received(tmp_path)[uid]
    assert transfer_syntax_of(file) == ExplicitVRLittleEndian
    assert_same_image(file, chest[uid], tmp_path)
