"""Files from folders, zips and DICOMDIR media, brought in by the same write path as all else."""

import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from pacs_gateway.archive.ingest import Ingest
from pacs_gateway.errors import GatewayError, OutOfResourcesError
from storage.records import Origin, utc_now

PIECE_BYTES = 1024 * 1024
MAX_ZIP_RATIO = 250
"""Growth allowed of a zip member; the same as for deflated data sets."""
ZIP_GRACE_BYTES = 16 * 1024 * 1024


@dataclass(slots=True)
class ImportReport:
    """What an import came to."""

    accepted: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Name and reason of every file that was not taken."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file to import, in a folder or in a zip."""

    name: str
    open: Callable[[], IO[bytes]]
    max_bytes: int | None = None
    """More than this from a zip member is a bomb; None for plain files."""


def sources(paths: Iterable[Path]) -> Iterator[Source]:
    """Yield every file below `paths`; of a DICOMDIR, the files of its medium.

    Raises OSError if a named path is not there.
    """
    for path in paths:
        if path.is_dir():
            yield from _folder(path)
        elif path.name.upper() == "DICOMDIR":
            yield from _folder(path.parent)
        elif zipfile.is_zipfile(path):
            yield from _zip_members(path)
        else:
            yield _file(path)


def import_files(
    ingest: Ingest, found: Iterable[Source], *, progress: Callable[[Source], None]
) -> ImportReport:
    """Bring every source in; what is refused is reported and does not stop the rest.

    Raises OutOfResourcesError when the disk takes no more; importing again is harmless.
    """
    report = ImportReport()
    for source in found:
        try:
            _import_one(ingest, source)
        except OutOfResourcesError:
            raise
        except (GatewayError, OSError, zipfile.BadZipFile) as error:
            report.refused.append((source.name, str(error)))
        else:
            report.accepted += 1
        progress(source)
    return report


def _import_one(ingest: Ingest, source: Source) -> None:
    origin = Origin(source="import", received_at=utc_now())
    with source.open() as stream, ingest.begin_file(origin) as arrival:
        taken = 0
        while piece := stream.read(PIECE_BYTES):
            taken += len(piece)
            if source.max_bytes is not None and taken > source.max_bytes:
                raise zipfile.BadZipFile("This zip member grows beyond what an image could.")
            arrival.write(piece)
        arrival.accept()


def _folder(folder: Path) -> Iterator[Source]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            # The directory of a medium lists images and is none itself (PS3.3 F).
            if name.upper() != "DICOMDIR" and path.is_file():
                yield from _zip_members(path) if name.lower().endswith(".zip") else (_file(path),)


def _file(path: Path) -> Source:
    return Source(str(path), lambda: path.open("rb"))


def _zip_members(path: Path) -> Iterator[Source]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.is_dir() or member.filename.upper().endswith("DICOMDIR"):
                continue
            yield Source(
                f"{path}/{member.filename}",
                lambda member=member: archive.open(member),  # type: ignore[misc]
                max_bytes=ZIP_GRACE_BYTES + MAX_ZIP_RATIO * member.compress_size,
            )
