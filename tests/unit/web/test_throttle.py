"""Invariant: after so many tries for a name from an address there is a pause; both memories, of
tries and of results, are bounded."""

import pytest

from pacs_gateway.web import throttle
from pacs_gateway.web.problems import TooManyAttemptsError
from pacs_gateway.web.remembered import Remembered
from pacs_gateway.web.throttle import LoginThrottle


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def throttled(clock: Clock) -> LoginThrottle:
    return LoginThrottle(attempts=3, pause_s=60, clock=clock)


def use_up(subject: LoginThrottle) -> None:
    for _ in range(3):
        subject.attempt("lan", "10.0.0.9")


def test_the_pause_comes_and_goes() -> None:
    clock = Clock()
    subject = throttled(clock)
    use_up(subject)
    for clock.now in (1.0, 30.0, 59.0):
        with pytest.raises(TooManyAttemptsError, match="60 seconds"):
            subject.attempt("lan", "10.0.0.9")
    clock.now = 61.0
    use_up(subject)


def test_others_do_not_wait() -> None:
    subject = throttled(Clock())
    use_up(subject)
    subject.attempt("lan", "10.0.0.8")
    subject.attempt("minh", "10.0.0.9")


def test_a_right_password_forgets_the_wrong_ones() -> None:
    subject = throttled(Clock())
    subject.attempt("lan", "10.0.0.9")
    subject.attempt("lan", "10.0.0.9")
    subject.success("lan", "10.0.0.9")
    use_up(subject)


def test_tries_are_kept_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "MAX_ENTRIES", 5)
    subject = throttled(Clock())
    use_up(subject)
    for number in range(4):
        subject.attempt(f"user{number}", "10.0.0.9")
    with pytest.raises(TooManyAttemptsError):
        subject.attempt("lan", "10.0.0.9")
    subject.attempt("one more", "10.0.0.9")
    assert len(subject._tries) == 5


def test_results_are_remembered_for_a_while() -> None:
    clock = Clock()
    subject = Remembered[str](for_s=5, at_most=2, clock=clock)
    subject.put(b"a", "first")
    clock.now = 4.9
    assert subject.get(b"a") == "first"
    clock.now = 5.0
    assert subject.get(b"a") is None
    assert not subject._values


def test_results_can_be_forgotten_and_are_few() -> None:
    subject = Remembered[str](for_s=5, at_most=2, clock=Clock())
    for key in (b"a", b"b", b"c"):
        subject.put(key, "x")
    assert [subject.get(key) for key in (b"a", b"b", b"c")] == [None, "x", "x"]
    subject.forget(b"b")
    assert subject.get(b"b") is None
