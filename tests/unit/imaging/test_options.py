"""Protects: what a client may choose is checked where it is chosen, and pictures have that form."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from pacs_gateway.errors import BadRequestError
from pacs_gateway.imaging.encode import encode
from pacs_gateway.imaging.options import JPEG, PNG, RenderOptions

GREY = np.tile(np.arange(200, dtype=np.uint8), (100, 1))
COLOUR = np.stack([GREY, GREY[::-1], 255 - GREY], axis=-1)


def opened(pixels: np.ndarray[Any, np.dtype[np.uint8]], options: RenderOptions) -> Picture.Image:
    return Picture.open(BytesIO(encode(pixels, options)))


@pytest.mark.parametrize(
    "choice",
    [
        {"media_type": "image/gif"},
        {"quality": 0},
        {"quality": 101},
        {"viewport": (0, 100)},
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
        encode(noise, RenderOptions(media_type=JPEG, quality=quality)) for quality in (20, 95)
    )
    assert len(small) < len(large)


@pytest.mark.parametrize(
    ("viewport", "size"),
    [((50, 50), (50, 25)), ((1000, 10), (20, 10)), ((1000, 1000), (200, 100)), ((1, 1), (1, 1))],
)
def test_a_viewport_shrinks_and_keeps_the_aspect_ratio(
    viewport: tuple[int, int], size: tuple[int, int]
) -> None:
    assert opened(GREY, RenderOptions(viewport=viewport)).size == size
    assert opened(COLOUR, RenderOptions(viewport=viewport, media_type=PNG)).size == size
