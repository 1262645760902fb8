"""Folders and disks: whose they are, what fits into them, how long that lasts, what waits there."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pacs_gateway.config import Settings
from pacs_gateway.doctor.findings import Finding, Values, ok, warning, wrong
from pacs_gateway.doctor.subject import Subject
from pacs_gateway.exposure import others_reach
from storage.health import DiskSample

FOLDER, DISK, SPOOL = "folder", "disk", "spool"
MAX_NAMED = 3
"""Files that one line names."""
LEAST_SPAN = timedelta(days=1)
"""Less says nothing about a month: nights are quiet."""
_THOUSAND = 1000
MUCH_LATER = 6
"""How many times the wait that is a warning is wrong."""


@dataclass(frozen=True, slots=True)
class Disk:
    """How full the disk of a folder is, in bytes."""

    size: int
    used: int
    free: int
    """For this account."""

    @classmethod
    def of(cls, folder: Path) -> "Disk":
        """Measure; raises OSError."""
        found = os.statvfs(folder)
        unit = found.f_frsize
        return cls(
            found.f_blocks * unit, (found.f_blocks - found.f_bfree) * unit, found.f_bavail * unit
        )


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in a spool."""

    entries: int
    size: int
    oldest: datetime | None
    damaged: int


def disks(settings: Settings) -> dict[str, Path]:
    """Return the folders that are on a disk of their own, by what is on it."""
    folders = {"data": settings.data_dir.resolve()}
    if settings.objects_url.startswith("file:"):
        folders["objects"] = Path(settings.objects_url.removeprefix("file:").removeprefix("//"))
    folders["cache"] = settings.cache_dir
    seen: dict[int, str] = {}
    for name, path in folders.items():
        if path.is_dir():
            seen.setdefault(path.stat().st_dev, name)
    return {name: folders[name] for name in seen.values()}


def usable(disk: Disk, settings: Settings, *, name: str) -> int:
    """Return the bytes that may still be written before the gateway refuses more."""
    if name != "data":
        return disk.free
    kept = max(
        settings.spool.reserve_bytes,
        int((disk.used + disk.free) * (1 - settings.spool.refuse_percent / 100)),
    )
    return max(0, disk.free - kept)


def days_left(room: int, samples: Sequence[DiskSample]) -> int | None:
    """Return in how many days the room is used up at the rate of the samples.

    None where nobody can tell: too few samples, or the disk does not get fuller.
    """
    if not samples or samples[-1].at - samples[0].at < LEAST_SPAN:
        return None
    grown = samples[-1].used_bytes - samples[0].used_bytes
    if grown <= 0:
        return None
    days = (samples[-1].at - samples[0].at) / timedelta(days=1)
    return int(room / (grown / days))


def size_text(size: int) -> str:
    """Return bytes as people say them: `12.3 GB`, by thousands as disks are sold."""
    amount, units = float(size), iter(("B", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while amount >= _THOUSAND and (larger := next(units, "")):
        amount, unit = amount / _THOUSAND, larger
    return f"{amount:.3g} {unit}" if amount < _THOUSAND else f"{amount:.0f} {unit}"


def backlog(spool: Path) -> Backlog:
    """Return what waits in a spool; raises OSError."""
    entries, size, first = 0, 0, None
    with os.scandir(spool / "ready") as listing:
        for entry in listing:
            try:
                found = entry.stat()
            except FileNotFoundError:
                continue  # Stored meanwhile.
            entries, size = entries + 1, size + found.st_size
            first = min(first or found.st_mtime, found.st_mtime)
    oldest = datetime.fromtimestamp(first).astimezone() if first is not None else None
    return Backlog(entries, size, oldest, len(os.listdir(spool / "damaged")))


def check_folder(settings: Settings) -> Iterator[Finding]:
    """Look at the data folder: is it there, can it be written, does all of it belong to one."""
    folder = settings.data_dir.resolve()
    path = str(folder)
    if not folder.is_dir():
        yield wrong(FOLDER, "missing", path=path)
        return
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield wrong(FOLDER, "closed", path=path, user=_name(os.geteuid()))
        return
    owner = folder.stat().st_uid
    others = [each for each in _own_files(folder) if each.lstat().st_uid != owner]
    if others:
        yield wrong(
            FOLDER,
            "owners",
            path=path,
            owner=_name(owner),
            files=", ".join(str(each.relative_to(folder)) for each in others[:MAX_NAMED]),
        )
        return
    if others_reach(folder) and any(others_reach(each) for each in _own_files(folder)):
        yield warning(FOLDER, "open", path=path)
        return
    yield ok(FOLDER, "fine", path=path)


def check_disks(subject: Subject) -> Iterator[Finding]:
    """Look at how full the disks are, and how long they last."""
    settings = subject.settings
    guard = settings.guard
    for name, folder in disks(settings).items():
        disk = Disk.of(folder)
        room = usable(disk, settings, name=name)
        values: Values = {
            "path": str(folder),
            "free": size_text(disk.free),
            "room": size_text(room),
        }
        if room == 0:
            yield wrong(DISK, "full", **values)
            continue
        days = days_left(room, subject.health.samples(subject.host, name))
        if days is None:
            yield ok(DISK, "room", **values)
        elif days < guard.disk_alarm_days:
            yield wrong(DISK, "days", **values, days=days)
        elif days < guard.disk_warning_days:
            yield warning(DISK, "days", **values, days=days)
        else:
            yield ok(DISK, "days_ok", **values, days=days)


def check_spool(subject: Subject) -> Iterator[Finding]:
    """Look at what was acknowledged and is not stored yet."""
    settings = subject.settings
    found = backlog(settings.spool_dir)
    if found.damaged:
        yield wrong(
            SPOOL, "damaged", number=found.damaged, path=str(settings.spool_dir / "damaged")
        )
    if found.entries >= settings.spool.max_entries:
        yield wrong(SPOOL, "full", number=found.entries)
        return
    if found.oldest is None:
        if not found.damaged:
            yield ok(SPOOL, "empty")
        return
    minutes = int((subject.now - found.oldest).total_seconds() // 60)
    values: Values = {
        "number": found.entries,
        "size": size_text(found.size),
        "minutes": max(0, minutes),
    }
    late = settings.guard.backlog_minutes
    if minutes >= late * MUCH_LATER:
        yield wrong(SPOOL, "late", **values)
    elif minutes >= late:
        yield warning(SPOOL, "late", **values)
    else:
        yield ok(SPOOL, "waiting", **values)


def _own_files(folder: Path) -> Iterator[Path]:
    """Yield what the gateway itself makes in its folder, down to the folders of the spool."""
    for name in ("index.sqlite", "index.sqlite-wal", "index.sqlite-shm", "work.sqlite", "objects"):
        if (folder / name).exists():
            yield folder / name
    for name in ("spool", "cache", "metrics"):
        if (folder / name).is_dir():
            yield folder / name
            if os.access(folder / name, os.R_OK | os.X_OK):
                yield from (each for each in (folder / name).iterdir() if each.is_dir())


def _name(uid: int) -> str:
    # Accounts of containers often have a number only.
    import pwd  # noqa: PLC0415 - not on Windows, where the gateway runs in a container

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
