"""Invariant: a moving picture has every frame once, in order, each for as long as its header says."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence

from pacs_gateway.errors import BadRequestError
from pacs_gateway.imaging import worker
from pacs_gateway.imaging.options import GIF, JPEG, NO_PROFILE, SRGB, WEBP, RenderOptions, Viewport
from tests.instances import made

LEVELS = (0, 60, 120, 180, 240)
FRAMES = [np.full((16, 16), level, np.uint8).tobytes() for level in LEVELS]


def cine(
    media_type: str,
    viewport: Viewport | None = None,
    max_bytes: int = 10**6,
    **attributes: Any,
) -> Image.Image:
    header = made(
        Rows=16,
        Columns=16,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        WindowCenter=128,
        WindowWidth=256,
        NumberOfFrames=len(FRAMES),
        **attributes,
    )
    options = RenderOptions(media_type=media_type, viewport=viewport)
    file = worker.render_cine(
        header, FRAMES, options=options, max_samples=10_000, max_bytes=max_bytes
    )
    return Image.open(BytesIO(file))


@pytest.mark.parametrize("media_type", [GIF, WEBP])
def test_every_frame_in_order(media_type: str) -> None:
    picture = cine(media_type)
    found = [int(frame.convert("L").getpixel((8, 8))) for frame in ImageSequence.Iterator(picture)]  # type: ignore[arg-type]
    assert found == pytest.approx(LEVELS, abs=3)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"FrameTime": "40"}, [40] * 5),
        ({"CineRate": "10"}, [100] * 5),
        ({"RecommendedDisplayFrameRate": "20", "CineRate": "10"}, [50] * 5),
        ({"FrameTimeVector": ["0", "50", "100", "150", "200"]}, [50, 100, 150, 200, 100]),
        ({}, [100] * 5),
        ({"FrameTime": "1"}, [20] * 5),
        ({"FrameTime": "-5"}, [100] * 5),
    ],
)
def test_how_long_each_is_shown(attributes: dict[str, Any], expected: list[int]) -> None:
    picture = cine(GIF, **attributes)
    assert [frame.info["duration"] for frame in ImageSequence.Iterator(picture)] == expected


def test_a_viewport_counts_for_every_frame() -> None:
    assert cine(GIF, Viewport(columns=8, rows=8)).size == (8, 8)


def test_a_type_that_does_not_move() -> None:
    with pytest.raises(BadRequestError):
        cine(JPEG)


@pytest.mark.parametrize(("max_bytes", "frames"), [(0, 1), (16 * 16 * 3 + 1, 3), (16 * 16 * 5, 5)])
@pytest.mark.parametrize("media_type", [GIF, WEBP])
def test_it_ends_where_memory_would(media_type: str, max_bytes: int, frames: int) -> None:
    picture = cine(media_type, max_bytes=max_bytes)
    assert getattr(picture, "n_frames", 1) == frames


def test_colours_have_the_profile_asked_for() -> None:
    header = made(
        Rows=16,
        Columns=16,
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        SamplesPerPixel=3,
        PlanarConfiguration=0,
        PhotometricInterpretation="RGB",
        NumberOfFrames=2,
    )
    frames = [bytes((200, 100, blue)) * 256 for blue in (0, 90)]
    files = [
        worker.render_cine(
            header,
            frames,
            options=RenderOptions(media_type=WEBP, icc_profile=choice),
            max_samples=10_000,
            max_bytes=10_000,
        )
        for choice in (NO_PROFILE, SRGB)
    ]
    none, srgb = (Image.open(BytesIO(file)).info.get("icc_profile") for file in files)
    assert none is None
    assert srgb is not None
    assert srgb[16:20] == b"RGB "
