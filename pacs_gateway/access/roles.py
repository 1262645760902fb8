"""Who may do what, to which studies, at which hours: ONE table from role to permission and scope.

Invariant: what is not in the table is refused. A permission without a study (administering, say)
has the scope of everything or is not there at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import time
from enum import StrEnum

from storage.reach import EVERYTHING, Reach


class Role(StrEnum):
    """What an account is for."""

    ADMINISTRATOR = "administrator"
    RADIOLOGIST = "radiologist"
    TECHNOLOGIST = "technologist"
    REFERRING = "referring"
    """A doctor who sends patients for imaging."""
    ARCHIVIST = "archivist"
    """Staff of the records department."""
    GUEST = "guest"
    """Somebody who was granted single studies, by an account or by a link."""
    DEVICE = "device"
    """A program or modality that sends and reads over HTTP."""


class Permission(StrEnum):
    """What a route asks of its caller."""

    PUBLIC = "public"
    """Nothing at all."""
    MEASURE = "measure"
    """Read the metrics; a loopback address may do that too."""
    LOGGED_IN = "logged in"
    VIEW = "view"
    """See studies."""
    DOWNLOAD = "download"
    """Take whole studies away as files."""
    STORE = "store"
    ANNOTATE = "annotate"
    """Save measurements and key images beside the images of a study."""
    DELETE = "delete"
    """Hide what is kept, and show it again."""
    SHARE = "share"
    """Give patients access to their studies, and take it back."""
    LINK = "link"
    """Make and revoke links for another system's users."""
    AUDIT = "audit"
    """Read the audit trail."""
    ORDER = "order"
    """Place, change and cancel orders, and see them."""
    MATCH = "match"
    """Say which order a study answers."""
    ADMINISTER = "administer"
    """Manage accounts, tokens, peers and keys."""


class Scope(StrEnum):
    """To which studies a permission applies; each contains the one before."""

    OWN = "own"
    """Those that name the person as referring physician, and those granted one by one."""
    WARD = "ward"
    """Those of the person's ward too."""
    ALL = "all"


Grants = Mapping[Permission, Scope]


def _all(*permissions: Permission) -> dict[Permission, Scope]:
    logged_in = (Permission.LOGGED_IN, Permission.MEASURE)
    return dict.fromkeys((*logged_in, *permissions), Scope.ALL)


_NO_STUDY = _all()

ROLES: Mapping[Role, Grants] = {
    Role.ADMINISTRATOR: _all(*Permission),
    Role.RADIOLOGIST: _all(
        Permission.VIEW,
        Permission.DOWNLOAD,
        Permission.STORE,
        Permission.ANNOTATE,
        Permission.SHARE,
        Permission.ORDER,
        Permission.MATCH,
    ),
    Role.TECHNOLOGIST: _all(
        Permission.VIEW, Permission.STORE, Permission.SHARE, Permission.ORDER, Permission.MATCH
    ),
    Role.ARCHIVIST: _all(
        Permission.VIEW,
        Permission.DOWNLOAD,
        Permission.STORE,
        Permission.DELETE,
        Permission.SHARE,
        Permission.AUDIT,
    ),
    Role.REFERRING: {**_NO_STUDY, Permission.VIEW: Scope.WARD},
    Role.GUEST: {Permission.LOGGED_IN: Scope.ALL, Permission.VIEW: Scope.OWN},
    Role.DEVICE: _all(Permission.VIEW, Permission.STORE, Permission.LINK, Permission.ORDER),
}
"""The table; an installation may change scopes and add hours (`access` in the settings)."""

STUDY_PERMISSIONS = frozenset(
    {
        Permission.VIEW,
        Permission.DOWNLOAD,
        Permission.ANNOTATE,
        Permission.SHARE,
    }
)
"""Permissions whose scope an installation may choose."""


@dataclass(frozen=True, slots=True)
class Hours:
    """A part of the day, in this machine's local time; it may go over midnight."""

    first: time
    last: time
    """The first moment that is outside."""

    @classmethod
    def parse(cls, text: str) -> "Hours":
        """Return the hours of a text such as `07:00-19:30`; raises ValueError."""
        first, dash, last = text.partition("-")
        if not dash:
            raise ValueError("hours are written as 07:00-19:30")
        return cls(time.fromisoformat(first.strip()), time.fromisoformat(last.strip()))

    def include(self, moment: time) -> bool:
        """Return whether `moment` is inside; equal ends mean the whole day."""
        if self.first < self.last:
            return self.first <= moment < self.last
        return moment >= self.first or moment < self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who sends a request, and what they may do."""

    name: str
    """User name; `link:NONCE` or `share:ID` for people without an account."""
    role: Role
    grants: Grants
    reach: Reach
    """The studies that VIEW applies to."""
    session: str
    """Tells one login, token or link from another; it is no secret."""

    def may(self, permission: Permission) -> bool:
        """Return whether the caller has a permission, for some studies at least."""
        return permission in self.grants

    def narrowed(self, permissions: frozenset[Permission]) -> "Caller":
        """Return the caller as an API token of these permissions lets them act."""
        kept = permissions | {Permission.LOGGED_IN, Permission.MEASURE}
        grants = {each: scope for each, scope in self.grants.items() if each in kept}
        return replace(self, grants=grants)


def reach_of(scope: Scope | None, *, physician: str, ward: str, holders: tuple[str, ...]) -> Reach:
    """Return the studies of a scope for a person with these folded names; None reaches nothing."""
    match scope:
        case None:
            return Reach()
        case Scope.ALL:
            return EVERYTHING
        case Scope.WARD:
            return Reach(physician=physician, ward=ward, holders=holders)
        case Scope.OWN:
            return Reach(physician=physician, holders=holders)


def grants_of(role: Role, scopes: Mapping[Role, Scope]) -> Grants:
    """Return what a role may do where an installation has changed some roles' scopes."""
    grants = ROLES[role]
    scope = scopes.get(role)
    if scope is None:
        return grants
    return {
        permission: scope if permission in STUDY_PERMISSIONS else given
        for permission, given in grants.items()
    }
