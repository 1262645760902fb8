"""The index made anew from the object store alone (docs/design/0019-recovery.md).

Invariant: what is done here is what ingest did, in the order in which it did it, by the same code;
so the index ends as it was. Objects are read and never changed, and the index in use stays until
the new one takes its place in one transaction.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, groupby, islice
from pathlib import Path
from typing import TypeVar

from pacs_gateway import __version__
from pacs_gateway.archive import anchors
from pacs_gateway.archive.deletion import ACTS_PREFIX, DELETE, RESTORE
from pacs_gateway.archive.readers import OBJECT_KEY, Described, Readers
from storage import deletions
from storage.database import SCHEMA_VERSION, Engine, migrate, open_engine
from storage.errors import CorruptError, NotFoundError
from storage.holdings import Holdings
from storage.index import Index
from storage.objects import ObjectStore
from storage.rebuilding import Fault, Kind, Plan, Planned, replace
from storage.records import InstanceRecord, utc_now

LISTED_AT_ONCE = 500
READ_AT_ONCE = 32
"""Objects given to one reader."""
ROWS_AT_ONCE = 256
"""Objects of one transaction."""
READ_AHEAD = 2048
"""Objects that may be described before they are written; a row has some ten kilobytes."""
_UNREADABLE_ACT = "This record of a deletion cannot be read."
_BUSY_DEADLINE_S = 30.0

_T = TypeVar("_T")
Step = Callable[[int, int], None]
"""Told how many keys are done, and how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reindexed:
    """What it came to."""

    instances: int
    faults: Sequence[Fault]
    lost: int
    """Images that the index in use has and the store cannot give; if any, it stayed in use."""


class _LostError(Exception):
    def __init__(self, lost: int) -> None:
        super().__init__(lost)
        self.lost = lost


class Reindex:
    """One rebuild of the index in `live`; what is half done lies in `folder`, and is gone on with."""

    def __init__(
        self, live: Engine, store: ObjectStore, readers: Readers, *, folder: Path, source: str
    ) -> None:
        self._live = live
        self._store = store
        self._readers = readers
        self._folder = folder
        self._made = _opened(folder, f"{__version__} {SCHEMA_VERSION} {source}")
        self._plan = Plan(self._made)
        self._index = Index(self._made)
        self._marks = deletions.Deletions(self._made)

    def run(self, *, threads: int, forget: bool, listed: Step, indexed: Step) -> Reindexed:
        """Make the index anew and put it in place.

        If the index in use has images that cannot be read from the store any more, it stays in use,
        unless these are to be forgotten.

        Raises StorageError when the store or the database is down; running again goes on there.
        """
        self._plan.forget_faults()
        with ThreadPoolExecutor(threads, thread_name_prefix="reindex") as pool:
            self._list(pool, listed)
            self._replay(pool, indexed)
            # What came meanwhile; the rest waits until the new index is in place.
            self._list(pool, listed)
            self._replay(pool, indexed)

            def catch_up(keys: Iterator[str]) -> None:
                self._look_up(keys, pool)
                self._list_acts(pool)
                self._order_around_acts()
                self._replay(pool, indexed)
                if not forget and (lost := self._lost()):
                    raise _LostError(lost)

            try:
                replace(self._live, self._made, catch_up)
            except _LostError as error:
                return self._result(error.lost)
        result = self._result(0)
        self._made.dispose()
        shutil.rmtree(self._folder)
        return result

    def _result(self, lost: int) -> Reindexed:
        return Reindexed(
            instances=self._index.totals().instances, faults=self._plan.faults(), lost=lost
        )

    def _lost(self) -> int:
        """Return how many images the index in use knows whose objects cannot be read."""
        holdings = Holdings(self._live)
        faults = (each.key for each in self._plan.faults() if each.kind is Kind.OBJECT)
        lost = 0
        for keys in _parts(faults, LISTED_AT_ONCE):
            uids = [found["uid"] for key in keys if (found := OBJECT_KEY.fullmatch(key))]
            lost += len(holdings.named(uids).keys() & set(keys))
        return lost

    def _list(self, threads: ThreadPoolExecutor, step: Step) -> None:
        self._list_acts(threads)
        seen = 0
        for keys in _parts(self._store.list(), LISTED_AT_ONCE):
            self._add([key for key in keys if not key.startswith(ACTS_PREFIX)], threads)
            seen += len(keys)
            step(seen, seen)
        self._order_around_acts()

    def _list_acts(self, threads: ThreadPoolExecutor) -> None:
        for keys in _parts(self._store.list(ACTS_PREFIX), LISTED_AT_ONCE):
            self._add(keys, threads)

    def _look_up(self, keys: Iterator[str], threads: ThreadPoolExecutor) -> None:
        """Plan what was indexed after the last listing, and tell what the store has lost."""
        for some in _parts(keys, LISTED_AT_ONCE):
            new = self._plan.unknown(some)
            self._add(new, threads)
            lost = self._plan.unknown(new)
            self._plan.add(Planned(key, Kind.OBJECT, utc_now(), 0) for key in lost)
            self._plan.finish([], [(key, "The index had it; the store has not.") for key in lost])

    def _add(self, keys: Sequence[str], threads: ThreadPoolExecutor) -> None:
        new = self._plan.unknown(keys)
        wanted = [key for key in new if not key.startswith(anchors.PREFIX)]
        planned = [each for each in threads.map(self._planned, wanted) if each is not None]
        self._plan.add(planned)
        foreign = [each.key for each in planned if each.kind is Kind.OTHER]
        self._plan.finish([], [(key, "It is not of the gateway.") for key in foreign])

    def _planned(self, key: str) -> Planned | None:
        try:
            info = self._store.head(key)
        except (NotFoundError, ValueError):
            return None
        return Planned(key, _kind(key), info.received_at, info.size)

    def _order_around_acts(self) -> None:
        """Let every act come after the one before it and after all that it names."""
        for key in self._plan.waiting_acts():
            act = self._read_act(key)
            if act is None:
                self._plan.finish([], [(key, _UNREADABLE_ACT)])
            else:
                self._plan.order_act(key, act.at, act.objects)

    def _read_act(self, key: str) -> "_Act | None":
        try:
            return _Act.parse(b"".join(self._store.read(key)))
        except (ValueError, LookupError, TypeError, CorruptError):
            return None

    def _replay(self, threads: ThreadPoolExecutor, step: Step) -> None:
        """Do what waits, in order; while rows are written, the next objects are read."""
        while waiting := self._plan.waiting(READ_AHEAD):
            objects = [each for each in waiting if each.kind is Kind.OBJECT]
            described = chain.from_iterable(
                threads.map(self._readers.describe, _parts(objects, READ_AT_ONCE))
            )
            for kind, run in groupby(waiting, key=lambda each: each.kind):
                for some in _parts(run, ROWS_AT_ONCE if kind is Kind.OBJECT else 1):
                    if kind is Kind.OBJECT:
                        self._write(some, list(islice(described, len(some))))
                    else:
                        self._repeat(some[0].key)
                    progress = self._plan.progress()
                    step(progress.done, progress.total)

    def _write(self, objects: Sequence[Planned], described: Sequence[Described]) -> None:
        self._index.commit([each for each in described if isinstance(each, InstanceRecord)])
        found = zip(objects, described, strict=True)
        faults = [(planned.key, each) for planned, each in found if isinstance(each, str)]
        self._plan.finish((planned.key for planned in objects), faults)

    def _repeat(self, key: str) -> None:
        """Do again what somebody did to objects that are indexed by now."""
        act = self._read_act(key)
        if act is None:
            self._plan.finish([], [(key, _UNREADABLE_ACT)])
            return
        self._do(key, act)
        self._plan.finish([key])

    def _do(self, key: str, act: "_Act") -> None:
        if act.kind == DELETE:
            self._marks.mark(_deletion(key, act), set(act.objects), None)
        elif act.kind == RESTORE:
            self._marks.take_back(act.deletion, by=act.by, at=act.at, entry=None)
        else:
            uids = {found["uid"] for each in act.objects if (found := OBJECT_KEY.fullmatch(each))}
            named = set(act.objects)
            known = self._index.known(uids).values()
            self._marks.revive(
                [each for versions in known for each in versions if each.object_key in named]
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Act:
    """One record of a deletion, or of its end (docs/design/0010-deletion.md)."""

    kind: str
    at: datetime
    by: str
    reason: str
    study_uid: str
    series_uid: str | None
    sop_instance_uid: str | None
    deletion: str
    objects: Sequence[str]

    @classmethod
    def parse(cls, content: bytes) -> "_Act":
        """Raise ValueError, LookupError or TypeError for what is no such record."""
        told = json.loads(content)
        at = datetime.fromisoformat(told["at"])
        if at.tzinfo is None:
            raise ValueError("A time without a zone is no moment.")
        objects = [str(key) for key in told["objects"]]
        return cls(
            kind=told["act"],
            at=at,
            by=told.get("by", ""),
            reason=told.get("reason", ""),
            # The first records did not say what they were about; then it was a study.
            study_uid=told.get("study") or objects[0].split("/")[1],
            series_uid=told.get("series"),
            sop_instance_uid=told.get("instance"),
            deletion=told.get("deletion", ""),
            objects=objects,
        )


def _deletion(key: str, act: _Act) -> deletions.Deletion:
    return deletions.Deletion(
        id=key.removeprefix(ACTS_PREFIX).removesuffix(".json"),
        study_uid=act.study_uid,
        series_uid=act.series_uid,
        sop_instance_uid=act.sop_instance_uid,
        number_of_instances=len(act.objects),
        reason=act.reason,
        deleted_by=act.by,
        deleted_at=act.at,
    )


def _kind(key: str) -> Kind:
    if key.startswith(ACTS_PREFIX):
        return Kind.ACT
    return Kind.OBJECT if OBJECT_KEY.fullmatch(key) else Kind.OTHER


def _opened(folder: Path, source: str) -> Engine:
    """Return the index that is being made; one begun by another version or store is begun anew."""
    folder.mkdir(parents=True, exist_ok=True)
    engine = _open(folder)
    if Plan(engine).belongs_to(source):
        return engine
    engine.dispose()
    shutil.rmtree(folder)
    folder.mkdir()
    engine = _open(folder)
    Plan(engine).belongs_to(source)
    return engine


def _open(folder: Path) -> Engine:
    engine = open_engine(f"sqlite:///{folder / 'index.sqlite'}", busy_deadline_s=_BUSY_DEADLINE_S)
    migrate(engine)
    return engine


def _parts(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part
