"""Logging in through an identity provider of the hospital (OpenID Connect Core 1.0, code flow).

Invariant: nobody is who the provider says until its ID token was signed by one of its keys, for us,
for this very login and for now. A person is known by issuer and subject, never by a name.
"""

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import httpx2
from authlib.integrations.httpx_client import OAuth2Client  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from pacs_gateway.access.roles import Role
from pacs_gateway.config import OidcSettings
from pacs_gateway.errors import GatewayError

SIGNED_WITH = ("RS256", "PS256", "ES256", "EdDSA")
"""Signatures by a key that only the provider has; `none` and shared secrets are not among them."""
CLOCK_SKEW_S = 60
METADATA_FOR_S = 3600.0
MAX_ANSWER_BYTES = 1024 * 1024
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._@-]+")
MAX_NAME_CHARACTERS = 64


class ProviderError(GatewayError):
    """The identity provider does not answer, or not as it must."""

    http_status = 502


class LoginRefusedError(GatewayError):
    """The provider did not log the person in, or they have no role here."""

    http_status = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A login that the browser is away for; it brings `state` back."""

    address: str
    """Where the browser goes."""
    state: str
    nonce: str
    verifier: str
    """Proves that whoever redeems the code began the login (RFC 7636)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the provider says somebody is."""

    subject: str
    """Issuer and subject."""
    username: str
    display_name: str
    role: Role


class IdentityProvider:
    """One provider; its methods ask it over the network and block."""

    def __init__(self, settings: OidcSettings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._metadata: Mapping[str, Any] = {}
        self._read_at = 0.0

    def begin(self, redirect_uri: str) -> Begun:
        """Return where to send the browser; raises ProviderError."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        with self._client(redirect_uri) as client:
            address, _ = client.create_authorization_url(
                self._endpoint("authorization_endpoint"),
                state=state,
                nonce=nonce,
                code_verifier=verifier,
            )
        return Begun(address=address, state=state, nonce=nonce, verifier=verifier)

    def finish(self, redirect_uri: str, begun: Begun, code: str) -> Identity:
        """Return who came back with a code.

        Raises LoginRefusedError, ProviderError.
        """
        with self._client(redirect_uri) as client:
            try:
                tokens = client.fetch_token(
                    self._endpoint("token_endpoint"),
                    code=code,
                    grant_type="authorization_code",
                    code_verifier=begun.verifier,
                )
                keys = self._get(client, self._endpoint("jwks_uri"))
                claims = self._verified(tokens.get("id_token", ""), keys, begun.nonce)
                claims |= self._more(client, claims["sub"])
            except httpx2.HTTPError as error:
                raise ProviderError("The identity provider does not answer.") from error
            except (JoseError, ValueError, KeyError, TypeError) as error:
                raise LoginRefusedError("The identity provider's answer is not valid.") from error
        return self._identity(claims)

    def _client(self, redirect_uri: str) -> OAuth2Client:
        settings = self._settings
        return OAuth2Client(
            settings.client_id,
            settings.client_secret.get_secret_value() if settings.client_secret else None,
            scope="openid profile email",
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            timeout=settings.deadline_s,
            follow_redirects=False,
        )

    def _endpoint(self, name: str) -> str:
        """Return an address from the provider's metadata; raises ProviderError."""
        with self._lock:
            if time.monotonic() - self._read_at > METADATA_FOR_S or not self._metadata:
                self._metadata = self._read_metadata()
                self._read_at = time.monotonic()
            found = self._metadata.get(name)
        if not isinstance(found, str) or not is_safe(found):
            raise ProviderError(f"The identity provider names no usable {name}.")
        return found

    def _read_metadata(self) -> Mapping[str, Any]:
        issuer = self._settings.issuer.rstrip("/")
        try:
            with httpx2.Client(timeout=self._settings.deadline_s) as client:
                found = self._get(client, f"{issuer}/.well-known/openid-configuration")
        except (httpx2.HTTPError, ValueError) as error:
            raise ProviderError("The identity provider does not answer.") from error
        if str(found.get("issuer", "")).rstrip("/") != issuer:
            raise ProviderError("The identity provider calls itself by another name.")
        return found

    def _get(self, client: httpx2.Client, address: str, **headers: str) -> dict[str, Any]:
        answer = client.get(address, headers=headers)
        answer.raise_for_status()
        if len(answer.content) > MAX_ANSWER_BYTES:
            raise ValueError("The answer is too long.")
        found = answer.json()
        if not isinstance(found, dict):
            raise ValueError("The answer is no JSON object.")  # noqa: TRY004 - a value from outside.
        return found

    def _verified(self, token: str, keys: dict[str, Any], nonce: str) -> dict[str, Any]:
        """Return the claims of an ID token (OIDC Core 3.1.3.7)."""
        decoded = jwt.decode(
            token, KeySet.import_key_set({"keys": keys["keys"]}), algorithms=list(SIGNED_WITH)
        )
        jwt.JWTClaimsRegistry(
            leeway=CLOCK_SKEW_S,
            iss={"essential": True, "values": _spellings(self._settings.issuer)},
            aud={"essential": True, "value": self._settings.client_id},
            sub={"essential": True},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(decoded.claims)
        return dict(decoded.claims)

    def _more(self, client: OAuth2Client, subject: str) -> dict[str, Any]:
        """Return what the provider tells of a person only when asked (OIDC Core 5.3)."""
        address = self._metadata.get("userinfo_endpoint")
        if not isinstance(address, str) or not is_safe(address):
            return {}
        found = self._get(client, address)
        if found.get("sub") != subject:
            raise ValueError("The answer is about somebody else.")
        return found

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        name = str(claims.get("preferred_username") or claims.get("email") or claims["sub"])
        username = _NOT_IN_NAMES.sub(".", name).strip("._@-")[:MAX_NAME_CHARACTERS]
        return Identity(
            subject=f"{self._settings.issuer.rstrip('/')} {claims['sub']}",
            username=username or "person",
            display_name=str(claims.get("name", ""))[:MAX_NAME_CHARACTERS],
            role=self._role(claims),
        )

    def _role(self, claims: Mapping[str, Any]) -> Role:
        """Return the first role that a value of the role claim stands for."""
        given = claims.get(self._settings.role_claim, [])
        values = given if isinstance(given, list) else [given]
        for value, role in self._settings.roles.items():
            if value in values:
                return role
        if self._settings.default_role is None:
            raise LoginRefusedError("The identity provider gives this person no role here.")
        return self._settings.default_role


def is_safe(address: str) -> bool:
    """Return whether nobody between can read or change what is sent: TLS, or this very machine."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (
        parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
    )


def _spellings(issuer: str) -> list[str]:
    plain = issuer.rstrip("/")
    return [plain, f"{plain}/"]
