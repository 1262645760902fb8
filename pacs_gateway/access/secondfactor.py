"""One-time codes of an authenticator app as a second factor (TOTP, RFC 6238)."""

import hmac
import re

import pyotp

PERIOD_S = 30
TOLERANCE = 1
"""Steps before and after the present one whose code counts: clocks of phones differ."""
_CODE = re.compile("[0-9]{6}")


def new_secret() -> str:
    """Return a new secret, base32, 160 bits."""
    return pyotp.random_base32()


def address_of(secret: str, *, username: str, issuer: str) -> str:
    """Return the `otpauth:` address that apps read from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=issuer)


def step_of(secret: str, code: str, *, now: float) -> int | None:
    """Return the time step that a code belongs to, None if it is not valid now.

    `now` is in seconds since 1970. Whoever accepts a code must note its step: none counts twice.
    """
    text = code.replace(" ", "")
    if not _CODE.fullmatch(text):
        return None
    present = int(now // PERIOD_S)
    codes = pyotp.TOTP(secret)
    for step in range(present - TOLERANCE, present + TOLERANCE + 1):
        if hmac.compare_digest(codes.at(step * PERIOD_S), text):
            return step
    return None
