"""From credentials to a caller: session cookie, bearer token, HTTP Basic."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from pacs_gateway.access.roles import Caller, Permission, Role, Scope, grants_of, reach_of
from pacs_gateway.config import WebSettings
from pacs_gateway.web.access import SESSION_COOKIE
from pacs_gateway.web.accounts import hash_password, verify_password
from pacs_gateway.web.address import client_address
from pacs_gateway.web.problems import UnauthenticatedError
from pacs_gateway.web.remembered import Remembered
from pacs_gateway.web.throttle import LoginThrottle
from storage.records import utc_now
from storage.registry import Registry

BASIC_REMEMBERED_S = 300.0
"""Clients with Basic send it with every image; hashing takes 50 ms each time."""
TOKEN_REMEMBERED_S = 5.0
"""A burst of images asks the database once; a logout elsewhere counts after this at the latest."""
MAX_REMEMBERED = 4096
HASHES_AT_ONCE = 2
"""Each takes 64 MiB, and an old PC has two cores."""
TOKEN_BYTES = 32

_WRONG = "User name or password is wrong."


class Authenticator:
    """Knows callers by what their requests carry; one per process."""

    def __init__(
        self, registry: Registry, settings: WebSettings, scopes: Mapping[Role, Scope]
    ) -> None:
        self._registry = registry
        self._scopes = scopes
        self._settings = settings
        self._throttle = LoginThrottle(
            attempts=settings.login_attempts, pause_s=settings.login_pause_s
        )
        self._by_basic = Remembered[Caller](for_s=BASIC_REMEMBERED_S, at_most=MAX_REMEMBERED)
        self._by_token = Remembered[Caller](for_s=TOKEN_REMEMBERED_S, at_most=MAX_REMEMBERED)
        # Passwords that were right are remembered only under a key that dies with the process.
        self._process_key = secrets.token_bytes(32)
        self._hashing = asyncio.Semaphore(HASHES_AT_ONCE)
        # An unknown user costs as much time as a known one, so that names cannot be tried out.
        self._nobody = hash_password(secrets.token_urlsafe())

    async def identify(self, connection: HTTPConnection) -> Caller | None:
        """Return the caller, None if the request carries no credentials.

        Raises UnauthenticatedError for credentials that are not valid, TooManyAttemptsError.
        """
        authorization = connection.headers.get("authorization")
        if authorization is None:
            cookie = connection.cookies.get(SESSION_COOKIE)
            return await self._by_secret(cookie) if cookie else None
        scheme, _, rest = authorization.partition(" ")
        if scheme.lower() == "bearer":
            caller = await self._by_secret(rest.strip())
            if caller is None:
                raise UnauthenticatedError("The token is unknown or no longer valid.")
            return caller
        if scheme.lower() == "basic":
            return await self._basic(connection, rest.strip())
        raise UnauthenticatedError("Only Basic and Bearer credentials are understood.")

    async def check_password(
        self, connection: HTTPConnection, username: str, password: str
    ) -> Caller:
        """Return the caller whose name and password are right.

        Raises UnauthenticatedError or TooManyAttemptsError.
        """
        address = client_address(connection, behind_proxy=self._settings.behind_proxy)
        self._throttle.attempt(username, address)
        async with self._hashing:
            caller = await run_in_threadpool(self._verified, username, password)
        if caller is None:
            raise UnauthenticatedError(_WRONG)
        self._throttle.success(username, address)
        return caller

    async def open_session(self, caller: Caller) -> str:
        """Return the secret of a new session; only its digest is kept."""
        secret = secrets.token_urlsafe(TOKEN_BYTES)
        expires_at = utc_now() + timedelta(hours=self._settings.session_hours)
        await run_in_threadpool(
            self._registry.open_session, token_sha256(secret), caller.name, expires_at
        )
        return secret

    async def close_session(self, connection: HTTPConnection) -> None:
        """End the session that the request belongs to, if it belongs to one."""
        secret = connection.cookies.get(SESSION_COOKIE)
        scheme, _, rest = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            secret = rest.strip()
        if secret:
            self._by_token.forget(_digest(secret))
            await run_in_threadpool(self._registry.close_session, token_sha256(secret))

    async def _basic(self, connection: HTTPConnection, credentials: str) -> Caller:
        key = hmac.digest(self._process_key, credentials.encode(), "sha256")
        caller = self._by_basic.get(key)
        if caller is None:
            username, password = _basic_credentials(credentials)
            caller = await self.check_password(connection, username, password)
            self._by_basic.put(key, caller)
        return caller

    async def _by_secret(self, secret: str) -> Caller | None:
        key = _digest(secret)
        caller = self._by_token.get(key)
        if caller is None:
            caller = await run_in_threadpool(self._stored, token_sha256(secret))
            if caller is not None:
                self._by_token.put(key, caller)
        return caller

    def _verified(self, username: str, password: str) -> Caller | None:
        user = self._registry.user(username)
        right = verify_password(user.password_hash if user else self._nobody, password)
        return self._caller(username, f"basic:{username}") if right else None

    def _stored(self, digest: str) -> Caller | None:
        now = utc_now()
        session = self._registry.session(digest, now)
        if session is not None:
            return self._caller(session.username, f"session:{digest[:16]}")
        token = self._registry.token(digest)
        if token is None or (token.expires_at is not None and token.expires_at <= now):
            return None
        return self._caller(token.username, f"token:{digest[:16]}")

    def _caller(self, username: str, session: str) -> Caller | None:
        user = self._registry.user(username)
        if user is None or user.disabled or user.role not in set(Role):
            return None
        role = Role(user.role)
        grants = grants_of(role, self._scopes)
        reach = reach_of(
            grants.get(Permission.VIEW),
            physician=user.physician_folded,
            ward=user.ward_folded,
            holders=(f"user:{username}",),
        )
        return Caller(name=username, role=role, grants=grants, reach=reach, session=session)


def token_sha256(secret: str) -> str:
    """Return what the registry keeps of a session's or API token's secret."""
    return _digest(secret).hex()


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _basic_credentials(text: str) -> tuple[str, str]:
    try:
        decoded = base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise UnauthenticatedError("The Basic credentials cannot be read.") from error
    username, colon, password = decoded.partition(":")
    if not colon:
        raise UnauthenticatedError("The Basic credentials cannot be read.")
    return username, password
