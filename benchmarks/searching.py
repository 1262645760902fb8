"""How fast studies are found among many: QIDO-RS, and the same by C-FIND."""

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

from pydicom.data import get_testdata_file
from pydicom.filereader import dcmread
from pydicom.uid import UID

from benchmarks.peers import Peer
from benchmarks.rows import Row
from benchmarks.sending import storescu_command
from benchmarks.series import new_uid

SENDERS = 8
REPEATS = 20
ROUNDS = 3
FIND_REPEATS = 10
FAMILIES = ("NGUYEN", "TRAN", "LE", "PHAM", "HOANG", "VU", "DANG", "BUI", "DO", "NGO")
MIDDLE = ("VAN", "THI", "MINH", "NGOC", "QUANG", "DUC")
GIVEN = ("AN", "BINH", "CUONG", "DUNG", "HOA", "LAN", "MAI", "NAM", "PHUC", "TUAN")
MODALITIES = ("CT", "MR", "CR", "US", "DX")
DAYS = 28 * 12 * 3
AIM = 10
JSON = "application/dicom+json"


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody looks for, by keyword."""

    name: str
    keys: Mapping[str, str]
    limit: int = 0
    """C-FIND has none, so such a question is asked over HTTP only."""


QUESTIONS = (
    Question("patient ID", {"PatientID": "BN0000123"}),
    Question("date and modality", {"StudyDate": "20240215", "ModalitiesInStudy": "CT"}),
    Question("50 studies", {}, limit=50),
    Question("name prefix", {"PatientName": "NGUYEN^VAN AN*"}),
)


def fill(peer: Peer, studies: int) -> None:
    """Send `studies` studies of one tiny instance, the same to every server."""
    files = _files(studies)
    with TemporaryDirectory(prefix="benchmark-studies-") as root:
        folders = [Path(root) / str(number) for number in range(SENDERS)]
        for folder in folders:
            folder.mkdir()
            for number, file in enumerate(islice(files, studies // SENDERS)):
                (folder / f"{number}.dcm").write_bytes(file)
        commands = [storescu_command(peer, folder) for folder in folders]
        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(lambda command: subprocess.run(command, check=True), commands))
    peer.settle()


def _files(studies: int) -> Iterator[bytes]:
    random = Random(1)  # noqa: S311 - names, not secrets.
    data_set = dcmread(str(get_testdata_file("CT_small.dcm")))
    data_set.Rows = data_set.Columns = 8
    data_set.PixelData = bytes(8 * 8 * 2)
    data_set.remove_private_tags()
    for number in range(studies):
        day = number % DAYS
        data_set.PatientID = f"BN{number // 2:07d}"
        name = (random.choice(FAMILIES), random.choice(MIDDLE), random.choice(GIVEN))
        data_set.PatientName = "{}^{} {}".format(*name)
        data_set.StudyDate = f"{2023 + day // 336}{day // 28 % 12 + 1:02d}{day % 28 + 1:02d}"
        data_set.Modality = MODALITIES[number % len(MODALITIES)]
        data_set.AccessionNumber = f"A{number:07d}"
        data_set.StudyInstanceUID, data_set.SeriesInstanceUID = new_uid(), new_uid()
        data_set.SOPInstanceUID = data_set.file_meta.MediaStorageSOPInstanceUID = UID(new_uid())
        file = BytesIO()
        data_set.save_as(file)
        yield file.getvalue()


def searching(ours: Peer, theirs: Peer, studies: int) -> Iterator[Row]:
    """Ask both, in turns, over HTTP and by C-FIND."""
    for question in QUESTIONS:
        http: dict[str, list[float]] = {ours.name: [], theirs.name: []}
        for _ in range(REPEATS):
            for peer in (ours, theirs):
                http[peer.name].append(_qido_ms(peer, question))
        yield _row(f"QIDO-RS, {studies:,} studies, {question.name}", ours, theirs, http)
    for question in QUESTIONS:
        if question.limit:
            continue
        dimse: dict[str, list[float]] = {ours.name: [], theirs.name: []}
        for _ in range(ROUNDS):
            for peer in (ours, theirs):
                dimse[peer.name].append(_find_ms(peer, question))
        yield _row(f"C-FIND, {studies:,} studies, {question.name}", ours, theirs, dimse)


def _row(case: str, ours: Peer, theirs: Peer, figures: Mapping[str, Sequence[float]]) -> Row:
    return Row(case=case, unit="ms", ours=figures[ours.name], theirs=figures[theirs.name], aim=AIM)


def _qido_ms(peer: Peer, question: Question) -> float:
    limit = {"limit": str(question.limit)} if question.limit else {}
    path = "/studies?" + urlencode({**question.keys, **limit})
    return peer.timed(path, Accept=JSON) * 1e3


def _find_ms(peer: Peer, question: Question) -> float:
    """Return the time of one C-FIND within an association, which opens once for all of them."""

    def seconds(repeats: int) -> float:
        keys = [part for pair in question.keys.items() for part in ("-k", "=".join(pair))]
        command = (
            *("findscu", "-q", "-S", "-aet", "BENCH", "-aec", peer.ae_title),
            *("--repeat", str(repeats), "-k", "QueryRetrieveLevel=STUDY"),
            *("-k", "StudyInstanceUID", "-k", "PatientName", *keys),
            *("127.0.0.1", str(peer.dicom_port)),
        )
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.perf_counter() - began

    alone = median(seconds(1) for _ in range(3))
    return (seconds(1 + FIND_REPEATS) - alone) / FIND_REPEATS * 1e3
