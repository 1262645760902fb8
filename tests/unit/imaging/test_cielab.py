"""Invariant: a colour in CIELab as DICOM writes it is shown as the same colour in sRGB."""

import pytest

from pacs_gateway.imaging.cielab import srgb


def encoded(lightness: float, a: float, b: float) -> tuple[int, int, int]:
    """Return CIELab as in PS3.3 C.10.7.1.1."""
    return (
        round(lightness / 100 * 0xFFFF),
        round((a + 128) / 255 * 0xFFFF),
        round((b + 128) / 255 * 0xFFFF),
    )


@pytest.mark.parametrize(
    ("colour", "expected"),
    # The corners of sRGB under D50, as tables of colours have them.
    [
        ((0xFFFF, 0x8080, 0x8080), (255, 255, 255)),
        ((0, 0x8080, 0x8080), (0, 0, 0)),
        (encoded(53.59, 0, 0), (128, 128, 128)),
        (encoded(54.29, 80.80, 69.89), (255, 0, 0)),
        (encoded(87.82, -79.27, 80.99), (0, 255, 0)),
        (encoded(29.57, 68.30, -112.03), (0, 0, 255)),
    ],
)
def test_known_colours(colour: tuple[int, int, int], expected: tuple[int, int, int]) -> None:
    assert all(abs(one - other) <= 1 for one, other in zip(srgb(colour), expected, strict=True))


def test_colours_outside_of_the_screen_become_the_nearest() -> None:
    _, green, blue = srgb(encoded(60, 127, -128))
    assert (green, blue) == (0, 255)
    assert srgb((-5, 99999, 0x8080)) == srgb((0, 0xFFFF, 0x8080))
