"""Bytes that can be made again, kept on disk within a limit.

Invariant: what `get` returns is exactly what was once put under this key. Losing any file, or all,
costs time only, so nothing is synced; a file that a power cut left half-written is recognised.
"""

import os
import zlib
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from struct import Struct
from time import time
from typing import NamedTuple

from ulid import ULID

_FOLDERS = 256
"""Keys are spread evenly by their digest, so each folder may take this fraction of the limit, and
making room looks at one of them only: memory does not grow with the cache."""
_SWEEP_SHARE = 16
"""A folder is looked at again when this fraction of its limit was written since."""
_ROOM_SHARE = 8
"""How much of a full folder is freed at once."""
_TOUCH_AFTER_S = 3600.0
"""The time of last use is as exact as this; writing it at each read would cost more than reading."""
_HEAD = Struct("<4sIQ")
_MAGIC = b"PGC1"
_PART_SUFFIX = ".part"


class _Entry(NamedTuple):
    used: float
    size: int
    path: Path


class DiskCache:
    """A cache in one folder; safe to use from many threads and processes at once."""

    def __init__(self, root: Path, *, max_bytes: int, reserve_bytes: int) -> None:
        """`reserve_bytes`: free space on the disk below which nothing more is kept."""
        self._root = root
        self._folder_bytes = max_bytes // _FOLDERS
        self._reserve_bytes = reserve_bytes
        # Of this process; others count their own, so that a folder may briefly be over its limit.
        self._written = [self._folder_bytes] * _FOLDERS

    def get(self, key: str) -> bytes | None:
        """Return what is kept under `key`, if anything."""
        path = self._path(key)
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            return None
        try:
            status = os.fstat(descriptor)
            content = os.read(descriptor, status.st_size)
            if time() - status.st_mtime > _TOUCH_AFTER_S:
                os.utime(descriptor)
        except OSError:
            return None
        finally:
            os.close(descriptor)
        return _opened(content, key)

    def put(self, key: str, value: bytes) -> None:
        """Keep `value`, if the disk lets us; what was kept under `key` before is replaced."""
        path = self._path(key)
        size = _HEAD.size + len(value)
        if size > self._folder_bytes // 2:
            return
        with suppress(OSError):
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
            self._make_room(path.parent, size)
            if _free_bytes(path.parent) - size < self._reserve_bytes:
                return
            _write(path, _HEAD.pack(_MAGIC, _checksum(key, value), len(value)) + value)

    def _path(self, key: str) -> Path:
        name = sha256(key.encode()).hexdigest()
        return self._root / name[:2] / name[2:]

    def _make_room(self, folder: Path, size: int) -> None:
        number = int(folder.name, 16)
        self._written[number] += size
        if self._written[number] < self._folder_bytes // _SWEEP_SHARE:
            return
        self._written[number] = 0
        entries = sorted(_entries(folder))
        excess = sum(entry.size for entry in entries) + size - self._folder_bytes
        if excess <= 0:
            return
        excess += self._folder_bytes // _ROOM_SHARE
        for entry in entries:
            if excess <= 0:
                break
            entry.path.unlink(missing_ok=True)
            excess -= entry.size


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f"{ULID()}{_PART_SUFFIX}")
    try:
        part.write_bytes(content)
        part.rename(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _entries(folder: Path) -> list[_Entry]:
    found = []
    with os.scandir(folder) as names:
        for name in names:
            # Another process may remove it meanwhile.
            with suppress(FileNotFoundError):
                status = name.stat()
                found.append(_Entry(status.st_mtime, status.st_size, Path(name.path)))
    return found


def _opened(content: bytes, key: str) -> bytes | None:
    if len(content) < _HEAD.size:
        return None
    magic, checksum, length = _HEAD.unpack_from(content)
    value = content[_HEAD.size :]
    intact = magic == _MAGIC and length == len(value) and checksum == _checksum(key, value)
    return value if intact else None


def _checksum(key: str, value: bytes) -> int:
    return zlib.crc32(value, zlib.crc32(key.encode()))


def _free_bytes(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize
