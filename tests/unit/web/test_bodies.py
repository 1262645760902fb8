"""Invariant: memory for bodies stays within its limit, and what is asked for most recently stays."""

from pacs_gateway.web.bodies import Bodies


def test_what_was_put_comes_back() -> None:
    bodies = Bodies(1000)
    bodies.put("a", b"first")
    assert bodies.get("a") == b"first"
    assert bodies.get("b") is None
    bodies.put("a", b"second")
    assert bodies.get("a") == b"second"


def test_the_least_used_make_room() -> None:
    bodies = Bodies(400)
    for name in "abcd":
        bodies.put(name, bytes(100))
    bodies.get("a")
    bodies.put("e", bytes(100))
    assert [name for name in "abcde" if bodies.get(name) is not None] == ["a", "c", "d", "e"]


def test_replacing_counts_once() -> None:
    bodies = Bodies(400)
    for _ in range(10):
        bodies.put("a", bytes(100))
    for name in "bcd":
        bodies.put(name, bytes(100))
    assert all(bodies.get(name) is not None for name in "abcd")


def test_one_body_may_not_take_all_the_room() -> None:
    bodies = Bodies(400)
    bodies.put("a", bytes(100))
    bodies.put("large", bytes(101))
    assert bodies.get("large") is None
    assert bodies.get("a") is not None
