"""Secrets of sessions, guests, shares and API tokens: made at random, kept as digests."""

import secrets
from hashlib import sha256

SECRET_BYTES = 32


def new_secret() -> str:
    """Return a new secret of 256 bits, as it may stand in a cookie or an address."""
    return secrets.token_urlsafe(SECRET_BYTES)


def secret_sha256(secret: str) -> str:
    """Return what the database keeps of a secret."""
    return sha256(secret.encode()).hexdigest()
