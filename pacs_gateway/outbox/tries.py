"""One try at a piece of work, and what its outcome means for the next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog

from pacs_gateway.errors import GatewayError
from storage.errors import StorageError
from storage.outbox import Outbox, Task
from storage.records import utc_now

Handler = Callable[[Task], None]
"""Carries out one kind of work; may be called again for work that it has done.

It returns when that is done, and raises `NotYetError`, `HopelessError`, or what else it met."""
MAX_DOUBLINGS = 30

_log = structlog.get_logger(__name__)


class NotYetError(GatewayError):
    """The time of this work has not come; that is no failure."""

    def __init__(self, reason: str, *, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds


class HopelessError(GatewayError):
    """Trying again cannot help; a person must decide."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long and how often work is tried; see OutboxSettings for the reasons."""

    first_pause_s: float
    longest_pause_s: float
    retry_hours: float

    def pause(self, attempt: int) -> float:
        """Return the seconds until the next try."""
        return min(self.first_pause_s * 2.0 ** min(attempt, MAX_DOUBLINGS), self.longest_pause_s)


class Tries:
    """Carries out work by kind, and notes how it went."""

    def __init__(self, outbox: Outbox, handlers: Mapping[str, Handler], patience: Patience) -> None:
        self._outbox = outbox
        self._handlers = handlers
        self._patience = patience

    def carry_out(self, task_id: str, attempt: int) -> None:
        """Try once; nothing happens if this try is over or another one counts by now.

        Raises StorageError if the outcome could not be noted; the work is then begun again.
        """
        task = self._outbox.try_of(task_id, attempt)
        if task is None:
            return
        handler = self._handlers.get(task.kind)
        if handler is None:
            # A newer version's, during an upgrade: its own process will take it.
            self._later(task, f"Nothing here carries out {task.kind!r}.")
            return
        try:
            handler(task)
        except NotYetError as error:
            due_at = utc_now() + timedelta(seconds=error.seconds)
            self._outbox.postpone(task, due_at=due_at, reason=str(error))
        except HopelessError as error:
            _log.error("work is stuck", kind=task.kind, work=task.id)
            self._outbox.stuck(task, reason=str(error))
        except (GatewayError, StorageError, OSError) as error:
            self._later(task, str(error))
        else:
            self._outbox.done(task, now=utc_now())

    def _later(self, task: Task, reason: str) -> None:
        now = utc_now()
        if now - task.armed_at > timedelta(hours=self._patience.retry_hours):
            _log.error("work is stuck", kind=task.kind, work=task.id)
            self._outbox.stuck(task, reason=reason)
            return
        pause_s = self._patience.pause(task.attempt)
        _log.warning("work failed", kind=task.kind, work=task.id, again_in_s=pause_s)
        self._outbox.postpone(task, due_at=now + timedelta(seconds=pause_s), reason=reason)
