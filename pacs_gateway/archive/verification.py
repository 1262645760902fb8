"""Reading stored objects again, and comparing them with what was recorded when they came.

Invariant: an object without a fault has the recorded size and the recorded SHA-256 of every byte.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from itertools import islice

from pacs_gateway.archive.readers import OBJECT_KEY
from storage.errors import CorruptError, NotFoundError
from storage.holdings import ROWS_AT_ONCE, Holding, Holdings
from storage.objects import ObjectStore

EVERYTHING = 100.0
Step = Callable[[int, int], None]


class Wrong(StrEnum):
    """What may be wrong with an object; the text is for people."""

    MISSING = "missing: the index has it, the store has not"
    SIZE = "size differs: it was cut off, or something else was put there"
    BYTES = "bytes differ: its SHA-256 is not the recorded one"
    ORPHAN = "orphan: the store has it, the index has not"


@dataclass(frozen=True, slots=True)
class Fault:
    """An object, and what is wrong with it."""

    key: str
    wrong: Wrong


def check(store: ObjectStore, holding: Holding, *, whole: bool = True) -> Wrong | None:
    """Return what is wrong with an object; unless `whole`, its bytes are not read.

    Raises UnavailableError if the store is down.
    """
    try:
        if store.head(holding.key).size != holding.size:
            return Wrong.SIZE
        if not whole:
            return None
        found, size = sha256(), 0
        for piece in store.read(holding.key):
            found.update(piece)
            size += len(piece)
    except NotFoundError:
        return Wrong.MISSING
    except CorruptError:
        return Wrong.SIZE
    if size != holding.size:
        return Wrong.SIZE
    return None if found.hexdigest() == holding.sha256 else Wrong.BYTES


class Verification:
    """Compares an index and a store while both are in use."""

    def __init__(self, holdings: Holdings, store: ObjectStore, *, threads: int) -> None:
        self._holdings = holdings
        self._store = store
        self._threads = threads

    def run(
        self, *, study_uid: str | None = None, percent: float = EVERYTHING, step: Step
    ) -> Iterator[Fault]:
        """Yield what is wrong; of every object the size is looked at, of `percent` all bytes.

        Raises StorageError if the store or the database is down.
        """
        total, done = self._holdings.count(study_uid), 0
        with ThreadPoolExecutor(self._threads, thread_name_prefix="verify") as threads:
            for page in self._holdings.all(study_uid):
                chosen = [random.uniform(0, EVERYTHING) < percent for _ in page]  # noqa: S311
                found = threads.map(self._wrong, page, chosen)
                yield from (
                    Fault(each.key, wrong) for each, wrong in zip(page, found, strict=True) if wrong
                )
                done += len(page)
                step(done, max(done, total))
        yield from self._orphans(study_uid)

    def _wrong(self, holding: Holding, whole: bool) -> Wrong | None:
        return check(self._store, holding, whole=whole)

    def _orphans(self, study_uid: str | None) -> Iterator[Fault]:
        prefix = "v1/" if study_uid is None else f"v1/{study_uid}/"
        suspects: list[str] = []
        for keys in _parts(self._store.list(prefix), ROWS_AT_ONCE):
            suspects += self._unknown(keys)
        # What came in this very moment was put into the store first, and has its row by now.
        for keys in _parts(suspects, ROWS_AT_ONCE):
            yield from (Fault(key, Wrong.ORPHAN) for key in self._unknown(keys))

    def _unknown(self, keys: Sequence[str]) -> list[str]:
        uids = [found["uid"] for key in keys if (found := OBJECT_KEY.fullmatch(key))]
        known = self._holdings.named(uids)
        return [key for key in keys if key not in known]


def _parts(keys: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = iter(keys)
    while part := list(islice(rest, size)):
        yield part
