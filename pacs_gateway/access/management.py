"""Making and changing accounts and API tokens, by whatever edge it is asked for."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ulid import ULID

from pacs_gateway.access.passwords import NO_PASSWORD, check_password_rule, hash_password
from pacs_gateway.access.roles import Permission, Role
from pacs_gateway.access.secrets import new_secret, secret_sha256
from pacs_gateway.audit import acts
from pacs_gateway.audit.acts import Who
from pacs_gateway.dicom.names import fold
from pacs_gateway.errors import BadRequestError, UnknownError
from storage.accounts import Accounts, Token, User
from storage.records import utc_now

MAX_TOKEN_DAYS = 3650
MAX_NAME_CHARACTERS = 128
_USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What an account is for, and whose studies are its own."""

    role: Role
    display_name: str = ""
    physician_name: str = ""
    ward: str = ""


class Management:
    """Changes accounts and tokens; each change is on record with it."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def add_user(
        self,
        who: Who,
        username: str,
        password: str | None,
        profile: Profile,
        *,
        oidc_subject: str | None = None,
    ) -> User:
        """Add an account; without a password it logs in through the identity provider alone.

        Raises BadRequestError: the name cannot be used or is taken, or the password is too easy.
        """
        if not _USERNAME.fullmatch(username):
            raise BadRequestError(
                "A user name has 1 to 64 letters, digits and . _ @ -, the first a letter or digit."
            )
        if password is not None:
            check_password_rule(username, password)
        user = User(
            username=username,
            password_hash=hash_password(password) if password is not None else NO_PASSWORD,
            created_at=utc_now(),
            oidc_subject=oidc_subject,
            **_columns(profile),
        )
        entry = acts.account_changed(who, username=username, change=f"added as {profile.role}")
        if not self._accounts.add(user, entry):
            raise BadRequestError(f"There is a user {username} already.")
        return user

    def change_profile(self, who: Who, username: str, profile: Profile) -> None:
        """Give an account another role, names or ward; raises UnknownError."""
        user = self._known(username)
        if profile.role is not Role.ADMINISTRATOR:
            self._keep_an_administrator(user)
        changed = {
            name: value for name, value in _columns(profile).items() if value != getattr(user, name)
        }
        if changed:
            what = ", ".join(f"{name} {value}" for name, value in changed.items())
            self._change(who, username, what, **changed)

    def set_password(self, who: Who, username: str, password: str) -> None:
        """Replace a password and end every login; raises UnknownError, BadRequestError."""
        self._known(username)
        check_password_rule(username, password)
        self._change(who, username, "password", password_hash=hash_password(password))

    def set_second_factor(self, who: Who, username: str, secret: str | None) -> None:
        """Ask for codes of this secret from now on, or for none; raises UnknownError."""
        self._known(username)
        change = "second factor set" if secret else "second factor removed"
        self._change(who, username, change, totp_secret=secret, totp_step=0)

    def disable(self, who: Who, username: str, *, disabled: bool = True) -> None:
        """Let somebody in no more, or again.

        Raises UnknownError, BadRequestError for the last administrator.
        """
        user = self._known(username)
        if disabled:
            self._keep_an_administrator(user)
        self._change(who, username, "disabled" if disabled else "enabled", disabled=disabled)

    def add_token(
        self,
        who: Who,
        *,
        name: str,
        username: str,
        days: int,
        permissions: Collection[Permission] = (),
    ) -> tuple[Token, str]:
        """Return a token and its secret, of which only the digest is kept.

        Raises BadRequestError for a user that is not there, UnknownError, or a senseless time.
        """
        self._known(username)
        if not 1 <= days <= MAX_TOKEN_DAYS:
            raise BadRequestError(f"A token is valid for 1 to {MAX_TOKEN_DAYS} days.")
        if not 0 < len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
            raise BadRequestError("A token has a name that says what it is for.")
        secret, now = new_secret(), utc_now()
        token = Token(
            token_sha256=secret_sha256(secret),
            name=name,
            username=username,
            created_at=now,
            expires_at=now + timedelta(days=days),
            id=str(ULID()),
            permissions=" ".join(permissions),
        )
        entry = acts.token_changed(who, token=name, username=username, change="added")
        self._accounts.add_token(token, entry)
        return token, secret

    def revoke_token(self, who: Who, token_id: str) -> None:
        """Make a token worth nothing; raises UnknownError."""
        token = next((each for each in self._accounts.tokens() if each.id == token_id), None)
        if token is None:
            raise UnknownError("There is no such token.")
        entry = acts.token_changed(who, token=token.name, username=token.username, change="revoked")
        self._accounts.revoke_token(token_id, entry)

    def _known(self, username: str) -> User:
        user = self._accounts.user(username)
        if user is None:
            raise UnknownError(f"There is no user {username}.")
        return user

    def _keep_an_administrator(self, user: User) -> None:
        others = (each for each in self._accounts.users() if each.username != user.username)
        left = any(each.role == Role.ADMINISTRATOR and not each.disabled for each in others)
        if user.role == Role.ADMINISTRATOR and not left:
            raise BadRequestError("This is the last administrator.")

    def _change(self, who: Who, username: str, change: str, **values: object) -> None:
        entry = acts.account_changed(who, username=username, change=change)
        self._accounts.change(username, entry, **values)


def _columns(profile: Profile) -> dict[str, Any]:
    names = (profile.display_name, profile.physician_name, profile.ward)
    if not all(len(name) <= MAX_NAME_CHARACTERS and name.isprintable() for name in names):
        raise BadRequestError(f"Names have at most {MAX_NAME_CHARACTERS} characters.")
    return {
        "role": profile.role.value,
        "display_name": profile.display_name,
        "physician_name": profile.physician_name,
        "physician_folded": fold(profile.physician_name),
        "ward": profile.ward,
        "ward_folded": fold(profile.ward),
    }
