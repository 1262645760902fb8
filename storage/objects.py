"""The object store: immutable whole objects under keys that hold their digest.

Because equal keys mean equal contents (docs/design/0004-object-keys.md), putting twice is
harmless and nothing is ever overwritten by something different, on any kind of store and without
conditional requests.
"""

import errno
import os
import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG
from typing import Protocol

from ulid import ULID

from storage.errors import CorruptError, FullError, NotFoundError, UnavailableError

PIECE_BYTES = 1024 * 1024
"""The most of an object that a reader has in memory at once."""

_COPIES_FOLDER = ".copies"
"""Where copies grow; keys cannot begin a part with a dot, so it is never taken for objects."""
_COPY_ABANDONED_AFTER_S = 3600.0
"""A copy that did not grow for an hour has lost its writer; no disk is that slow."""
_MAX_KNOWN_FOLDERS = 10_000
"""Folders remembered as durable: a busy month of series, in about 2 MB."""
_CANNOT_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS})


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a store knows of an object without reading it."""

    size: int
    stored_at: datetime
    received_at: datetime
    """When its bytes came to a gateway: the modification time of the file that was put.

    It stays with the object wherever that is copied, so that an index can be made anew."""
    sha256: str | None
    """Digest recorded at `put`, hexadecimal; None where the store keeps no such record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options:
    """How to reach an S3 server."""

    endpoint: str
    """`host:port`, without a scheme."""
    access_key: str
    secret_key: str
    region: str
    secure: bool
    """True: TLS with the system's certificate authorities."""
    connect_deadline_s: float
    read_deadline_s: float
    """Silence allowed while the server works or sends."""
    max_connections: int


class ObjectStore(Protocol):
    """Whole objects by key; safe to use from many threads, processes and hosts at once.

    Every method may raise UnavailableError, and ValueError for an impossible key.
    `storage.testing.object_store` holds the tests that every adapter passes.
    """

    def put(self, key: str, source: Path, *, sha256: str) -> None:
        """Store the file `source`, which is synced and never written again; durable on return.

        Raises FullError when there is no room.
        """

    def read(
        self, key: str, *, offset: int = 0, length: int | None = None
    ) -> Generator[bytes, None, None]:
        """Return pieces of at most `PIECE_BYTES`: `length` bytes from `offset`, or up to the end.

        What lies beyond the end is left out. Closing or dropping the generator frees what it
        holds. Raises NotFoundError at the call, not at the first piece.
        """

    def head(self, key: str) -> ObjectInfo:
        """Return what is known of an object; raises NotFoundError."""

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys that begin with `prefix`, in the order of their characters."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is as good as removed."""

    def ping(self) -> None:
        """Raise UnavailableError unless the store can be used now."""


def open_object_store(url: str, options: S3Options) -> ObjectStore:
    """Return the store that `url` names: `file:PATH` or `s3://bucket`.

    An S3 server is not contacted yet: it may be down while the gateway starts.

    Raises ValueError: one sentence for the person who wrote the configuration.
    """
    scheme, _, rest = url.partition(":")
    place = rest.removeprefix("//")
    if scheme == "file" and place:
        return FileObjectStore(Path(place))
    if scheme == "s3" and place:
        # The client costs a tenth of a second of start-up that most installations never need.
        from storage.s3 import S3ObjectStore  # noqa: PLC0415

        return S3ObjectStore(place.rstrip("/"), options)
    raise ValueError(f"The object store {url!r} is unknown; write file:PATH or s3://bucket.")


def check_key(key: str) -> None:
    """Raise ValueError for a key that could leave its place in a file system."""
    if "\0" in key or any(not part or part.startswith(".") for part in key.split("/")):
        raise ValueError(f"{key!r} cannot be the key of an object.")


def modified_at(status: os.stat_result) -> datetime:
    """Return when a file was last written, in whole microseconds as databases keep them."""
    seconds, nanoseconds = divmod(status.st_mtime_ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanoseconds // 1000)


def check_range(offset: int, length: int | None) -> None:
    """Raise ValueError for a range that no bytes can have."""
    if offset < 0 or (length is not None and length < 0):
        raise ValueError(f"No object has {length} bytes at {offset}.")


class FileObjectStore:
    """Objects as files below `root`, at the paths that their keys spell."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._copies = root / _COPIES_FOLDER
        # Folders whose entries are on disk up to the root. A set of its own process only: another
        # process that made a folder may not have synced it yet. Adding twice does no harm, so
        # threads need no lock.
        self._durable: set[Path] = set()
        with _translated():
            _make_durable_folder(self._copies)
            self._sweep_copies()

    def put(self, key: str, source: Path, *, sha256: str) -> None:
        del sha256  # The key holds it.
        target = self._path(key)
        with _translated():
            self._make_parents(target.parent)
            self._place(source, target)
            # Also when the object was there: its writer may have died before this very step.
            _sync_folder(target.parent)

    def read(
        self, key: str, *, offset: int = 0, length: int | None = None
    ) -> Generator[bytes, None, None]:
        check_range(offset, length)
        pieces = _pieces(self._path(key), offset, length)
        next(pieces)
        return pieces

    def head(self, key: str) -> ObjectInfo:
        with _translated(), _opened(self._path(key)) as descriptor:
            status = os.fstat(descriptor)
        received_at = modified_at(status)
        return ObjectInfo(status.st_size, received_at, received_at, None)

    def list(self, prefix: str = "") -> Iterator[str]:
        with _translated():
            yield from self._walk("", prefix)

    def delete(self, key: str) -> None:
        path = self._path(key)
        # Empty folders stay: removing one could pull it from under a put.
        with _translated(), suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            path.unlink()
            _sync_folder(path.parent)

    def ping(self) -> None:
        if not os.access(self._root, os.R_OK | os.W_OK | os.X_OK):
            raise UnavailableError(f"The folder {self._root} cannot be read and written.")

    def _path(self, key: str) -> Path:
        check_key(key)
        return self._root / key

    def _make_parents(self, folder: Path) -> None:
        if folder == self._root or (folder in self._durable and folder.is_dir()):
            return
        self._make_parents(folder.parent)
        folder.mkdir(exist_ok=True)
        # Whoever made the folder: this object is durable only once the whole path to it is.
        _sync_folder(folder.parent)
        if len(self._durable) >= _MAX_KNOWN_FOLDERS:
            self._durable.clear()
        self._durable.add(folder)

    def _place(self, source: Path, target: Path) -> None:
        try:
            os.link(source, target)
        except FileExistsError:
            _check_same_size(source, target)
        except OSError as error:
            if error.errno not in _CANNOT_LINK:
                raise
            self._copy(source, target)

    def _copy(self, source: Path, target: Path) -> None:
        if target.exists():
            _check_same_size(source, target)
            return
        copy = self._copies / str(ULID())
        try:
            with source.open("rb") as reader, copy.open("xb") as writer:
                shutil.copyfileobj(reader, writer, PIECE_BYTES)
                writer.flush()
                status = os.fstat(reader.fileno())
                os.utime(writer.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
                os.fsync(writer.fileno())
            # It can only replace the same content, put by somebody else in this moment.
            copy.rename(target)
        finally:
            copy.unlink(missing_ok=True)

    def _sweep_copies(self) -> None:
        oldest = time.time() - _COPY_ABANDONED_AFTER_S
        for copy in self._copies.iterdir():
            with suppress(FileNotFoundError):
                if copy.stat().st_mtime < oldest:
                    copy.unlink()

    def _walk(self, folder: str, prefix: str) -> Iterator[str]:
        for name in sorted(_names(self._root / folder)):
            key = folder + name
            if name.startswith("."):
                continue
            if name.endswith("/"):
                if key.startswith(prefix) or prefix.startswith(key):
                    yield from self._walk(key, prefix)
            elif key.startswith(prefix):
                yield key


def _names(folder: Path) -> Iterator[str]:
    """Yield the names in a folder, folders with the slash that keys sort by."""
    with os.scandir(folder) as entries:
        for entry in entries:
            yield f"{entry.name}/" if entry.is_dir() else entry.name


def _pieces(path: Path, offset: int, length: int | None) -> Generator[bytes, None, None]:
    """Yield b"" once the file is open, so that the caller learns of a missing one, then the bytes.

    A generator that has begun also runs its `finally` when it is dropped; a new one would not.
    """
    with _translated(), _opened(path) as descriptor:
        size = os.fstat(descriptor).st_size
        end = size if length is None else min(size, offset + length)
        yield b""
        while offset < end:
            piece = os.pread(descriptor, min(PIECE_BYTES, end - offset), offset)
            if not piece:
                raise CorruptError(f"An object of {size} bytes ends at {offset}.")
            offset += len(piece)
            yield piece


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError("There is no object under this key.") from error
    try:
        if not S_ISREG(os.fstat(descriptor).st_mode):
            raise NotFoundError("There is no object under this key.")
        yield descriptor
    finally:
        os.close(descriptor)


def _check_same_size(source: Path, target: Path) -> None:
    here, there = source.stat().st_size, target.stat().st_size
    if here != there:
        raise CorruptError(
            f"An object of {there} bytes is stored under the key of one of {here}; it stays."
        )


def _make_durable_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_durable_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise FullError("The disk of the object store is full; free some space.") from error
        raise UnavailableError(
            f"The disk of the object store does not work: {error.strerror}."
        ) from error
