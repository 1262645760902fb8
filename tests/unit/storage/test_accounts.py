"""Protects accounts: what is taken back is gone at once, and every change is on record."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from storage.accounts import Accounts, Session, Token, User
from storage.auditlog import AuditLog, Wanted
from storage.database import Engine, migrate, open_engine
from storage.grants import Grants
from storage.guests import Guest, Guests, end_guests, open_guest
from storage.testing.instance import NOON, make_entry

LATER = NOON + timedelta(hours=1)
AN = User(username="bs.an", password_hash="hash", role="radiologist", created_at=NOON)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = open_engine(f"sqlite:///{tmp_path}/index.sqlite", busy_deadline_s=5)
    migrate(engine)
    return engine


@pytest.fixture
def accounts(engine: Engine) -> Accounts:
    accounts = Accounts(engine)
    assert accounts.add(AN, make_entry())
    accounts.open_session(session("a"), make_entry())
    accounts.open_session(session("b"), make_entry())
    accounts.add_token(token("t"), make_entry())
    return accounts


def session(name: str) -> Session:
    return Session(
        token_sha256=name,
        username=AN.username,
        created_at=NOON,
        expires_at=LATER,
        id=f"id-{name}",
        seen_at=NOON,
    )


def token(name: str) -> Token:
    return Token(
        token_sha256=name,
        name="EMR",
        username=AN.username,
        created_at=NOON,
        expires_at=None,
        id=f"id-{name}",
    )


def test_a_name_is_taken_once(engine: Engine, accounts: Accounts) -> None:
    before = AuditLog(engine).count(Wanted())
    assert not accounts.add(replace(AN, password_hash="other"), make_entry())
    assert accounts.user(AN.username) == AN
    assert accounts.user(AN.username.upper()) is None
    assert AuditLog(engine).count(Wanted()) == before


@pytest.mark.parametrize(
    "change", [{"password_hash": "new"}, {"role": "guest"}, {"disabled": True}]
)
def test_other_rights_end_every_login(accounts: Accounts, change: dict[str, object]) -> None:
    accounts.change(AN.username, make_entry(), **change)
    assert accounts.sessions_of(AN.username) == []
    assert (accounts.token("t") is None) is ("disabled" in change)


def test_another_ward_ends_no_login(accounts: Accounts) -> None:
    accounts.change(AN.username, make_entry(), ward="Nội", ward_folded="noi")
    assert len(accounts.sessions_of(AN.username)) == len(["a", "b"])


def test_a_logout_is_on_record_once(engine: Engine, accounts: Accounts) -> None:
    before = AuditLog(engine).count(Wanted())
    for _ in range(2):
        accounts.close_session("a", make_entry())
    assert accounts.session("a") is None
    assert accounts.session("b") is not None
    assert AuditLog(engine).count(Wanted()) == before + 1


def test_expired_logins_are_purged(accounts: Accounts) -> None:
    accounts.purge_expired(LATER - timedelta(seconds=1))
    assert accounts.session("a") is not None
    accounts.purge_expired(LATER)
    assert accounts.session("a") is None


def test_a_revoked_token_is_gone(accounts: Accounts) -> None:
    assert accounts.tokens() == [token("t")]
    assert accounts.revoke_token("id-t", make_entry())
    assert not accounts.revoke_token("id-t", make_entry())
    assert accounts.token("t") is None


def test_too_many_wrong_passwords_close_an_account(engine: Engine, accounts: Accounts) -> None:
    for _ in range(3):
        accounts.count_failure(
            AN.username, make_entry(2), most=3, locked_until=LATER, lock=make_entry(3)
        )
    user = accounts.user(AN.username)
    assert user is not None
    assert (user.failed_logins, user.locked_until) == (0, LATER)
    assert AuditLog(engine).count(Wanted(actor="user3")) == 1
    assert AuditLog(engine).count(Wanted(actor="user2")) == 3
    accounts.open_session(session("c"), make_entry())
    user = accounts.user(AN.username)
    assert user is not None
    assert user.locked_until is None


def test_no_code_counts_twice(accounts: Accounts) -> None:
    used = [accounts.use_code(AN.username, step) for step in (100, 100, 99, 101)]
    assert used == [True, False, False, True]


def test_a_guest_sees_what_was_granted_until_it_is_taken_back(engine: Engine) -> None:
    guests, grants = Guests(engine), Grants(engine)
    guest = Guest(
        id="1",
        token_sha256="g",
        source="share",
        source_id="s1",
        created_at=NOON,
        expires_at=LATER,
    )
    with engine.begin() as connection:
        open_guest(connection, guest, ["1.2.3", "1.2.4"])
    assert guests.guest("g") == guest
    assert grants.of(guest.holder) == ["1.2.3", "1.2.4"]
    with engine.begin() as connection:
        end_guests(connection, "link", "s1")
    assert guests.guest("g") == guest
    with engine.begin() as connection:
        end_guests(connection, "share", "s1")
    assert guests.guest("g") is None
    assert grants.of(guest.holder) == []
