"""A process that carries out work as `serve --role work` does, with a handler that leaves marks.

Called with the URL of the database, the URL of the work's own notes, this host's name and a
folder. Work about `slow…` takes a second; each begin and end is a synced line of its own file.
"""

import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from pacs_gateway.outbox.tries import HopelessError, Patience, Tries
from pacs_gateway.outbox.worker import Worker, WorkerLimits
from storage.database import open_engine
from storage.errors import UnavailableError
from storage.outbox import Outbox, Task

FAILS_TWICE, HOPELESS, SLOW = "failing", "hopeless", "slow"


def main(url: str, notes: str, name: str, folder: Path) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    marks = folder / name

    def carry_out(task: Task) -> None:
        mark(marks, "begun", task)
        if task.about.startswith(SLOW):
            time.sleep(1)
        if task.about.startswith(HOPELESS):
            raise HopelessError("The device is unknown.")
        if task.about.startswith(FAILS_TWICE) and task.attempt < 2:
            raise UnavailableError("The peer is away.")
        mark(marks, "done", task)

    outbox = Outbox(open_engine(url, busy_deadline_s=10))
    patience = Patience(first_pause_s=0.1, longest_pause_s=1, retry_hours=1)
    limits = WorkerLimits(poll_s=0.1, workers=4, lease_s=900, keep_days=1)
    worker = Worker(
        outbox, Tries(outbox, {"test": carry_out}, patience), limits, url=notes, name=name
    )
    worker.run(stop)


def mark(path: Path, what: str, task: Task) -> None:
    with path.open("a") as file:
        file.write(f"{what} {task.about} {task.attempt} {datetime.now(UTC):%H:%M:%S.%f}\n")
        file.flush()
        os.fsync(file.fileno())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]))
