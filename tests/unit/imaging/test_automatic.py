"""Protects: an image without a window shows all its values, except padding and lone pixels that
would leave the others no shades."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pacs_gateway.imaging.automatic import automatic_window
from pacs_gateway.imaging.image import Lut, Shades, Window

PLAIN = Shades()


def ramp(dtype: str = "i4") -> NDArray[Any]:
    """Return 100 x 100 pixels with values from 0 to 999."""
    return (np.arange(10_000) // 10).reshape(100, 100).astype(dtype)


def shown(values: NDArray[Any], shades: Shades = PLAIN) -> tuple[float, float]:
    center, width, function = automatic_window(values, shades)
    assert function == "LINEAR_EXACT"
    return center - width / 2, center + width / 2


@pytest.mark.parametrize("dtype", ["u2", "i2", "i4", "f4", "f8"])
def test_everything_is_shown(dtype: str) -> None:
    assert shown(ramp(dtype)) == (0, 999)
    assert shown(ramp(dtype), Shades(slope=-2.0, intercept=10.0)) == (-1988, 10)


@pytest.mark.parametrize("dtype", ["i4", "f4"])
@pytest.mark.parametrize(
    ("lone", "expected"),
    [(30_000, (0, 999)), (-30_000, (0, 999)), (1500, (0, 1500)), (8000, (0, 8000))],
)
def test_lone_values_far_away_are_left_out(
    lone: int, expected: tuple[int, int], dtype: str
) -> None:
    values = ramp(dtype)
    values[50, 50] = lone
    assert shown(values) == expected


def test_values_between_the_others_and_the_lone_ones_are_kept() -> None:
    values = ramp()
    values[50, 50:52] = 30_000, 4000
    assert shown(values) == (0, 4000)


def test_more_than_a_few_pixels_are_not_lone() -> None:
    values = ramp()
    values[50, 50:60] = 30_000
    assert shown(values) == (0, 30_000)


def test_masks_and_small_images_have_no_lone_values() -> None:
    mask = np.zeros((100, 100), np.uint16)
    mask[50, 50] = 1
    assert shown(mask) == (0, 1)
    mask[50, 51] = 60_000
    assert shown(mask) == (0, 60_000)
    small = np.arange(100, dtype=np.uint16).reshape(10, 10)
    small[5, 5] = 60_000
    assert shown(small) == (0, 60_000)


def test_extremes_are_found_in_images_larger_than_the_sample() -> None:
    values = np.tile(np.arange(1000, dtype=np.uint16), 200).reshape(1000, 200)
    values[999, 199], values[0, 1] = 1500, 1400
    assert shown(values) == (0, 1500)


def test_a_table_may_have_its_extremes_anywhere() -> None:
    lut = Lut(0, 16, (5, 500, 7))
    values = np.array([[0, 1, 2, 2]], np.uint8)
    assert shown(values, Shades(modality_lut=lut)) == (5, 500)


def test_padding_is_left_out_unless_it_is_all_there_is_to_tell_apart() -> None:
    values = np.array([[-2000, -1995, 0, 50, 100]], np.int16)
    assert shown(values, Shades(padding=(-2000, -1990))) == (0, 100)
    assert shown(np.array([[0, 0, 9]], np.uint8), Shades(padding=(0, 0))) == (0, 9)
    everywhere = automatic_window(np.array([[7, 7]], np.uint8), Shades(padding=(7, 7)))
    assert everywhere == Window(7.5, 1.0)


def test_what_is_no_number_has_no_part_in_it() -> None:
    assert shown(np.array([[np.nan, np.inf, 1.0, 3.0]])) == (1, 3)
    assert automatic_window(np.full((2, 2), np.nan), PLAIN) == Window(0.5, 1.0)
