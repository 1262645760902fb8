"""Whether the spool's disk can take more: thresholds before full, and a pause after a fault."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from storage.errors import FullError, UnavailableError

_USAGE_VALID_S = 1.0
"""statvfs once a second is cheap, and no second fills the reserve."""
_COUNT_VALID_S = 5.0
_FAULT_PAUSE_S = 60.0
"""After a failed sync the disk must first pass a test of its own (rule D2)."""


@dataclass(frozen=True, slots=True)
class SpoolLimits:
    """When the spool stops taking more; see SpoolSettings for the reasons."""

    stop_associations_percent: float
    refuse_percent: float
    reserve_bytes: int
    max_entries: int


class Capacity:
    """Watches one spool folder; every check is cheap enough for every instance."""

    def __init__(self, root: Path, limits: SpoolLimits) -> None:
        self._root = root
        self._limits = limits
        self._usage_at = self._count_at = -1e9
        self._used_percent = 0.0
        self._free_bytes = 0
        self._entries = 0
        self._fault_at: float | None = None

    def check_association(self) -> None:
        """Raise FullError or UnavailableError if no new sender should be let in."""
        self._check(self._limits.stop_associations_percent)

    def check_instance(self) -> None:
        """Raise FullError or UnavailableError if not one more object can be taken."""
        self._check(self._limits.refuse_percent)

    def report_fault(self) -> None:
        """Remember that the disk failed to sync; checks fail until it works again."""
        self._fault_at = time.monotonic()

    def _check(self, percent: float) -> None:
        self._check_fault()
        self._measure()
        if self._used_percent >= percent or self._free_bytes < self._limits.reserve_bytes:
            raise FullError(
                f"The spool's disk is {self._used_percent:.0f} % full; free some space."
            )
        if self._entries >= self._limits.max_entries:
            raise FullError(
                f"{self._entries} objects wait to be stored; see `pacs-gateway doctor`."
            )

    def _check_fault(self) -> None:
        if self._fault_at is None:
            return
        if time.monotonic() - self._fault_at < _FAULT_PAUSE_S or not self._disk_works():
            raise UnavailableError("The spool's disk failed; it is tested again every minute.")
        self._fault_at = None

    def _disk_works(self) -> bool:
        probe = self._root / f"probe-{os.getpid()}"
        try:
            with probe.open("wb") as file:
                file.write(b"probe")
                file.flush()
                os.fsync(file.fileno())
            probe.unlink()
        except OSError:
            self.report_fault()
            return False
        return True

    def _measure(self) -> None:
        now = time.monotonic()
        if now - self._usage_at > _USAGE_VALID_S:
            disk = os.statvfs(self._root)
            self._free_bytes = disk.f_bavail * disk.f_frsize
            usable = (disk.f_blocks - disk.f_bfree + disk.f_bavail) or 1
            self._used_percent = 100.0 * (1 - disk.f_bavail / usable)
            self._usage_at = now
        if now - self._count_at > _COUNT_VALID_S:
            self._entries = len(os.listdir(self._root / "ready"))
            self._count_at = now
