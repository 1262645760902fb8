"""Protects the trail from accidents: processes that add to it at once and are killed at any moment
leave one whole chain, in which each act that was answered has exactly one row."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from time import sleep

import pytest

from storage.auditlog import AuditLog, Wanted
from storage.database import Engine, migrate, open_engine
from tests.servers import PostgresqlServer

ROUNDS = 6
WRITERS = 3
WRITER = """
import sys
from datetime import timedelta
from pacs_gateway.audit import acts
from storage.auditlog import AuditLog
from storage.database import open_engine

log = AuditLog(open_engine(sys.argv[1], busy_deadline_s=20))
who = acts.Who(name="doctor", role="radiologist", address="10.0.0.9", session="s")
for number in range(int(sys.argv[2]), 1_000_000):
    uid = f"1.2.{number}"
    log.append(acts.study_viewed(who, study_uid=uid, patient_id="", again_after=timedelta(hours=1)))
    print(uid, flush=True)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/index.sqlite"
    server: PostgresqlServer = request.getfixturevalue("postgresql_server")
    return server.new_database()


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_engine(url, busy_deadline_s=20)
    migrate(engine)
    yield engine
    engine.dispose()


def write_and_be_killed(url: str, first: int, after_s: float) -> set[str]:
    """Let several processes add the same acts; return those that any of them had an answer for."""
    command = [sys.executable, "-c", WRITER, url, str(first)]
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(WRITERS)]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline()
    sleep(after_s)
    answered: set[str] = set()
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
        assert writer.stdout is not None
        # Not `communicate`, which would not see what was read ahead with the first line.
        answered.update(writer.stdout.read().split())
        writer.wait(timeout=30)
        writer.stdout.close()
    return answered


def test_killed_writers_leave_one_chain_with_one_row_an_act(url: str, engine: Engine) -> None:
    log, random = AuditLog(engine), Random(4)
    answered: set[str] = set()
    for number in range(ROUNDS):
        answered |= write_and_be_killed(url, number * 100_000, random.uniform(0.02, 0.4))
        assert log.check() is None
    seen = [row.study_uid for row in log.after(0)]
    assert len(seen) == len(set(seen)) == log.count(Wanted())
    assert answered
    assert answered <= set(seen)
