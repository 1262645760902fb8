"""What is the case now, for Prometheus: asked at each scrape, and nothing said of what is silent."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from pacs_gateway import __version__
from pacs_gateway.doctor.findings import State, from_json
from pacs_gateway.doctor.places import Disk, backlog, days_left, disks, usable
from pacs_gateway.doctor.subject import Subject
from storage.errors import StorageError
from storage.records import utc_now

Numbers = dict[tuple[str, ...], float]
"""By the values of the labels."""
_LEVELS = {State.OK: 0, State.WARNING: 1, State.WRONG: 2}

_log = structlog.get_logger(__name__)


class States(Collector):
    """A collector; of a part that does not answer it says nothing, so that the rest is told."""

    def __init__(self, subject: Subject) -> None:
        self._kept = subject

    def describe(self) -> Iterable[Any]:
        """Return nothing: a registry would otherwise ask the database while it is made."""
        return ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges."""
        subject = replace(self._kept, now=utc_now())
        yield _gauge("build_info", "The version that runs.", {(__version__,): 1}, ("version",))
        for part in (_spool, _disks, _outbox, _checks):
            try:
                yield from part(subject)
            except (StorageError, OSError) as error:
                _log.warning("a part is not told", part=part.__name__, kind=type(error).__name__)


def _spool(subject: Subject) -> Iterator[GaugeMetricFamily]:
    found = backlog(subject.settings.spool_dir)
    age = (subject.now - found.oldest).total_seconds() if found.oldest else 0.0
    yield _gauge("spool_entries", "Acknowledged instances that wait.", {(): found.entries})
    yield _gauge("spool_bytes", "Bytes of these.", {(): found.size})
    yield _gauge("spool_oldest_seconds", "How long the first of these waits.", {(): max(0.0, age)})
    yield _gauge("spool_damaged", "Acknowledged instances that were spoiled.", {(): found.damaged})


def _disks(subject: Subject) -> Iterator[GaugeMetricFamily]:
    free: Numbers = {}
    room: Numbers = {}
    days: Numbers = {}
    for name, folder in disks(subject.settings).items():
        disk = Disk.of(folder)
        free[name,] = disk.free
        room[name,] = usable(disk, subject.settings, name=name)
        left = days_left(int(room[name,]), subject.health.samples(subject.host, name))
        if left is not None:
            days[name,] = left
    place = ("place",)
    yield _gauge("disk_free_bytes", "Free bytes of the disk of a folder.", free, place)
    yield _gauge("disk_room_bytes", "Of these, what the gateway still uses.", room, place)
    yield _gauge("disk_days_left", "Days until that is used up, by the last month.", days, place)


def _outbox(subject: Subject) -> Iterator[GaugeMetricFamily]:
    state = subject.overdue.outbox(subject.now)
    late = (subject.now - state.oldest_due).total_seconds() if state.oldest_due else 0.0
    numbers: Numbers = {key: float(number) for key, number in state.numbers.items()}
    yield _gauge("outbox_tasks", "Work that has yet to happen.", numbers, ("kind", "state"))
    yield _gauge("outbox_oldest_due_seconds", "How late the first of it is.", {(): max(0.0, late)})


def _checks(subject: Subject) -> Iterator[GaugeMetricFamily]:
    worst: Numbers = {}
    ages = [0.0]
    for report in subject.health.reports():
        ages.append((subject.now - report.examined_at).total_seconds())
        for finding in from_json(report.findings):
            level = _LEVELS[finding.state]
            worst[finding.check,] = max(level, worst.get((finding.check,), 0))
    yield _gauge(
        "check_state",
        "What doctor finds: 0 ok, 1 warning, 2 wrong; of all hosts.",
        worst,
        ("check",),
    )
    yield _gauge("check_oldest_seconds", "Since when a host was not examined.", {(): max(ages)})


def _gauge(
    name: str, text: str, values: Numbers, labels: tuple[str, ...] = ()
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"pacs_gateway_{name}", text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
