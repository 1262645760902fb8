"""What people must see to: passwords, devices, backups, stuck work, spoiled objects, studies."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from pacs_gateway.access.accounts import ADMINISTRATOR
from pacs_gateway.access.passwords import verify_password
from pacs_gateway.doctor.findings import Finding, State, Values, ok, warning, wrong
from pacs_gateway.doctor.subject import Subject
from storage.health import BACKUP, DRILL

ACCOUNTS, PEERS, WORK, SCRUB = "accounts", "peers", "work", "scrub"
BACKUPS, DRILLS = "backup", "drill"
READING, MATCHING, COMPLETENESS = "reading", "matching", "completeness"
LOOK_BACK = timedelta(days=30)
"""Older studies that nobody opened are nobody's work any more."""
SCRUB_ROUNDS = 2
"""A round that takes so many times its days has stopped."""
WORK_LATE_S = 900.0
"""What is due for so long has nobody who does it."""


def check_accounts(subject: Subject) -> Iterator[Finding]:
    """Look whether the first administrator still has the password of the configuration."""
    chosen = subject.settings.admin_password
    if chosen is None or not subject.thorough:
        return
    user = subject.accounts.user(ADMINISTRATOR)
    if user is None or user.disabled:
        return
    if verify_password(user.password_hash, chosen.get_secret_value()):
        yield warning(ACCOUNTS, "first_password")
    else:
        yield ok(ACCOUNTS, "fine")


def check_peers(subject: Subject) -> Iterator[Finding]:
    """Look whether devices wait to be let in."""
    held = subject.peers.held()
    yield warning(PEERS, "held", number=len(held)) if held else ok(PEERS, "none")


def check_work(subject: Subject) -> Iterator[Finding]:
    """Look at what has yet to happen in the background."""
    state = subject.overdue.outbox(subject.now)
    stuck = state.stuck()
    if stuck:
        yield wrong(WORK, "stuck", number=stuck)
    late_s = (subject.now - state.oldest_due).total_seconds() if state.oldest_due else 0.0
    if late_s > WORK_LATE_S:
        yield warning(WORK, "late", minutes=int(late_s // 60))
    elif not stuck:
        yield ok(WORK, "fine", number=sum(state.numbers.values()))


def check_scrub(subject: Subject) -> Iterator[Finding]:
    """Look at what reading objects again has found."""
    report = subject.scrub.report()
    days = subject.settings.recovery.scrub_days
    if report.faults:
        yield wrong(SCRUB, "faults", number=report.faults)
    elif not days:
        yield warning(SCRUB, "off")
    elif report.started_at and subject.now - report.started_at > timedelta(
        days=days * SCRUB_ROUNDS
    ):
        yield warning(SCRUB, "slow", days=(subject.now - report.started_at).days)
    else:
        yield ok(SCRUB, "fine", number=report.checked)


def check_backups(subject: Subject) -> Iterator[Finding]:
    """Look when a backup was last made, and when one was last tried."""
    guard = subject.settings.guard
    if guard.backup_days:
        yield _repeated(subject, BACKUPS, BACKUP, guard.backup_days, State.WRONG)
    if guard.drill_days:
        yield _repeated(subject, DRILLS, DRILL, guard.drill_days, State.WARNING)


def check_studies(subject: Subject) -> Iterator[Finding]:
    """Look for studies that wait too long, or that are not whole."""
    guard, now, overdue = subject.settings.guard, subject.now, subject.overdue
    since = now - LOOK_BACK
    unread = overdue.unread(since=since, before=now - timedelta(hours=guard.unread_hours))
    values = {"number": unread, "hours": guard.unread_hours}
    yield warning(READING, "late", **values) if unread else ok(READING, "fine", **values)
    unmatched = overdue.unmatched(before=now - timedelta(hours=guard.unmatched_hours))
    values = {"number": unmatched, "hours": guard.unmatched_hours}
    yield warning(MATCHING, "late", **values) if unmatched else ok(MATCHING, "fine", **values)
    lost = overdue.lost()
    if lost:
        yield wrong(COMPLETENESS, "lost", number=lost)
    incomplete = overdue.incomplete(since=since, before=now)
    if incomplete:
        yield warning(COMPLETENESS, "gaps", number=incomplete)
    elif not lost:
        yield ok(COMPLETENESS, "fine")


def _repeated(subject: Subject, check: str, what: str, days: int, late: State) -> Finding:
    done = subject.health.last(what)
    if done is None:
        since = _first_day(subject)
        young = subject.now - since < timedelta(days=days)
        return Finding(check, State.WARNING if young else late, "never")
    age = (subject.now - done.at).days
    values: Values = {"at": done.at, "days": age}
    if not done.passed:
        return wrong(check, "failed", **values)
    if age >= days:
        return Finding(check, late, "old", values)
    return ok(check, "fine", **values)


def _first_day(subject: Subject) -> datetime:
    """Return since when this installation has been in use."""
    return min((user.created_at for user in subject.accounts.users()), default=subject.now)
