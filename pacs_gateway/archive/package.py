"""Whole studies as one ZIP file, streamed.

Invariant: every instance that is shown is in it, whole, or the download breaks off: the length is
known before the first byte, so that a part is never taken for the whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from zipstream import ZipStream  # type: ignore[import-untyped]

from pacs_gateway.archive.retrieve import Retrieval
from storage.records import StoredInstance

MANIFEST = "MANIFEST.txt"
_HEX_DIGITS = 64


@dataclass(frozen=True, slots=True)
class Package:
    """A ZIP file that is about to be sent."""

    instances: Mapping[str, int]
    """How many there are of each study, by its UID."""
    size: int
    """Bytes."""
    pieces: Iterator[bytes]


def package(retrieval: Retrieval, study_uids: Sequence[str], notes: Mapping[str, str]) -> Package:
    """Return a ZIP of all instances of studies, with a list of its files and `notes` by file name.

    Raises UnknownError or GoneError if a study has nothing to show.
    """
    # Pixel data hardly shrinks, and what is only stored has a size that is known beforehand.
    stream, manifest = ZipStream(sized=True), _Manifest()
    counts = {}
    for number, study_uid in enumerate(study_uids, 1):
        instances = retrieval.instances(study_uid)
        counts[study_uid] = len(instances)
        for name, instance in _named(instances, f"DICOM/{number:02}"):
            content = manifest.noted(name, retrieval, instance)
            stream.add(content, name, size=retrieval.part10_size(instance))
    for name, text in notes.items():
        stream.add(text.encode("utf-8"), name)
    stream.add(manifest.lines(), MANIFEST, size=manifest.size)
    return Package(counts, len(stream), iter(stream))


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


class _Manifest:
    """The list of what was sent, in the form that `sha256sum --check` reads."""

    def __init__(self) -> None:
        self._digests: dict[str, str] = {}

    @property
    def size(self) -> int:
        """Bytes of all lines; digests have one length, whatever they will be."""
        return sum(len(_manifest_line("0" * _HEX_DIGITS, name)) for name in self._digests)

    def noted(self, name: str, retrieval: Retrieval, instance: StoredInstance) -> Iterator[bytes]:
        """Return the content of a file, whose digest is known when it is sent."""
        self._digests[name] = ""
        return self._passed(name, retrieval, instance)

    def lines(self) -> Iterator[bytes]:
        """Yield the lines, after the files."""
        for name, digest in self._digests.items():
            yield _manifest_line(digest, name)

    def _passed(self, name: str, retrieval: Retrieval, instance: StoredInstance) -> Iterator[bytes]:
        # Opened only when its turn comes: a study of 2,000 images must not hold 2,000 files open.
        digest = sha256()
        for piece in retrieval.part10(instance):
            digest.update(piece)
            yield piece
        self._digests[name] = digest.hexdigest()


def _manifest_line(digest: str, name: str) -> bytes:
    return f"{digest}  {name}\n".encode("ascii")
