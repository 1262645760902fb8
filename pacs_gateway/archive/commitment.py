"""Whether instances are kept for good: each is read back from the store before that is said.

Invariant: COMMITTED is the outcome of an instance only if every version kept of it was read whole
just now, and its size and digest were those it was received with (rule D17).
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

import structlog

from pacs_gateway.outbox.tries import HopelessError, NotYetError
from storage.commitments import COMMITTED, Commitments, Item, Reference, Request
from storage.errors import CorruptError, NotFoundError
from storage.index import Index
from storage.objects import ObjectStore
from storage.outbox import Task
from storage.records import StoredInstance, utc_now

# Failure Reason (0008,1197), PS3.3 C.14.1.1.
PROCESSING_FAILURE = 0x0110
NO_SUCH_INSTANCE = 0x0112
CLASS_CONFLICT = 0x0119
CLASS_NOT_SUPPORTED = 0x0122
DUPLICATE_TRANSACTION = 0x0131
RESOURCE_LIMITATION = 0x0213

AT_ONCE = 100
"""Instances checked between two notes of the outcome; what is noted is not read again."""
LOOK_AGAIN_S = 1.0
LOOK_AGAIN_SHARE = 0.1
"""Of the time waited already: the longer something was awaited, the less another second matters."""
BY_DIMSE = "dimse:"
BY_WEB = "web:"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLimits:
    """See CommitmentSettings for the reasons."""

    wait_s: float
    longest_wait_s: float
    grace_s: float
    try_s: float


class Check:
    """Finds out what became of the instances of a request, one piece of work at a time."""

    def __init__(
        self,
        commitments: Commitments,
        index: Index,
        store: ObjectStore,
        limits: CheckLimits,
        *,
        oldest_waiting: Callable[[], datetime | None],
        supported: Collection[str],
    ) -> None:
        self._commitments = commitments
        self._index = index
        self._store = store
        self._limits = limits
        self._oldest_waiting = oldest_waiting
        self._supported = supported

    def __call__(self, task: Task) -> None:
        """Check what has no outcome yet; a kill in the middle loses a hundred of them at most.

        Raises NotYetError while an instance may still be on its way, StorageError when the store
        or the database do not answer.
        """
        request = self._commitments.request(int(task.payload["commitment"]))
        if request is None:
            raise HopelessError("The request is not in the database.")
        end = monotonic() + self._limits.try_s
        may_come = self._may_come(request)
        absent = self._check_all(request, end=end, may_come=may_come)
        if absent:
            waited_s = (utc_now() - request.requested_at).total_seconds()
            raise NotYetError(
                f"{absent} instances are not found, and may be on their way.",
                seconds=max(LOOK_AGAIN_S, waited_s * LOOK_AGAIN_SHARE),
            )
        now = utc_now()
        by_dimse = request.requester.startswith(BY_DIMSE)
        report_at = now + timedelta(seconds=self._limits.grace_s) if by_dimse else None
        if not self._commitments.decide(request, report_at=report_at, now=now):
            raise NotYetError("There is more to read.", seconds=0)

    def _check_all(self, request: Request, *, end: float, may_come: bool) -> int:
        """Check until the time is over; return how many may still come."""
        undecided = self._commitments.items(request.id, undecided=True)
        absent = 0
        for start in range(0, len(undecided), AT_ONCE):
            some = undecided[start : start + AT_ONCE]
            outcomes = self._outcomes(some, may_come=may_come)
            self._commitments.note(request.id, outcomes)
            absent += len(some) - len(outcomes)
            if monotonic() > end:
                return 0
        return absent

    def _outcomes(self, items: Sequence[Item], *, may_come: bool) -> dict[int, int]:
        known = self._index.known({item.reference.sop_instance_uid for item in items})
        outcomes = {}
        for item in items:
            versions = known.get(item.reference.sop_instance_uid, ())
            kept = [each for each in versions if not each.deleted]
            if kept:
                outcomes[item.position] = self._outcome(item.reference, kept)
            elif not may_come:
                outcomes[item.position] = self._missing(item.reference)
        return outcomes

    def _outcome(self, reference: Reference, versions: Sequence[StoredInstance]) -> int:
        same = [each for each in versions if each.sop_class_uid == reference.sop_class_uid]
        if not same:
            return CLASS_CONFLICT
        # Nobody can tell which version the requester means, so all of them must be there.
        if all(map(self._is_whole, same)):
            return COMMITTED
        return PROCESSING_FAILURE

    def _is_whole(self, instance: StoredInstance) -> bool:
        digest, size = hashlib.sha256(), 0
        try:
            for piece in self._store.read(instance.object_key):
                digest.update(piece)
                size += len(piece)
        except (NotFoundError, CorruptError):
            _log.error("object is missing or cut short", sha256=instance.sha256)
            return False
        if (size, digest.hexdigest()) != (instance.size, instance.sha256):
            _log.error("object is not what was stored", sha256=instance.sha256)
            return False
        return True

    def _missing(self, reference: Reference) -> int:
        if reference.sop_class_uid not in self._supported:
            return CLASS_NOT_SUPPORTED
        return NO_SUCH_INSTANCE

    def _may_come(self, request: Request) -> bool:
        """Return whether what was acknowledged before the request may still be in a spool."""
        waited_s = (utc_now() - request.requested_at).total_seconds()
        if waited_s < self._limits.wait_s:
            return True
        if waited_s > self._limits.longest_wait_s:
            return False
        oldest = self._oldest_waiting()
        return oldest is not None and oldest <= request.requested_at
