"""Invariant: a password costs what RFC 9106 recommends, whether the user exists or not."""

import argon2
import pytest
from argon2.profiles import RFC_9106_LOW_MEMORY

from pacs_gateway.access import passwords

PASSWORD = "mật khẩu của khoa"


@pytest.fixture(autouse=True)
def _full_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "PasswordHasher", argon2.PasswordHasher)


def test_a_hash_has_the_recommended_cost_and_knows_its_password() -> None:
    hashed = passwords.hash_password(PASSWORD)
    assert argon2.extract_parameters(hashed) == RFC_9106_LOW_MEMORY
    assert passwords.verify_password(hashed, PASSWORD)
    assert not passwords.verify_password(hashed, PASSWORD + "1")


def test_nobody_costs_as_much_as_somebody() -> None:
    nobody = passwords.hash_of_nobody()
    assert argon2.extract_parameters(nobody) == RFC_9106_LOW_MEMORY
    assert len(nobody) == len(passwords.hash_password(PASSWORD))
    with pytest.raises(argon2.exceptions.VerifyMismatchError):
        argon2.PasswordHasher().verify(nobody, PASSWORD)


def test_no_hash_of_nobody_is_like_another() -> None:
    assert passwords.hash_of_nobody() != passwords.hash_of_nobody()


def test_what_is_too_long_is_not_hashed() -> None:
    assert not passwords.verify_password(passwords.hash_password(PASSWORD), "x" * 2000)
