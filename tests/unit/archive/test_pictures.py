"""Invariant: a picture is made once for all who want it, is what its name says, and a frame that
ends its decoder is given up after the second time."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pacs_gateway.archive import pictures
from pacs_gateway.archive.pictures import Pictures, is_image, representative
from pacs_gateway.errors import DecoderCrashError, UnrenderableError
from pacs_gateway.imaging.options import PNG, RenderOptions
from storage.cache import DiskCache
from storage.records import Origin, PixelLocation, StoredInstance, utc_now

PIXELS = PixelLocation(
    tag="7FE00010", offset=100, length=10, encapsulated=False, frame_count=3, frame_bits=16
)
INSTANCE = StoredInstance(
    study_uid="1.2",
    series_uid="1.2.3",
    sop_instance_uid="1.2.3.4",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
    transfer_syntax_uid="1.2.840.10008.1.2.1",
    object_key="k",
    sha256="a" * 64,
    size=1000,
    data_set_offset=0,
    pixels=PIXELS,
    instance_number=1,
    version=1,
    origin=Origin(source="import", received_at=utc_now()),
)


def _nothing(_number: int) -> None:
    """Let the picture be made."""


def _slowly(_number: int) -> None:
    time.sleep(0.2)


class Archive:
    """Stands for what pictures are made from: counts, and may be slow or fail."""

    def __init__(self) -> None:
        self.made: list[tuple[int, RenderOptions]] = []
        self.before: Callable[[int], object] = _nothing

    def frame(self, instance: StoredInstance, number: int) -> bytes:
        return f"{instance.sha256[0]}{number}".encode()

    def header(self, _instance: StoredInstance) -> bytes:
        return b"header"

    def next_in_series(self, _instance: StoredInstance, _at_most: int) -> list[StoredInstance]:
        return []

    def render(self, _header: bytes, frame: bytes, *, number: int, options: Any, **_: Any) -> bytes:
        self.made.append((number, options))
        self.before(number)
        return frame + str(options.media_type).encode()


@pytest.fixture
def archive() -> Archive:
    return Archive()


def made_of(archive: Archive, folder: Path) -> Pictures:
    parts: Any = archive
    cache = DiskCache(folder, max_bytes=64 * 1024**2, reserve_bytes=0)
    return Pictures(parts, parts, cache, max_cine_frames=10, max_cine_bytes=1000)


@pytest.fixture
def shown(archive: Archive, tmp_path: Path) -> Iterator[Pictures]:
    found = made_of(archive, tmp_path)
    yield found
    found.close()


def test_it_is_made_once(archive: Archive, shown: Pictures, tmp_path: Path) -> None:
    first = shown.picture(INSTANCE, 1, RenderOptions())
    assert shown.picture(INSTANCE, 1, RenderOptions()) == first
    shown.close()
    again = made_of(archive, tmp_path)
    assert again.picture(INSTANCE, 1, RenderOptions()) == first
    again.close()
    assert len(archive.made) == 1


def test_each_thing_it_depends_on_makes_another(archive: Archive, shown: Pictures) -> None:
    shown.picture(INSTANCE, 1, RenderOptions())
    shown.picture(INSTANCE, 2, RenderOptions())
    shown.picture(INSTANCE, 1, RenderOptions(media_type=PNG))
    shown.picture(replace(INSTANCE, sha256="b" * 64), 1, RenderOptions())
    shown.picture(INSTANCE, 1, RenderOptions(), replace(INSTANCE, sha256="c" * 64))
    assert len(archive.made) == 5


def test_a_new_version_makes_it_anew(
    archive: Archive, shown: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown.picture(INSTANCE, 1, RenderOptions())
    monkeypatch.setattr(pictures, "RENDERING", "next")
    shown.picture(INSTANCE, 1, RenderOptions())
    assert len(archive.made) == 2


def test_many_who_want_it_at_once_get_the_same(archive: Archive, shown: Pictures) -> None:
    archive.before = _slowly
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: shown.picture(INSTANCE, 1, RenderOptions()), range(8)))
    assert len(found) == 1
    assert len(archive.made) == 1


def test_an_error_reaches_all_who_wait_and_is_not_kept(archive: Archive, shown: Pictures) -> None:
    def fail(number: int) -> None:
        time.sleep(0.2)
        raise UnrenderableError("damaged")

    archive.before = fail

    def outcome(_: int) -> str:
        try:
            shown.picture(INSTANCE, 1, RenderOptions())
        except UnrenderableError as error:
            return str(error)
        return "a picture"

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(outcome, range(4))) == {"damaged"}
    archive.before = _nothing
    assert shown.picture(INSTANCE, 1, RenderOptions())


def test_a_frame_that_ends_its_decoder_is_given_up(archive: Archive, shown: Pictures) -> None:
    def crash(number: int) -> None:
        if number == 1:
            raise DecoderCrashError("killed")

    archive.before = crash
    for options in (RenderOptions(), RenderOptions(media_type=PNG)):
        with pytest.raises(DecoderCrashError):
            shown.picture(INSTANCE, 1, options)
    with pytest.raises(UnrenderableError, match="not tried again"):
        shown.picture(INSTANCE, 1, RenderOptions(quality=50))
    assert len(archive.made) == 2
    # Its neighbour, and another instance, have nothing to do with it.
    assert shown.picture(INSTANCE, 2, RenderOptions())
    assert shown.picture(replace(INSTANCE, sha256="b" * 64), 2, RenderOptions())


def test_the_next_frame_is_made_after_one_that_had_to_be(archive: Archive, shown: Pictures) -> None:
    ready = threading.Event()

    def tell(number: int) -> None:
        if number == 2:
            ready.set()

    archive.before = tell
    shown.picture(INSTANCE, 1, RenderOptions())
    shown.read_on(INSTANCE, 1, RenderOptions())
    assert ready.wait(5)
    shown.picture(INSTANCE, 1, RenderOptions())
    shown.read_on(INSTANCE, 1, RenderOptions())
    shown.picture(INSTANCE, 3, RenderOptions())
    shown.read_on(INSTANCE, 3, RenderOptions())
    shown.close()
    assert sorted(number for number, _ in archive.made) == [1, 2, 3]


def test_a_disk_that_cannot_be_used_costs_only_time(archive: Archive, tmp_path: Path) -> None:
    blocked = tmp_path / "cache"
    blocked.write_bytes(b"no folder")
    shown = made_of(archive, blocked)
    first = shown.picture(INSTANCE, 1, RenderOptions())
    shown.close()
    shown = made_of(archive, blocked)
    assert shown.picture(INSTANCE, 1, RenderOptions()) == first
    shown.close()
    assert len(archive.made) == 2


def test_what_stands_for_a_series() -> None:
    series = [replace(INSTANCE, sop_instance_uid=f"1.{number}") for number in range(5)]
    report = replace(INSTANCE, pixels=None, sop_instance_uid="9")
    video = replace(INSTANCE, transfer_syntax_uid="1.2.840.10008.1.2.4.102")
    assert representative([report, video, *series]).sop_instance_uid == "1.2"
    assert representative([report, video]) == report
    assert [is_image(each) for each in (INSTANCE, report, video)] == [True, False, False]
