"""Installs, finds and removes the viewer.

Invariant: what is found is complete. An installation is made in a folder of another name, synced
to the disk, and gets its real name in one rename; it is removed in the opposite order.
"""

import fcntl
import gzip
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pacs_gateway.config import Settings
from pacs_gateway.ohif import fetching, release, rewriting
from pacs_gateway.ohif.errors import BusyError, PackageError
from pacs_gateway.ohif.unpacking import Limits, unpack

VIEWER = "dist"
"""The folder, below that of an installation, that is served."""

_LICENCE = "LICENSE"
_COMPRESSED = frozenset({".css", ".html", ".js", ".json", ".svg", ".wasm"})
_SUFFIX = ".gz"
_UNFINISHED = "unfinished-ohif-"
_FINISHED = re.compile(r"[0-9]+(?:\.[0-9]+){2}-[0-9a-f]{8}")
_LOCK = "lock"

Step = Callable[[str, int, int | None], None]
"""Is told what is being done, how much of it is done, and of how much, if known."""


@dataclass(frozen=True, slots=True)
class Status:
    """What there is in the folder."""

    folder: Path | None
    """The served files; None if this gateway's viewer is not installed."""
    size: int
    """Bytes on the disk."""
    others: tuple[str, ...]
    """Installations that another version of the gateway made."""


def installed(settings: Settings) -> bool:
    """Return whether the viewer of this version of the gateway is there, complete."""
    return served_folder(settings).is_dir()


def served_folder(settings: Settings) -> Path:
    """Return where the viewer's files are if it is installed."""
    return settings.ohif_dir / _name() / VIEWER


def status(settings: Settings) -> Status:
    """Return what is installed."""
    root = settings.ohif_dir
    folder = served_folder(settings) if installed(settings) else None
    others = sorted(path.name for path in _finished(root) if path.name != _name())
    return Status(folder, _size(root / _name()), tuple(others))


def install(settings: Settings, package: Path | None, *, step: Step) -> bool:
    """Install the viewer from a package file, or from the npm registry without one.

    Return False if it was there already. Installations of other versions are removed afterwards.

    Raises DownloadError, PackageError, BusyError, ConfigurationError, OSError; whatever was
    installed before is still there then.
    """
    root = settings.ohif_dir
    with _only_one(root):
        if installed(settings):
            return False
        _sweep_unfinished(root)
        _sweep(path for path in _finished(root) if path.name == _name())
        scratch = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=root))
        try:
            made = _make(scratch, package or _fetched(scratch, settings, step), settings, step)
            _sync(made)
            made.rename(root / _name())
            _sync_folder(root)
        finally:
            shutil.rmtree(scratch)
        _sweep(path for path in _finished(root) if path.name != _name())
    return True


def remove(settings: Settings) -> bool:
    """Remove every installation; return whether there was one."""
    root = settings.ohif_dir
    if not root.is_dir():
        return False
    with _only_one(root):
        _sweep_unfinished(root)
        found = _finished(root)
        _sweep(found)
    return bool(found)


def _name() -> str:
    return f"{release.VERSION}-{rewriting.recipe()}"


def _fetched(scratch: Path, settings: Settings, step: Step) -> Path:
    package = scratch / release.FILE_NAME

    def progress(done: int, total: int | None) -> None:
        step("downloading", done, total)

    fetching.fetch(
        fetching.registry(settings.ohif), package, settings=settings.ohif, progress=progress
    )
    return package


def _make(scratch: Path, package: Path, settings: Settings, step: Step) -> Path:
    step("checking", 0, None)
    fetching.check(package)
    step("unpacking", 0, None)
    folder = scratch / _name()
    limits = Limits(unpacked_bytes=settings.ohif.max_unpacked_bytes, files=settings.ohif.max_files)
    unpack(package, folder, limits=limits, place=_place)
    viewer = folder / VIEWER
    if not viewer.is_dir():
        raise PackageError(f"{package.name} holds no viewer.")
    rewriting.rewrite(viewer)
    paths = sorted(path for path in viewer.rglob("*") if path.suffix in _COMPRESSED)
    for number, path in enumerate(paths, 1):
        _compress(path)
        step("compressing", number, len(paths))
    return folder


def _place(path: str) -> str | None:
    if path == _LICENCE:
        return path
    inside = path.removeprefix(f"{VIEWER}/")
    return path if inside != path and rewriting.is_wanted(inside) else None


def _compress(path: Path) -> None:
    content = path.read_bytes()
    compressed = gzip.compress(content, 9, mtime=0)
    if len(compressed) < len(content):
        path.with_name(path.name + _SUFFIX).write_bytes(compressed)


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_dir():
            _sync_folder(path)
            continue
        with path.open("rb") as file:
            os.fsync(file.fileno())
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _finished(root: Path) -> list[Path]:
    """Return the installations in the folder, which may hold other things that are not ours."""
    if not root.is_dir():
        return []
    return [path for path in root.iterdir() if _FINISHED.fullmatch(path.name) and path.is_dir()]


def _sweep(installations: Iterable[Path]) -> None:
    for path in installations:
        # Under another name first, so that half a viewer is never found.
        shutil.rmtree(path.rename(path.with_name(f"{_UNFINISHED}{path.name}")))


def _sweep_unfinished(root: Path) -> None:
    """Remove what a killed command left; nobody else is at work, as we hold the lock."""
    for path in root.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(path)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@contextmanager
def _only_one(root: Path) -> Iterator[None]:
    """Hold the installation's lock, which the kernel gives back whatever happens to us."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / _LOCK).open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError("OHIF is being installed or removed just now; wait for it.") from error
        yield
