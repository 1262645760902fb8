"""From the bytes of one frame to pixel cells, whatever the transfer syntax.

Invariant: either the cells of the whole frame come out, or UnrenderableError is raised; nothing is
allocated before the size was checked against the budget.

What a compressed stream says of itself is right where the header differs: its size, its samples
and their depth. So a picture can be made of it; but native bytes for such a header cannot.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pacs_gateway.dicom import deflate, meta
from pacs_gateway.errors import NotADataSetError, UnrenderableError
from pacs_gateway.imaging import codecs, native
from pacs_gateway.imaging.image import Image
from pacs_gateway.imaging.stream import CODEC_ERRORS, Decompressed, damaged

_SAMPLES_OF_COLOUR = 3
_DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
_NATIVE = frozenset(
    {
        meta.IMPLICIT_VR_LITTLE_ENDIAN,
        meta.EXPLICIT_VR_LITTLE_ENDIAN,
        meta.DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        meta.EXPLICIT_VR_BIG_ENDIAN,
        meta.GE_IMPLICIT_VR_BIG_ENDIAN_PIXELS,
    }
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """The cells of one frame, and the image they are cells of once no codec is around them."""

    image: Image
    cells: NDArray[Any]
    """Shape (rows, columns) or (rows, columns, samples)."""


def decode(image: Image, frame: bytes, *, max_samples: int) -> Decoded:
    """Return the pixel cells of one frame.

    Raises UnrenderableError: too large, too short, damaged, or no still image at all (video).
    """
    _refuse_beyond_budget(image, max_samples)
    if image.transfer_syntax_uid in _NATIVE:
        return Decoded(native.unpacked(image), native.cells(image, frame))
    if image.transfer_syntax_uid == _DEFLATED_FRAMES:
        return Decoded(native.unpacked(image), native.cells(image, _inflated(image, frame)))
    return _decompressed(image, frame, max_samples)


def decode_exactly(image: Image, frame: bytes, *, max_samples: int) -> Decoded:
    """Return the pixel cells of one frame, as many and as wide as the header says.

    Raises UnrenderableError as `decode` does, and for a compressed stream of another shape.
    """
    decoded = decode(image, frame, max_samples=max_samples)
    found, announced = _shape(decoded.image), _shape(native.unpacked(image))
    if found != announced:
        raise UnrenderableError(
            "The compressed frame has {} rows, {} columns, {} samples and {} bits,".format(*found)
            + " not {}, {}, {} and {} as the header says.".format(*announced)
        )
    return decoded


def explicit_little_endian(image: Image, frame: bytes, *, max_samples: int) -> bytes:
    """Return one frame as it would stand in Explicit VR Little Endian (PS3.5 A.2).

    Colour that was compressed comes back as Planar Configuration says, and in RGB if the codec's
    own transform was undone.

    Raises UnrenderableError as `decode_exactly` does.
    """
    _refuse_beyond_budget(image, max_samples)
    if image.transfer_syntax_uid in _NATIVE:
        return native.reordered(image, frame)
    decoded = decode_exactly(image, frame, max_samples=max_samples)
    return native.little_endian_bytes(decoded.image, decoded.cells, planar=image.planar)


def _shape(image: Image) -> tuple[int, int, int, int]:
    return image.rows, image.columns, image.samples, image.bits_allocated


def _refuse_beyond_budget(image: Image, max_samples: int) -> None:
    if image.sample_count > max_samples:
        raise UnrenderableError(
            f"An image of {image.rows} x {image.columns} pixels is larger than can be shown."
        )


def _decompressed(image: Image, frame: bytes, max_samples: int) -> Decoded:
    syntax = image.transfer_syntax_uid
    codec = codecs.CODECS.get(syntax)
    if codec is None:
        raise UnrenderableError(f"Pixels in transfer syntax {syntax} cannot be shown.")
    image = native.unpacked(image)
    try:
        stream = codec(image, frame)
    except CODEC_ERRORS as error:
        raise damaged() from error
    image = _of_stream(image, stream)
    _refuse_beyond_budget(image, max_samples)
    return Decoded(image, _as_cells(image, stream.pixels))


def _of_stream(image: Image, stream: Decompressed) -> Image:
    """Return the image as its stream describes it."""
    pixels = stream.pixels
    if pixels.dtype.kind not in "iu" or pixels.ndim not in (2, 3):
        raise damaged()
    rows, columns, samples = (*pixels.shape, 1)[:3]
    if samples not in (1, _SAMPLES_OF_COLOUR, image.samples):
        raise UnrenderableError(f"A compressed frame of {samples} samples cannot be shown.")
    allocated = max(image.bits_allocated, 8 * pixels.dtype.itemsize)
    if image.bits_allocated == 1 and pixels.max(initial=0) <= 1:
        allocated = 1
    stored, high_bit = _stored_bits(image, stream, allocated)
    return replace(
        image,
        rows=rows,
        columns=columns,
        samples=samples,
        photometric=_colour_model(image, stream.photometric, samples),
        planar=False,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high_bit,
        signed=image.signed or pixels.dtype.kind == "i",
    )


def _stored_bits(image: Image, stream: Decompressed, allocated: int) -> tuple[int, int]:
    """Return Bits Stored and High Bit of decoded cells."""
    stored, high_bit = image.bits_stored, image.high_bit
    left_aligned = stream.precision > high_bit >= stored
    if image.transfer_syntax_uid == codecs.RLE or left_aligned:
        return stored, high_bit
    if not stream.foreign_bits:
        stored = min(max(stored, stream.precision), allocated)
    # A stream too narrow for High Bit begins each value at the lowest bit.
    return stored, stored - 1


def _colour_model(image: Image, photometric: str, samples: int) -> str:
    """Return the model of a stream that has other samples than the header says."""
    if samples == image.samples:
        return photometric
    return "MONOCHROME2" if samples == 1 else "RGB"


def _as_cells(image: Image, pixels: NDArray[Any]) -> NDArray[Any]:
    """Return a codec's output in unsigned cells of the image's width."""
    width = max(1, image.bits_allocated // 8)
    # Widening a signed type keeps the sign; the cell then holds its two's complement.
    widened = pixels.astype(f"{pixels.dtype.kind}{width}", copy=False)
    return np.ascontiguousarray(widened).view(f"u{width}")


def _inflated(image: Image, frame: bytes) -> bytes:
    needed = -(-image.sample_count * image.bits_allocated // 8)
    try:
        return deflate.inflate([frame], max_bytes=needed + 1, max_ratio=None)
    except NotADataSetError as error:
        raise damaged() from error
