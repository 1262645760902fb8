"""Protects: every shade of grey is the one PS3.4 N.2 and PS3.3 C.11 give by hand calculation."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pacs_gateway.imaging import luts
from pacs_gateway.imaging.image import Lut, Palette, Shades, Window

PLAIN = Shades()


def grey(values: Any, shades: Shades, dtype: str = "i2", window: Window | None = None) -> list[int]:
    pixels: NDArray[Any] = np.array([values], dtype)
    shaded = luts.grey(pixels, shades, window)
    assert shaded.shape == pixels.shape
    return shaded[0].tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        # ((x - (c - 0.5)) / (w - 1) + 0.5) * 255 with c = 50, w = 101
        (Window(50, 101), [0, 1, 4, 129, 254, 255, 255]),
        # ((x - c) / w + 0.5) * 255 with c = 50, w = 100
        (Window(50, 100, "LINEAR_EXACT"), [0, 0, 3, 128, 252, 255, 255]),
        # 255 / (1 + exp(-4 (x - c) / w)) with c = 50, w = 100
        (Window(50, 100, "SIGMOID"), [0, 30, 31, 128, 224, 225, 255]),
        # At width 1 the standard's limits leave a step at c - 0.5.
        (Window(50, 1), [0, 0, 0, 255, 255, 255, 255]),
    ],
)
def test_window_functions(window: Window, expected: list[int]) -> None:
    values = [-2000, 0, 1, 50, 99, 100, 2000]
    assert grey(values, Shades(window=window)) == expected
    # Pixels too wide for a table are computed one by one, with the same result.
    assert grey(values, Shades(window=window), "i4") == expected
    assert grey(values, Shades(window=window), "f4") == expected


def test_width_two_hundred_fifty_six_around_127_5_changes_nothing() -> None:
    window = Window(128, 256)
    assert grey([0, 1, 100, 254, 255], Shades(window=window), "u1") == [0, 1, 100, 254, 255]


def test_rescale_comes_before_the_window() -> None:
    shades = Shades(slope=2.0, intercept=-1024.0, window=Window(0.5, 2049))
    assert grey([0, 512, 1024], shades, "u2") == [0, 128, 255]


def test_negative_slope() -> None:
    assert grey([0, 50, 100], Shades(slope=-1.0), "u2") == [255, 128, 0]


def test_a_chosen_window_overrides_the_headers() -> None:
    shades = Shades(window=Window(50, 100), voi_lut=Lut(0, 8, (7,)))
    chosen = Window(1001, 2)
    assert grey([1000, 1001], shades, window=chosen) == [0, 255]


def test_the_headers_window_comes_before_its_lut() -> None:
    lut = Lut(0, 8, (7,))
    assert grey([5], Shades(window=Window(0, 1), voi_lut=lut)) == [255]
    assert grey([5], Shades(voi_lut=lut)) == [7]


def test_voi_lut_ends_hold_beyond_it() -> None:
    lut = Lut(10, 12, (0, 4095, 2048))
    assert grey([-5, 10, 11, 12, 999], Shades(voi_lut=lut)) == [0, 0, 255, 128, 128]


def test_modality_lut_replaces_rescale() -> None:
    shades = Shades(
        slope=99.0, intercept=7.0, modality_lut=Lut(1, 8, (30, 10, 20)), window=Window(20, 21)
    )
    assert grey([0, 1, 2, 3, 4], shades, "u1") == [255, 255, 6, 134, 134]


def test_without_any_window_the_range_of_the_values_is_shown() -> None:
    assert grey([-100, 0, 100], PLAIN) == [0, 128, 255]
    assert grey([-0.5, 0.0, 0.5], PLAIN, "f8") == [0, 128, 255]
    assert grey([10, 30, 20], Shades(modality_lut=Lut(0, 8, tuple(range(99, 0, -1)))), "u1") == [
        255,
        0,
        128,
    ]


def test_padding_is_left_out_of_the_range() -> None:
    shades = Shades(padding=(-2000, -1990))
    assert grey([-2000, -1995, 0, 50, 100], shades) == [0, 0, 0, 128, 255]


def test_one_value_on_padding_differs_from_it() -> None:
    assert grey([0, 0, 9], Shades(padding=(0, 0)), "u1") == [0, 0, 255]


def test_one_value_everywhere_is_black() -> None:
    assert grey([7, 7], PLAIN) == [0, 0]
    assert grey([7, 7], Shades(padding=(7, 7))) == [0, 0]


def test_inversion_comes_last() -> None:
    window = Window(50, 100, "LINEAR_EXACT")
    assert grey([0, 50, 100], Shades(window=window, inverted=True)) == [255, 127, 0]
    assert grey([0, 50, 100], Shades(inverted=True)) == [255, 127, 0]


def test_the_smallest_and_largest_signed_values() -> None:
    assert grey([-32768, 32767], PLAIN, "i2") == [0, 255]
    assert grey([-128, 127], PLAIN, "i1") == [0, 255]
    assert grey([-(2**31), 2**31 - 1], PLAIN, "i4") == [0, 255]


def test_what_is_no_number_is_black() -> None:
    assert grey([np.nan, 0.0, 1.0], PLAIN, "f4") == [0, 0, 255]
    assert grey([np.nan, np.inf, 0.0, 1.0], PLAIN, "f8") == [0, 255, 0, 255]
    assert grey([np.nan, np.nan], PLAIN, "f8") == [0, 0]


def test_absurd_numbers_still_give_shades() -> None:
    assert grey([0, 1], Shades(slope=1e300, window=Window(0, 1e-300, "SIGMOID"))) == [128, 255]


def test_blocks_meet_without_a_seam() -> None:
    values = np.arange(3 * 1024 * 1024, dtype=np.int32).reshape(3, -1)
    shaded = luts.grey(values, PLAIN, None)
    assert shaded.ravel()[0] == 0
    assert shaded.ravel()[-1] == 255
    assert (np.diff(shaded.ravel().astype(np.int16)) >= 0).all()


def test_palette_indices_are_held_to_its_ends() -> None:
    palette = Palette(first=-1, red=b"\x01\x02\x03", green=b"\x04\x05\x06", blue=b"\x07\x08\x09")
    indices = np.array([[-5, -1, 0, 1, 99]], np.int16)
    assert luts.colours(indices, palette).tolist() == [
        [[1, 4, 7], [1, 4, 7], [2, 5, 8], [3, 6, 9], [3, 6, 9]]
    ]


def test_a_supplemental_palette_colours_the_values_from_its_first_on() -> None:
    palette = Palette(first=100, red=b"\x01\x02", green=b"\x03\x04", blue=b"\x05\x06")
    shades = Shades(window=Window(50, 100, "LINEAR_EXACT"), supplement=palette)
    pixels = np.array([[0, 50, 100, 101, 500]], np.uint16)
    assert luts.grey(pixels, shades, None).tolist() == [
        [[0, 0, 0], [128, 128, 128], [1, 3, 5], [2, 4, 6], [2, 4, 6]]
    ]
    assert luts.grey(pixels[:, :2], shades, None).tolist() == [[0, 128]]


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2"])
def test_the_table_gives_what_computing_every_pixel_gives(dtype: str) -> None:
    limits = np.iinfo(dtype)
    pixels = np.linspace(limits.min, limits.max, 300_000).astype(dtype).reshape(1, -1)
    shades = Shades(slope=1.5, intercept=-3.0, window=Window(20, 90))
    assert (luts.grey(pixels, shades, None) == luts.grey(pixels.astype("i4"), shades, None)).all()
