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
from storage.outbox import Task, Work
from storage.records import InstanceRecord, utc_now

STUDY_QUIET = "study quiet"
"""Kind of work."""

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
