"""An archive moved to another object store while it is in use.

Invariant: an object counts as moved when the target gives back the bytes that its key names; the
source is never changed, so that one may go on with it at any moment.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from pacs_gateway.archive.backup import Step, copy_object
from pacs_gateway.archive.verification import check
from storage.errors import CorruptError, NotFoundError
from storage.holdings import Holding
from storage.objects import ObjectStore

AT_ONCE = 500


@dataclass(slots=True)
class Moved:
    """What it came to."""

    objects: int = 0
    copied: int = 0
    """In this run; the others were there already."""
    faults: list[str] = field(default_factory=list)
    """Keys that the source cannot give whole; they are to be brought back from a backup."""


class Migration:
    """One move; running it again copies only what is missing."""

    def __init__(
        self, source: ObjectStore, target: ObjectStore, *, threads: int, scratch: Path
    ) -> None:
        self._source = source
        self._target = target
        self._threads = threads
        self._scratch = scratch

    def run(self, step: Step) -> Moved:
        """Copy everything that is in the source now.

        Raises UnavailableError or FullError; running again goes on there.
        """
        moved = Moved()
        with ThreadPoolExecutor(self._threads, thread_name_prefix="migrate") as threads:
            for keys in _parts(self._source.list(), AT_ONCE):
                for key, outcome in zip(keys, threads.map(self._move, keys), strict=True):
                    moved.objects += 1
                    moved.copied += outcome is True
                    if outcome is None:
                        moved.faults.append(key)
                step(moved.objects, moved.objects)
        return moved

    def _move(self, key: str) -> bool | None:
        """Return whether it had to be copied, None if the source cannot give it whole."""
        try:
            if self._target.head(key).size == self._source.head(key).size:
                return False
        except NotFoundError:
            pass
        try:
            sha256 = copy_object(self._source, self._target, key, self._scratch)
        except (CorruptError, NotFoundError):
            return None
        size = self._source.head(key).size
        holding = Holding(key, sha256, size, "")
        if (wrong := check(self._target, holding)) is not None:
            raise CorruptError(f"The new store does not give back what it was given: {wrong}.")
        return True


def _parts(keys: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = iter(keys)
    while part := list(islice(rest, size)):
        yield part
