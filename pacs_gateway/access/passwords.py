"""Passwords: the rule, the hash, the comparison."""

import secrets
from base64 import b64encode

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from pacs_gateway.errors import BadRequestError

MIN_PASSWORD_CHARACTERS = 10
"""Length is what counts (NIST SP 800-63B 5.1.1.2); rules about kinds of characters are not."""
MAX_PASSWORD_CHARACTERS = 1024
"""Longer input is no password; hashing it would only cost time."""
NO_PASSWORD = "!"  # noqa: S105 - no password has this hash.
"""Hash of accounts that log in through an identity provider alone."""


def hash_password(password: str) -> str:
    """Return the Argon2id hash of a password (RFC 9106 4, the second recommended option)."""
    return PasswordHasher().hash(password)


def hash_of_nobody() -> str:
    """Return a hash that no password is known to have and that costs as much to compare with.

    It is random instead of computed, so that a process starts without hashing anything.
    """
    hasher = PasswordHasher()
    salt, digest = (
        b64encode(secrets.token_bytes(size)).rstrip(b"=").decode()
        for size in (hasher.salt_len, hasher.hash_len)
    )
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"


def verify_password(password_hash: str, password: str) -> bool:
    """Return whether `password` is the one that was hashed; takes about 50 ms and 64 MiB."""
    if len(password) > MAX_PASSWORD_CHARACTERS:
        return False
    try:
        return PasswordHasher().verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def check_password_rule(username: str, password: str) -> None:
    """Raise BadRequestError for a password that is too easily guessed."""
    if len(password) < MIN_PASSWORD_CHARACTERS:
        raise BadRequestError(f"A password has at least {MIN_PASSWORD_CHARACTERS} characters.")
    if len(password) > MAX_PASSWORD_CHARACTERS:
        raise BadRequestError(f"A password has at most {MAX_PASSWORD_CHARACTERS} characters.")
    if username.casefold() in password.casefold():
        raise BadRequestError("A password does not contain the user name.")
    if len(set(password)) < len("12345"):
        raise BadRequestError("A password has at least five different characters.")
