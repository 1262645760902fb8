"""Every act that goes on record, as one function each (PS3.15 A.5; docs/design/0013-audit.md).

Invariant: the list is closed. Whatever is recorded is made by a function of this module, and each
has its place among the DICOM audit messages (pacs_gateway.audit.messages).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from storage.auditlog import Entry, Recorded
from storage.records import utc_now

MAX_DETAIL_CHARACTERS = 400
"""Text of others' making that a row keeps; longer is noise, or an attempt to fill the disk."""
MAX_QUESTION_CHARACTERS = 8192
"""What was asked for is kept longer: padding must not push out what somebody really wanted."""
_QUESTIONS = frozenset({"query", "wanted"})


class Verb(StrEnum):
    """What was done."""

    STARTED = "application started"
    STOPPED = "application stopped"
    LOGGED_IN = "logged in"
    LOGGED_OUT = "logged out"
    LOCKED = "account locked"
    ACCOUNT_CHANGED = "account changed"
    TOKEN_CHANGED = "token changed"  # noqa: S105 - the name of an act, no secret.
    PEER_CHANGED = "peer changed"
    KEY_CHANGED = "key changed"
    STUDY_VIEWED = "study viewed"
    STUDY_DOWNLOADED = "study downloaded"
    SEARCHED = "searched"
    RECEIVED = "instances received"
    ANNOTATED = "annotation saved"
    SENT = "instances sent"
    DELETED = "deleted"
    RESTORED = "restored"
    SHARED = "share made"
    SHARE_OPENED = "share opened"
    SHARE_REPRINTED = "share reprinted"
    SHARE_REVOKED = "share revoked"
    LINK_MADE = "link made"
    LINK_FOLLOWED = "link followed"
    LINK_REVOKED = "link revoked"
    ASSOCIATION_REFUSED = "association refused"
    ACCESS_REFUSED = "access refused"
    TRAIL_READ = "audit trail read"
    WORK_DECIDED = "work decided"
    ORDER_CHANGED = "order changed"
    PATIENTS_LINKED = "patients linked"
    STUDY_MATCHED = "study matched"


SUCCESS, REFUSED = "success", "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Who does something, and from where."""

    name: str = ""
    """User name, AE title, `link:NONCE` or `share:ID`; empty if nobody is known."""
    role: str = ""
    address: str = ""
    session: str = ""
    """Tells one login or association from another; only its digest could be a secret."""


SYSTEM = Who(name="pacs-gateway", role="system")
"""The gateway itself."""


def started(*, process: str) -> Entry:
    """The gateway began to serve."""
    return _entry(SYSTEM, Verb.STARTED, process=process)


def stopped(*, process: str) -> Entry:
    """The gateway was told to stop."""
    return _entry(SYSTEM, Verb.STOPPED, process=process)


def logged_in(who: Who, *, method: str, again_after: timedelta | None = None) -> Entry:
    """Somebody logged in; `method` is `password`, `password and code`, `oidc` or `basic`.

    With `again_after` it is one act for so long: programs give their password with each request.
    """
    act = f"logged in {method} {who.name} {who.address}" if again_after is not None else None
    return _entry(who, Verb.LOGGED_IN, act=act, again_after=again_after, method=method)


def login_refused(who: Who, *, method: str) -> Entry:
    """Somebody gave a wrong name, password or code; the name is what they typed."""
    return _entry(who, Verb.LOGGED_IN, outcome=REFUSED, method=method)


def logged_out(who: Who) -> Entry:
    """Somebody logged out."""
    return _entry(who, Verb.LOGGED_OUT)


def account_locked(who: Who, *, minutes: int) -> Entry:
    """Too many wrong passwords were tried for an account."""
    return _entry(who, Verb.LOCKED, outcome=REFUSED, minutes=minutes)


def account_changed(who: Who, *, username: str, change: str) -> Entry:
    """Somebody added, changed or disabled an account, its password or its second factor."""
    return _entry(who, Verb.ACCOUNT_CHANGED, username=username, change=change)


def token_changed(who: Who, *, token: str, username: str, change: str) -> Entry:
    """Somebody made or revoked an API token; `token` is its name."""
    return _entry(who, Verb.TOKEN_CHANGED, token=token, username=username, change=change)


def peer_changed(who: Who, *, ae_title: str, change: str) -> Entry:
    """Somebody accepted, changed or removed a DICOM peer."""
    return _entry(who, Verb.PEER_CHANGED, ae_title=ae_title, change=change)


def key_changed(who: Who, *, key: str, issuer: str, change: str) -> Entry:
    """Somebody made or retired a key that links are signed with."""
    return _entry(who, Verb.KEY_CHANGED, key=key, issuer=issuer, change=change)


def study_viewed(who: Who, *, study_uid: str, patient_id: str, again_after: timedelta) -> Entry:
    """Somebody looked at a study; a session that comes back later takes another look."""
    return _entry(
        who,
        Verb.STUDY_VIEWED,
        study_uid=study_uid,
        patient_id=patient_id,
        act=f"viewed {who.session} {study_uid}",
        again_after=again_after,
    )


def study_downloaded(
    who: Who, *, study_uid: str, patient_id: str, instances: int, form: str
) -> Entry:
    """Somebody took a study away; `form` says how, as `zip`."""
    return _entry(
        who,
        Verb.STUDY_DOWNLOADED,
        study_uid=study_uid,
        patient_id=patient_id,
        instances=instances,
        form=form,
    )


def searched(who: Who, *, where: str, query: str, again_after: timedelta) -> Entry:
    """Somebody searched; `query` is what for, in the words of the request.

    Lists that renew themselves ask the same again and again, which is one act.
    """
    return _entry(
        who,
        Verb.SEARCHED,
        act=f"searched {who.session} {where} {_digest(query)}",
        again_after=again_after,
        where=where,
        query=query,
    )


def received(who: Who, *, study_uid: str, patient_id: str, again_after: timedelta) -> Entry:
    """Instances of a study arrived; what the same sender adds to it soon after is the same act."""
    return _entry(
        who,
        Verb.RECEIVED,
        study_uid=study_uid,
        patient_id=patient_id,
        act=f"received {who.role} {who.name} {who.address} {study_uid}",
        again_after=again_after,
    )


def annotated(who: Who, *, study_uid: str, patient_id: str, instance: str, form: str) -> Entry:
    """Somebody saved measurements or key images; `form` is `SR` or `KO`."""
    return _entry(
        who,
        Verb.ANNOTATED,
        study_uid=study_uid,
        patient_id=patient_id,
        instance=instance,
        form=form,
    )


def sent(
    who: Who, *, study_uid: str, patient_id: str, instances: int, destination: str, service: str
) -> Entry:
    """Instances of a study were sent on a peer's request (`C-MOVE`, `C-GET`)."""
    return _entry(
        who,
        Verb.SENT,
        study_uid=study_uid,
        patient_id=patient_id,
        instances=instances,
        destination=destination,
        service=service,
    )


def deleted(
    who: Who, *, study_uid: str, patient_id: str, instances: int, deletion: str, reason: str
) -> Entry:
    """Somebody hid a study or part of it."""
    return _entry(
        who,
        Verb.DELETED,
        study_uid=study_uid,
        patient_id=patient_id,
        instances=instances,
        deletion=deletion,
        reason=reason,
    )


def restored(who: Who, *, study_uid: str, patient_id: str, instances: int, deletion: str) -> Entry:
    """Somebody took a deletion back."""
    return _entry(
        who,
        Verb.RESTORED,
        study_uid=study_uid,
        patient_id=patient_id,
        instances=instances,
        deletion=deletion,
    )


def shared(who: Who, *, study_uid: str, patient_id: str, share: str, days: int) -> Entry:
    """Somebody gave a patient access to a study."""
    return _entry(
        who, Verb.SHARED, study_uid=study_uid, patient_id=patient_id, share=share, days=days
    )


def share_opened(who: Who, *, share: str) -> Entry:
    """A share was opened with the right answer."""
    return _entry(who, Verb.SHARE_OPENED, share=share)


def share_refused(who: Who, *, share: str, reason: str) -> Entry:
    """A share was not opened: `wrong answer`, `locked`, `expired`, `revoked`, `unknown`."""
    return _entry(who, Verb.SHARE_OPENED, outcome=REFUSED, share=share, reason=reason)


def share_reprinted(who: Who, *, share: str) -> Entry:
    """A share got a new address, and the old one ended."""
    return _entry(who, Verb.SHARE_REPRINTED, share=share)


def share_revoked(who: Who, *, share: str) -> Entry:
    """Somebody took a share back."""
    return _entry(who, Verb.SHARE_REVOKED, share=share)


def link_made(who: Who, *, nonce: str, studies: int) -> Entry:
    """The gateway signed a link for a program."""
    return _entry(who, Verb.LINK_MADE, nonce=nonce, studies=studies)


def link_followed(who: Who, *, nonce: str, issuer: str, studies: int) -> Entry:
    """A signed link was turned into a session; its looks have rows of their own."""
    return _entry(
        who,
        Verb.LINK_FOLLOWED,
        act=f"followed {nonce}",
        nonce=nonce,
        issuer=issuer,
        studies=studies,
    )


def link_refused(who: Who, *, reason: str, nonce: str = "") -> Entry:
    """A link was forged, expired, changed, used before or revoked."""
    return _entry(who, Verb.LINK_FOLLOWED, outcome=REFUSED, reason=reason, nonce=nonce)


def link_revoked(who: Who, *, nonce: str) -> Entry:
    """Somebody revoked a link and ended the sessions it had opened."""
    return _entry(who, Verb.LINK_REVOKED, nonce=nonce)


def association_refused(who: Who, *, reason: str, again_after: timedelta) -> Entry:
    """A peer was not let in; it may try every second, which is one act for a while."""
    return _entry(
        who,
        Verb.ASSOCIATION_REFUSED,
        outcome=REFUSED,
        act=f"association refused {who.name} {who.address} {reason}",
        again_after=again_after,
        reason=reason,
    )


def access_refused(who: Who, *, study_uid: str, asked: str) -> Entry:
    """Somebody known asked for what they may not have; `asked` is method and route."""
    return _entry(who, Verb.ACCESS_REFUSED, outcome=REFUSED, study_uid=study_uid, asked=asked)


def trail_read(who: Who, *, study_uid: str, wanted: str) -> Entry:
    """Somebody read the audit trail."""
    return _entry(who, Verb.TRAIL_READ, study_uid=study_uid, wanted=wanted)


def work_decided(who: Who, *, work: str, decision: str, reason: str = "") -> Entry:
    """A person had background work tried again, or gave it up."""
    return _entry(who, Verb.WORK_DECIDED, work=work, decision=decision, reason=reason)


def order_changed(who: Who, *, order: str, patient_id: str, change: str, study_uid: str) -> Entry:
    """An order was placed, changed, cancelled, begun or finished; `order` is its own number."""
    return _entry(
        who,
        Verb.ORDER_CHANGED,
        study_uid=study_uid,
        patient_id=patient_id,
        order=order,
        change=change,
    )


def patients_linked(who: Who, *, kept: int, merged: int, patient_id: str, change: str) -> Entry:
    """Two people were found to be one (`merged`), or that was taken back (`undone`)."""
    return _entry(
        who, Verb.PATIENTS_LINKED, patient_id=patient_id, kept=kept, merged=merged, change=change
    )


def study_matched(who: Who, *, study_uid: str, order: str, change: str) -> Entry:
    """A study was put to an order (`change` says by what), or taken from it."""
    return _entry(who, Verb.STUDY_MATCHED, study_uid=study_uid, order=order, change=change)


def detail_of(row: Recorded) -> Mapping[str, str | int]:
    """Return the facts of a row; what was spoiled in the database comes as one text."""
    try:
        found = json.loads(row.detail)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        return {"spoiled": str(row.detail)}
    return {name: fact if isinstance(fact, int) else str(fact) for name, fact in found.items()}


def _entry(
    who: Who,
    verb: Verb,
    *,
    outcome: str = SUCCESS,
    study_uid: str = "",
    patient_id: str = "",
    act: str | None = None,
    again_after: timedelta | None = None,
    **detail: str | int,
) -> Entry:
    return Entry(
        at=utc_now(),
        verb=verb,
        outcome=outcome,
        actor=who.name,
        role=who.role,
        address=who.address,
        study_uid=study_uid,
        patient_id=patient_id,
        act=act,
        again_after=again_after,
        detail=_short(detail),
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _short(detail: Mapping[str, str | int]) -> Mapping[str, str | int]:
    return {
        name: _cut(value, MAX_QUESTION_CHARACTERS if name in _QUESTIONS else MAX_DETAIL_CHARACTERS)
        if isinstance(value, str)
        else value
        for name, value in detail.items()
    }


def _cut(text: str, most: int) -> str:
    """Return text that fits, and that says so if it is not all."""
    if len(text) <= most:
        return text
    return f"{text[:most]}... ({len(text)} characters, {_digest(text)})"
