"""What the header says about the pixels of one frame, read once into frozen values.

Headers are hostile or plain wrong often enough that every value is read on its own: one that
cannot be read counts as absent, and one that makes no sense is replaced by the only sensible one.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.filereader import read_partial

from pacs_gateway.dicom import meta
from pacs_gateway.errors import UnrenderableError

_FLOAT_PIXEL_DATA = 0x7FE00008
_DOUBLE_FLOAT_PIXEL_DATA = 0x7FE00009
_PIXEL_DATA = 0x7FE00010

_MAX_LUT_ENTRIES = 65_536
_INTEGER_WIDTHS = (1, 8, 16, 32)


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


@dataclass(frozen=True, slots=True)
class Window:
    """A window on modality values (PS3.3 C.11.2.1.2); `function` in the standard's spelling."""

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
    inverted: bool = False
    padding: tuple[int, int] | None = None
    """Lowest and highest stored value that mark pixels outside the image."""


@dataclass(frozen=True, slots=True)
class Palette:
    """Red, green and blue tables of PALETTE COLOR, 8 bits each, all of one length."""

    first: int
    red: bytes
    green: bytes
    blue: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """A parsed header; the same for every frame of the instance."""

    data_set: Dataset
    transfer_syntax_uid: str
    pixel_tag: int
    pixel_vr: str


def read_header(part10: bytes) -> Header:
    """Parse a Part 10 file that ends where the value of the pixel data would begin.

    Raises UnrenderableError if it announces no pixel data or cannot be parsed.
    """
    found: list[tuple[int, str]] = []

    def at_pixels(tag: int, vr: str | None, _length: int) -> bool:
        if tag not in (_PIXEL_DATA, _FLOAT_PIXEL_DATA, _DOUBLE_FLOAT_PIXEL_DATA):
            return False
        found.append((int(tag), vr or "OW"))
        return True

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data_set = read_partial(BytesIO(part10), at_pixels, force=True)
        except _UNREADABLE as error:
            raise UnrenderableError("The header of this image cannot be read.") from error
    if not found:
        raise UnrenderableError("This instance has no pixels.")
    syntax = str(data_set.file_meta.get("TransferSyntaxUID", meta.IMPLICIT_VR_LITTLE_ENDIAN))
    return Header(data_set, syntax, *found[0])
