"""Protects storage commitment as a modality sees it: whatever process of the gateway is killed
between its request and the report, the report comes, and it is true."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, build_context, evt

from tests.acceptance.instances import ct_series
from tests.servers import wait_until
from tests.servers.gateway import GatewayPlace, RunningGateway

PUSH_MODEL, INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
TITLE = "CT1"
SLICES = 20
ABSENT = "1.2.3.4"
SETTINGS = {
    "PACS_GATEWAY_COMMITMENT__WAIT_S": "1",
    "PACS_GATEWAY_COMMITMENT__GRACE_S": "0.5",
    "PACS_GATEWAY_OUTBOX__POLL_S": "0.1",
}


@contextmanager
def listener(told: list[Dataset]) -> Iterator[int]:
    """Take reports, as a modality does; yield the port."""

    def take(event: evt.Event) -> tuple[int, None]:
        told.append(event.event_information)
        return 0x0000, None

    entity = AE(ae_title=TITLE)
    entity.add_supported_context(PUSH_MODEL, scu_role=True, scp_role=True)
    handlers = [(evt.EVT_N_EVENT_REPORT, take)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    yield server.server_address[1]
    server.shutdown()


def send_and_ask(files: list[Path], port: int) -> None:
    """Send a series, ask for it and for one that was never sent, and hang up."""
    data_sets = [dcmread(path) for path in files]
    first = data_sets[0]
    contexts = [
        build_context(first.SOPClassUID, first.file_meta.TransferSyntaxUID),
        build_context(PUSH_MODEL),
    ]
    association = AE(ae_title=TITLE).associate("127.0.0.1", port, contexts=contexts)
    assert association.is_established
    for data_set in data_sets:
        assert association.send_c_store(data_set).Status == 0
    request = Dataset()
    request.TransactionUID = generate_uid()
    request.ReferencedSOPSequence = []
    for uid in [*(each.SOPInstanceUID for each in data_sets), ABSENT]:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = first.SOPClassUID, uid
        request.ReferencedSOPSequence.append(item)
    status, _ = association.send_n_action(request, 1, PUSH_MODEL, INSTANCE)
    assert status.Status == 0
    association.release()


def work_process(gateway: RunningGateway) -> int:
    """Return the process that works in the background: the one that has its notes open."""
    return next(each for each in gateway.processes()[1:] if _has_open(each, "work.sqlite"))


def _has_open(process: int, name: str) -> bool:
    return any(name in str(each.readlink()) for each in Path(f"/proc/{process}/fd").iterdir())


@pytest.mark.parametrize("after_s", [0.0, 1.2])
def test_the_report_survives_a_kill_and_is_true(tmp_path: Path, after_s: float) -> None:
    place = GatewayPlace(tmp_path / "gateway", settings=SETTINGS)
    _, files = ct_series(tmp_path / "ct", SLICES)
    told: list[Dataset] = []
    with listener(told) as port, place.running() as gateway:
        added = place.call("device", "add", TITLE, "127.0.0.1", str(port))
        assert added.returncode == 0, added.stderr
        send_and_ask(files, place.dicom_port)
        time.sleep(after_s)
        gateway.kill(work_process(gateway))
        assert wait_until(lambda: bool(told), deadline_s=60)
        assert "report commitment" not in place.call("work", "list").stdout
    kept = {item.ReferencedSOPInstanceUID for item in told[0].ReferencedSOPSequence}
    failed = {
        item.ReferencedSOPInstanceUID: item.FailureReason for item in told[0].FailedSOPSequence
    }
    assert kept == {dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in files}
    assert failed == {ABSENT: 0x0112}
