"""Protects the MLLP listener: whatever a sender does with its bytes, each whole message is answered
once and in order, nobody is waited for without end, and strangers are not read."""

import asyncio
import hashlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pacs_gateway.audit.acts import SYSTEM, peer_changed
from pacs_gateway.config import Hl7Settings
from pacs_gateway.emr.composition import listener_of
from pacs_gateway.emr.listener import Listener
from pacs_gateway.emr.mllp import framed
from pacs_gateway.ris.desk import Desk
from storage.auditlog import AuditLog
from storage.auditlog import Wanted as WantedRows
from storage.database import Engine
from storage.messages import Sender, SenderBook
from storage.orders import Wanted
from storage.testing.databases import empty_sqlite, sqlite_template
from tests.integration.dimse.pacs import network_address
from tests.integration.dimse.test_tls import Files, make_certificate
from tests.servers.processes import wait_until
from tests.unit.emr.messages import orm

DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sqlite_template(tmp_path_factory.mktemp("template"))


@dataclass(frozen=True, slots=True)
class Served:
    listener: Listener
    desk: Desk
    engine: Engine

    def orders(self) -> int:
        return len(self.desk.orders(Wanted(), limit=100))


@contextmanager
def serving(template: Path, folder: Path, **settings: Any) -> Iterator[Served]:
    engine = empty_sqlite(template, folder)
    desk = Desk(engine)
    listener = listener_of(engine, desk, Hl7Settings(enabled=True, port=0, tls_port=0, **settings))
    ready, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def run() -> None:
        started = asyncio.Event()
        serve = asyncio.create_task(listener.run(stop, started))
        await started.wait()
        ready.set()
        await serve

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    assert ready.wait(DEADLINE_S)
    try:
        yield Served(listener, desk, engine)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(DEADLINE_S)
        loop.close()
        engine.dispose()


@pytest.fixture
def served(template: Path, tmp_path: Path) -> Iterator[Served]:
    with serving(template, tmp_path) as served:
        yield served


def connect(port: int, host: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection((host, port), timeout=DEADLINE_S)


def read(connection: socket.socket, answers: int) -> list[str]:
    """Return so many answers, fewer if the other side closes first."""
    data = b""
    while data.count(b"\x1c\r") < answers and (piece := connection.recv(65536)):
        data += piece
    return [each.decode().lstrip("\x0b") for each in data.split(b"\x1c\r")[:-1]]


def test_two_messages_in_one_read_and_one_in_many(served: Served) -> None:
    first, second = (framed(orm(control_id=each, placer=each).encode()) for each in "12")
    with connect(served.listener.port) as connection:
        connection.sendall(first + second[:50])
        assert ["MSA|AA|1" in each for each in read(connection, 1)] == [True]
        for at in range(50, len(second)):
            connection.sendall(second[at : at + 1])
        assert ["MSA|AA|2" in each for each in read(connection, 1)] == [True]
        connection.sendall((first + second) * 3)
        answers = read(connection, 6)
    assert [each.split("\r")[1] for each in answers] == ["MSA|AA|1", "MSA|AA|2"] * 3
    assert served.orders() == 2


def test_a_message_cut_off_leaves_nothing_and_the_next_connection_is_served(served: Served) -> None:
    message = framed(orm().encode())
    with connect(served.listener.port) as connection:
        connection.sendall(message[:-2])
    with connect(served.listener.port) as connection:
        connection.sendall(message)
        assert "MSA|AA|1" in read(connection, 1)[0]
    assert served.orders() == 1


@pytest.mark.parametrize("data", [b"\x0b" + b"x" * 3000, b"GET / HTTP/1.1\r\n\r\n"])
def test_what_is_too_large_or_no_mllp_is_refused_and_closed(
    template: Path, tmp_path: Path, data: bytes
) -> None:
    with (
        serving(template, tmp_path, max_message_bytes=1024) as served,
        connect(served.listener.port) as connection,
    ):
        connection.sendall(data)
        (answer,) = read(connection, 2)
        assert "MSA|AR|" in answer


def test_a_half_message_and_an_idle_connection_end_by_themselves(
    template: Path, tmp_path: Path
) -> None:
    limits = {"message_deadline_s": 0.2, "idle_deadline_s": 0.3}
    with serving(template, tmp_path, **limits) as served:
        for begun in (b"", b"\x0bMSH|"):
            with connect(served.listener.port) as connection:
                connection.sendall(begun)
                assert connection.recv(10) == b""


def test_one_sender_has_so_many_connections(template: Path, tmp_path: Path) -> None:
    with serving(template, tmp_path, connections_per_sender=2) as served:
        kept = [connect(served.listener.port) for _ in range(2)]
        for each in kept:
            each.sendall(framed(orm().encode()))
            assert "MSA|AA" in read(each, 1)[0]
        with connect(served.listener.port) as another:
            assert another.recv(10) == b""
        for each in kept:
            each.close()

        def is_served() -> bool:
            with connect(served.listener.port) as again:
                again.sendall(framed(orm().encode()))
                return bool(read(again, 1))

        assert wait_until(is_served, DEADLINE_S)


def test_a_stranger_is_not_read_until_the_table_names_it(template: Path, tmp_path: Path) -> None:
    address = network_address()
    with serving(template, tmp_path, host="0.0.0.0") as served:

        def asked() -> list[str]:
            with connect(served.listener.port, address) as connection:
                try:
                    connection.sendall(framed(orm().encode()))
                    return read(connection, 1)
                except ConnectionError:
                    return []

        assert asked() == []
        assert served.orders() == 0
        (row,) = AuditLog(served.engine).rows(WantedRows(), limit=9)
        assert (row.verb, row.outcome) == ("association refused", "refused")
        sender = Sender(name="HIS", host=address, issuer="BV")
        entry = peer_changed(SYSTEM, ae_title="HIS", change="added")
        SenderBook(served.engine).add(sender, entry)
        assert wait_until(lambda: bool(asked()), DEADLINE_S)
        assert served.orders() == 1


def test_a_sender_with_a_certificate_must_show_that_very_one(
    template: Path, tmp_path: Path
) -> None:
    address = network_address()
    ours, theirs = make_certificate(tmp_path, "gateway"), make_certificate(tmp_path, "his")
    files = {"tls_certificate": ours[0], "tls_key": ours[1], "tls_ca": theirs[0]}
    with serving(template, tmp_path, host="0.0.0.0", **files) as served:
        shown = ssl.PEM_cert_to_DER_cert(theirs[0].read_text())
        sender = Sender(
            name="HIS", host=address, certificate_sha256=hashlib.sha256(shown).hexdigest()
        )
        SenderBook(served.engine).add(sender, peer_changed(SYSTEM, ae_title="HIS", change="added"))
        with encrypted(served, address, ours, theirs) as connection:
            connection.sendall(framed(orm().encode()))
            assert "MSA|AA|1" in read(connection, 1)[0]
        with connect(served.listener.port, address) as plain:
            assert plain.recv(10) == b""
        with encrypted(served, address, ours, None) as nameless:
            assert nameless.recv(10) == b""


@contextmanager
def encrypted(
    served: Served, address: str, ours: Files, theirs: Files | None
) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cafile=str(ours[0]))
    if theirs is not None:
        context.load_cert_chain(*theirs)
    with (
        connect(served.listener.tls_port, address) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        yield connection
