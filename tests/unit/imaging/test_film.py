"""Invariant: a film has every picture once, in order and in time, whatever their size; the first
picture of a video comes out or UnrenderableError, and no other file is opened for it."""

import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pacs_gateway.errors import NotAcceptableError, UnrenderableError
from pacs_gateway.imaging import film

av = pytest.importorskip("av", reason="the extra `video` is not installed")

LEVELS = (16, 80, 144, 208)


def pictures(columns: int, rows: int, mode: str = "L") -> list[Image.Image]:
    return [Image.new("L", (columns, rows), level).convert(mode) for level in LEVELS]


def frames(file: bytes) -> list[Any]:
    with av.open(BytesIO(file)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        return list(container.decode(video=0))


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("size", [(64, 48), (33, 31), (2, 2)])
def test_every_picture_in_order(size: tuple[int, int], mode: str) -> None:
    found = frames(film.mp4(pictures(*size, mode), [40.0] * len(LEVELS), quality=90))
    greys = [frame.to_ndarray(format="rgb24")[0, 0].mean() for frame in found]
    assert greys == pytest.approx(LEVELS, abs=4)
    assert [round(1000 * frame.time) for frame in found] == [0, 40, 80, 120]


def test_each_as_long_as_it_shall_be() -> None:
    found = frames(film.mp4(pictures(64, 48), [100, 20, 250, 40], quality=50))
    assert [round(1000 * frame.time) for frame in found] == [0, 100, 120, 370]


def test_a_browser_can_begin_before_it_has_all() -> None:
    file = film.mp4(pictures(64, 48), [40.0] * len(LEVELS), quality=90)
    assert file.index(b"moov") < file.index(b"mdat")


def test_the_index_of_many_pictures_has_room() -> None:
    many = [Image.new("L", (16, 16), number % 256) for number in range(1000)]
    assert len(frames(film.mp4(many, [33.3] * 1000, quality=1))) == 1000


def test_the_first_picture_of_a_video() -> None:
    file = film.mp4(pictures(64, 48), [40.0] * len(LEVELS), quality=100)
    picture = film.first_picture(file)
    assert picture.size == (64, 48)
    assert np.asarray(picture).mean() == pytest.approx(LEVELS[0], abs=4)


def mpeg2(count: int) -> bytes:
    file = BytesIO()
    with av.open(file, "w", format="mpegts") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(count):
            pixels = np.full((48, 64, 3), LEVELS[number % len(LEVELS)], np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


def test_a_video_that_browsers_do_not_play_becomes_one_that_they_do() -> None:
    found = frames(film.recoded(mpeg2(50)))
    assert len(found) == 50
    greys = [frame.to_ndarray(format="rgb24").mean() for frame in found[:4]]
    assert greys == pytest.approx(LEVELS, abs=6)
    assert found[-1].time - found[0].time == pytest.approx(49 / 25, abs=0.01)
    assert film.first_picture(mpeg2(50)).size == (64, 48)


@pytest.mark.parametrize("stream", [b"", b"\x00" * 1000, b"no video at all " * 100])
def test_what_is_no_video_is_refused(stream: bytes) -> None:
    for function in (film.first_picture, film.recoded):
        with pytest.raises(UnrenderableError):
            function(stream)


def test_no_other_file_is_opened(tmp_path: Path) -> None:
    other = tmp_path / "other.mp4"
    other.write_bytes(film.mp4(pictures(64, 48), [40.0] * len(LEVELS), quality=90))
    playlists = (
        f"ffconcat version 1.0\nfile '{other}'\n",
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{other}\n#EXT-X-ENDLIST\n",
    )
    for text in playlists:
        with pytest.raises(UnrenderableError):
            film.first_picture(text.encode())


def test_without_the_extra_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(NotAcceptableError, match="extra `video`"):
        film.mp4(pictures(64, 48), [40.0] * len(LEVELS), quality=90)
