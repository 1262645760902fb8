"""How fast a study goes out by C-GET and C-MOVE, to DCMTK."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.peers import RECEIVER, Peer
from benchmarks.rows import Row
from benchmarks.series import Series

ROUNDS = 3
DEADLINE_S = 600
AIM = 3


def moving(ours: Peer, theirs: Peer, series: Series, *, receiver_port: int) -> Iterator[Row]:
    """Measure how fast a study that both have arrives, in turns."""
    for verb in ("C-GET", "C-MOVE"):
        rates: dict[str, list[float]] = {ours.name: [], theirs.name: []}
        for _ in range(ROUNDS):
            for peer in (ours, theirs):
                rates[peer.name].append(_rate(verb, peer, series, receiver_port))
        yield Row(
            case=f"{verb} of {len(series.files)} CT",
            unit="/s",
            ours=rates[ours.name],
            theirs=rates[theirs.name],
            aim=AIM,
        )


def _rate(verb: str, peer: Peer, series: Series, receiver_port: int) -> float:
    with TemporaryDirectory(prefix="benchmark-moved-") as folder:
        began = time.perf_counter()
        subprocess.run(
            _command(verb, peer, series.study_uid, receiver_port),
            cwd=folder,  # DCMTK 3.6.7 does not heed `-od` where it keeps bytes as they come.
            check=True,
            timeout=DEADLINE_S,
        )
        seconds = time.perf_counter() - began
        arrived = len(list(Path(folder).iterdir()))
    if arrived != len(series.files):
        raise RuntimeError(f"{peer.name} sent {arrived} of {len(series.files)} by {verb}.")
    return arrived / seconds


def _command(verb: str, peer: Peer, study_uid: str, receiver_port: int) -> Sequence[str]:
    port = () if verb == "C-GET" else ("--port", str(receiver_port))
    return (
        *("getscu" if verb == "C-GET" else "movescu", "-S", "-aet", RECEIVER),
        *("-aec", peer.ae_title, "+B", *port),
        *("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study_uid}"),
        *("127.0.0.1", str(peer.dicom_port)),
    )
