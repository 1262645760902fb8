"""Protects: reading again finds every object that is missing, cut off, changed in one bit, swapped, or
unknown to the index, and no other; the scrub finds the same, goes on after a restart, and says so."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import update
from structlog.testing import capture_logs

from pacs_gateway.app import Archive
from pacs_gateway.archive.scrubbing import AT_ONCE, IDLE_S, Scrubber
from pacs_gateway.archive.verification import Fault, Verification, Wrong
from pacs_gateway.web.scrubmetrics import ScrubMetrics
from storage import schema
from storage.database import writing
from storage.holdings import Holdings
from storage.scrubbing import Scrub
from storage.testing.instance import NOON
from tests.rebuilding import image, ingest, opened

STUDIES, IMAGES = 8, 20


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with opened(tmp_path / "data") as archive:
        ingest(archive, [image(s, n) for s in range(STUDIES) for n in range(IMAGES)])
        yield archive


def path_of(archive: Archive, key: str) -> Path:
    return archive.settings.data_dir.resolve() / "objects" / key


def change(path: Path, content: bytes) -> None:
    """Do what a disk does: the file was never written again by us."""
    path.unlink()
    path.write_bytes(content)


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8 % len(content)] ^= 1 << bit % 8
    change(path, bytes(content))


def spoil(archive: Archive) -> set[Fault]:
    """Damage some objects in every way; return what must be found."""
    keys = list(archive.store.list("v1/"))
    paths = {key: path_of(archive, key) for key in keys[::10]}
    flipped, (one, other), cut, gone = keys[0:101:10], keys[110:131:20], keys[140], keys[41]
    for number, key in enumerate(flipped):
        flip(paths[key], number * 997)
    first, second = paths[one].read_bytes(), paths[other].read_bytes()
    assert len(first) == len(second)
    change(paths[one], second)
    change(paths[other], first)
    change(paths[cut], paths[cut].read_bytes()[:-1])
    path_of(archive, gone).unlink()
    return {
        *(Fault(key, Wrong.BYTES) for key in (*flipped, one, other)),
        Fault(cut, Wrong.SIZE),
        Fault(gone, Wrong.MISSING),
    }


def orphan(archive: Archive, folder: Path) -> Fault:
    source = folder / "source"
    source.write_bytes(os.urandom(100))
    key = f"v1/1.2.826.0/1.2.3/1.2.3.4.{'0' * 64}.dcm"
    archive.store.put(key, source, sha256="0" * 64)
    return Fault(key, Wrong.ORPHAN)


def verify(archive: Archive, **wanted: object) -> list[Fault]:
    work = Verification(Holdings(archive.engine), archive.store, threads=4)
    return list(work.run(step=lambda *_: None, **wanted))  # type: ignore[arg-type]


def test_whole_objects_have_no_fault(archive: Archive) -> None:
    assert verify(archive) == []


def test_every_fault_is_found_and_nothing_else(archive: Archive, tmp_path: Path) -> None:
    expected = {*spoil(archive), orphan(archive, tmp_path)}
    found = verify(archive)
    assert len(found) == len(expected) == 16
    assert set(found) == expected


def test_one_study_is_looked_at_alone(archive: Archive, tmp_path: Path) -> None:
    expected = {*spoil(archive), orphan(archive, tmp_path)}
    uid = "1.2.826.0"
    ours = {each for each in expected if each.key.startswith(f"v1/{uid}/")}
    assert 0 < len(ours) < len(expected)
    assert set(verify(archive, study_uid=uid)) == ours


def test_a_sample_reads_some_and_looks_at_the_size_of_all(archive: Archive) -> None:
    spoil(archive)
    assert {each.wrong for each in verify(archive, percent=0.0)} == {Wrong.SIZE, Wrong.MISSING}


def scrubber(archive: Archive) -> Scrubber:
    return Scrubber(
        Scrub(archive.engine),
        Holdings(archive.engine),
        archive.store,
        days=90,
        least_per_second=1,
    )


def test_the_scrub_finds_the_same_over_restarts_and_raises_an_alarm_once(archive: Archive) -> None:
    expected = spoil(archive)
    state, stop = Scrub(archive.engine), Event()
    with capture_logs() as logs:
        while state.report().finished_at is None:
            # Each is a process of its own, which begins where the last one was killed.
            work = scrubber(archive)
            work.step(stop)
            _forget_the_holder(archive)
    assert {Fault(each.key, Wrong(each.fault)) for each in state.spoiled(99)} == expected
    alarms = [line for line in logs if line["log_level"] == "error"]
    assert len(alarms) == len(expected) == state.report().faults
    assert not any("1.2.826" in str(line) for line in alarms)
    with capture_logs() as again:
        work = scrubber(archive)
        work.step(stop)
        work.step(stop)
    assert state.report().checked == 2 * AT_ONCE
    assert not [line for line in again if line["log_level"] == "error"]


def test_what_was_mended_is_no_fault_any_more(archive: Archive) -> None:
    key = next(iter(archive.store.list("v1/")))
    path = path_of(archive, key)
    whole = path.read_bytes()
    flip(path, 77)
    state, work = Scrub(archive.engine), scrubber(archive)
    _round(work, state)
    assert [each.key for each in state.spoiled(9)] == [key]
    change(path, whole)
    _round(work, state)
    assert state.report().faults == 0


def test_prometheus_is_told_and_a_silent_database_hides_nothing_else(archive: Archive) -> None:
    key = next(iter(archive.store.list("v1/")))
    flip(path_of(archive, key), 77)
    registry = CollectorRegistry()
    registry.register(ScrubMetrics(archive.scrub))
    scrubber(archive).step(Event())
    assert registry.get_sample_value("pacs_gateway_scrub_faults") == 1
    assert registry.get_sample_value("pacs_gateway_scrub_checked") == AT_ONCE
    assert registry.get_sample_value("pacs_gateway_scrub_finished_timestamp_seconds") is None
    with writing(archive.engine) as connection:
        schema.scrub.drop(connection)
    assert registry.get_sample_value("pacs_gateway_scrub_faults") is None


def test_one_process_reads_at_a_time(archive: Archive) -> None:
    first, second, stop = scrubber(archive), scrubber(archive), Event()
    assert first.step(stop) == AT_ONCE
    assert second.step(stop) == IDLE_S
    assert Scrub(archive.engine).report().checked == AT_ONCE


def _round(work: Scrubber, state: Scrub) -> None:
    before = state.report().finished_at
    while state.report().finished_at == before:
        work.step(Event())


def _forget_the_holder(archive: Archive) -> None:
    with writing(archive.engine) as connection:
        connection.execute(update(schema.scrub).values(held_until=NOON - timedelta(days=999)))
