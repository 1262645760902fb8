"""Accounts: making them, the first administrator, what somebody may do by theirs."""

import secrets
from collections.abc import Mapping

from pacs_gateway.access.passwords import hash_password
from pacs_gateway.access.roles import Caller, Permission, Role, Scope, grants_of, reach_of
from pacs_gateway.audit import acts
from storage.accounts import Accounts, User
from storage.records import utc_now

ADMINISTRATOR = "admin"
"""User name of the account that is made at the first start."""


def ensure_administrator(accounts: Accounts, chosen: str | None) -> str | None:
    """Make the account `admin` unless it exists; return its password if one had to be made up.

    The caller prints it once: it is kept as a hash only.
    """
    if accounts.user(ADMINISTRATOR) is not None:
        return None
    password = chosen or secrets.token_urlsafe(12)
    user = User(
        username=ADMINISTRATOR,
        password_hash=hash_password(password),
        role=Role.ADMINISTRATOR,
        created_at=utc_now(),
    )
    entry = acts.account_changed(acts.SYSTEM, username=ADMINISTRATOR, change="added")
    added = accounts.add(user, entry)
    return password if added and chosen is None else None


def caller_of_user(user: User, session: str, scopes: Mapping[Role, Scope]) -> Caller | None:
    """Return what an account may do; None for a disabled one and for roles of a later version."""
    if user.disabled or user.role not in set(Role):
        return None
    role = Role(user.role)
    grants = grants_of(role, scopes)
    reach = reach_of(
        grants.get(Permission.VIEW),
        physician=user.physician_folded,
        ward=user.ward_folded,
        holders=(f"user:{user.username}",),
    )
    return Caller(name=user.username, role=role, grants=grants, reach=reach, session=session)
