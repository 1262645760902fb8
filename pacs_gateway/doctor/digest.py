"""The morning digest: what yesterday brought and what is wrong, as counts.

Invariant: a day has one digest, however many hosts put its work and however often it is carried
out; the e-mail is work of its own, written with the digest.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta

from pacs_gateway.config import Settings
from pacs_gateway.doctor.findings import Finding, State, as_dict, from_json
from pacs_gateway.doctor.places import DISK
from storage.digests import Digests, StoredDigest
from storage.health import Health
from storage.outbox import Task, Work
from storage.overdue import Overdue
from storage.records import utc_now

DIGEST, DIGEST_MAIL = "morning digest", "digest mail"
"""Kinds of work."""
LOOK_BACK = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What people are told in the morning; counts only."""

    day: str
    """The day that it tells of, `2026-11-22`."""
    studies: int
    modalities: Mapping[str, int]
    incomplete: int
    unread: int
    unmatched: int
    stuck: int
    hosts: Sequence[str]
    findings: Sequence[Mapping[str, object]]
    """Those that are not ok and those of disks, as `findings.as_dict` writes them, with `host`."""

    def seen(self) -> Sequence[tuple[str, Finding]]:
        """Return the findings, each with its host."""
        found = from_json(json.dumps(list(self.findings)))
        return [(str(each["host"]), one) for each, one in zip(self.findings, found, strict=True)]


def due_digest(settings: Settings, now: datetime, *, any_before: bool) -> Work | None:
    """Return the work of the morning that is due, or of the next; None if none is wanted.

    Where there was never one, the first comes with the next morning, not at the installation.
    """
    hour = settings.guard.digest_hour
    if hour is None:
        return None
    local = now.astimezone()
    morning = datetime.combine(local.date(), time(hour)).astimezone()
    if local >= morning and not any_before:
        morning = datetime.combine(local.date() + timedelta(days=1), time(hour)).astimezone()
    day = morning.date().isoformat()
    return Work(kind=DIGEST, about=day, due_at=morning, key=f"{DIGEST} {day}")


class MakeDigest:
    """Makes the digest of one morning."""

    def __init__(
        self, overdue: Overdue, health: Health, digests: Digests, settings: Settings
    ) -> None:
        self._overdue = overdue
        self._health = health
        self._digests = digests
        self._settings = settings

    def __call__(self, task: Task) -> None:
        """Make and keep it, and have it sent if somebody wants it."""
        now = utc_now()
        digest = self.of(date.fromisoformat(task.about), now)
        stored = StoredDigest(task.about, now, to_json(digest))
        self._digests.keep(stored, self._mail(task.about, now))

    def of(self, morning: date, now: datetime) -> Digest:
        """Return the digest of a morning, which tells of the day before."""
        day = morning - timedelta(days=1)
        first = datetime.combine(day, time()).astimezone()
        last = datetime.combine(morning, time()).astimezone()
        guard = self._settings.guard
        reports = self._health.reports()
        found = [(r.host, each) for r in reports for each in from_json(r.findings)]
        since = now - LOOK_BACK
        return Digest(
            day=day.isoformat(),
            studies=self._overdue.studies(since=first, before=last),
            modalities=self._overdue.arrived(since=first, before=last),
            incomplete=self._overdue.incomplete(since=first, before=last),
            unread=self._overdue.unread(
                since=since, before=now - timedelta(hours=guard.unread_hours)
            ),
            unmatched=self._overdue.unmatched(before=now - timedelta(hours=guard.unmatched_hours)),
            stuck=self._overdue.outbox(now).stuck(),
            hosts=[report.host for report in reports],
            findings=[
                as_dict(each) | {"host": host}
                for host, each in found
                if each.state is not State.OK or each.check == DISK
            ],
        )

    def _mail(self, day: str, now: datetime) -> Work | None:
        if self._settings.mail.host is None or not self._settings.mail.recipients:
            return None
        return Work(kind=DIGEST_MAIL, about=day, due_at=now, key=f"{DIGEST_MAIL} {day}")


def to_json(digest: Digest) -> str:
    """Return a digest as it is kept."""
    return json.dumps(asdict(digest), ensure_ascii=False)


def digest_of(stored: StoredDigest) -> Digest:
    """Return a digest that was kept."""
    return Digest(**json.loads(stored.content))
