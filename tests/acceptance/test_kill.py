"""Protects the acknowledgement: whatever process is killed at whatever moment of a send, every
instance that was answered 0000 is there after a restart, whole, and nothing is half visible.

The sender keeps its own ledger of what was acknowledged; an answer that never came counts as
unknown. Run with -s to see the seed and what was killed.
"""

import json
import random
import time
from pathlib import Path
from threading import Thread

import pytest
from pydicom import dcmread
from pynetdicom import AE, build_context

from pacs_gateway.dicom import meta
from tests.acceptance.instances import ct_series
from tests.servers.gateway import GatewayPlace, RunningGateway

SLICES = 60
SENDERS = 2


def send(files: list[Path], port: int, ledger: list[Path]) -> None:
    """Send until something breaks; write down each file that was acknowledged."""
    entity = AE()
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 10
    data_sets = [dcmread(path) for path in files]
    context = build_context(data_sets[0].SOPClassUID, data_sets[0].file_meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", port, contexts=[context])
    if not association.is_established:
        return
    for path, data_set in zip(files, data_sets, strict=True):
        try:
            status = association.send_c_store(data_set)
        except RuntimeError:
            return
        if status.get("Status") != 0:
            return
        ledger.append(path)
    association.release()


def victim(gateway: RunningGateway, chance: random.Random) -> None:
    """Kill one process, or all of them as a power cut would."""
    processes = list(gateway.processes())
    if chance.random() < 0.3:
        gateway.kill_all()
    else:
        gateway.kill(chance.choice(processes))


# The sender's own pynetdicom leaves its socket to the garbage collector when it is cut off.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("seed", range(3))
def test_everything_acknowledged_is_there_after_a_kill(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    place = GatewayPlace(tmp_path / "gateway")
    studies = [ct_series(tmp_path / f"ct{number}", SLICES) for number in range(SENDERS)]
    ledgers: list[list[Path]] = [[] for _ in range(SENDERS)]
    with place.running() as gateway:
        threads = [
            Thread(target=send, args=(files, place.dicom_port, ledger), daemon=True)
            for (_, files), ledger in zip(studies, ledgers, strict=True)
        ]
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(0.1, 1.2))
        victim(gateway, chance)
        for thread in threads:
            thread.join(30)
    with place.running():
        assert place.drained()
        for (study_uid, _), ledger in zip(studies, ledgers, strict=True):
            check_whole(place, study_uid, ledger)


def check_whole(place: GatewayPlace, study_uid: str, ledger: list[Path]) -> None:
    status, body = place.get(f"/dicom-web/studies/{study_uid}/instances?limit=1000")
    visible = {
        found["00080018"]["Value"][0]: found["0020000E"]["Value"][0]
        for found in (json.loads(body) if status == 200 else [])
    }
    for path in ledger:
        sent = path.read_bytes()
        head = meta.decode(sent)
        assert head is not None
        assert head.sop_instance_uid in visible
    _, study = place.get(f"/dicom-web/studies?StudyInstanceUID={study_uid}")
    if visible:
        assert json.loads(study)[0]["00201208"]["Value"] == [len(visible)]
    by_uid = {dcmread(path, stop_before_pixels=True).SOPInstanceUID: path for path in ledger}
    for uid, series_uid in visible.items():
        url = f"/dicom-web/studies/{study_uid}/series/{series_uid}/instances/{uid}"
        status, body = place.get(url, Accept="application/dicom")
        assert status == 200
        if uid in by_uid:
            assert data_set_of(body) == data_set_of(by_uid[uid].read_bytes())


def data_set_of(file: bytes) -> bytes:
    found = meta.decode(file)
    assert found is not None
    return file[found.length :]
