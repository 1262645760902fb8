"""Protects: what is in `ready/` is whole, synced and named by its digest; what failed leaves
nothing behind; the spool refuses before the disk is full and recovers by itself."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from storage.capacity import Capacity, SpoolLimits
from storage.errors import FullError, UnavailableError
from storage.spool import INCOMING_SWEEP_AFTER_S, Spool, copy_into

ROOMY = SpoolLimits(
    stop_associations_percent=100, refuse_percent=100, reserve_bytes=0, max_entries=1000
)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", ROOMY)


def test_published_bytes_are_whole_and_named_by_their_digest(spool: Spool) -> None:
    writer = spool.begin()
    writer.write(b"abc")
    writer.write(memoryview(b"def"))
    entry = writer.publish()
    assert entry.path.read_bytes() == b"abcdef"
    assert entry.sha256 == hashlib.sha256(b"abcdef").hexdigest()
    assert spool.ready(10) == [entry]


def test_nothing_is_ready_before_it_is_published(spool: Spool) -> None:
    writer = spool.begin()
    writer.write(b"abc")
    assert spool.ready(10) == []
    writer.discard()
    assert list(writer.path.parent.iterdir()) == []


def test_the_file_is_synced_before_the_rename_and_the_directory_after(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order is the promise: without any one of these calls a power cut could lose it."""
    calls: list[str] = []
    real = {name: getattr(os, name) for name in ("fdatasync", "rename", "fsync")}
    for name in real:

        def record(*args: object, _name: str = name) -> object:
            calls.append(_name)
            return real[_name](*args)

        monkeypatch.setattr(os, name, record)
    writer = spool.begin()
    writer.write(b"abc")
    writer.publish()
    assert calls == ["fdatasync", "rename", "fsync"]


def test_entries_come_oldest_first_and_leave_when_done(spool: Spool) -> None:
    entries = []
    for text in (b"1", b"2", b"3"):
        writer = spool.begin()
        writer.write(text)
        entries.append(writer.publish())
        time.sleep(0.002)
    assert spool.ready(2) == entries[:2]
    spool.done(entries[0])
    spool.done(entries[0])
    assert spool.ready(10) == entries[1:]


def test_a_failed_sync_publishes_nothing_and_stops_the_spool(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    writer = spool.begin()
    writer.write(b"abc")
    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(UnavailableError, match="Input/output error"):
        writer.publish()
    assert spool.ready(10) == []
    assert not writer.path.exists()
    with pytest.raises(UnavailableError, match="tested again"):
        spool.begin()


def test_a_full_disk_is_told_as_such(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    writer = spool.begin()
    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(FullError, match="full"):
        writer.write(b"abc")


def test_refused_bytes_are_kept_with_their_reason_and_swept_when_old(spool: Spool) -> None:
    writer = spool.begin()
    writer.write(b"not dicom")
    writer.set_aside("because", {"peer": "CT1"})
    folder = writer.path.parent.parent / "set-aside"
    (note,) = folder.glob("*.json")
    assert '"reason": "because"' in note.read_text()
    assert note.with_suffix(".dcm").read_bytes() == b"not dicom"
    assert spool.sweep(keep_set_aside_s=1000) == 0
    assert spool.sweep(keep_set_aside_s=-1) == 2
    assert list(folder.iterdir()) == []


def test_only_abandoned_arrivals_are_swept(spool: Spool) -> None:
    young, old = spool.begin(), spool.begin()
    before = time.time() - INCOMING_SWEEP_AFTER_S - 1
    os.utime(old.path, (before, before))
    assert spool.sweep(keep_set_aside_s=1000) == 1
    assert young.path.exists()
    young.discard()
    old.discard()


def test_one_process_at_a_time_stores_a_spool(spool: Spool) -> None:
    descriptor = spool.lock()
    with pytest.raises(UnavailableError, match="Another process"):
        spool.lock()
    os.close(descriptor)
    os.close(spool.lock())


def test_copying_appends_from_the_offset(spool: Spool, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"headdata")
    writer = spool.begin()
    writer.write(b"new ")
    copy_into(writer, source, offset=4)
    assert writer.publish().path.read_bytes() == b"new data"


def test_associations_stop_before_instances_do(tmp_path: Path) -> None:
    limits = SpoolLimits(
        stop_associations_percent=0, refuse_percent=100, reserve_bytes=0, max_entries=10
    )
    (tmp_path / "ready").mkdir()
    capacity = Capacity(tmp_path, limits)
    capacity.check_instance()
    with pytest.raises(FullError, match="% full"):
        capacity.check_association()


def test_the_reserve_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "ready").mkdir()
    limits = SpoolLimits(
        stop_associations_percent=100, refuse_percent=100, reserve_bytes=1 << 60, max_entries=10
    )
    with pytest.raises(FullError):
        Capacity(tmp_path, limits).check_instance()


def test_too_many_waiting_entries_are_a_reason_to_refuse(tmp_path: Path) -> None:
    limits = SpoolLimits(
        stop_associations_percent=100, refuse_percent=100, reserve_bytes=0, max_entries=1
    )
    spool = Spool(tmp_path, limits)
    writer = spool.begin()
    writer.write(b"x")
    writer.publish()
    with pytest.raises(FullError, match="wait to be stored"):
        Spool(tmp_path, limits).begin()
