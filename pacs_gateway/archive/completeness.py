"""When a study is complete: nothing came for a while, and what is missing by its numbers.

Invariant: whenever something was added to a study, work is waiting that will look at it again; it
is written in the transaction that makes the instance visible, and each one moves its time.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import structlog

from pacs_gateway.outbox.tries import NotYetError
from storage.completions import Completion, Completions
from storage.index import Index
from storage.lacks import Lack, Lacks
from storage.outbox import Task, Work
from storage.records import DicomJson, InstanceRecord, utc_now

STUDY_QUIET = "study quiet"
"""Kind of work."""
LOOK_BACK = timedelta(days=1)
"""What devices told of before a gateway that was down for so long is not compared any more."""
STALE = timedelta(hours=1)
"""What nothing here tells the study of is looked at again so often."""
COMPARED_AT_ONCE = 5000
"""Of each kind; a busy hospital has some thousand examinations in a day."""
OVERLAP = timedelta(seconds=30)
"""Rows of a transaction that ends late are older than when they are seen."""

_log = structlog.get_logger(__name__)


def looks_ahead(records: Iterable[InstanceRecord], *, quiet_s: float, now: datetime) -> list[Work]:
    """Return the work of looking at each of these studies once nothing more has come."""
    due_at = now + timedelta(seconds=quiet_s)
    return [
        Work(kind=STUDY_QUIET, about=uid, due_at=due_at, key=f"{STUDY_QUIET} {uid}")
        for uid in sorted({record.study_uid for record in records})
    ]


class StudyQuiet:
    """Looks at a study to which nothing more came, and lets follow what hangs on that."""

    def __init__(
        self,
        index: Index,
        completions: Completions,
        *,
        quiet_s: float,
        followers: Collection[str] = (),
    ) -> None:
        self._index = index
        self._completions = completions
        self._quiet_s = quiet_s
        self._followers = followers

    def __call__(self, task: Task) -> None:
        """Note that the study is complete, with its gaps.

        Raises NotYetError if something came while this work was under way.
        """
        instances = self._index.instances(task.about)
        if not instances:
            return  # All of it was deleted.
        now = utc_now()
        last = max(each.origin.received_at for each in instances)
        if (left := self._quiet_s - (now - last).total_seconds()) > 0:
            raise NotYetError("Images still come.", seconds=left)
        numbers = defaultdict(list)
        for each in instances:
            numbers[each.series_uid].append(each.instance_number)
        gaps = {
            series: missing for series, of in numbers.items() if (missing := missing_numbers(of))
        }
        self._completions.note(Completion(task.about, now, len(instances), gaps), self._followers)
        _log.info("study complete", instances=len(instances), series_with_gaps=len(gaps))


def missing_numbers(numbers: Iterable[int | None]) -> Sequence[tuple[int, int]]:
    """Return the first and last number of each gap between the images of one series.

    A series whose numbers go by twos has no gap where every second number is absent: the step
    that most neighbours have is the series' own.
    """
    known = sorted({number for number in numbers if number is not None})
    steps = Counter(after - before for before, after in pairwise(known))
    if not steps:
        return ()
    step = min(steps, key=lambda each: (-steps[each], each))
    return [
        (before + step, after - step)
        for before, after in pairwise(known)
        if after - before > step and after - step >= before + step
    ]


class Comparison:
    """Compares what devices say they have made (MPPS) or sent (commitment) with what is here."""

    def __init__(self, lacks: Lacks) -> None:
        self._lacks = lacks
        self._looked_at: datetime | None = None

    def look(self, now: datetime) -> None:
        """Look at what was told since the last time, and again at what was missing then.

        Any number of hosts may do this at once: each writes what it sees.
        """
        since = self._looked_at - OVERLAP if self._looked_at else now - LOOK_BACK
        causes = self._lacks.causes(since=since, stale=now - STALE, limit=COMPARED_AT_ONCE)
        for cause in causes:
            self._compare(cause, now)
        self._looked_at = now

    def _compare(self, cause: str, now: datetime) -> None:
        told = self._lacks.told(cause)
        if told is None:
            self._lacks.forget(cause)
            return
        uids = list(dict.fromkeys(told.instances or performed_instances(told.attributes)))
        here = self._lacks.here(uids)
        # A commitment names no study; what came of it does.
        study_uid = told.study_uid or next(iter(here.values()), "")
        self._lacks.keep(
            Lack(
                cause=cause,
                study_uid=study_uid,
                ae_title=told.ae_title,
                missing=len(uids) - len(here),
                looked_at=now,
            )
        )


def performed_instances(attributes: DicomJson) -> Iterable[str]:
    """Yield the SOP Instance UIDs that an MPPS names (PS3.3 C.4.15)."""
    for series in _items(attributes, _PERFORMED_SERIES):
        for sequence in (_IMAGES, _OTHERS):
            for item in _items(series, sequence):
                yield from (str(each) for each in item.get(_SOP_INSTANCE_UID, {}).get("Value", ()))


_PERFORMED_SERIES, _IMAGES, _OTHERS = "00400340", "00081140", "00400220"
_SOP_INSTANCE_UID = "00081155"


def _items(data_set: DicomJson, tag: str) -> Iterable[DicomJson]:
    items: Iterable[DicomJson] = data_set.get(tag, {}).get("Value", ())
    return items
