"""Words in pictures: small, and readable on any ground."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from PIL import ImageDraw, ImageFont

Colour = int | tuple[int, ...]
"""Of a grey picture, or of one in RGB."""

_SMALLEST = 10
"""Pixels; smaller letters cannot be read."""
_SHARE = 36
"""Letters are this part of the picture's longer side, as on a printed film."""
_MAX_CHARACTERS = 400
_DARK: Mapping[str, Colour] = {"L": 0, "RGB": (0, 0, 0)}
_RICH_FONT = "DejaVuSans.ttf"
"""Has all of Vietnamese; most Linux systems have it, in a place that Pillow knows."""
_RICH_LETTERS = (range(0x20, 0x530), range(0x1E00, 0x2070))
"""Latin, Greek and Cyrillic, their signs; Vietnamese is in the second part."""
_PLAIN_LETTERS = (range(0x20, 0x7F),)
_PLAIN = str.maketrans({
    "Đ": "D", "đ": "d", "Ø": "O", "ø": "o", "Ł": "L", "ł": "l", "Æ": "AE", "æ": "ae", "ß": "ss",
    "\N{MICRO SIGN}": "u", "\N{GREEK SMALL LETTER MU}": "u", "\N{DEGREE SIGN}": " deg",
    "\N{MULTIPLICATION SIGN}": "x", "\N{PLUS-MINUS SIGN}": "+/-", "\N{EN DASH}": "-",
    "\N{MIDDLE DOT}": "-", "\N{SUPERSCRIPT TWO}": "2", "\N{SUPERSCRIPT THREE}": "3",
})  # fmt: skip
"""Letters and signs that do not become plain when their marks are taken away."""


@dataclass(frozen=True, slots=True)
class Lettering:
    """A font in one size."""

    font: ImageFont.FreeTypeFont | ImageFont.ImageFont
    rich: bool
    """Whether it has more than the letters of English."""

    @property
    def height(self) -> float:
        """Pixels from the top of a capital to the bottom of a small g."""
        _, top, _, bottom = self.font.getbbox("Ag")
        return bottom - top

    def shown(self, text: str) -> str:
        """Return text in one line of letters that the font has.

        Vietnamese without its marks is completed by every reader. What cannot be shown at all is
        a question mark: left out, it would make other names and numbers.
        """
        line = unicodedata.normalize("NFC", " ".join(text.split()))
        if not self.rich:
            decomposed = unicodedata.normalize("NFD", line.translate(_PLAIN))
            line = "".join(c for c in decomposed if not unicodedata.combining(c))
        known = _RICH_LETTERS if self.rich else _PLAIN_LETTERS
        return "".join(
            c if c.isprintable() and any(ord(c) in letters for letters in known) else "?"
            for c in line
        )


@lru_cache(maxsize=16)
def lettering(side: int) -> Lettering:
    """Return letters for a picture whose longer side has `side` pixels."""
    size = max(_SMALLEST, side // _SHARE)
    try:
        return Lettering(ImageFont.truetype(_RICH_FONT, size), rich=True)
    except OSError:
        # Pillow brings a small font of its own.
        return Lettering(ImageFont.load_default(size), rich=False)


def written(
    draw: ImageDraw.ImageDraw,
    text: str,
    place: tuple[float, float],
    letters: Lettering,
    colour: Colour,
    *,
    anchor: str = "la",
) -> None:
    """Write one line at `place` with a dark rim."""
    line = letters.shown(text)[:_MAX_CHARACTERS]
    if line:
        draw.text(
            place,
            line,
            fill=colour,
            font=letters.font,
            anchor=anchor,
            stroke_width=1,
            stroke_fill=_DARK[draw.mode],
        )
