"""Whole studies as one ZIP file, streamed.

Invariant: every instance that is shown is in it, whole, or the download breaks off: the length is
known before the first byte, so that a part is never taken for the whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from zipstream import ZipStream  # type: ignore[import-untyped]

from pacs_gateway.archive.retrieve import Retrieval
from storage.records import StoredInstance

MANIFEST = "MANIFEST.txt"


@dataclass(frozen=True, slots=True)
class Package:
    """A ZIP file that is about to be sent."""

    instances: int
    size: int
    """Bytes."""
    pieces: Iterator[bytes]


def package(retrieval: Retrieval, study_uids: Sequence[str], notes: Mapping[str, str]) -> Package:
    """Return a ZIP of all instances of studies, with a list of its files and `notes` by file name.

    Raises UnknownError or GoneError if a study has nothing to show.
    """
    # Pixel data hardly shrinks, and what is only stored has a size that is known beforehand.
    stream = ZipStream(sized=True)
    names = []
    for number, study_uid in enumerate(study_uids, 1):
        for name, instance in _named(retrieval.instances(study_uid), f"DICOM/{number:02}"):
            names.append((name, instance))
            size = retrieval.part10_size(instance)
            stream.add(_whole(retrieval, instance), name, size=size)
    for name, text in {**notes, MANIFEST: _manifest(retrieval, names)}.items():
        stream.add(text.encode("utf-8"), name)
    return Package(len(names), len(stream), iter(stream))


def _named(
    instances: Sequence[StoredInstance], folder: str
) -> Iterator[tuple[str, StoredInstance]]:
    """Yield names that say nothing of the patient, in the order of series and images."""
    series = {
        uid: number for number, uid in enumerate(dict.fromkeys(i.series_uid for i in instances), 1)
    }
    counts = dict.fromkeys(series, 0)
    for instance in instances:
        counts[instance.series_uid] += 1
        number = counts[instance.series_uid]
        yield f"{folder}/{series[instance.series_uid]:03}/{number:05}.dcm", instance


def _whole(retrieval: Retrieval, instance: StoredInstance) -> Iterator[bytes]:
    # Opened only when its turn comes: a study of 2,000 images must not hold 2,000 files open.
    yield from retrieval.part10(instance)


def _manifest(retrieval: Retrieval, names: Sequence[tuple[str, StoredInstance]]) -> str:
    lines = [f"{len(names)} DICOM files", "bytes\tfile"]
    lines += [f"{retrieval.part10_size(instance)}\t{name}" for name, instance in names]
    return "\n".join(lines) + "\n"
