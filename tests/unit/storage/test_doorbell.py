"""Invariant: who waits is woken by a ring, also by one that came before; without a bell nothing fails."""

from pathlib import Path
from threading import Thread
from time import monotonic

import pytest

from storage.doorbell import Doorbell

LONG_S = 30.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "doorbell"


def test_a_ring_wakes_who_waits(path: Path) -> None:
    bell = Doorbell(path)
    bell.wait(0)
    ringing = Thread(target=Doorbell(path).ring)
    began = monotonic()
    ringing.start()
    bell.wait(LONG_S)
    ringing.join()
    bell.close()
    assert monotonic() - began < LONG_S


def test_rings_before_the_wait_are_one_ring(path: Path) -> None:
    bell = Doorbell(path)
    bell.wait(0)
    for _ in range(3):
        Doorbell(path).ring()
    began = monotonic()
    bell.wait(LONG_S)
    assert monotonic() - began < LONG_S
    began = monotonic()
    bell.wait(0.05)
    bell.close()
    assert monotonic() - began >= 0.04


def test_more_rings_than_a_pipe_holds_block_nobody(path: Path) -> None:
    bell = Doorbell(path)
    bell.wait(0)
    for _ in range(70_000):
        Doorbell(path).ring()
    bell.close()


def test_where_nobody_listens_ringing_does_nothing(path: Path) -> None:
    Doorbell(path).ring()
    assert not path.exists()


def test_a_file_in_its_place_is_no_bell(path: Path) -> None:
    path.write_bytes(b"")
    bell = Doorbell(path)
    bell.ring()
    bell.wait(0.01)
    bell.close()
    assert path.read_bytes() == b""
