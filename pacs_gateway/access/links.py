"""Links that another system signs for its users (docs/emr-links.md; IHE RAD-106).

The signature covers the query of the link, byte for byte as it was sent, up to itself. Nothing is
put into an order or spelt anew, so that signer and verifier cannot disagree about what it means.

Invariant: what is not signed has no effect, and no parameter can be given twice.
"""

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import parse_qsl, urlencode

from pacs_gateway.errors import GatewayError

MAX_QUERY_CHARACTERS = 8000
"""Servers between here and the browser take no longer address."""
LONGEST = timedelta(minutes=15)
"""From `notBefore` to `expires`: a link is for the click that follows, not for a bookmark."""
CLOCK_SKEW = timedelta(seconds=30)
"""Difference of clocks that is forgiven; hospitals have NTP, or should."""
LIVE_KEYS = 2
"""Keys of one system at a time: the one in use, and the one that takes its place."""

_SIGNED, _SIGNATURE = "&signature=", "signature"
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,128}")
_SECONDS = re.compile(r"[0-9]{1,12}")


class LinkRefusedError(GatewayError):
    """The link is not valid; why is for the record only, and the sender learns nothing."""

    http_status = 403

    def __init__(self, reason: str, nonce: str = "") -> None:
        super().__init__("This link is not valid any more. Open the images from the record again.")
        self.reason = reason
        self.nonce = nonce


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a valid link says."""

    key_id: str
    nonce: str
    expires_at: datetime
    asked: Mapping[str, str]
    """The other parameters, which name the studies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkKey:
    """A key that links are signed with."""

    id: str
    secret: str


def signature_of(query: str, secret: str) -> str:
    """Return the signature of a query: HMAC-SHA256, base64url without padding."""
    digest = hmac.digest(secret.encode(), query.encode(), sha256)
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def signed(
    asked: Mapping[str, str], key: LinkKey, *, nonce: str, audience: str, now: datetime
) -> str:
    """Return the whole query of a link that is valid for LONGEST from `now`."""
    query = urlencode(
        {
            **asked,
            "audience": audience,
            "keyId": key.id,
            "notBefore": int(now.timestamp()),
            "expires": int((now + LONGEST).timestamp()),
            "nonce": nonce,
        }
    )
    return f"{query}{_SIGNED}{signature_of(query, key.secret)}"


def verified(
    query: str, key_of: Callable[[str], LinkKey | None], *, audience: str, now: datetime
) -> Link:
    """Return what the query of a link says.

    Raises LinkRefusedError: it is too long, is cut off, names something twice, was signed with
    no key of ours, was changed, is for somebody else, or is not valid now.
    """
    if len(query) > MAX_QUERY_CHARACTERS:
        raise LinkRefusedError("too long")
    text, found, signature = query.rpartition(_SIGNED)
    if not found:
        raise LinkRefusedError("not signed")
    given = _parameters(text)
    nonce = given.pop("nonce", "")
    key = key_of(given.pop("keyId", ""))
    # A key that is not known takes as long as one that is.
    expected = signature_of(text, key.secret if key else "")
    if not hmac.compare_digest(expected.encode(), signature.encode()) or key is None:
        raise LinkRefusedError("signature")
    if given.pop("audience", "") != audience:
        raise LinkRefusedError("audience", nonce)
    if not _NONCE.fullmatch(nonce):
        raise LinkRefusedError("nonce")
    expires_at = _valid_until(given, now, nonce)
    return Link(key_id=key.id, nonce=nonce, expires_at=expires_at, asked=given)


def _parameters(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError as error:
        raise LinkRefusedError("unreadable") from error
    given = dict(pairs)
    if len(given) != len(pairs) or _SIGNATURE in given:
        raise LinkRefusedError("a parameter is given twice")
    return given


def _valid_until(given: dict[str, str], now: datetime, nonce: str) -> datetime:
    first, last = (_moment(given.pop(name, ""), nonce) for name in ("notBefore", "expires"))
    if last - first > LONGEST or last <= first:
        raise LinkRefusedError("valid for too long", nonce)
    if now < first - CLOCK_SKEW:
        raise LinkRefusedError("not valid yet", nonce)
    if now > last + CLOCK_SKEW:
        raise LinkRefusedError("expired", nonce)
    return last


def _moment(text: str, nonce: str) -> datetime:
    if not _SECONDS.fullmatch(text):
        raise LinkRefusedError("moments are seconds since 1970", nonce)
    try:
        return datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise LinkRefusedError("moments are seconds since 1970", nonce) from error
