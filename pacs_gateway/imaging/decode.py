"""From the bytes of one frame to pixel cells, whatever the transfer syntax.

Invariant: either exactly rows x columns x samples cells come out, or UnrenderableError is
raised; nothing is allocated before the size was checked against the budget.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pacs_gateway.dicom import deflate, meta
from pacs_gateway.errors import NotADataSetError, UnrenderableError
from pacs_gateway.imaging import codecs, native
from pacs_gateway.imaging.image import Image

_DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
_RLE = "1.2.840.10008.1.2.5"
_NATIVE = frozenset(
    {
        meta.IMPLICIT_VR_LITTLE_ENDIAN,
        meta.EXPLICIT_VR_LITTLE_ENDIAN,
        meta.DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        meta.EXPLICIT_VR_BIG_ENDIAN,
        meta.GE_IMPLICIT_VR_BIG_ENDIAN_PIXELS,
    }
)
# What codecs raise over damaged streams; imagecodecs derives its own errors from RuntimeError.
_CODEC_ERRORS = (LookupError, MemoryError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Decoded:
    """The cells of one frame, and the image they are cells of once no codec is around them."""

    image: Image
    cells: NDArray[Any]
    """Shape (rows, columns) or (rows, columns, 3)."""


def decode(image: Image, frame: bytes, *, max_samples: int) -> Decoded:
    """Return the pixel cells of one frame.

    Raises UnrenderableError: too large, too short, damaged, or no still image at all (video).
    """
    _refuse_beyond_budget(image, max_samples)
    if image.transfer_syntax_uid in _NATIVE:
        return Decoded(image, native.cells(image, frame))
    if image.transfer_syntax_uid == _DEFLATED_FRAMES:
        return Decoded(image, native.cells(image, _inflated(image, frame)))
    return _decompressed(image, frame)


def explicit_little_endian(image: Image, frame: bytes, *, max_samples: int) -> bytes:
    """Return one frame as it would stand in Explicit VR Little Endian (PS3.5 A.2).

    Colour that was compressed comes back by pixel, and in RGB if the codec's own transform was
    undone.

    Raises UnrenderableError as `decode` does.
    """
    _refuse_beyond_budget(image, max_samples)
    if image.transfer_syntax_uid in _NATIVE:
        return native.reordered(image, frame)
    decoded = decode(image, frame, max_samples=max_samples)
    return native.little_endian_bytes(decoded.image, decoded.cells)


def _refuse_beyond_budget(image: Image, max_samples: int) -> None:
    if image.sample_count > max_samples:
        raise UnrenderableError(
            f"An image of {image.rows} x {image.columns} pixels is larger than can be shown."
        )


def _decompressed(image: Image, frame: bytes) -> Decoded:
    syntax = image.transfer_syntax_uid
    codec = codecs.CODECS.get(syntax)
    if codec is None:
        raise UnrenderableError(f"Pixels in transfer syntax {syntax} cannot be shown.")
    if syntax != _RLE:
        # Streams carry values without foreign bits, so High Bit means nothing for them.
        image = replace(image, high_bit=image.bits_stored - 1)
    try:
        pixels, photometric = codec(image, frame)
    except _CODEC_ERRORS as error:
        raise UnrenderableError("The compressed pixels of this frame are damaged.") from error
    expected = (image.rows, image.columns, image.samples)[: 2 if image.samples == 1 else 3]
    if pixels.shape != expected:
        raise UnrenderableError(
            f"The compressed frame is {pixels.shape}, not {expected} as the header says."
        )
    image = replace(image, photometric=photometric, planar=False)
    return Decoded(image, _as_cells(image, pixels))


def _as_cells(image: Image, pixels: NDArray[Any]) -> NDArray[Any]:
    """Return a codec's output in unsigned cells of the header's width."""
    width = max(1, image.bits_allocated // 8)
    if pixels.dtype.kind not in "iu" or pixels.dtype.itemsize > width:
        raise UnrenderableError(
            f"The compressed frame has values of type {pixels.dtype},"
            f" too wide for {image.bits_allocated} bits."
        )
    # Widening a signed type keeps the sign; the cell then holds its two's complement.
    widened = pixels.astype(f"{pixels.dtype.kind}{width}", copy=False)
    return np.ascontiguousarray(widened).view(f"u{width}")


def _inflated(image: Image, frame: bytes) -> bytes:
    needed = -(-image.sample_count * image.bits_allocated // 8)
    try:
        return deflate.inflate([frame], max_bytes=needed + 1, max_ratio=None)
    except NotADataSetError as error:
        raise UnrenderableError("The compressed pixels of this frame are damaged.") from error
