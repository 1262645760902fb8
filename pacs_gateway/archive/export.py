"""Whole studies as a folder with a DICOMDIR, for another system or a disc.

Invariant: a folder that has a DICOMDIR is whole, because the directory is written last.
"""

import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pacs_gateway.archive.retrieve import Retrieval
from pacs_gateway.dicom import mediadirectory
from pacs_gateway.dicom.mediadirectory import Entry
from pacs_gateway.errors import BadRequestError
from storage.records import StoredInstance


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    instances: int
    unlisted: int
    """Files that the DICOMDIR does not name, because the standard has no record for them."""


def export(
    retrieval: Retrieval,
    instances: Sequence[StoredInstance],
    folder: Path,
    *,
    progress: Callable[[], None],
) -> Exported:
    """Write instances, each byte for byte as it would be retrieved, and a DICOMDIR.

    Raises BadRequestError unless the folder is empty or not there yet, OSError if it cannot be
    written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise BadRequestError(f"{folder} is not empty; export into a new folder.")
    directory = mediadirectory.directory_of(_entries(retrieval, instances))
    for instance, name in zip(instances, directory.files, strict=True):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.writelines(retrieval.part10(instance))
        progress()
    (folder / mediadirectory.NAME).write_bytes(directory.content)
    return Exported(len(instances), directory.unlisted)


def _entries(retrieval: Retrieval, instances: Sequence[StoredInstance]) -> Iterator[Entry]:
    for instance in instances:
        found = retrieval.headers(
            instance.study_uid, instance.series_uid, instance.sop_instance_uid
        )
        for header in found:
            yield Entry(json.loads(zlib.decompress(header.metadata)), instance.transfer_syntax_uid)
