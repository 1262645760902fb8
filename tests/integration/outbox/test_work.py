"""Protects background work: what was committed is carried out, once by many processes, again after
a kill, again after a failure, and never when it is hopeless; on SQLite and PostgreSQL."""

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage.database import Engine, migrate, open_engine
from storage.outbox import UNFINISHED, Outbox, State, Work
from storage.records import utc_now
from tests.servers import PostgresqlServer

DEADLINE_S = 25.0
PROCESS = Path(__file__).with_name("process.py")


class Place:
    """A database, and the processes that do its work."""

    def __init__(self, url: str, notes: str, folder: Path) -> None:
        self.engine: Engine = open_engine(url, busy_deadline_s=10)
        migrate(self.engine)
        self.outbox = Outbox(self.engine)
        self._arguments = url, notes
        self.folder = folder

    @contextmanager
    def process(self, name: str) -> Iterator["subprocess.Popen[bytes]"]:
        """Run a process of this name."""
        command = [sys.executable, str(PROCESS), *self._arguments, name, str(self.folder)]
        root = Path(__file__).parents[3]
        process = subprocess.Popen(command, env={"PYTHONPATH": str(root)}, cwd=self.folder)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)

    def put(self, *abouts: str) -> None:
        for about in abouts:
            self.outbox.put(Work(kind="test", about=about, due_at=utc_now()), now=utc_now())

    def marks(self, what: str) -> list[str]:
        """Return what was begun or done, by all processes."""
        lines = [
            line.split()
            for path in self.folder.glob("host-*")
            for line in path.read_text().splitlines()
        ]
        return [about for mark, about, *_ in lines if mark == what]

    def left(self) -> int:
        return len(self.outbox.tasks([State.WAITING, State.HANDED], limit=1000))


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "postgresql":
        server: PostgresqlServer = request.getfixturevalue("postgresql_server")
        url = server.new_database()
        place = Place(url, url, tmp_path)
    else:
        files = [f"sqlite:///{tmp_path}/{name}.sqlite" for name in ("index", "work")]
        place = Place(files[0], files[1], tmp_path)
    yield place
    place.engine.dispose()


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, "what was waited for did not happen"
        time.sleep(0.1)


def test_two_processes_do_each_piece_once(place: Place) -> None:
    abouts = [f"quick{number}" for number in range(60)]
    place.put(*abouts[:30])
    with place.process("host-a"), place.process("host-b"):
        place.put(*abouts[30:])
        wait_for(lambda: not place.left())
    assert Counter(place.marks("done")) == Counter(abouts)


def test_what_was_under_way_at_a_kill_is_done_by_the_next_process(place: Place) -> None:
    abouts = [f"slow{number}" for number in range(8)]
    place.put(*abouts)
    with place.process("host-a") as process:
        wait_for(lambda: len(place.marks("begun")) >= 2)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    assert place.left()
    with place.process("host-a"):
        wait_for(lambda: not place.left())
    assert set(place.marks("done")) == set(abouts)


def test_failures_are_tried_again_and_what_is_hopeless_waits_for_a_person(place: Place) -> None:
    place.put("failing1", "hopeless1")
    with place.process("host-a"):
        wait_for(lambda: not place.left())
    assert place.marks("begun").count("failing1") == 3
    assert place.marks("done") == ["failing1"]
    (stuck,) = place.outbox.tasks(UNFINISHED, limit=9)
    assert (stuck.about, stuck.state) == ("hopeless1", State.STUCK)
    assert stuck.reason == "The device is unknown."
