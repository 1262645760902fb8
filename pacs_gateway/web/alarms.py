"""The alarm on the pages of staff: the gravest of what was found on any host, read now and then."""

import threading
from collections.abc import Sequence
from datetime import datetime

import structlog

from pacs_gateway.doctor.findings import Finding, State, from_json, wrong
from storage.errors import StorageError
from storage.health import Health, HostReport
from storage.records import utc_now

READ_EVERY_S = 15.0
MISSED = 3
"""Examinations that a host may miss before it counts as silent."""
GRACE_S = 120.0

_log = structlog.get_logger(__name__)


class Alarms:
    """What is wrong now, as far as the hosts have told; reading it costs nothing."""

    def __init__(self, health: Health, *, every_s: float) -> None:
        """`every_s` is how often each host is examined."""
        self._health = health
        self._every_s = every_s
        self._found: Sequence[Finding] = ()

    def run(self, stop: threading.Event) -> None:
        """Read again and again until `stop` is set."""
        while not stop.is_set():
            try:
                self.read()
            except StorageError as error:
                # Pages need the database too, and say so themselves.
                _log.warning("alarms are not read", reason=str(error))
            stop.wait(READ_EVERY_S)

    def read(self) -> None:
        """Read once; raises UnavailableError."""
        now = utc_now()
        found: list[Finding] = []
        for report in self._health.reports():
            silent = silence(report, now, every_s=self._every_s)
            found += [silent] if silent else from_json(report.findings)
        self._found = [each for each in found if each.state is State.WRONG]

    def now(self) -> Sequence[Finding]:
        """Return what is wrong."""
        return self._found


def silence(report: HostReport, now: datetime, *, every_s: float) -> Finding | None:
    """Return that a host has not been examined for some time, None if it was."""
    silent_s = (now - report.examined_at).total_seconds()
    if silent_s < MISSED * every_s + GRACE_S:
        return None
    return wrong("host", "silent", host=report.host, minutes=int(silent_s // 60))
