"""Examines this host again and again, in its `work` process, and keeps what the others need of it."""

import threading
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from pacs_gateway.archive.completeness import Comparison
from pacs_gateway.doctor.digest import due_digest
from pacs_gateway.doctor.examination import examine
from pacs_gateway.doctor.findings import State, to_json
from pacs_gateway.doctor.places import Disk, disks
from pacs_gateway.doctor.subject import Subject
from storage.digests import Digests
from storage.errors import StorageError
from storage.health import DiskSample, Health, HostReport
from storage.outbox import Outbox
from storage.records import utc_now

KEEP_SAMPLES = timedelta(days=30)
SAMPLE_EVERY = timedelta(hours=1)
HOST_GONE = timedelta(days=7)
"""A host that was silent for so long was taken away."""

_log = structlog.get_logger(__name__)


class Watch:
    """What one host's `work` process looks at each minute."""

    def __init__(
        self, subject: Subject, outbox: Outbox, digests: Digests, comparison: Comparison
    ) -> None:
        self._subject = subject
        self._health = Health(subject.engine)
        self._outbox = outbox
        self._digests = digests
        self._comparison = comparison
        self._sampled_at: datetime | None = None
        self._told: frozenset[tuple[str, str]] = frozenset()

    def run(self, stop: threading.Event) -> None:
        """Look until `stop` is set."""
        every_s = self._subject.settings.guard.every_s
        while not stop.is_set():
            try:
                self.look()
            except StorageError as error:
                _log.warning("what was found is not kept", reason=str(error))
            stop.wait(every_s)

    def look(self) -> None:
        """Examine once; raises StorageError if what was found cannot be kept."""
        now = utc_now()
        subject = replace(self._subject, now=now)
        findings = examine(subject)
        self._tell(frozenset((f.check, f.code) for f in findings if f.state is State.WRONG))
        self._health.report(HostReport(subject.host, now, to_json(findings)))
        if self._sampled_at is None or now - self._sampled_at >= SAMPLE_EVERY:
            self._sample(now)
            self._health.forget_hosts(before=now - HOST_GONE)
        self._comparison.look(now)
        work = due_digest(subject.settings, now, any_before=bool(self._digests.latest(1)))
        if work is not None:
            self._outbox.put_once(work, now=now)

    def _sample(self, now: datetime) -> None:
        for name, folder in disks(self._subject.settings).items():
            sample = DiskSample(now, Disk.of(folder).used)
            self._health.sample(self._subject.host, name, sample, keep_since=now - KEEP_SAMPLES)
        self._sampled_at = now

    def _tell(self, wrong: frozenset[tuple[str, str]]) -> None:
        for check, code in sorted(wrong - self._told):
            _log.error("ALARM: see pacs-gateway doctor", check=check, found=code)
        self._told = wrong
