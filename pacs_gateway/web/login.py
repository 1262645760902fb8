"""Logging in: name and password, a code where one is due, and no end of tries.

Invariant: an unknown name, a wrong password and an account that is closed for a while are answered
alike and take the same time; every try is on record.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from ulid import ULID

from pacs_gateway.access import secondfactor
from pacs_gateway.access.passwords import hash_of_nobody, verify_password
from pacs_gateway.access.secrets import new_secret, secret_sha256
from pacs_gateway.audit import acts
from pacs_gateway.audit.acts import Who
from pacs_gateway.web.address import client_address
from pacs_gateway.web.problems import CodeNeededError, UnauthenticatedError
from pacs_gateway.web.remembered import Remembered
from pacs_gateway.web.throttle import LoginThrottle
from storage.accounts import Accounts, Session, User
from storage.records import utc_now

HASHES_AT_ONCE = 2
"""Each takes 64 MiB, and an old PC has two cores."""
CODE_WAIT_S = 180.0
"""Time to find the phone."""
MAX_HALF_WAY = 1000
NAMES_PER_ADDRESS = 5
"""How many people of one address may mistype all their tries before the address has to pause."""
BASIC_AGAIN_AFTER = timedelta(minutes=30)
"""A program that gives its password with every request logs in once in this time."""

_WRONG = "User name or password is wrong, or there were too many wrong tries; then wait a while."
_WRONG_CODE = "The code is wrong or was used already; wait for the next one."


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRules:
    """How long a login lasts, and how many wrong passwords are too many."""

    session: timedelta
    attempts: int
    """Wrong passwords per name and address before `pause_s`."""
    pause_s: float
    lock_after: int
    """Wrong passwords per account, from anywhere, before it is closed for `lock`."""
    lock: timedelta
    behind_proxy: bool


class Logins:
    """Checks passwords and codes and opens sessions; one per process."""

    def __init__(self, accounts: Accounts, rules: LoginRules) -> None:
        self._accounts = accounts
        self._rules = rules
        self._throttle = LoginThrottle(attempts=rules.attempts, pause_s=rules.pause_s)
        self._addresses = LoginThrottle(
            attempts=NAMES_PER_ADDRESS * rules.attempts, pause_s=rules.pause_s
        )
        self._half_way = Remembered[User](for_s=CODE_WAIT_S, at_most=MAX_HALF_WAY)
        self._hashing = asyncio.Semaphore(HASHES_AT_ONCE)
        # An unknown user costs as much time as a known one, so that names cannot be tried out.
        self._nobody = hash_of_nobody()

    async def log_in(
        self, connection: HTTPConnection, username: str, password: str, code: str = ""
    ) -> tuple[User, str]:
        """Return the user and the secret of a new session, of which only the digest is kept.

        Raises UnauthenticatedError, TooManyAttemptsError, CodeNeededError for an account with a
        second factor when `code` is empty.
        """
        user = await self.check_password(connection, username, password)
        return user, await self.finish(connection, user, code)

    async def finish(self, connection: HTTPConnection, user: User, code: str) -> str:
        """Return the secret of a new session for somebody whose password was right."""
        if user.totp_secret:
            await run_in_threadpool(self._check_code, connection, user, code)
        method = "password and code" if user.totp_secret else "password"
        return await run_in_threadpool(self.open_session, connection, user, method=method)

    def remember(self, user: User) -> str:
        """Return what stands for a right password until its code is typed."""
        secret = new_secret()
        self._half_way.put(secret.encode(), user)
        return secret

    def remembered(self, secret: str) -> User:
        """Return whose password was right; raises UnauthenticatedError after a while."""
        user = self._half_way.get(secret.encode())
        if user is None:
            raise UnauthenticatedError("That took too long; begin again.")
        return user

    async def check_basic(self, connection: HTTPConnection, username: str, password: str) -> User:
        """Return the user that HTTP Basic names; raises as `log_in` does."""
        user = await self.check_password(connection, username, password)
        who = self._who(connection, username, user.role)
        entry = acts.logged_in(who, method="basic", again_after=BASIC_AGAIN_AFTER)
        await run_in_threadpool(self._accounts.note_login, username, entry)
        return user

    def open_session(self, connection: HTTPConnection, user: User, *, method: str) -> str:
        """Open a session for somebody who has proved who they are; return its secret."""
        secret, now = new_secret(), utc_now()
        session = Session(
            token_sha256=secret_sha256(secret),
            username=user.username,
            created_at=now,
            expires_at=now + self._rules.session,
            id=str(ULID()),
            seen_at=now,
            second_factor=bool(user.totp_secret),
        )
        who = self._who(connection, user.username, user.role, session.id)
        self._accounts.open_session(session, acts.logged_in(who, method=method))
        return secret

    async def check_password(
        self, connection: HTTPConnection, username: str, password: str
    ) -> User:
        """Return the user whose name and password are right.

        Raises UnauthenticatedError, TooManyAttemptsError.
        """
        address = self._address(connection)
        self._throttle.attempt(username, address)
        self._addresses.attempt("", address)
        async with self._hashing:
            user = await run_in_threadpool(self._verified, username, password)
        if user is None:
            await run_in_threadpool(self._count_failure, connection, username)
            raise UnauthenticatedError(_WRONG)
        self._throttle.success(username, address)
        self._addresses.success("", address)
        return user

    def _verified(self, username: str, password: str) -> User | None:
        user = self._accounts.user(username)
        right = verify_password(user.password_hash if user else self._nobody, password)
        if user is None or not right or user.disabled:
            return None
        return None if user.locked_until is not None and user.locked_until > utc_now() else user

    def _count_failure(
        self, connection: HTTPConnection, username: str, method: str = "password"
    ) -> None:
        who = self._who(connection, username)
        minutes = int(self._rules.lock.total_seconds() // 60)
        self._accounts.count_failure(
            username,
            acts.login_refused(who, method=method),
            most=self._rules.lock_after,
            locked_until=utc_now() + self._rules.lock,
            lock=acts.account_locked(who, minutes=minutes),
        )

    def _check_code(self, connection: HTTPConnection, user: User, code: str) -> None:
        if not code:
            raise CodeNeededError("This account needs the code of its authenticator app too.")
        step = secondfactor.step_of(user.totp_secret or "", code, now=time.time())
        if step is None or not self._accounts.use_code(user.username, step):
            self._count_failure(connection, user.username, "code")
            raise UnauthenticatedError(_WRONG_CODE)

    def _who(
        self, connection: HTTPConnection, username: str, role: str = "", session: str = ""
    ) -> Who:
        address = self._address(connection)
        return Who(name=username, role=role, address=address, session=session or username)

    def _address(self, connection: HTTPConnection) -> str:
        return client_address(connection, behind_proxy=self._rules.behind_proxy)
