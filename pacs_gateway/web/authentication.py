"""From credentials to a caller: session and guest cookies, bearer token, HTTP Basic."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from pacs_gateway.access.accounts import caller_of_user
from pacs_gateway.access.roles import Caller, Permission, Role, Scope, grants_of
from pacs_gateway.access.secrets import secret_sha256
from pacs_gateway.audit import acts
from pacs_gateway.audit.acts import Who
from pacs_gateway.web.access import GUEST_COOKIE, SESSION_COOKIE
from pacs_gateway.web.login import Logins
from pacs_gateway.web.problems import UnauthenticatedError
from pacs_gateway.web.remembered import Remembered
from storage.accounts import Accounts, Session, Token, User
from storage.guests import Guests
from storage.reach import Reach
from storage.records import utc_now

BASIC_REMEMBERED_S = 300.0
"""Clients with Basic send it with every image; hashing takes 50 ms each time."""
ROWS_REMEMBERED_S = 1.0
"""A burst of images asks the database once; what is revoked elsewhere ends after this."""
SEEN_EVERY = timedelta(minutes=1)
"""How exactly the last use of a session or token is noted."""
MAX_REMEMBERED = 4096


class Authenticator:
    """Knows callers by what their requests carry; one per process."""

    def __init__(
        self,
        accounts: Accounts,
        guests: Guests,
        logins: Logins,
        *,
        scopes: Mapping[Role, Scope],
        idle: timedelta,
    ) -> None:
        self._accounts = accounts
        self._guests = guests
        self._logins = logins
        self._scopes = scopes
        self._idle = idle
        self._passwords = Remembered[User](for_s=BASIC_REMEMBERED_S, at_most=MAX_REMEMBERED)
        self._callers = Remembered[Caller](for_s=ROWS_REMEMBERED_S, at_most=MAX_REMEMBERED)
        # Passwords that were right are remembered only under a key that dies with the process.
        self._process_key = secrets.token_bytes(32)

    async def identify(self, connection: HTTPConnection) -> Caller | None:
        """Return the caller, None if the request carries no credentials.

        Raises UnauthenticatedError for credentials that are not valid, TooManyAttemptsError.
        """
        authorization = connection.headers.get("authorization")
        if authorization is None:
            return await self._by_cookies(connection)
        scheme, _, rest = authorization.partition(" ")
        if scheme.lower() == "bearer":
            caller = await self._by_secret(rest.strip())
            if caller is None:
                raise UnauthenticatedError("The token is unknown or no longer valid.")
            return caller
        if scheme.lower() == "basic":
            return await self._basic(connection, rest.strip())
        raise UnauthenticatedError("Only Basic and Bearer credentials are understood.")

    async def close_session(self, connection: HTTPConnection, who: Who) -> None:
        """End the sessions that the request belongs to, that of a link or share too."""
        if guest := connection.cookies.get(GUEST_COOKIE):
            self.forget()
            await run_in_threadpool(self._guests.end, secret_sha256(guest))
        secret = connection.cookies.get(SESSION_COOKIE)
        scheme, _, rest = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            secret = rest.strip()
        if secret:
            self.forget()
            digest = secret_sha256(secret)
            await run_in_threadpool(self._accounts.close_session, digest, acts.logged_out(who))

    def forget(self) -> None:
        """Ask the database anew for everybody: accounts, sessions or tokens have changed."""
        self._callers.clear()
        self._passwords.clear()

    async def _by_cookies(self, connection: HTTPConnection) -> Caller | None:
        """Return who is logged in, with the studies of a link or share that they opened besides."""
        session, guest = (connection.cookies.get(name) for name in (SESSION_COOKIE, GUEST_COOKIE))
        caller = await self._by_secret(session) if session else None
        visitor = await self._by_guest(guest) if guest else None
        if caller is None or visitor is None:
            return caller or visitor
        return replace(caller, reach=caller.reach.joined(visitor.reach))

    async def _basic(self, connection: HTTPConnection, credentials: str) -> Caller:
        key = hmac.digest(self._process_key, credentials.encode(), "sha256")
        if (caller := self._callers.get(key)) is not None:
            return caller
        username, password = _basic_credentials(credentials)
        known = self._passwords.get(key)
        user = await run_in_threadpool(self._accounts.user, username) if known else None
        if known is None or user is None or user.password_hash != known.password_hash:
            user = await self._logins.check_basic(connection, username, password)
            self._passwords.put(key, user)
        caller = caller_of_user(user, f"basic:{username}", self._scopes)
        if caller is None or user.totp_secret:
            raise UnauthenticatedError("This account cannot be used with HTTP Basic.")
        self._callers.put(key, caller)
        return caller

    async def _by_secret(self, secret: str) -> Caller | None:
        return await self._remembered(b"s" + _digest(secret), self._stored, secret)

    async def _by_guest(self, secret: str) -> Caller | None:
        return await self._remembered(b"g" + _digest(secret), self._visiting, secret)

    async def _remembered(
        self, key: bytes, find: Callable[[str], Caller | None], secret: str
    ) -> Caller | None:
        caller = self._callers.get(key)
        if caller is None:
            caller = await run_in_threadpool(find, secret_sha256(secret))
            if caller is not None:
                self._callers.put(key, caller)
        return caller

    def _stored(self, digest: str) -> Caller | None:
        now = utc_now()
        session = self._accounts.session(digest)
        if session is not None:
            return self._of_session(session, now)
        token = self._accounts.token(digest)
        return self._of_token(token, now) if token is not None else None

    def _of_session(self, session: Session, now: datetime) -> Caller | None:
        seen_at = session.seen_at or session.created_at
        if session.expires_at <= now or seen_at + self._idle <= now:
            return None
        if now - seen_at > SEEN_EVERY:
            self._accounts.see_session(session.token_sha256, now)
        user = self._accounts.user(session.username)
        return caller_of_user(user, session.id, self._scopes) if user else None

    def _of_token(self, token: Token, now: datetime) -> Caller | None:
        if token.expires_at is not None and token.expires_at <= now:
            return None
        if token.last_used_at is None or now - token.last_used_at > SEEN_EVERY:
            self._accounts.see_token(token.token_sha256, now)
        user = self._accounts.user(token.username)
        caller = caller_of_user(user, f"token:{token.id}", self._scopes) if user else None
        if caller is None or not token.permissions:
            return caller
        return caller.narrowed(frozenset(map(Permission, token.permissions.split())))

    def _visiting(self, digest: str) -> Caller | None:
        guest = self._guests.guest(digest)
        if guest is None or guest.expires_at <= utc_now():
            return None
        return Caller(
            name=f"{guest.source}:{guest.source_id}",
            role=Role.GUEST,
            grants=grants_of(Role.GUEST, {}),
            reach=Reach(holders=(guest.holder,)),
            session=guest.id,
        )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _basic_credentials(text: str) -> tuple[str, str]:
    """Return user name and password; raises UnauthenticatedError."""
    try:
        username, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise UnauthenticatedError("The Basic credentials cannot be read.") from error
    if not colon:
        raise UnauthenticatedError("The Basic credentials have no password.")
    return username, password
