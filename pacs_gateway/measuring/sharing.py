"""Counts of all processes of one host in one place, and which processes these are.

Each role writes into files of its own in one folder (prometheus-client's multi-process mode), under
its name instead of its process ID: whoever is started again goes on counting where it was.
"""

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, values
from prometheus_client.multiprocess import MultiProcessCollector

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""The library asks the environment where its files are, and nothing else."""
LOCK = ".lock"


class Membership:
    """A process's place in the folder, for as long as it lives."""

    def __init__(self, folder: Path, role: str) -> None:
        """Join as `role`; beside another process of that name, under a name of its own."""
        folder.mkdir(parents=True, exist_ok=True)
        self.name = role
        self._descriptor = _locked(folder / f"{role}{LOCK}")
        if self._descriptor < 0:
            # The last one may take some seconds to end, and two must not write one file.
            self.name = f"{role}.{os.getpid()}"
            self._descriptor = _locked(folder / f"{self.name}{LOCK}")
        os.environ[FOLDER_VARIABLE] = str(folder)
        values.ValueClass = values.MultiProcessValue(lambda: self.name)  # type: ignore[no-untyped-call]


def running_roles(folder: Path) -> Sequence[str]:
    """Return the names of the processes that live on this host, as `dicom-0`."""
    found = []
    for path in folder.glob(f"*{LOCK}"):
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                found.append(path.name.removesuffix(LOCK))
    return sorted(found)


def tidy(folder: Path) -> None:
    """Remove what processes with names of their own have left behind."""
    alive = set(running_roles(folder))
    for lock in folder.glob(f"*.*{LOCK}"):
        name = lock.name.removesuffix(LOCK)
        if name not in alive:
            for path in (*folder.glob(f"*_{name}.db"), lock):
                path.unlink(missing_ok=True)


def register_all(folder: Path, registry: CollectorRegistry) -> None:
    """Let a registry tell the counts of all processes that share a folder."""
    MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]


def _locked(path: Path) -> int:
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return -1
    return descriptor
