"""Hands what is due to DBOS, which carries it out: at most so much at once, and on after a kill.

Invariant: each try is one workflow whose id is the row's and the number of the try, so that it is
done once however often and by however many processes it is handed over. The rows are the truth;
DBOS's own tables may be lost, and all that is lost with them is time.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Event
from time import monotonic

import structlog
from dbos import DBOS, DBOSConfig, SetWorkflowID
from ulid import ULID

from pacs_gateway.outbox.tries import Tries
from storage.errors import StorageError
from storage.outbox import Outbox, Task
from storage.records import utc_now

APPLICATION = "pacs-gateway"
QUEUE = "outbox"
SCHEMA = "pacs_gateway_work"
"""Of DBOS's tables on PostgreSQL; on SQLite they have a file of their own."""
WORKFLOWS_VERSION = "1"
"""Of what a workflow takes and means; processes of two releases share one while it is the same."""
HANDED_AT_ONCE = 200
LOOK_BACK_EVERY_S = 30.0
TIDY_EVERY_S = 3600.0
FORGOTTEN_AT_ONCE = 500
STOP_DEADLINE_S = 5
PAUSE_S = 5.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """See OutboxSettings for the reasons."""

    poll_s: float
    workers: int
    lease_s: float
    keep_days: int


class Worker:
    """What carries out the outbox in this process; one at a time, as DBOS is one per process."""

    def __init__(
        self, outbox: Outbox, tries: Tries, limits: WorkerLimits, *, url: str, name: str
    ) -> None:
        self._outbox = outbox
        self._limits = limits
        self._url = url
        self._name = name

        def carry_out(task_id: str, attempt: int) -> None:
            tries.carry_out(task_id, attempt)

        # DBOS writes attributes on what it is given, which a method does not have.
        self._carry_out = DBOS.workflow(name="carry_out")(carry_out)

    def run(self, stop: Event) -> None:
        """Work until `stop` is set; what is under way then is done again by the next process."""
        self._launch()
        looked_back_at = tidied_at = monotonic()
        try:
            while not stop.wait(self._limits.poll_s):
                try:
                    self.hand_over()
                    if monotonic() - looked_back_at > LOOK_BACK_EVERY_S:
                        looked_back_at = monotonic()
                        self._look_back()
                    if monotonic() - tidied_at > TIDY_EVERY_S:
                        tidied_at = monotonic()
                        self._tidy()
                except StorageError as error:
                    _log.error("background work pauses", reason=str(error))
                    stop.wait(PAUSE_S)
        finally:
            DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=STOP_DEADLINE_S)

    def hand_over(self) -> int:
        """Hand on what is due; return how much. A crash half-way hands it on again, to no effect.

        Raises StorageError.
        """
        tasks = self._outbox.due(utc_now(), limit=HANDED_AT_ONCE)
        for task in tasks:
            with SetWorkflowID(_workflow_id(task)):
                DBOS.enqueue_workflow(QUEUE, self._carry_out, task.id, task.attempt)
            self._outbox.handed(task, now=utc_now())
        return len(tasks)

    def _launch(self) -> None:
        DBOS(
            config=DBOSConfig(
                name=APPLICATION,
                system_database_url=self._url,
                dbos_system_schema=SCHEMA,
                executor_id=self._name,
                application_version=WORKFLOWS_VERSION,
                log_level="ERROR",
                enable_otlp=False,
            )
        )
        DBOS.launch()
        DBOS.register_queue(
            QUEUE,
            worker_concurrency=self._limits.workers,
            polling_interval_sec=self._limits.poll_s,
        )

    def _look_back(self) -> None:
        lease = timedelta(seconds=self._limits.lease_s)
        if number := self._outbox.take_back(utc_now(), lease=lease):
            _log.warning("work is begun again", number=number)

    def _tidy(self) -> None:
        before = utc_now() - timedelta(days=self._limits.keep_days)
        forgotten = self._outbox.forget_finished(before=before)
        old = DBOS.list_workflows(
            end_time=before.isoformat(),
            status=["SUCCESS", "ERROR", "CANCELLED"],
            limit=FORGOTTEN_AT_ONCE,
            load_input=False,
            load_output=False,
        )
        DBOS.delete_workflows([each.workflow_id for each in old])
        _log.info("finished work forgotten", number=forgotten)


def host_name(folder: Path) -> str:
    """Return what this host is called among those that share the work, the same ever after."""
    path = folder / "work-host"
    if not path.is_file():
        path.write_text(str(ULID()), "ascii")
    return path.read_text("ascii").strip()


def _workflow_id(task: Task) -> str:
    return f"{task.id}.{task.attempt}"
