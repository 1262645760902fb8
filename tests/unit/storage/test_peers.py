"""Protects the table of DICOM peers: one row a title, strangers counted and bounded."""

from pathlib import Path

import pytest

from storage.auditlog import AuditLog, Wanted
from storage.database import Engine, migrate, open_engine
from storage.peers import Peer, PeerBook
from storage.testing.instance import NOON, make_entry

LATER = NOON.replace(hour=13)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = open_engine(f"sqlite:///{tmp_path}/index.sqlite", busy_deadline_s=5)
    migrate(engine)
    return engine


@pytest.fixture
def book(engine: Engine) -> PeerBook:
    return PeerBook(engine)


def test_a_peer_added_again_is_changed_and_no_longer_held(engine: Engine, book: PeerBook) -> None:
    book.hold("CT1", "10.0.0.7", NOON, make_entry(act="refused"))
    book.add(Peer(ae_title="CT1", host="10.0.0.7", port=104), make_entry())
    moved = Peer(ae_title="CT1", host="10.0.0.8", port=105, comment="moved", services="echo store")
    book.add(moved, make_entry())
    assert book.peers() == [moved] == [book.peer("CT1")]
    assert book.held() == []
    book.remove("CT1", make_entry())
    assert book.peer("CT1") is None
    assert AuditLog(engine).count(Wanted()) == len(["refused", "added", "moved", "removed"])


def test_strangers_are_counted_and_bounded(book: PeerBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.peers.MAX_HELD_PEERS", 3)
    for number in range(5):
        book.hold(f"AE{number}", "10.0.0.9", NOON, make_entry())
    book.hold("AE0", "10.0.0.9", LATER, make_entry())
    held = book.held()
    assert [peer.ae_title for peer in held] == ["AE0", "AE1", "AE2"]
    assert (held[0].attempts, held[0].first_seen, held[0].last_seen) == (2, NOON, LATER)
    book.forget_held("AE0", "10.0.0.9")
    assert [peer.ae_title for peer in book.held()] == ["AE1", "AE2"]
