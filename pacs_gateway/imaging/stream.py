"""What decoding a compressed frame gives, and the errors that mean it is damaged."""

from typing import Any, NamedTuple

from numpy.typing import NDArray

from pacs_gateway.errors import UnrenderableError

# What codecs raise over damaged streams; imagecodecs derives its own errors from RuntimeError.
CODEC_ERRORS = (LookupError, MemoryError, RuntimeError, TypeError, ValueError)


class Decompressed(NamedTuple):
    """The samples of one frame as its own stream describes them."""

    pixels: NDArray[Any]
    """Shape (rows, columns) or (rows, columns, samples)."""
    photometric: str
    """The colour model of `pixels`, after whatever conversion the codec did."""
    precision: int = 0
    """Bits of a sample if the stream says so, else 0."""
    foreign_bits: bool = False
    """Whether there may be something else above the stored bits, as in whole cells."""


def damaged() -> UnrenderableError:
    return UnrenderableError("The compressed pixels of this frame are damaged.")


def cut_short() -> UnrenderableError:
    return UnrenderableError("The compressed frame is cut short.")
