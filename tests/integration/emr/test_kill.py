"""Protects AA: whatever it was said of is there after a kill, and sending all again makes none twice."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pacs_gateway.config import Settings
from pacs_gateway.emr.mllp import framed
from pacs_gateway.ris.desk import Desk
from storage.database import open_engine
from storage.orders import Wanted
from tests.servers import free_port
from tests.servers.processes import wait_until
from tests.unit.emr.messages import orm

ORDERS = 40
DEADLINE_S = 60.0


def listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


@contextmanager
def gateway(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "PACS_GATEWAY_HL7__ENABLED": "true",
        "PACS_GATEWAY_HL7__PORT": str(port),
    }
    command = [sys.executable, "-m", "pacs_gateway", "--data-dir", str(folder)]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "serve", "--role", "hl7"], env=environment, stdout=log, stderr=log
        )
    try:
        assert wait_until(lambda: listens(port), DEADLINE_S), (folder / "log").read_text()
        yield process
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


def listener_of(supervisor: int) -> int:
    """Return the process that listens, a child of the supervisor."""
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    return int(children[-1])


def send(port: int, number: int) -> bool:
    """Return whether an order was accepted."""
    message = orm(control_id=str(number), placer=f"DH{number}")
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as connection:
            connection.sendall(framed(message.encode()))
            return f"MSA|AA|{number}\r".encode() in connection.recv(65536)
    except OSError:
        return False


def test_what_was_accepted_survives_and_nothing_is_there_twice(tmp_path: Path) -> None:
    port, accepted = free_port(), set()
    with gateway(tmp_path, port) as process:
        for number in range(ORDERS):
            if number in (ORDERS // 3, 2 * ORDERS // 3):
                assert wait_until(lambda: listens(port), DEADLINE_S)
                os.kill(listener_of(process.pid), signal.SIGKILL)
            if send(port, number):
                accepted.add(number)
        assert wait_until(lambda: listens(port), DEADLINE_S)
        engine = open_engine(Settings(data_dir=tmp_path).index_url, busy_deadline_s=30)
        placed = {each.order.placer_number for each in Desk(engine).orders(Wanted(), limit=999)}
        assert {f"DH{number}" for number in accepted} <= placed
        assert wait_until(lambda: all(send(port, each) for each in range(ORDERS)), DEADLINE_S)
        found = [each.order.placer_number for each in Desk(engine).orders(Wanted(), limit=999)]
        assert sorted(found) == sorted(f"DH{number}" for number in range(ORDERS))
        engine.dispose()
