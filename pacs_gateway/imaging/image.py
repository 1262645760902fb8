"""What is known about the pixels of one frame: frozen values without a library behind them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

WINDOW_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
PALETTE_COLOR = "PALETTE COLOR"
SAMPLES_OF_COLOUR = {"ARGB": 4, "CMYK": 4}
"""Samples of a pixel in the colour models that have other than three, all retired."""


class Kind(StrEnum):
    """How pixel values are stored (PS3.3 C.7.6.3, C.7.6.24, C.7.6.25)."""

    INTEGER = "integer"
    FLOAT = "float"
    DOUBLE = "double"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """The Image Pixel attributes, made consistent."""

    transfer_syntax_uid: str
    kind: Kind
    big_endian: bool
    """Byte order of native pixel data."""
    word_swapped: bool
    """Pixels of one byte that were written as big endian words (PS3.5 A.3, VR OW)."""
    rows: int
    columns: int
    samples: int
    photometric: str
    planar: bool
    """True for colour by plane: all red, then all green, then all blue."""
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool

    @property
    def sample_count(self) -> int:
        """Samples in one decoded frame."""
        return self.rows * self.columns * self.samples

    @property
    def subsampled(self) -> bool:
        """Whether native pixel data keeps chrominance for every second pixel only."""
        return self.photometric in ("YBR_FULL_422", "YBR_PARTIAL_422")


@dataclass(frozen=True, slots=True)
class Lut:
    """A lookup table (PS3.3 C.11.1.1): `values[0]` belongs to the input `first`."""

    first: int
    bits: int
    values: tuple[int, ...]


class Window(NamedTuple):
    """A window on modality values (PS3.3 C.11.2.1.2); `function` is one of WINDOW_FUNCTIONS."""

    center: float
    width: float
    function: str = "LINEAR"

    @property
    def valid(self) -> bool:
        """Whether the width may be used: at least 1 for LINEAR, above 0 for the others."""
        return self.width >= 1 if self.function == "LINEAR" else self.width > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shades:
    """From stored values to shades of grey, before anyone chose a window (PS3.4 N.2)."""

    slope: float = 1.0
    intercept: float = 0.0
    modality_lut: Lut | None = None
    window: Window | None = None
    voi_lut: Lut | None = None
    presentation_lut: Lut | None = None
    """Of a presentation state: from the whole range of values of interest to P-Values."""
    inverted: bool = False
    padding: tuple[int, int] | None = None
    """Lowest and highest stored value that mark pixels outside the image."""
    supplement: "Palette | None" = None
    """Colours of stored values from its `first` on; those below are grey (PS3.3 C.7.6.19)."""


@dataclass(frozen=True, slots=True)
class Palette:
    """Red, green and blue tables of PALETTE COLOR, 8 bits each, all of one length."""

    first: int
    red: bytes
    green: bytes
    blue: bytes
