"""What requests for commitment must keep to, on every database they run on.

A test class of a database inherits `CommitmentContract` and has a fixture `engine` on an empty,
migrated database.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from storage.commitments import COMMITTED, Commitments, Reference, Request
from storage.database import Engine
from storage.outbox import UNFINISHED, Outbox
from storage.testing.instance import CT_IMAGE, NOON

FIRST, SECOND = Reference(CT_IMAGE, "1.2.7.1"), Reference(CT_IMAGE, "1.2.7.2")
TAKEN, MISSING = 0x0131, 0x0112
LATER = NOON + timedelta(minutes=1)


class CommitmentContract:
    """Inherit from this and give a fixture `engine`."""

    @pytest.fixture
    def commitments(self, engine: Engine) -> Commitments:
        return Commitments(engine)

    def test_a_request_is_kept_with_the_work_that_it_makes(
        self, engine: Engine, commitments: Commitments
    ) -> None:
        request = _ask(commitments, FIRST, SECOND)
        (task,) = Outbox(engine).tasks(UNFINISHED, limit=9)
        assert task.payload == {"commitment": request.id}
        assert _outcomes(commitments, request) == {"1.2.7.1": None, "1.2.7.2": None}

    def test_it_is_decided_only_once_each_instance_has_an_outcome(
        self, commitments: Commitments
    ) -> None:
        request = _ask(commitments, FIRST, SECOND)
        commitments.note(request.id, {0: COMMITTED})
        assert not commitments.decide(request, report_at=LATER, now=LATER)
        assert _decided(commitments, request) is False
        commitments.note(request.id, {1: MISSING})
        assert commitments.decide(request, report_at=LATER, now=LATER)
        assert _decided(commitments, request) is True
        assert _outcomes(commitments, request) == {"1.2.7.1": COMMITTED, "1.2.7.2": MISSING}

    def test_the_same_request_again_forgets_what_was_found(self, commitments: Commitments) -> None:
        request = _ask(commitments, FIRST, SECOND)
        commitments.note(request.id, {0: COMMITTED, 1: COMMITTED})
        commitments.decide(request, report_at=None, now=LATER)
        again = _ask(commitments, SECOND, FIRST)
        assert (again.id, again.decided_at) == (request.id, None)
        assert set(_outcomes(commitments, again).values()) == {None}

    def test_another_request_under_the_uid_fails_however_often(
        self, commitments: Commitments
    ) -> None:
        first = _ask(commitments, FIRST)
        for _ in range(2):
            other = _ask(commitments, SECOND)
            assert other.id != first.id
            assert _outcomes(commitments, other) == {"1.2.7.2": TAKEN}
        assert _outcomes(commitments, first) == {"1.2.7.1": None}
        assert commitments.first("dimse:CT1", "1.9") == first

    def test_the_same_request_made_at_once_is_one(self, commitments: Commitments) -> None:
        with ThreadPoolExecutor(4) as threads:
            asked = list(threads.map(lambda _: _ask(commitments, FIRST), range(8)))
        assert len({request.id for request in asked}) == 1


def _ask(commitments: Commitments, *references: Reference) -> Request:
    return commitments.ask("dimse:CT1", "1.9", references, now=NOON, failure_if_taken=TAKEN)


def _decided(commitments: Commitments, request: Request) -> bool:
    found = commitments.request(request.id)
    return found is not None and found.decided_at is not None


def _outcomes(commitments: Commitments, request: Request) -> Mapping[str, int | None]:
    return {item.reference.sop_instance_uid: item.outcome for item in commitments.items(request.id)}
