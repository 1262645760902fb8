"""Protects: nobody on the DICOM port can hold, slow or fill the gateway for others.

Invariant: whatever strangers send or do not send, an honest C-ECHO answers within a second and
the strangers are gone by their deadline.
"""

import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pynetdicom import AE, build_context
from pynetdicom.sop_class import CTImageStorage, Verification

from pacs_gateway.archive.examine import Examiner
from pacs_gateway.archive.ingest import Ingest
from pacs_gateway.config import DicomSettings
from pacs_gateway.dicom.part10 import WalkLimits
from pacs_gateway.dimse.admission import Admission
from pacs_gateway.dimse.peers import Peers
from pacs_gateway.dimse.server import DicomServer
from pacs_gateway.dimse.store import StoreProvider
from storage.capacity import SpoolLimits
from storage.database import migrate, open_engine
from storage.peers import PeerBook
from storage.spool import Spool

DEADLINE_S = 1.5
MIB = 1024 * 1024
ROOMY = SpoolLimits(
    stop_associations_percent=100, refuse_percent=100, reserve_bytes=0, max_entries=100_000
)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path, ROOMY)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[PeerBook]:
    """Nobody is in it: the peers here are on loopback, which may do everything."""
    engine = open_engine(f"sqlite:///{tmp_path}/index.sqlite", busy_deadline_s=5)
    migrate(engine)
    yield PeerBook(engine)
    engine.dispose()


@pytest.fixture
def server(spool: Spool, book: PeerBook, tmp_path: Path) -> Iterator[DicomServer]:
    limits = WalkLimits(max_depth=64, max_elements=100_000, max_header_bytes=16 * MIB)
    examiner = Examiner(
        limits, max_inflated_bytes=64 * MIB, max_inflate_ratio=250, scratch=tmp_path
    )
    settings = DicomSettings(
        host="127.0.0.1",
        port=0,
        processes=1,
        pdu_deadline_s=DEADLINE_S,
        association_request_deadline_s=DEADLINE_S,
        max_connections_per_address=50,
    )
    peers = Peers(book, unknown="hold", max_associations=10)
    admission = Admission(
        peers,
        spool.capacity,
        private_storage_sop_classes=(),
        longest_pace_s=1,
        max_associations=100,
    )
    store = StoreProvider(Ingest(spool, examiner), admit=admission.admit_instance)
    running = DicomServer(settings, providers=[store, admission], open_sink=store.open)
    running.start()
    yield running
    running.stop()


def echo_seconds(port: int) -> float:
    entity = AE()
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 10
    entity.add_requested_context(Verification)
    began = time.monotonic()
    association = entity.associate("127.0.0.1", port)
    assert association.is_established
    assert association.send_c_echo().Status == 0
    took = time.monotonic() - began
    association.release()
    return took


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def closed_within(peer: socket.socket, seconds: float) -> bool:
    peer.settimeout(seconds)
    try:
        while peer.recv(65536):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


STRANGERS: dict[str, bytes] = {
    "silence": b"",
    "half a header": b"\x01\x00",
    "half a body": b"\x01\x00\x00\x00\x01\x00" + b"x" * 10,
    "an unknown PDU type": b"\x99\x00\x00\x00\x00\x04abcd",
    "an HTTP request": b"GET / HTTP/1.1\r\nHost: pacs\r\n\r\n",
    "noise": bytes(range(256)) * 4,
    "an absurd length": b"\x01\x00\xff\xff\xff\xff",
    "data before association": b"\x04\x00\x00\x00\x00\x08\x00\x00\x00\x04\x01\x03ab",
}


@pytest.mark.parametrize("opening", STRANGERS.values(), ids=STRANGERS.keys())
def test_strangers_are_dropped_by_the_deadline_and_nobody_notices(
    server: DicomServer, opening: bytes
) -> None:
    peers = [connect(server.port) for _ in range(8)]
    for peer in peers:
        peer.sendall(opening)
    assert echo_seconds(server.port) < 1
    assert all(closed_within(peer, DEADLINE_S + 5) for peer in peers)
    for peer in peers:
        peer.close()


def test_a_declared_length_is_never_allocated(server: DicomServer) -> None:
    before = resident_bytes()
    peers = [connect(server.port) for _ in range(5)]
    for peer in peers:
        peer.sendall(b"\x01\x00\xff\xff\xff\xff")
        send_until_refused(peer, 40 * MIB)
    assert resident_bytes() - before < 20 * MIB
    assert echo_seconds(server.port) < 1


def send_until_refused(peer: socket.socket, total: int) -> None:
    piece = bytes(MIB)
    try:
        for _ in range(total // MIB):
            peer.sendall(piece)
    except OSError:
        pass
    finally:
        peer.close()


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_silent_connections_make_room_and_places_come_back(server: DicomServer) -> None:
    peers = [connect(server.port) for _ in range(50)]
    extra = connect(server.port)
    assert closed_within(peers[0], 1.0)
    assert echo_seconds(server.port) < 1
    assert not closed_within(extra, 0.1)
    for peer in [*peers, extra]:
        peer.close()
    wait_for(lambda: not server.connections)
    assert echo_seconds(server.port) < 1


def test_an_aborted_instance_leaves_nothing_behind(server: DicomServer, spool: Spool) -> None:
    entity = AE()
    entity.requested_contexts = [build_context(CTImageStorage)]
    association = entity.associate("127.0.0.1", server.port)
    context = association.accepted_contexts[0].context_id
    command = b"\0\0\0\0\x04\0\0\0" + struct.pack("<I", 0)
    message = store_command("1.2.3", command_start=command)
    association.dul.socket.socket.sendall(pdata(context, message, command=True, last=True))
    association.dul.socket.socket.sendall(pdata(context, bytes(5000), command=False, last=False))
    incoming = spool.begin().path.parent
    wait_for(lambda: any(path.stat().st_size > 5000 for path in incoming.iterdir()))
    association.abort()
    wait_for(lambda: all(path.stat().st_size == 0 for path in incoming.iterdir()))
    assert spool.ready(10) == []
    assert not server.connections or wait_for(lambda: not server.connections)


def store_command(sop_instance_uid: str, *, command_start: bytes) -> bytes:
    def element(number: int, value: bytes) -> bytes:
        return struct.pack("<HHI", 0, number, len(value)) + value

    def uid(text: str) -> bytes:
        return (text + "\0" * (len(text) % 2)).encode()

    body = (
        element(0x0002, uid(CTImageStorage))
        + element(0x0100, struct.pack("<H", 0x0001))
        + element(0x0110, struct.pack("<H", 1))
        + element(0x0700, struct.pack("<H", 0))
        + element(0x0800, struct.pack("<H", 1))
        + element(0x1000, uid(sop_instance_uid))
    )
    return command_start[:8] + struct.pack("<I", len(body)) + body


def pdata(context: int, value: bytes, *, command: bool, last: bool) -> bytes:
    control = (1 if command else 0) | (2 if last else 0)
    item = struct.pack(">IBB", len(value) + 2, context, control) + value
    return struct.pack(">BBI", 4, 0, len(item)) + item


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)
    return True


def test_idle_associations_cost_next_to_nothing(server: DicomServer) -> None:
    """Stock pynetdicom polls with two threads per association every millisecond."""
    entity = AE()
    entity.add_requested_context(Verification)
    peers = [raw_association(server.port) for _ in range(20)]
    before = time.thread_time(), time.process_time()
    time.sleep(2)
    assert time.process_time() - before[1] < 0.5
    for peer in peers:
        peer.close()


def raw_association(port: int) -> socket.socket:
    """Open an association by hand and leave it alone, without pynetdicom's own client threads."""

    def item(kind: int, value: bytes) -> bytes:
        return struct.pack(">BBH", kind, 0, len(value)) + value

    syntax = item(0x30, Verification.encode()) + item(0x40, b"1.2.840.10008.1.2")
    context = item(0x20, b"\x01\0\0\0" + syntax)
    user = item(0x50, item(0x51, struct.pack(">I", 16384)) + item(0x52, b"1.2.3"))
    body = (
        struct.pack(">HH16s16s32x", 1, 0, b"PACSGW".ljust(16), b"TEST".ljust(16))
        + item(0x10, b"1.2.840.10008.3.1.1.1")
        + context
        + user
    )
    peer = connect(port)
    peer.sendall(struct.pack(">BBI", 1, 0, len(body)) + body)
    assert peer.recv(6)[:1] == b"\x02"
    return peer


def test_a_flood_of_unanswered_stores_is_pushed_back(server: DicomServer) -> None:
    """A sender that never reads its responses fills its own TCP buffers, not our memory."""
    before = resident_bytes()
    threads = [
        threading.Thread(target=flood, args=(server.port, 30 * MIB), daemon=True) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    time.sleep(1)
    assert echo_seconds(server.port) < 1
    for thread in threads:
        thread.join(30)
    assert resident_bytes() - before < 30 * MIB


def flood(port: int, total: int) -> None:
    entity = AE()
    entity.requested_contexts = [build_context(CTImageStorage)]
    association = entity.associate("127.0.0.1", port)
    context = association.accepted_contexts[0].context_id
    raw = association.dul.socket.socket
    command = store_command("1.2.3.4", command_start=b"\0\0\0\0\x04\0\0\0")
    data = b"".join(
        pdata(context, bytes(100_000), command=False, last=number == 9) for number in range(10)
    )
    try:
        for _ in range(total // MIB):
            raw.sendall(pdata(context, command, command=True, last=True) + data)
    except OSError:
        pass
    association.abort()
