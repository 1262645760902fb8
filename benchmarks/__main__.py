"""`python -m benchmarks`: this gateway beside Orthanc, as ratios of one run.

Both servers run on this machine with their defaults and get the same generated data. Each case is
measured in turns, A B A B, so that what else the machine does weighs on both. README.md says how
to read the table.
"""

import json
import os
import shutil
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.footprint import footprint
from benchmarks.limits import limits
from benchmarks.moving import moving
from benchmarks.peers import Peer, gateway, orthanc
from benchmarks.reading import reading
from benchmarks.rows import HEADER, Row
from benchmarks.searching import fill, searching
from benchmarks.sending import sending
from benchmarks.series import ct_series
from benchmarks.viewing import viewing
from tests.servers import free_port


@dataclass(frozen=True, slots=True)
class Bench:
    """What is measured with how much."""

    program: Path
    """Orthanc."""
    quick: bool

    @contextmanager
    def both(self) -> Iterator[tuple[Peer, Peer, int]]:
        """Run both servers, new and empty; yield them and the port of their receiver."""
        port = free_port()
        with (
            TemporaryDirectory(prefix="benchmark-") as folder,
            gateway(Path(folder), receiver_port=port) as ours,
            orthanc(Path(folder), self.program, receiver_port=port) as theirs,
        ):
            yield ours, theirs, port

    def limits(self) -> Iterator[Row]:
        """Measure the machine."""
        return limits()

    def sending(self) -> Iterator[Row]:
        """Measure receiving."""
        with self.both() as (ours, theirs, _):
            yield from sending(ours, theirs, share=0.25 if self.quick else 1)

    def reading(self) -> Iterator[Row]:
        """Measure pictures, pixels and metadata."""
        slices, pictures = (50, 3) if self.quick else (200, 8)
        with self.both() as (ours, theirs, _):
            yield from reading(ours, theirs, ct_series(slices), pictures=pictures)

    def moving(self) -> Iterator[Row]:
        """Measure retrieving."""
        series = ct_series(100 if self.quick else 400)
        with self.both() as (ours, theirs, port):
            for peer in (ours, theirs):
                peer.store(series)
                peer.settle()
            yield from moving(ours, theirs, series, receiver_port=port)

    def searching(self) -> Iterator[Row]:
        """Measure queries."""
        studies = 2_000 if self.quick else 20_000
        with self.both() as (ours, theirs, _):
            for peer in (ours, theirs):
                fill(peer, studies)
            yield from searching(ours, theirs, studies)

    def viewing(self) -> Iterator[Row]:
        """Measure opening a study in a browser."""
        with self.both() as (ours, _, _):
            yield from viewing(ours, slices=100 if self.quick else 600)

    def footprint(self) -> Iterator[Row]:
        """Measure start and memory."""
        port = free_port()
        start = partial(gateway, receiver_port=port)
        other = partial(orthanc, program=self.program, receiver_port=port)
        return footprint(start, other, share=0.25 if self.quick else 1)

    def groups(self) -> Mapping[str, Callable[[], Iterator[Row]]]:
        """Return what can be measured, by name."""
        each = (
            *(self.limits, self.sending, self.reading, self.moving),
            *(self.searching, self.viewing, self.footprint),
        )
        return {group.__name__: group for group in each}


def main() -> int:
    """Run the comparison; return the exit status."""
    parser = ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", help="what to measure; everything unless named")
    parser.add_argument("--quick", action="store_true", help="with less of everything")
    parser.add_argument("--json", type=Path, help="a file to write every figure to")
    arguments = parser.parse_args()
    program = shutil.which("Orthanc")
    if program is None:
        sys.stderr.write(
            "Orthanc is missing; install it (as root on Debian: apt-get install"
            " orthanc orthanc-dicomweb).\n"
        )
        return 2
    groups = Bench(Path(program), arguments.quick).groups()
    unknown = set(arguments.groups) - set(groups)
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(groups)}")
    rows = []
    sys.stdout.write(f"load average at the start: {os.getloadavg()[0]:.1f}\n{HEADER}\n")
    for name in arguments.groups or groups:
        for row in groups[name]():
            sys.stdout.write(row.line() + "\n")
            sys.stdout.flush()
            rows.append(row)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([row.json() for row in rows], indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
