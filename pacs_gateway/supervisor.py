"""Starts the roles as processes, says when all are ready, and starts again what dies.

Children are forked before any thread exists, so that the libraries loaded once are shared
memory, and each asks the kernel to be told when the supervisor is gone.
"""

import ctypes
import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from time import monotonic

import structlog

from pacs_gateway.telemetry import FaultsLogged

STOP_DEADLINE_S = 15.0
"""What a role may take to end its work when told to; then it is killed."""
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0
"""A process that lived this long starts again without a pause when it dies."""

_PR_SET_PDEATHSIG = 1

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Role:
    """One kind of process and what it runs; the callable gets a function to say it is ready."""

    name: str
    run: Callable[[Callable[[], None]], None]


@dataclass(slots=True)
class _Child:
    role: Role
    process: ForkProcess | None = None
    ready: Connection | None = None
    started_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    start_at: float = field(default_factory=monotonic)


class Supervisor:
    """Runs roles until it is told to stop."""

    def __init__(self, roles: Sequence[Role]) -> None:
        self._children = [_Child(role) for role in roles]
        self._context = multiprocessing.get_context("fork")
        self._stopping = False
        self._bell_out, self._bell_in = os.pipe()

    def run(self, *, on_ready: Callable[[], None]) -> None:
        """Start everything, call `on_ready` once when every role is, and watch until stopped."""
        # What is loaded now will not be collected: untouched pages stay shared after the fork.
        gc.freeze()
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda *_: self.stop())
        waiting = set(range(len(self._children)))
        while not self._stopping:
            self._start_due()
            for number in self._wait(waiting):
                waiting.discard(number)
                if not waiting:
                    on_ready()
        self._end_children()

    def stop(self) -> None:
        """End `run` soon; may be called from a signal handler or another thread."""
        self._stopping = True
        os.write(self._bell_in, b"\0")

    def _start_due(self) -> None:
        for child in self._children:
            if child.process is None and monotonic() >= child.start_at:
                self._start(child)

    def _start(self, child: _Child) -> None:
        child.ready, announce = self._context.Pipe(duplex=False)
        child.started_at = monotonic()
        child.process = self._context.Process(
            target=_run_child, args=(child.role, announce, os.getpid()), name=child.role.name
        )
        child.process.start()
        announce.close()

    def _wait(self, waiting: set[int]) -> list[int]:
        """Wait for something to happen; return the children that have become ready."""
        sentinels = {child.process.sentinel: child for child in self._children if child.process}
        announcements = {
            child.ready: number
            for number, child in enumerate(self._children)
            if number in waiting and child.ready is not None
        }
        happened = wait([*sentinels, *announcements, self._bell_out], timeout=FIRST_PAUSE_S)
        ready = []
        for thing in happened:
            if thing in sentinels:
                self._bury(sentinels[thing])
            elif thing in announcements:
                child = self._children[announcements[thing]]
                if _said_ready(child):
                    ready.append(announcements[thing])
        return ready

    def _bury(self, child: _Child) -> None:
        assert child.process is not None
        child.process.join()
        lived_s = monotonic() - child.started_at
        child.pause_s = FIRST_PAUSE_S if lived_s > STEADY_S else child.pause_s
        if not self._stopping:
            _log.error(
                "process ended; starting again",
                process=child.role.name,
                exit_code=child.process.exitcode,
                pause_s=child.pause_s,
            )
        child.start_at = monotonic() + child.pause_s
        child.pause_s = min(2 * child.pause_s, LONGEST_PAUSE_S)
        child.process = None

    def _end_children(self) -> None:
        processes = [child.process for child in self._children if child.process]
        for process in processes:
            process.terminate()
        deadline = monotonic() + STOP_DEADLINE_S
        for process in processes:
            process.join(max(0.0, deadline - monotonic()))
            if process.is_alive():
                _log.error("process killed: it did not stop in time", process=process.name)
                process.kill()
                process.join()


def _said_ready(child: _Child) -> bool:
    assert child.ready is not None
    try:
        child.ready.recv_bytes()
    except EOFError:
        # The process died before it was ready; it will be started again and announce itself.
        child.ready.close()
        child.ready = None
        return False
    return True


def _run_child(role: Role, announce: Connection, supervisor: int) -> None:
    # The handlers inherited from the supervisor would ring its bell.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != supervisor:
        # The supervisor died before the request was in place.
        sys.exit(1)

    def ready() -> None:
        announce.send_bytes(b"ready")

    with FaultsLogged():
        role.run(ready)
