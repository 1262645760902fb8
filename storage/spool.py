"""The write-ahead spool: what has been received and is not yet in the object store and the index.

Invariants: a file is in `ready/` only whole, synced, and under a name that holds its SHA-256;
nothing leaves `ready/` but by `done` or `put_apart`. A restart therefore finishes exactly what
was acknowledged (docs/design/0003-acknowledgement.md).

    incoming/<ulid>                 being written; swept when its writer is long gone
    ready/<ulid>.<sha256>.dcm       acknowledged, waiting to be stored
    set-aside/<ulid>.dcm + .json    refused bytes and why, kept for a while for a person to see
    damaged/<name>                  acknowledged, spoiled by the disk since; never removed by us
"""

import errno
import fcntl
import hashlib
import json
import mmap
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ulid import ULID

from storage.capacity import Capacity, SpoolLimits
from storage.doorbell import Doorbell
from storage.errors import FullError, UnavailableError

INCOMING_SWEEP_AFTER_S = 600.0
"""No honest sender pauses ten minutes inside one instance; deadlines end it long before."""


@dataclass(frozen=True, slots=True)
class ReadyEntry:
    """One acknowledged object waiting to be stored."""

    path: Path
    sha256: str


class Spool:
    """The spool of one host, shared by all its processes."""

    def __init__(self, root: Path, limits: SpoolLimits) -> None:
        self.capacity = Capacity(root, limits)
        self._incoming = root / "incoming"
        self._ready = root / "ready"
        self._set_aside = root / "set-aside"
        self._damaged = root / "damaged"
        for folder in (self._incoming, self._ready, self._set_aside, self._damaged):
            folder.mkdir(parents=True, exist_ok=True)
        self._root = root
        self._bell = Doorbell(root / "doorbell")

    def begin(self) -> "SpoolWriter":
        """Return a writer for one object that begins to arrive.

        Raises FullError when the disk or the spool is fuller than its limits allow.
        """
        self.capacity.check_instance()
        return SpoolWriter(self, self._incoming / str(ULID()))

    def ready(self, limit: int) -> Sequence[ReadyEntry]:
        """Return up to `limit` waiting entries, oldest first."""
        names = sorted(name for name in os.listdir(self._ready) if name.endswith(".dcm"))
        return [self._entry(name) for name in names[:limit]]

    def oldest_received(self) -> datetime | None:
        """Return when the first of the waiting entries was received, None if none waits."""
        for entry in self.ready(1):
            with suppress(FileNotFoundError):
                return datetime.fromtimestamp(entry.path.stat().st_mtime, UTC)
        return None

    def holds(self, entry: ReadyEntry) -> bool:
        """Return whether an entry still waits; afterwards its object is visible."""
        return entry.path.exists()

    def hurry(self) -> None:
        """Have what is ready stored now: somebody waits for it."""
        self._bell.ring()

    def wait_for_work(self, seconds: float) -> None:
        """Return when somebody is in a hurry, or after `seconds`."""
        self._bell.wait(seconds)

    def done(self, entry: ReadyEntry) -> None:
        """Forget an entry whose object is stored and indexed."""
        entry.path.unlink(missing_ok=True)

    def put_apart(self, entry: ReadyEntry) -> None:
        """Take a damaged entry out of the way of the others; it is kept until a person decides."""
        entry.path.rename(self._damaged / entry.path.name)

    def set_aside(self, path: Path, reason: str, facts: dict[str, str]) -> None:
        """Move refused bytes out of the way, with the reason beside them."""
        target = self._set_aside / f"{path.name.partition('.')[0]}.dcm"
        path.rename(target)
        note = {
            "reason": reason,
            "set_aside_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        target.with_suffix(".json").write_text(
            json.dumps(note | facts, ensure_ascii=False), "utf-8"
        )

    def sweep(self, *, keep_set_aside_s: float) -> int:
        """Remove abandoned arrivals and what was set aside long ago; return how many files."""
        now = time.time()
        ages = ((self._incoming, INCOMING_SWEEP_AFTER_S), (self._set_aside, keep_set_aside_s))
        old = [
            path
            for folder, age in ages
            for path in folder.iterdir()
            if path.stat().st_mtime < now - age
        ]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def lock(self) -> int:
        """Take the right to store what is ready, one process per host; hold it by keeping the fd.

        Raises UnavailableError if another process has it.
        """
        descriptor = os.open(self._root / "committer.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise UnavailableError(
                "Another process already stores what this spool holds."
            ) from error
        return descriptor

    def publish(self, source: Path, sha256: str) -> ReadyEntry:
        """Rename a synced file into `ready/` and sync the directory: the moment of no return."""
        target = self._ready / f"{source.name}.{sha256}.dcm"
        source.rename(target)
        _sync_directory(self._ready)
        return ReadyEntry(target, sha256)

    def _entry(self, name: str) -> ReadyEntry:
        return ReadyEntry(self._ready / name, name.split(".")[1])


class SpoolWriter:
    """One object on its way into the spool: write, then exactly one of the three endings."""

    def __init__(self, spool: Spool, path: Path) -> None:
        self._spool = spool
        self.path = path
        self._digest = hashlib.sha256()
        self._descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        self.size = 0

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes; nothing is kept in memory.

        Raises FullError or UnavailableError when the disk does not take them.
        """
        view = memoryview(data)
        self._digest.update(view)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            raise _translated(error) from error
        self.size += len(data)

    def view(self) -> bytes | mmap.mmap:
        """Return what was written so far, read-only and without copying it."""
        if self.size == 0:
            return b""
        return mmap.mmap(self._descriptor, self.size, prot=mmap.PROT_READ)

    def publish(self) -> ReadyEntry:
        """Make the object durable and hand it on; when this returns it survives a power cut.

        A failed sync is never tried again on the same file: the kernel may have dropped the
        pages already, so a second call would lie.

        Raises FullError or UnavailableError; then nothing was published.
        """
        try:
            # The time of receipt. The kernel's own is as coarse as its clock tick, and of what came
            # within one tick nobody could tell the order when the index is made anew.
            os.utime(self._descriptor, ns=(now := time.time_ns(), now))
            os.fdatasync(self._descriptor)
            self._close()
            return self._spool.publish(self.path, self._digest.hexdigest())
        except OSError as error:
            self.discard()
            self._spool.capacity.report_fault()
            raise _translated(error) from error

    def set_aside(self, reason: str, facts: dict[str, str]) -> None:
        """Keep the bytes for a person to look at, as they cannot be stored."""
        self._close()
        self._spool.set_aside(self.path, reason, facts)

    def discard(self) -> None:
        """Remove what was written; safe to call after any ending."""
        self._close()
        self.path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def copy_into(writer: SpoolWriter, source: Path, *, offset: int) -> None:
    """Append the bytes of `source` from `offset` on."""
    with source.open("rb") as stream:
        stream.seek(offset)
        shutil.copyfileobj(stream, _Sink(writer), length=1024 * 1024)


class _Sink:
    def __init__(self, writer: SpoolWriter) -> None:
        self.write = writer.write


def _sync_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _translated(error: OSError) -> FullError | UnavailableError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FullError("The disk of the spool is full; free some space.")
    return UnavailableError(f"The disk of the spool does not work: {error.strerror}.")
