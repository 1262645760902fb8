"""What reading objects again has found, for Prometheus: asked from the database at each scrape."""

from collections.abc import Iterable
from typing import Any, Protocol

import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from storage.errors import StorageError
from storage.scrubbing import ScrubReport

_log = structlog.get_logger(__name__)


class _Scrub(Protocol):
    def report(self) -> ScrubReport: ...


class ScrubMetrics(Collector):
    """A collector; when the database does not answer it says nothing, so that the rest is told."""

    def __init__(self, scrub: _Scrub) -> None:
        self._scrub = scrub

    def describe(self) -> Iterable[Any]:
        """Return nothing: a registry would otherwise ask the database while the process starts."""
        return ()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yield the gauges."""
        try:
            report = self._scrub.report()
        except StorageError as error:
            _log.warning("what was read again is not told", reason=str(error))
            return
        yield GaugeMetricFamily(
            "pacs_gateway_scrub_faults",
            "Stored objects that are not as they were received.",
            report.faults,
        )
        yield GaugeMetricFamily(
            "pacs_gateway_scrub_checked",
            "Objects read again in the round that is going on.",
            report.checked,
        )
        if report.finished_at is not None:
            yield GaugeMetricFamily(
                "pacs_gateway_scrub_finished_timestamp_seconds",
                "When every object had been read again for the last time.",
                report.finished_at.timestamp(),
            )
