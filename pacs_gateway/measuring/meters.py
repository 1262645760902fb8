"""Every event that is counted or timed, by name; each process of a host has the same set.

Invariant: every label's values are from a list in the code, so that no peer, path or person can
make a new one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
OTHER = "other"
QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Seconds of what a machine does; a median and a tail are seen from 1 ms to 30 s."""
SLOW = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400)
"""Seconds of what may wait for a part that is down."""
SIZES = tuple(float(4**power * 1024) for power in range(10))
"""Bytes of one instance: 1 KiB to 256 MiB."""


class Meters:
    """The counters and histograms of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.store_seconds = self._histogram(
            "store_seconds",
            "From the command of a C-STORE to its acknowledgement.",
            ("outcome",),
            buckets=QUICK,
        )
        self.store_bytes = self._histogram(
            "store_bytes", "Size of the data sets that C-STORE acknowledged.", (), buckets=SIZES
        )
        self.commit_lag = self._histogram(
            "commit_lag_seconds",
            "From the receipt of an instance until everybody can see it.",
            (),
            buckets=SLOW,
        )
        self.http_seconds = self._histogram(
            "http_seconds",
            "HTTP requests by route, from the first line to the last byte of the answer.",
            ("method", "route", "status"),
            buckets=QUICK,
        )
        self.render_seconds = self._histogram(
            "render_seconds", "Making of pictures, waiting included.", ("outcome",), buckets=QUICK
        )
        self.objects_seconds = self._histogram(
            "objects_seconds",
            "Calls of the object store; of reads, until the first bytes.",
            ("operation", "outcome"),
            buckets=QUICK,
        )
        self.index_seconds = self._histogram(
            "index_seconds",
            "Transactions of the index database.",
            ("kind", "outcome"),
            buckets=QUICK,
        )
        self.operations = self._counter(
            "dimse_operations", "DIMSE operations that were answered.", ("service", "status")
        )
        self.associations = self._counter(
            "associations", "Associations that were asked for.", ("outcome",)
        )
        self.associations_open = Gauge(
            "pacs_gateway_associations_open",
            "Associations that are open now.",
            registry=self.registry,
            multiprocess_mode="sum",
        )
        self.http_answers = self._counter(
            "http_answers",
            "HTTP answers given, by method and kind of status.",
            ("method", "status"),
        )
        self.stow_instances = self._counter(
            "stow_instances", "Instances that came by STOW-RS.", ("outcome",)
        )
        for outcome in ("accepted", "refused"):
            # A rate can only be told of what began at nothing.
            self.stow_instances.labels(outcome)

    @contextmanager
    def timed(self, histogram: Histogram, *labels: str) -> Iterator[None]:
        """Time a block; `ok` or `failed` becomes the last label."""
        begun, outcome = perf_counter(), "failed"
        try:
            yield
            outcome = "ok"
        finally:
            histogram.labels(*labels, outcome).observe(perf_counter() - begun)

    def transaction(self, kind: str, outcome: str, seconds: float) -> None:
        """Note one transaction of the index."""
        self.index_seconds.labels(kind, outcome).observe(seconds)

    def rendered(self, outcome: str, seconds: float) -> None:
        """Note one picture."""
        self.render_seconds.labels(outcome).observe(seconds)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note one HTTP answer."""
        known = method if method in METHODS else OTHER
        kind = f"{status // 100}xx"
        self.http_answers.labels(known, kind).inc()
        self.http_seconds.labels(known, route, kind).observe(seconds)

    def _histogram(
        self, name: str, text: str, labels: tuple[str, ...], *, buckets: tuple[float, ...]
    ) -> Histogram:
        return Histogram(
            f"pacs_gateway_{name}", text, labels, buckets=buckets, registry=self.registry
        )

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"pacs_gateway_{name}", text, labels, registry=self.registry)
