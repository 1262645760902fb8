"""What a hospital may call its own: its logo and its colour, checked before anything starts.

Invariant: a colour that is used can be read by people with low vision (WCAG 2.2 AA, 4.5 to 1), on
every ground that the pages put it on, in both themes.
"""

import re
from dataclasses import dataclass
from pathlib import Path

MAX_LOGO_BYTES = 256 * 1024
"""It is drawn 28 pixels high, on every page."""
CONTRAST = 4.5
"""Of text to its ground (WCAG 2.2, 1.4.3)."""

LIGHT_GROUNDS = ("#ffffff", "#f4f5f5")
DARK_GROUNDS = ("#1c1d1d", "#121313")
"""`--surface` and `--ground` of viewer/static/css/tokens.css."""

_COLOUR = re.compile("#[0-9a-fA-F]{6}")
_BLACK, _WHITE = "#000000", "#ffffff"
_DARK_TEXT = "#06231f"
_STEPS = 50

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
)


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Shades:
    """What one colour becomes in one theme; each is written `#rrggbb`."""

    accent: str
    """Of links and of buttons."""
    strong: str
    """Of what the pointer is on, and of words on `ground`."""
    on_accent: str
    """Of words on `accent`."""
    ground: str
    """Of what is chosen."""


def read_logo(path: Path) -> Logo:
    """Return the picture of a file; raises ValueError with what is wrong in words.

    SVG is not taken: it may hold scripts.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_LOGO_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from error
    if len(content) > MAX_LOGO_BYTES:
        raise ValueError(f"{path} has more than {MAX_LOGO_BYTES // 1024} KiB")
    for signature, media_type in _SIGNATURES:
        if content.startswith(signature):
            return Logo(content, media_type)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return Logo(content, "image/webp")
    raise ValueError(f"{path} is no PNG, JPEG or WebP picture")


def check_accent(colour: str, *, dark: bool) -> str:
    """Return a colour in lower case; raises ValueError with what to take instead."""
    if not _COLOUR.fullmatch(colour):
        raise ValueError(f"{colour} is no colour; one is written as #0f766e")
    colour = colour.lower()
    grounds = DARK_GROUNDS if dark else LIGHT_GROUNDS
    worst = min(contrast(colour, ground) for ground in grounds)
    if worst < CONTRAST:
        better = _readable(colour, grounds, towards=_WHITE if dark else _BLACK)
        theme = "dark" if dark else "light"
        raise ValueError(
            f"{colour} on the {theme} pages has a contrast of {worst:.1f} to 1, and text needs"
            f" {CONTRAST} to 1 (WCAG AA); {better} would do"
        )
    return colour


def light_shades(accent: str) -> Shades:
    """Return what a checked colour becomes in the light theme."""
    ground = _mixed(accent, _WHITE, 0.88)
    return Shades(
        accent=accent,
        strong=_readable(_mixed(accent, _BLACK, 0.22), (*LIGHT_GROUNDS, ground), towards=_BLACK),
        on_accent=_WHITE,
        ground=ground,
    )


def dark_shades(accent: str) -> Shades:
    """Return what a colour becomes in the dark theme, lighter if it has to be."""
    accent = _readable(accent, DARK_GROUNDS, towards=_WHITE)
    ground = _mixed(accent, DARK_GROUNDS[0], 0.8)
    strong = _readable(_mixed(accent, _WHITE, 0.3), (*DARK_GROUNDS, ground), towards=_WHITE)
    on_accent = max((_DARK_TEXT, _BLACK, _WHITE), key=lambda text: contrast(text, accent))
    return Shades(accent=accent, strong=strong, on_accent=on_accent, ground=ground)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _readable(colour: str, grounds: tuple[str, ...], *, towards: str) -> str:
    """Return the nearest mixture with `towards` that can be read on all grounds."""
    for step in range(_STEPS):
        mixed = _mixed(colour, towards, step / _STEPS)
        if all(contrast(mixed, ground) >= CONTRAST for ground in grounds):
            return mixed
    return towards


def _mixed(colour: str, other: str, share: float) -> str:
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    """Return the relative luminance (WCAG 2.2, "relative luminance")."""
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4  # noqa: PLR2004
