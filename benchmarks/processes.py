"""What a server costs: memory and CPU of a process and all its children, from /proc."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

QUIET_SHARE = 0.03
"""A server with less of one core than this is done."""
LOOK_S = 0.5
QUIET_DEADLINE_S = 120.0
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
KIB = 1024


def tree(pid: int) -> Iterator[int]:
    """Yield a process and its descendants."""
    yield pid
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from tree(int(child))


def memory_bytes(pid: int) -> int:
    """Return the memory of a tree; what its processes share counts once."""
    total = 0
    for each in tree(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            for line in Path(f"/proc/{each}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * KIB
    return total


def cpu_s(pid: int) -> float:
    """Return the CPU time that a tree has used."""
    total = 0.0
    for each in tree(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            # The name of a command may hold spaces and brackets; it ends at the last one.
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) * TICK_S
    return total


def wait_until_quiet(pid: int) -> None:
    """Wait until a server has nothing more to do; raises TimeoutError if it never ends."""
    end = time.monotonic() + QUIET_DEADLINE_S
    while time.monotonic() < end:
        before = cpu_s(pid)
        time.sleep(LOOK_S)
        if cpu_s(pid) - before < QUIET_SHARE * LOOK_S:
            return
    raise TimeoutError("A server does not come to rest.")
