"""A backup: the database at one moment, configuration, keys, and what objects there were.

Invariant: a folder has a manifest only when everything that the manifest names is in it, synced, with
the digests it says. The database is a SQLite file whatever the live one is, so that a backup can be
tried on any computer (docs/design/0019-recovery.md).
"""

import gzip
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import file_digest
from pathlib import Path

from ulid import ULID

from pacs_gateway import __version__
from pacs_gateway.errors import ConfigurationError
from storage.auditlog import AuditLog
from storage.copying import counts, open_copy, snapshot
from storage.database import SCHEMA_VERSION, Engine
from storage.errors import CorruptError
from storage.holdings import Holding, Holdings
from storage.objects import FileObjectStore, ObjectStore
from storage.records import utc_now

MANIFEST, DATABASE, OBJECT_LIST = "manifest.json", "index.sqlite", "objects.tsv.gz"
FILES_FOLDER, OBJECTS_FOLDER = "files", "objects"

Step = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds."""

    version: str
    schema: str
    created_at: str
    rows: Mapping[str, int]
    objects: int
    object_bytes: int
    audit_seq: int
    audit_digest: str
    digests: Mapping[str, str]
    """SHA-256 of every file but the objects, by its path in the folder."""
    origins: Mapping[str, str]
    """Where configuration and keys came from, by their path in the folder."""
    with_objects: bool


def back_up(
    live: Engine, store: ObjectStore, folder: Path, *, files: list[Path], step: Step | None
) -> Manifest:
    """Write a backup into a new or empty folder; the gateway may run meanwhile.

    `files` are configuration and keys. With a `step`, which is told of progress, the objects are
    copied too.

    Raises ConfigurationError for a folder that holds something, StorageError.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty; name a new folder for each backup.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    snapshot(live, folder / DATABASE)
    copy = open_copy(folder / DATABASE)
    try:
        holdings = Holdings(copy)
        _write_list(holdings, folder / OBJECT_LIST)
        origins = _copy_files(files, folder)
        if step is not None:
            copy_objects(store, FileObjectStore(folder / OBJECTS_FOLDER), folder, step)
        head = AuditLog(copy).head()
        rows, objects, size = counts(copy), holdings.count(), holdings.size()
    finally:
        copy.dispose()
    manifest = Manifest(
        version=__version__,
        schema=SCHEMA_VERSION,
        created_at=utc_now().isoformat(timespec="seconds"),
        rows=rows,
        objects=objects,
        object_bytes=size,
        audit_seq=head.seq,
        audit_digest=head.digest,
        digests={name: digest_of(folder / name) for name in _names(folder)},
        origins=origins,
        with_objects=step is not None,
    )
    _write_manifest(folder, manifest)
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Return what a folder says that it holds.

    Raises ConfigurationError if it is no backup, or one of a newer version.
    """
    try:
        manifest = Manifest(**json.loads((folder / MANIFEST).read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ConfigurationError(
            f"{folder} is no backup, or one that did not end: it has no usable {MANIFEST}."
        ) from error
    if manifest.schema > SCHEMA_VERSION:
        raise ConfigurationError(
            f"This backup is of version {manifest.version}; install that or a newer one."
        )
    return manifest


def faults_of(folder: Path, manifest: Manifest) -> list[str]:
    """Return the names of files that are not as they were written."""
    return [
        name
        for name, digest in manifest.digests.items()
        if not (folder / name).is_file() or digest_of(folder / name) != digest
    ]


def copy_objects(source: ObjectStore, target: ObjectStore, scratch: Path, step: Step) -> int:
    """Copy what the target lacks, comparing each digest on the way; return how many there are.

    Raises CorruptError for an object whose bytes are not those of its key, StorageError.
    """
    done = 0
    present = iter(target.list())
    theirs = next(present, None)
    for key in source.list():
        while theirs is not None and theirs < key:
            theirs = next(present, None)
        if theirs != key:
            copy_object(source, target, key, scratch)
        done += 1
        step(done, done)
    return done


def listed_objects(folder: Path) -> Iterator[Holding]:
    """Yield the objects that a backup names."""
    with gzip.open(folder / OBJECT_LIST, "rt", encoding="utf-8") as lines:
        for line in lines:
            key, sha256, size = line.rstrip("\n").split("\t")
            yield Holding(key, sha256, int(size), "")


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def created_at(manifest: Manifest) -> datetime:
    """Return when a backup was made."""
    return datetime.fromisoformat(manifest.created_at)


def copy_object(source: ObjectStore, target: ObjectStore, key: str, scratch: Path) -> str:
    """Copy one object with the time at which it was received; return its digest.

    Raises CorruptError if its bytes are not those that its key names, StorageError.
    """
    received_at = source.head(key).received_at
    piece = scratch / f"{ULID()}.part"
    with piece.open("wb") as file:
        for part in source.read(key):
            file.write(part)
        file.flush()
        nanoseconds = int(received_at.timestamp()) * 10**9 + received_at.microsecond * 1000
        os.utime(file.fileno(), ns=(nanoseconds, nanoseconds))
        os.fsync(file.fileno())
    try:
        found = digest_of(piece)
        named = key.removesuffix(".dcm").rpartition(".")[2] if key.endswith(".dcm") else found
        if found != named:
            raise CorruptError(f"{key} is damaged; run pacs-gateway verify.")
        target.put(key, piece, sha256=found)
    finally:
        piece.unlink()
    return found


def _write_list(holdings: Holdings, path: Path) -> None:
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=6) as file:
        for page in holdings.all():
            for each in page:
                file.write(f"{each.key}\t{each.sha256}\t{each.size}\n")


def _copy_files(files: list[Path], folder: Path) -> dict[str, str]:
    origins = {}
    target = folder / FILES_FOLDER
    target.mkdir(mode=0o700)
    for number, path in enumerate(files):
        name = f"{FILES_FOLDER}/{number}-{path.name}"
        try:
            shutil.copyfile(path, folder / name)
        except OSError as error:
            raise ConfigurationError(f"Cannot read {path}: {error.strerror}.") from error
        (folder / name).chmod(0o600)
        origins[name] = str(path.resolve())
    return origins


def _names(folder: Path) -> list[str]:
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    beside = (str(path) for path in files if path.parts[0] != OBJECTS_FOLDER)
    return sorted(name for name in beside if not name.endswith(("-wal", "-shm")))


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    for name in manifest.digests:
        _sync(folder / name)
    part = folder / f"{MANIFEST}.part"
    part.write_text(json.dumps(asdict(manifest), indent=2, ensure_ascii=False), "utf-8")
    _sync(part)
    part.rename(folder / MANIFEST)
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
