"""Protects: what a client may choose is checked where it is chosen, and pictures have that form."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from pacs_gateway.errors import BadRequestError
from pacs_gateway.imaging.encode import encode, picture_of
from pacs_gateway.imaging.options import GIF, JPEG, PNG, WEBP, RenderOptions, Viewport
from pacs_gateway.imaging.viewport import placed

GREY = np.tile(np.arange(200, dtype=np.uint8), (100, 1))
COLOUR = np.stack([GREY, GREY[::-1], 255 - GREY], axis=-1)


def _file(pixels: np.ndarray[Any, np.dtype[np.uint8]], options: RenderOptions) -> bytes:
    picture = picture_of(pixels)
    return encode(placed(picture, options.viewport) if options.viewport else picture, options)


def opened(pixels: np.ndarray[Any, np.dtype[np.uint8]], options: RenderOptions) -> Picture.Image:
    return Picture.open(BytesIO(_file(pixels, options)))


@pytest.mark.parametrize(
    "choice",
    [
        {"media_type": "image/bmp"},
        {"quality": 0},
        {"quality": 101},
        {"viewport": Viewport(columns=0, rows=100)},
        {"viewport": Viewport(columns=9, rows=9, source=(0.0, 0.0, 0.0, 5.0))},
        {"viewport": Viewport(columns=9, rows=9, source=(0.0, float("nan"), 1.0, 5.0))},
        {"annotations": ("surgeon",)},
        {"icc_profile": "cmyk"},
        {"icc_profile": "srgb", "media_type": GIF},
        {"window": (0.0, 0.5, "LINEAR")},
        {"window": (0.0, 0.0, "SIGMOID")},
        {"window": (0.0, 10.0, "CUBIC")},
        {"window": (float("nan"), 10.0, "LINEAR")},
        {"window": (0.0, float("inf"), "LINEAR")},
    ],
)
def test_impossible_choices_are_bad_requests(choice: dict[str, Any]) -> None:
    with pytest.raises(BadRequestError):
        RenderOptions(**choice)


@pytest.mark.parametrize("pixels", [GREY, COLOUR])
def test_png_keeps_every_value(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    picture = opened(pixels, RenderOptions(media_type=PNG))
    assert picture.format == "PNG"
    assert (np.asarray(picture) == pixels).all()


def test_jpeg_is_grey_for_grey_and_full_chroma_for_colour() -> None:
    grey, colour = (opened(pixels, RenderOptions()) for pixels in (GREY, COLOUR))
    assert (grey.format, grey.mode) == ("JPEG", "L")
    assert colour.mode == "RGB"
    assert {factors[1:3] for factors in colour.layer} == {(1, 1)}  # type: ignore[attr-defined]
    assert np.abs(np.asarray(colour).astype(int) - COLOUR).mean() < 3


def test_quality_costs_bytes() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64), np.uint8)
    small, large = (
        _file(noise, RenderOptions(media_type=JPEG, quality=quality)) for quality in (20, 95)
    )
    assert len(small) < len(large)


@pytest.mark.parametrize(
    ("viewport", "size"),
    [((50, 50), (50, 25)), ((1000, 10), (20, 10)), ((1000, 600), (1000, 500)), ((1, 1), (1, 1))],
)
def test_a_picture_is_as_large_as_its_viewport_and_keeps_the_aspect_ratio(
    viewport: tuple[int, int], size: tuple[int, int]
) -> None:
    room = Viewport(columns=viewport[0], rows=viewport[1])
    assert opened(GREY, RenderOptions(viewport=room)).size == size
    assert opened(COLOUR, RenderOptions(viewport=room, media_type=PNG)).size == size


def part(*source: float, columns: int = 40, rows: int = 40, **flips: bool) -> Picture.Image:
    left, top, wide, high = source
    viewport = Viewport(columns=columns, rows=rows, source=(left, top, wide, high), **flips)
    return opened(GREY, RenderOptions(media_type=PNG, viewport=viewport))


def test_a_part_of_the_image_fills_the_viewport() -> None:
    same = part(10, 20, 40, 40)
    assert np.asarray(same).tolist() == GREY[20:60, 10:50].tolist()
    assert part(10, 20, 20, 10).size == (40, 20)
    assert part(0, 0, 1e9, 1e9).size == (40, 20)


def test_a_part_may_be_flipped() -> None:
    plain, mirrored = part(10, 20, 40, 40), part(10, 20, 40, 40, flip_horizontally=True)
    assert (np.asarray(mirrored) == np.asarray(plain)[:, ::-1]).all()
    turned = part(10, 20, 40, 40, flip_vertically=True)
    assert (np.asarray(turned) == np.asarray(plain)[::-1]).all()


def test_a_part_outside_of_the_image_is_a_bad_request() -> None:
    with pytest.raises(BadRequestError):
        part(500, 0, 10, 10)


@pytest.mark.parametrize(("media_type", "name"), [(WEBP, "WEBP"), (GIF, "GIF")])
@pytest.mark.parametrize("pixels", [GREY, COLOUR])
def test_other_formats(
    media_type: str, name: str, pixels: np.ndarray[Any, np.dtype[np.uint8]]
) -> None:
    picture = opened(pixels, RenderOptions(media_type=media_type))
    assert (picture.format, picture.size) == (name, (200, 100))
    difference = np.asarray(picture.convert("RGB")).astype(int) - np.asarray(
        Picture.fromarray(pixels).convert("RGB")
    )
    assert np.abs(difference).mean() < 6
