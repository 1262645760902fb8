"""Protects: who may come in is remembered exactly, and what was taken away is gone at once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.database import migrate, open_engine
from storage.registry import Peer, Registry, Token

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    engine = open_engine(f"sqlite:///{tmp_path}/index.sqlite", busy_deadline_s=5)
    migrate(engine)
    return Registry(engine)


def test_a_name_is_taken_once(registry: Registry) -> None:
    registry.add_user("bs.an", "hash-1", "radiologist")
    registry.add_user("bs.an", "hash-2", "administrator")
    user = registry.user("bs.an")
    assert user is not None
    assert (user.password_hash, user.role) == ("hash-1", "radiologist")
    assert registry.user("BS.AN") is None


def test_sessions_end_by_time_by_logout_and_with_the_password(registry: Registry) -> None:
    registry.add_user("an", "hash", "radiologist")
    for token in ("a", "b", "c"):
        registry.open_session(token, "an", LATER)
    assert registry.session("a", NOW) is not None
    assert registry.session("a", LATER) is None
    registry.close_session("b")
    assert registry.session("b", NOW) is None
    registry.set_password("an", "other")
    assert registry.session("c", NOW) is None


def test_expired_sessions_are_purged(registry: Registry) -> None:
    registry.add_user("an", "hash", "radiologist")
    registry.open_session("old", "an", NOW)
    registry.open_session("new", "an", LATER)
    registry.purge_expired(NOW)
    assert registry.session("old", NOW - timedelta(days=1)) is None
    assert registry.session("new", NOW) is not None


def test_a_disabled_user_loses_sessions_and_tokens(registry: Registry) -> None:
    registry.add_user("an", "hash", "radiologist")
    registry.open_session("s", "an", LATER)
    token = Token(token_sha256="t", name="EMR", username="an", created_at=NOW, expires_at=None)
    registry.add_token(token)
    registry.disable_user("an")
    assert registry.session("s", NOW) is None
    assert registry.token("t") is None
    user = registry.user("an")
    assert user is not None
    assert user.disabled


def test_tokens_are_listed_and_revoked(registry: Registry) -> None:
    registry.add_user("an", "hash", "radiologist")
    token = Token(token_sha256="t", name="EMR", username="an", created_at=NOW, expires_at=LATER)
    registry.add_token(token)
    assert registry.tokens() == [token]
    registry.revoke_token("t")
    assert registry.token("t") is None


def test_a_peer_added_again_is_changed_and_no_longer_held(registry: Registry) -> None:
    registry.note_held_peer("CT1", "10.0.0.7", NOW)
    registry.add_peer(Peer(ae_title="CT1", host="10.0.0.7", port=104))
    registry.add_peer(Peer(ae_title="CT1", host="10.0.0.8", port=105, comment="moved"))
    assert registry.peers() == [Peer(ae_title="CT1", host="10.0.0.8", port=105, comment="moved")]
    assert registry.held_peers() == []
    registry.remove_peer("CT1")
    assert registry.peer("CT1") is None


def test_strangers_are_counted_and_bounded(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.registry.MAX_HELD_PEERS", 3)
    for number in range(5):
        registry.note_held_peer(f"AE{number}", "10.0.0.9", NOW)
    registry.note_held_peer("AE0", "10.0.0.9", LATER)
    held = registry.held_peers()
    assert [peer.ae_title for peer in held] == ["AE0", "AE1", "AE2"]
    assert (held[0].attempts, held[0].first_seen, held[0].last_seen) == (2, NOW, LATER)
    registry.forget_held_peer("AE0", "10.0.0.9")
    assert len(registry.held_peers()) == 2
