"""Start a program, wait until it answers, end it."""

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

READY_DEADLINE_S = 30.0
"""Servers start in about a second; a busy machine of two cores takes some more."""
STOP_DEADLINE_S = 5.0


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody uses now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    log: Path,
    ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` until the block ends; its output goes to `log`.

    Raises RuntimeError with the end of the log if it is not ready in time.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            user=user,
        )
    try:
        if not wait_until(lambda: process.poll() is not None or ready()):
            raise RuntimeError(f"{command[0]} is not ready in time: {_tail(log)}")
        if process.poll() is not None:
            raise RuntimeError(f"{command[0]} ended at once: {_tail(log)}")
        yield process
    finally:
        _stop(process, stop_signal)


def wait_until(condition: Callable[[], bool], deadline_s: float = READY_DEADLINE_S) -> bool:
    """Return whether `condition` came true before the deadline."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _stop(process: subprocess.Popen[bytes], stop_signal: signal.Signals) -> None:
    process.send_signal(stop_signal)
    try:
        process.wait(STOP_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(log: Path) -> str:
    return log.read_bytes()[-2000:].decode("utf-8", "replace")
