"""What the outbox must do, on every database it runs on.

A test class of a database inherits `OutboxContract` and has a fixture `engine` on an empty,
migrated database.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta

import pytest

from storage.auditlog import AuditLog, Wanted
from storage.database import Engine, writing
from storage.errors import NotFoundError
from storage.outbox import UNFINISHED, Outbox, State, Task, Work, put
from storage.testing.instance import NOON, make_entry

LATER = NOON + timedelta(hours=1)
LEASE = timedelta(minutes=15)


def make_work(about: str = "1.2.3", *, key: str | None = None, topic: str = "") -> Work:
    """Return something to do at noon."""
    return Work(kind="test", about=about, due_at=NOON, payload={"to": about}, key=key, topic=topic)


def _abouts(tasks: Iterable[Task]) -> list[str]:
    return [task.about for task in tasks]


class OutboxContract:
    """Inherit from this and give a fixture `engine`."""

    @pytest.fixture
    def outbox(self, engine: Engine) -> Outbox:
        return Outbox(engine)

    def test_work_exists_exactly_if_its_cause_does(self, engine: Engine, outbox: Outbox) -> None:
        self._fail_after_putting(engine)
        with writing(engine) as connection:
            put(connection, make_work("kept"), now=NOON)
        (task,) = outbox.due(NOON, limit=9)
        assert (task.about, task.payload, task.state) == ("kept", {"to": "kept"}, State.WAITING)

    def _fail_after_putting(self, engine: Engine) -> None:
        with suppress(NotFoundError), writing(engine) as connection:
            put(connection, make_work("undone"), now=NOON)
            raise NotFoundError

    def test_nothing_is_due_before_its_time(self, outbox: Outbox) -> None:
        outbox.put(make_work(), now=NOON)
        assert outbox.due(NOON - timedelta(seconds=1), limit=9) == []
        assert outbox.due(NOON, limit=9)

    def test_what_is_handed_on_is_not_due_and_done_is_done(self, outbox: Outbox) -> None:
        outbox.put(make_work(), now=NOON)
        (task,) = outbox.due(NOON, limit=9)
        outbox.handed(task, now=NOON)
        assert outbox.due(LATER, limit=9) == []
        outbox.done(task, now=NOON)
        assert outbox.tasks(UNFINISHED, limit=9) == []
        assert outbox.try_of(task.id, task.attempt) is None

    def test_an_outcome_may_come_before_the_note_that_it_began(self, outbox: Outbox) -> None:
        outbox.put(make_work(), now=NOON)
        (task,) = outbox.due(NOON, limit=9)
        outbox.done(task, now=NOON)
        outbox.handed(task, now=NOON)
        assert _abouts(outbox.tasks([State.DONE], limit=9)) == ["1.2.3"]

    def test_what_an_earlier_try_says_is_ignored(self, outbox: Outbox) -> None:
        outbox.put(make_work(), now=NOON)
        (first,) = outbox.due(NOON, limit=9)
        outbox.handed(first, now=NOON)
        assert outbox.take_back(NOON + LEASE, lease=LEASE) == 0
        assert outbox.take_back(LATER, lease=LEASE) == 1
        outbox.done(first, now=LATER)
        outbox.stuck(first, reason="late")
        (second,) = outbox.due(LATER, limit=9)
        assert second.attempt == first.attempt + 1
        outbox.postpone(second, due_at=LATER + LEASE, reason="peer is away")
        (third,) = outbox.tasks(UNFINISHED, limit=9)
        assert (third.reason, third.due_at) == ("peer is away", LATER + LEASE)

    def test_work_put_again_under_its_key_is_one_row_with_a_new_time(self, outbox: Outbox) -> None:
        outbox.put(make_work(key="study"), now=NOON)
        (first,) = outbox.due(NOON, limit=9)
        outbox.handed(first, now=NOON)
        again = Work(kind="test", about="1.2.3", due_at=LATER, key="study")
        outbox.put(again, now=NOON)
        outbox.done(first, now=NOON)
        assert outbox.due(NOON, limit=9) == []
        (second,) = outbox.due(LATER, limit=9)
        outbox.done(second, now=LATER)
        outbox.put(again, now=LATER)
        assert len(outbox.due(LATER, limit=9)) == 1

    def test_a_topic_keeps_its_order_whatever_happens_to_the_first(self, outbox: Outbox) -> None:
        for about in ("a1", "a2"):
            outbox.put(make_work(about, topic="a"), now=NOON)
        outbox.put(make_work("b1", topic="b"), now=NOON)
        due = outbox.due(NOON, limit=9)
        assert _abouts(due) == ["a1", "b1"]
        outbox.stuck(due[0], reason="refused")
        assert _abouts(outbox.due(LATER, limit=9)) == ["b1"]
        outbox.give_up(due[0].id, make_entry(), reason="sent by hand", now=LATER)
        assert _abouts(outbox.due(LATER, limit=9)) == ["a2", "b1"]

    def test_a_person_decides_about_stuck_work_on_record(
        self, engine: Engine, outbox: Outbox
    ) -> None:
        outbox.put(make_work(), now=NOON)
        (task,) = outbox.due(NOON, limit=9)
        outbox.stuck(task, reason="unknown device")
        assert outbox.due(LATER, limit=9) == []
        outbox.retry(task.id, make_entry(1), now=LATER)
        (again,) = outbox.due(LATER, limit=9)
        assert (again.armed_at, again.reason) == (LATER, "unknown device")
        outbox.give_up(task.id, make_entry(2), reason="device is gone", now=LATER)
        with pytest.raises(NotFoundError):
            outbox.retry(task.id, make_entry(3), now=LATER)
        assert AuditLog(engine).count(Wanted()) == len(["retried", "given up"])

    def test_finished_work_is_forgotten_in_time_and_unfinished_never(self, outbox: Outbox) -> None:
        for about in ("finished", "unfinished"):
            outbox.put(make_work(about), now=NOON)
        outbox.done(outbox.due(NOON, limit=9)[0], now=NOON)
        assert outbox.forget_finished(before=NOON) == 0
        assert outbox.forget_finished(before=LATER) == 1
        assert _abouts(outbox.tasks(list(State), limit=9)) == ["unfinished"]
