"""Words in pictures: small, readable on any ground, in the one font that is always there."""

import unicodedata
from collections.abc import Mapping

from PIL import ImageDraw, ImageFont

Colour = int | tuple[int, ...]
"""Of a grey picture, or of one in RGB."""
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_SMALLEST = 10
"""Pixels; smaller letters cannot be read."""
_SHARE = 36
"""Letters are this part of the picture's longer side, as on a printed film."""
_MAX_CHARACTERS = 400
_DARK: Mapping[str, Colour] = {"L": 0, "RGB": (0, 0, 0)}


def lettering(side: int) -> Font:
    """Return the font for a picture whose longer side has `side` pixels."""
    return ImageFont.load_default(size=max(_SMALLEST, side // _SHARE))


def plain(text: str) -> str:
    """Return text without marks: the built-in font has no Vietnamese letters.

    A box in the place of a letter would be worse than a name that every reader completes.
    """
    decomposed = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(c for c in decomposed if not unicodedata.combining(c) and ord(c) < 0x250)  # noqa: PLR2004 - Latin letters end there


def written(
    draw: ImageDraw.ImageDraw,
    text: str,
    place: tuple[float, float],
    font: Font,
    colour: Colour,
    *,
    anchor: str = "la",
) -> None:
    """Write one line at `place` with a dark rim."""
    line = plain(" ".join(text.split()))[:_MAX_CHARACTERS]
    if line:
        draw.text(
            place,
            line,
            fill=colour,
            font=font,
            anchor=anchor,
            stroke_width=1,
            stroke_fill=_DARK[draw.mode],
        )
