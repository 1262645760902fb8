"""All that Prometheus is told: what was counted in every process, and what is the case now."""

from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest, values
from prometheus_client.registry import Collector

from pacs_gateway.measuring.meters import Meters
from pacs_gateway.measuring.sharing import register_all


def scrape(meters: Meters, folder: Path, states: Iterable[Collector]) -> bytes:
    """Return the text format; of all processes of this host where they share their counts."""
    registry = CollectorRegistry()
    if values.ValueClass._multiprocess and folder.is_dir():
        register_all(folder, registry)
    else:
        registry.register(meters.registry)
    for each in states:
        registry.register(each)
    return generate_latest(registry)


def scrape_folder(folder: Path, states: Iterable[Collector]) -> bytes:
    """Return the same for a process that counts nothing itself."""
    registry = CollectorRegistry()
    if folder.is_dir():
        register_all(folder, registry)
    for each in states:
        registry.register(each)
    return generate_latest(registry)
