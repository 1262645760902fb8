"""How fast images come in: C-STORE by DCMTK's storescu, and STOW-RS."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.files import folders
from benchmarks.peers import Peer
from benchmarks.rows import Row
from benchmarks.series import Series, ct_series

ROUNDS = 3
DEADLINE_S = 600
SMALL = 132
"""Rows and columns of an image of 35 kB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """Some senders with an association each, at once."""

    name: str
    senders: int
    instances: int
    """Of all senders together."""
    rows: int = 512
    by_http: bool = False
    aim: float


CASES = (
    Sending(name="C-STORE, 1 sender, 400 CT of 0.5 MB", senders=1, instances=400, aim=10),
    Sending(name="C-STORE, 4 senders, 400 CT", senders=4, instances=400, aim=3),
    Sending(name="C-STORE, 16 senders, 800 CT", senders=16, instances=800, aim=1.5),
    Sending(
        name="C-STORE, 1 sender, 1,000 of 35 kB", senders=1, instances=1000, rows=SMALL, aim=25
    ),
    Sending(name="STOW-RS, 4 clients, 400 CT", senders=4, instances=400, by_http=True, aim=2),
)


def sending(ours: Peer, theirs: Peer, *, share: float) -> Iterator[Row]:
    """Measure every case in turns, A B A B, with `share` of the instances."""
    some = {rows: ct_series(50, rows) for rows in (512, SMALL)}
    for case in CASES:
        rates: dict[str, list[float]] = {ours.name: [], theirs.name: []}
        for _ in range(ROUNDS):
            for peer in (ours, theirs):
                rates[peer.name].append(_rate(case, peer, some[case.rows], share))
        yield Row(
            case=case.name,
            unit="/s",
            ours=rates[ours.name],
            theirs=rates[theirs.name],
            aim=case.aim,
        )


def _rate(case: Sending, peer: Peer, series: Series, share: float) -> float:
    """Return instances per second, from the first connection to the last answer."""
    each = max(1, int(case.instances * share) // case.senders)
    with folders(series, senders=case.senders, each=each) as filled:
        began = time.perf_counter()
        send_at_once(peer, filled, by_http=case.by_http)
        seconds = time.perf_counter() - began
    peer.settle()
    return each * case.senders / seconds


def send_at_once(peer: Peer, filled: Sequence[Path], *, by_http: bool = False) -> None:
    """Send every folder over an association, or connection, of its own."""
    send = _stow if by_http else _storescu
    with ThreadPoolExecutor(len(filled)) as pool:
        list(pool.map(lambda folder: send(peer, folder), filled))


def _storescu(peer: Peer, folder: Path) -> None:
    """Send a folder as stock DCMTK does; raises CalledProcessError if not all was taken."""
    subprocess.run(storescu_command(peer, folder), check=True, timeout=DEADLINE_S)


def storescu_command(peer: Peer, folder: Path) -> Sequence[str]:
    """Return the command line that sends a folder over one association."""
    return (
        *("storescu", "-aet", "BENCH", "-aec", peer.ae_title, "+sd"),
        *("127.0.0.1", str(peer.dicom_port), str(folder)),
    )


def _stow(peer: Peer, folder: Path) -> None:
    client = peer.another()
    for path in sorted(folder.iterdir()):
        client.stow(path.read_bytes())
    client.connection.close()
