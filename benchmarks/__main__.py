"""`python -m benchmarks`: the read paths of a radiologist's client, beside Orthanc.

Both servers run on this machine with their defaults and hold the same series. Every measure is
taken twice: one server after the other, as fast as each answers, and both in turn, so that what
else the machine does weighs on both. Medians are compared; README.md says how to read them.
"""

import shutil
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.peers import Peer, gateway, orthanc
from benchmarks.series import Series, ct_series

REPEATS = 40
"""For answers that may be asked again; medians of fewer jump about."""
QUIET_S = 8
"""After storing both servers have work left; the gateway makes previews after five quiet seconds."""
JSON = "application/dicom+json"
OCTETS = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that clients do, as a series of requests that each server gets once."""

    name: str
    paths: Sequence[str]
    accept: str
    encoding: str = "identity"

    @property
    def headers(self) -> dict[str, str]:
        """What each request carries."""
        return {"Accept": self.accept, "Accept-Encoding": self.encoding}


def measures(series: Series) -> Sequence[Measure]:
    """Return what is measured; first times come before repeats."""
    root = f"/studies/{series.study_uid}/series/{series.series_uid}"
    instances = [f"{root}/instances/{uid}" for uid in series.sop_instance_uids]
    return [
        Measure("rendered 512 x 512, first", [f"{i}/rendered" for i in instances], "image/jpeg"),
        Measure("rendered 512 x 512, again", [f"{i}/rendered" for i in instances], "image/jpeg"),
        Measure("native frame, first", [f"{i}/frames/1" for i in instances], OCTETS),
        Measure("native frame, again", [f"{instances[0]}/frames/1"] * REPEATS, OCTETS),
        Measure(f"metadata of {len(instances)}", [f"{root}/metadata"] * REPEATS, JSON),
        Measure(
            f"metadata of {len(instances)}, gzip", [f"{root}/metadata"] * REPEATS, JSON, "gzip"
        ),
        Measure(
            "series of a study (QIDO)", [f"/studies/{series.study_uid}/series"] * REPEATS, JSON
        ),
    ]


def in_turns(peers: Sequence[Peer], measure: Measure) -> list[float]:
    """Return the median seconds of each peer, asked in turn."""
    times: list[list[float]] = [[] for _ in peers]
    for peer in peers:
        peer.reconnect()
    for path in measure.paths:
        for peer, mine in zip(peers, times, strict=True):
            mine.append(peer.timed(path, **measure.headers))
    return [median(mine) for mine in times]


def one_after_the_other(peers: Sequence[Peer], measure: Measure) -> list[float]:
    """Return the median seconds of each peer, asked for everything before the next one is."""
    times = []
    for peer in peers:
        peer.reconnect()
        times.append(median(peer.timed(path, **measure.headers) for path in measure.paths))
    return times


ORDERS = {"one server after the other": one_after_the_other, "in turns": in_turns}


def report(
    order: str, series: Series, peers: Sequence[Peer], write: Callable[[str], object]
) -> None:
    """Measure in one of `ORDERS` and write one line for each measure."""
    write(f"{order:34}{peers[0].name:>10}{peers[1].name:>10}{'ratio':>8}\n")
    for measure in measures(series):
        ours, theirs = ORDERS[order](peers, measure)
        write(f"{measure.name:34}{ours * 1e3:7.2f} ms{theirs * 1e3:7.2f} ms{theirs / ours:7.1f}x\n")


def main() -> int:
    """Run the comparison; return the exit status."""
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--instances", type=int, default=200, help="slices of the CT series")
    arguments = parser.parse_args()
    program = shutil.which("Orthanc")
    if program is None:
        sys.stderr.write(
            "Orthanc is missing; install it (as root on Debian: apt-get install"
            " orthanc orthanc-dicomweb).\n"
        )
        return 2
    for order in ORDERS:
        # Each order begins with new servers: nothing may be in a cache at the first time.
        measured(order, ct_series(arguments.instances), Path(program))
    return 0


def measured(order: str, series: Series, program: Path) -> None:
    """Run both servers, store a series in them and report on it."""
    with (
        TemporaryDirectory(prefix="benchmark-") as folder,
        gateway(Path(folder)) as ours,
        orthanc(Path(folder), program) as theirs,
    ):
        for peer in (ours, theirs):
            peer.store(series)
        time.sleep(QUIET_S)
        report(order, series, (ours, theirs), sys.stdout.write)


if __name__ == "__main__":
    sys.exit(main())
