"""Invariant: days of disk are told only from what was measured, and never too many."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pacs_gateway.config import Settings, SpoolSettings
from pacs_gateway.doctor.findings import State
from pacs_gateway.doctor.places import Disk, backlog, check_folder, days_left, size_text, usable
from storage.health import DiskSample

START = datetime(2026, 10, 24, tzinfo=UTC)
GB = 1_000_000_000


def samples(*used: tuple[float, int]) -> list[DiskSample]:
    return [DiskSample(START + timedelta(days=day), gigabytes * GB) for day, gigabytes in used]


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        (samples((0, 100), (30, 400)), 50),
        (samples((0, 100), (10, 90), (30, 130)), 500),
        (samples((0, 100), (0.9, 200)), None),
        (samples((0, 100), (30, 90)), None),
        (samples((0, 100), (30, 100)), None),
        ([], None),
    ],
)
def test_days_left_are_room_by_growth(measured: list[DiskSample], expected: int | None) -> None:
    assert days_left(500 * GB, measured) == expected


def test_a_reserve_is_no_room() -> None:
    disk = Disk(size=1000 * GB, used=850 * GB, free=150 * GB)
    settings = Settings(spool=SpoolSettings(refuse_percent=90, reserve_bytes=5 * GB))
    assert usable(disk, settings, name="data") == pytest.approx(50 * GB)
    assert usable(disk, settings, name="objects") == 150 * GB
    settings = Settings(spool=SpoolSettings(refuse_percent=100, reserve_bytes=200 * GB))
    assert usable(disk, settings, name="data") == 0


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (12_300, "12.3 kB"),
        (70 * GB, "70 GB"),
        (5000 * 1000 * GB, "5000 TB"),
    ],
)
def test_sizes_are_read_at_a_glance(size: int, text: str) -> None:
    assert size_text(size) == text


def test_what_waits_is_counted_with_its_age(tmp_path: Path) -> None:
    for name in ("ready", "damaged"):
        (tmp_path / name).mkdir()
    assert backlog(tmp_path).oldest is None
    for number, name in enumerate("ab"):
        (tmp_path / "ready" / name).write_bytes(b"x" * 10)
        os.utime(tmp_path / "ready" / name, (1000 + number, 1000 + number))
    (tmp_path / "damaged" / "c").touch()
    found = backlog(tmp_path)
    assert (found.entries, found.size, found.damaged) == (2, 20, 1)
    assert found.oldest is not None
    assert found.oldest.timestamp() == 1000


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    (found,) = check_folder(Settings(data_dir=tmp_path / "nowhere"))
    assert (found.state, found.code) == (State.WRONG, "missing")


def test_a_folder_open_to_everybody_is_said() -> None:
    # pytest's own folders are closed, so that nobody else would come as far as this one.
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "data"
        (folder / "spool").mkdir(parents=True)
        for each in (folder, folder / "spool"):
            each.chmod(0o700)
        (found,) = check_folder(Settings(data_dir=folder))
        assert found.state is State.OK
        for each in (folder, folder / "spool"):
            each.chmod(0o755)
        (found,) = check_folder(Settings(data_dir=folder))
        assert (found.state, found.code) == (State.WARNING, "open")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_files_of_somebody_else_are_named(tmp_path: Path) -> None:
    (tmp_path / "index.sqlite").touch()
    os.chown(tmp_path / "index.sqlite", 12345, 12345)
    (found,) = check_folder(Settings(data_dir=tmp_path))
    assert (found.state, found.code) == (State.WRONG, "owners")
    assert found.values["files"] == "index.sqlite"
