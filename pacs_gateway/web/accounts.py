"""Passwords and the first administrator."""

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from pacs_gateway.access.roles import Role
from pacs_gateway.config import Settings
from storage.registry import Registry

ADMINISTRATOR = "admin"
"""User name of the account that is made at the first start."""


MAX_PASSWORD_CHARACTERS = 1024
"""Longer input is no password; hashing it would only cost time."""


def hash_password(password: str) -> str:
    """Return the Argon2id hash of a password (RFC 9106 4, the second recommended option)."""
    return PasswordHasher().hash(password)


def verify_password(password_hash: str, password: str) -> bool:
    """Return whether `password` is the one that was hashed; takes about 50 ms and 64 MiB."""
    if len(password) > MAX_PASSWORD_CHARACTERS:
        return False
    try:
        return PasswordHasher().verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def ensure_administrator(registry: Registry, settings: Settings) -> str | None:
    """Make the account `admin` unless it exists; return its password if one had to be made up.

    The caller prints it once: it is kept as a hash only.
    """
    if registry.user(ADMINISTRATOR) is not None:
        return None
    chosen = settings.admin_password
    password = chosen.get_secret_value() if chosen else secrets.token_urlsafe(12)
    registry.add_user(ADMINISTRATOR, hash_password(password), Role.ADMINISTRATOR)
    return None if chosen else password
