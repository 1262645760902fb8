"""What the servers need: time to start, memory, room on the disk."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

from benchmarks.files import folders
from benchmarks.peers import Peer
from benchmarks.processes import memory_bytes
from benchmarks.rows import Row
from benchmarks.sending import send_at_once
from benchmarks.series import ct_series

Start = Callable[[Path], AbstractContextManager[Peer]]
ROUNDS = 3
SENDERS = 16
LOOK_S = 0.2
IDLE_S = 12
"""After a start, until background work has begun and rests."""
MEGABYTE = 1e6


def footprint(ours: Start, theirs: Start, *, share: float) -> Iterator[Row]:
    """Measure both, each started alone with an empty archive, in turns."""
    starts: tuple[list[float], list[float]] = ([], [])
    idle: tuple[list[float], list[float]] = ([], [])
    busy: tuple[list[float], list[float]] = ([], [])
    for number in range(ROUNDS):
        for start, mine in ((ours, 0), (theirs, 1)):
            with (
                TemporaryDirectory(prefix="benchmark-") as folder,
                start(Path(folder)) as peer,
            ):
                starts[mine].append(peer.start_s)
                if number:
                    continue
                time.sleep(IDLE_S)
                idle[mine].append(memory_bytes(peer.pid) / MEGABYTE)
                busy[mine].append(_busy_bytes(peer, share) / MEGABYTE)
    yield Row(case="start with an empty archive", unit="s", ours=starts[0], theirs=starts[1])
    yield Row(case="memory, idle (aim: 250 MB)", unit="MB", ours=idle[0], theirs=idle[1])
    yield Row(
        case=f"memory, {SENDERS} senders (aim: 600 MB)", unit="MB", ours=busy[0], theirs=busy[1]
    )


def _busy_bytes(peer: Peer, share: float) -> int:
    """Return the most memory that a server has while many senders send."""
    most, done = [0], Event()

    def watch() -> None:
        while not done.wait(LOOK_S):
            most.append(memory_bytes(peer.pid))

    watcher = Thread(target=watch)
    watcher.start()
    try:
        with folders(ct_series(25), senders=SENDERS, each=max(1, int(50 * share))) as filled:
            send_at_once(peer, filled)
    finally:
        done.set()
        watcher.join()
    return max(most)
