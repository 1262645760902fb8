"""From acknowledged to visible: object first, then one index transaction, then forget the spool.

Invariant: every step may be repeated. A crash at any point leaves the entry in the spool, and
running the same code again ends in the same state (rules D3 to D5 of docs/design/0003).
"""

import mmap
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from threading import Event

import structlog

from pacs_gateway.archive.completeness import looks_ahead
from pacs_gateway.archive.deletion import Deletion
from pacs_gateway.archive.describing import describe_object
from pacs_gateway.archive.examine import Examiner
from pacs_gateway.audit import acts
from pacs_gateway.audit.acts import Who
from pacs_gateway.errors import IdentityError, NotADataSetError
from pacs_gateway.ris.arrival import orders_ahead
from storage.auditlog import Entry
from storage.errors import StorageError
from storage.index import Index
from storage.objects import ObjectStore, modified_at
from storage.records import InstanceRecord, Outcome, StoredInstance, utc_now
from storage.spool import ReadyEntry, Spool

LISTED_AT_ONCE = 4096
"""Entries taken from one listing of the spool; listing is the only cost that grows with it."""
IDLE_S = 0.05
"""How often an idle committer looks for work: what modalities send meanwhile is one transaction.
Whoever stores over HTTP and waits for it is served at once."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
VIEWER = "viewer"
"""Source of what people save in a viewer."""
ONE_TRANSFER = timedelta(hours=1)
"""What a sender adds to a study within this is one act of the audit trail: scanners send series
by series, in associations of their own."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Prepared:
    entry: ReadyEntry
    record: InstanceRecord


class Committer:
    """Stores and indexes what the spool of this host holds; one per host."""

    def __init__(
        self,
        spool: Spool,
        store: ObjectStore,
        index: Index,
        deletion: Deletion,
        examiner: Examiner,
        *,
        batch: int,
        workers: int,
        quiet_s: float,
        seen_after: Callable[[float], None],
    ) -> None:
        """`seen_after` is told how many seconds after its receipt each instance was visible."""
        self._spool = spool
        self._seen_after = seen_after
        self._store = store
        self._index = index
        self._deletion = deletion
        self._examiner = examiner
        self._batch = batch
        self._quiet_s = quiet_s
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix="put")

    def run(self, stop: Event) -> None:
        """Work until `stop` is set; when a part is down, pause and go on where it was."""
        pause = FIRST_PAUSE_S
        while not stop.is_set():
            try:
                if not self.run_once():
                    self._spool.wait_for_work(IDLE_S)
                pause = FIRST_PAUSE_S
            except StorageError as error:
                _log.error("storing pauses", reason=str(error), seconds=pause)
                stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)

    def run_once(self) -> int:
        """Store and index everything that waits now; return how many entries that were.

        Raises StorageError; what was not finished stays in the spool.
        """
        entries = self._spool.ready(LISTED_AT_ONCE)
        for start in range(0, len(entries), self._batch):
            self._commit(entries[start : start + self._batch])
        return len(entries)

    def close(self) -> None:
        """Let puts in flight end."""
        self._workers.shutdown()

    def _commit(self, entries: Sequence[ReadyEntry]) -> None:
        prepared = [item for entry in entries if (item := self._prepared_or_apart(entry))]
        # Two versions of one instance must not meet in a batch: the second is compared with the
        # first as it was indexed.
        for group in _without_repetition(prepared):
            known = self._index.known([item.record.sop_instance_uid for item in group])
            new, deleted = [], []
            for item in group:
                versions = known.get(item.record.sop_instance_uid, ())
                version = self._resent(item, versions)
                if version is None:
                    new.append(item)
                elif any(each.deleted for each in versions):
                    deleted.append(version)
            # Its sender is told that it is stored, so it must be found (docs/design/0010-deletion.md).
            self._deletion.revive(deleted)
            list(self._workers.map(self._put, new))
            records = [item.record for item in new]
            works = looks_ahead(records, quiet_s=self._quiet_s, now=utc_now())
            works += orders_ahead(records, now=utc_now())
            outcomes = self._index.commit(records, list(_arrivals(new)), works=works)
            _report(new, outcomes)
            self._tell_lag(records)
            for item in group:
                self._spool.done(item.entry)

    def _tell_lag(self, records: Iterable[InstanceRecord]) -> None:
        now = utc_now()
        for record in records:
            self._seen_after((now - record.origin.received_at).total_seconds())

    def _prepared_or_apart(self, entry: ReadyEntry) -> _Prepared | None:
        """Return the entry ready to be stored; put apart what the disk has spoiled since.

        One damaged file must not keep all that came after it from being stored.
        """
        try:
            return self._prepare(entry)
        except (NotADataSetError, IdentityError, ValueError) as error:
            _log.error("acknowledged object is damaged; see spool/damaged", reason=str(error))
            self._spool.put_apart(entry)
            return None

    def _put(self, item: _Prepared) -> None:
        self._store.put(item.record.object_key, item.entry.path, sha256=item.record.sha256)

    def _prepare(self, entry: ReadyEntry) -> _Prepared:
        with _mapped(entry.path) as buffer:
            record = describe_object(
                buffer,
                self._examiner,
                sha256=entry.sha256,
                received_at=modified_at(entry.path.stat()),
            )
        return _Prepared(entry, record)

    def _resent(self, item: _Prepared, versions: Iterable[StoredInstance]) -> StoredInstance | None:
        """Return the version that has this data set already, from another sender perhaps."""
        return next((each for each in versions if self._same_data_set(item, each)), None)

    def _same_data_set(self, item: _Prepared, version: StoredInstance) -> bool:
        record = item.record
        if version.sha256 == record.sha256:
            return True
        here = (record.study_uid, record.series_uid, record.transfer_syntax_uid)
        there = (version.study_uid, version.series_uid, version.transfer_syntax_uid)
        lengths_differ = (
            version.size - version.data_set_offset != record.size - record.data_set_offset
        )
        if here != there or lengths_differ:
            return False
        stored = self._store.read(version.object_key, offset=version.data_set_offset)
        with item.entry.path.open("rb") as file:
            file.seek(record.data_set_offset)
            return _digest(stored) == _digest(iter(lambda: file.read(1024 * 1024), b""))


def _without_repetition(prepared: Iterable[_Prepared]) -> Iterator[list[_Prepared]]:
    group: dict[str, _Prepared] = {}
    for item in prepared:
        if item.record.sop_instance_uid in group:
            yield list(group.values())
            group = {}
        group[item.record.sop_instance_uid] = item
    if group:
        yield list(group.values())


def _arrivals(items: Iterable[_Prepared]) -> Iterator[Entry]:
    """Yield what goes on record: one row for each study and who brought it.

    What somebody saves in a viewer is an act each time.
    """
    told = set()
    for item in items:
        record, origin = item.record, item.record.origin
        who = Who(name=origin.peer, role=origin.source, address=origin.address)
        if origin.source == VIEWER:
            yield acts.annotated(
                who,
                study_uid=record.study_uid,
                patient_id=record.keys.get("PatientID", ""),
                instance=record.sop_instance_uid,
                form=record.keys.get("Modality", ""),
            )
            continue
        transfer = (origin.source, origin.peer, origin.address, record.study_uid)
        if transfer in told:
            continue
        told.add(transfer)
        yield acts.received(
            who,
            study_uid=record.study_uid,
            patient_id=record.keys.get("PatientID", ""),
            again_after=ONE_TRANSFER,
        )


def _report(items: Sequence[_Prepared], outcomes: Sequence[Outcome]) -> None:
    for item, outcome in zip(items, outcomes, strict=True):
        if outcome is Outcome.CONFLICT:
            _log.warning("instance kept as a further version", sha256=item.record.sha256)


def _digest(pieces: Iterable[bytes]) -> bytes:
    digest = sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.digest()


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as buffer:
        yield buffer
