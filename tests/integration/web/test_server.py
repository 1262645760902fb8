"""Invariant: a connection that keeps the server waiting is closed by the deadline, whatever it
drips in between, and an honest client is served all the while."""

import http.client
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

DEADLINE_S = 1.0
MAX_CONNECTIONS = 20
PROGRAM = """
import asyncio, socket, sys
from pacs_gateway.config import WebSettings
from pacs_gateway.web.server import serve

async def app(scope, receive, send):
    taken, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        taken += len(message["body"])
        more = message["more_body"]
        if scope["path"] == "/slow":
            await asyncio.sleep(0.2)
    if scope["path"] == "/pause":
        await asyncio.sleep(2.5)
    size = 50_000_000 if scope["path"] == "/large" else 0
    text = str(taken).encode() + bytes(size)
    headers = [(b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})

listener = socket.socket(fileno=int(sys.argv[1]))
settings = WebSettings(read_deadline_s=float(sys.argv[2]), max_connections=int(sys.argv[3]))
serve(app, settings, sock=listener, on_ready=lambda: print("ready", flush=True))
print("ended", flush=True)
"""


@contextmanager
def running() -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        arguments = [str(listener.fileno()), str(DEADLINE_S), str(MAX_CONNECTIONS)]
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments],
            pass_fds=[listener.fileno()],
            stdout=subprocess.PIPE,
            text=True,
        )
        port = listener.getsockname()[1]
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield port, process
        finally:
            process.kill()


@pytest.fixture(name="port", scope="module")
def fixture_port() -> Iterator[int]:
    with running() as (port, _):
        yield port


def connect(port: int, data: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(data)
    return connection


def closed_after(connection: socket.socket, drip: bytes = b"") -> float:
    """Return the seconds until the server closes, sending `drip` again and again meanwhile."""
    started = time.monotonic()
    connection.settimeout(0.2)
    while time.monotonic() - started < 6:
        try:
            if drip:
                connection.sendall(drip)
            if not connection.recv(4096):
                break
        except TimeoutError:
            continue
        except (ConnectionResetError, BrokenPipeError):
            break
    connection.close()
    return time.monotonic() - started


def get(port: int, path: str = "/") -> float:
    started = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path)
    assert connection.getresponse().status == 200
    connection.close()
    return time.monotonic() - started


POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
SLOW_SENDERS = {
    "silent": (b"", b""),
    "half request line": (b"GET / HT", b""),
    "half header": (b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ", b""),
    "dripping header": (b"GET / HTTP/1.1\r\n", b"X-A: b\r\n"),
    "no body": (POST, b""),
    "half body": (POST + b"a" * 5000, b""),
    "dripping body": (POST, b"a"),
    "dripping chunks": (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1\r\na\r\n",
    ),
    "line ends between requests": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n"),
}


@pytest.mark.parametrize("kind", SLOW_SENDERS)
def test_slow_senders_are_closed_and_others_served(port: int, kind: str) -> None:
    start, drip = SLOW_SENDERS[kind]
    connection = connect(port, start)
    assert get(port) < 0.5
    assert DEADLINE_S * 0.5 < closed_after(connection, drip) < DEADLINE_S + 1


def test_a_slow_application_is_not_the_clients_fault(port: int) -> None:
    assert get(port, "/pause") > 2 * DEADLINE_S
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", "/slow", b"a" * 600_000)
    assert connection.getresponse().read() == b"600000"
    connection.close()


def test_a_client_that_takes_no_answer_is_closed(port: int) -> None:
    connection = connect(port, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(3 * DEADLINE_S + 0.5)
    received = 0
    try:
        while piece := connection.recv(1_000_000):
            received += len(piece)
    except ConnectionResetError:
        pass
    connection.close()
    assert received < 50_000_000


def test_a_slow_reader_that_makes_progress_gets_everything(port: int) -> None:
    connection = connect(port, b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    received = 0
    started = time.monotonic()
    while piece := connection.recv(1_000_000):
        received += len(piece)
        if time.monotonic() - started < 4 * DEADLINE_S:
            time.sleep(0.3)
    connection.close()
    assert received > 50_000_000


def test_an_endless_head_is_cut(port: int) -> None:
    line = b"X-A: " + b"b" * 10_000 + b"\r\n"
    connection = connect(port, b"GET / HTTP/1.1\r\n" + line * 7)
    assert closed_after(connection) < DEADLINE_S * 0.5


@pytest.mark.parametrize("start", [b"", b"GET / HT", POST], ids=["silent", "head", "body"])
def test_a_full_table_makes_room_for_a_newcomer(port: int, start: bytes) -> None:
    attackers = [connect(port, start) for _ in range(MAX_CONNECTIONS)]
    if start == POST:
        time.sleep(1.1)
        attackers += [connect(port) for _ in range(5)]
    assert get(port) < 0.5
    for connection in attackers:
        connection.close()


def test_when_everyone_is_served_the_excess_is_closed_at_once(port: int) -> None:
    busy = [
        connect(port, b"GET /pause HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(MAX_CONNECTIONS)
    ]
    time.sleep(0.2)
    assert closed_after(connect(port)) < 0.5
    for connection in busy:
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        connection.close()


def test_sigterm_lets_a_request_end_and_returns() -> None:
    with running() as (port, process):
        connection = connect(port, b"GET /pause HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        connection.close()
        assert process.wait(5) == 0
        assert process.stdout is not None
        assert process.stdout.read() == "ended\n"
