"""A backup put back, or only tried: the trial touches nothing that is in use."""

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pacs_gateway.archive.backup import (
    DATABASE,
    OBJECTS_FOLDER,
    Manifest,
    Step,
    copy_objects,
    faults_of,
    listed_objects,
    read_manifest,
)
from pacs_gateway.archive.verification import Wrong, check
from pacs_gateway.errors import ConfigurationError
from storage.auditlog import AuditLog, Head
from storage.copying import counts, is_sound, is_unused, open_copy, refill
from storage.database import Engine
from storage.errors import CorruptError
from storage.holdings import Holding
from storage.objects import FileObjectStore, ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What trying a backup came to; empty where nothing is wrong."""

    manifest: Manifest
    damaged_files: list[str]
    sound: bool
    """The database file is whole."""
    wrong_counts: dict[str, tuple[int, int]]
    """Tables that do not have the rows they had: those then and those now."""
    audit_fault: str
    sampled: int
    spoiled_objects: list[tuple[str, Wrong]]

    @property
    def passed(self) -> bool:
        """Whether the backup may be relied on."""
        wrong = self.damaged_files or self.wrong_counts or self.audit_fault or self.spoiled_objects
        return self.sound and not wrong


def rehearse(folder: Path, store: ObjectStore, *, sample: int) -> Rehearsed:
    """Put a backup back in a temporary place, and look whether all is there.

    Of the objects it names, `sample` are read whole: from the backup if it has them, else from
    `store`.

    Raises ConfigurationError if it is no backup, StorageError if the store is down.
    """
    manifest = read_manifest(folder)
    damaged = faults_of(folder, manifest)
    if DATABASE in damaged:
        return Rehearsed(
            manifest=manifest,
            damaged_files=damaged,
            sound=False,
            wrong_counts={},
            audit_fault="",
            sampled=0,
            spoiled_objects=[],
        )
    if manifest.with_objects:
        store = FileObjectStore(folder / OBJECTS_FOLDER)
    chosen = _some(listed_objects(folder), sample)
    spoiled = [(each.key, wrong) for each in chosen if (wrong := check(store, each))]
    with _tried(folder) as engine:
        now = counts(engine)
        return Rehearsed(
            manifest=manifest,
            damaged_files=damaged,
            sound=is_sound(engine),
            wrong_counts={
                name: (then, now.get(name, 0))
                for name, then in manifest.rows.items()
                if now.get(name) != then
            },
            audit_fault=_audit_fault(AuditLog(engine), manifest),
            sampled=len(chosen),
            spoiled_objects=spoiled,
        )


def restore(
    folder: Path, live: Engine, store: ObjectStore, *, force: bool, scratch: Path, step: Step
) -> list[Path]:
    """Put a backup back; return the files that were left because others are in their place.

    The gateway must not run. Objects are put back if the backup has them.

    Raises ConfigurationError for what is no backup, and unless `force` for a database that is in
    use already; CorruptError for a damaged backup; then nothing has changed. StorageError.
    """
    manifest = read_manifest(folder)
    if damaged := faults_of(folder, manifest):
        raise CorruptError(f"The backup is damaged ({', '.join(damaged)}); use another one.")
    if not force and not is_unused(live):
        raise ConfigurationError(
            "There is a database in use; --force replaces it by the backup for good."
        )
    if manifest.with_objects:
        copy_objects(FileObjectStore(folder / OBJECTS_FOLDER), store, scratch, step)
    with _tried(folder) as engine:
        refill(live, engine)
    return [path for name, path in _places(manifest) if not _put_back(folder / name, path, force)]


@contextmanager
def _tried(folder: Path) -> Iterator[Engine]:
    """Yield the database of a backup from a place of its own: the backup is never written."""
    with TemporaryDirectory(prefix="pacs-gateway-") as place:
        path = Path(place) / DATABASE
        shutil.copyfile(folder / DATABASE, path)
        engine = open_copy(path)
        try:
            yield engine
        finally:
            engine.dispose()


def _audit_fault(log: AuditLog, manifest: Manifest) -> str:
    if log.head() != Head(manifest.audit_seq, manifest.audit_digest):
        return "The audit trail does not end where it ended when the backup was made."
    return log.check() or ""


def _some(objects: Iterator[Holding], most: int) -> list[Holding]:
    """Return a fair sample of a stream of unknown length (reservoir sampling)."""
    chosen: list[Holding] = []
    for number, each in enumerate(objects):
        if number < most:
            chosen.append(each)
        elif (place := random.randrange(number + 1)) < most:  # noqa: S311 - no secret.
            chosen[place] = each
    return chosen


def _places(manifest: Manifest) -> Iterator[tuple[str, Path]]:
    for name, origin in manifest.origins.items():
        yield name, Path(origin)


def _put_back(source: Path, target: Path, force: bool) -> bool:
    """Return whether the file is as in the backup now."""
    if target.exists() and target.read_bytes() == source.read_bytes():
        return True
    if target.exists() and not force:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o600)
    return True
