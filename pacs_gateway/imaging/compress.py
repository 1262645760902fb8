"""From pixel cells to lossless streams, and proof that they come back; only ever in the child.

Invariant: no stream leaves here that our own decoder does not turn into the very same cells.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from pacs_gateway.errors import NotAcceptableError
from pacs_gateway.imaging.decode import Decoded, decode_exactly
from pacs_gateway.imaging.image import Image
from pacs_gateway.imaging.recode import HTJ2K, JPEG_2000, JPEG_LOSSLESS, JPEG_LS, RLE
from pacs_gateway.imaging.stream import CODEC_ERRORS

Array = NDArray[Any]

_WIDTHS = (8, 16)
_GREY, _COLOUR = 1, 3
_RLE_SEGMENTS = 15
_RLE_HEADER = struct.Struct("<16I")


def compressed(decoded: Decoded, transfer_syntax_uid: str, *, max_samples: int) -> bytes:
    """Return the cells of one frame as a stream in a lossless transfer syntax.

    Colour stays in the model that it has, except that High-Throughput JPEG 2000 takes RGB through
    its own reversible transform (`photometric_of`).

    Raises NotAcceptableError for cells that the syntax cannot hold.
    """
    image = decoded.image
    if image.subsampled:
        # Its cells have chrominance for every pixel already (imaging.native).
        image = replace(image, photometric="YBR_FULL")
    if image.bits_allocated not in _WIDTHS or image.samples not in (_GREY, _COLOUR):
        raise _unfit(transfer_syntax_uid)
    try:
        stream = _ENCODERS[transfer_syntax_uid](image, decoded.cells)
        # The model is named as its header will name it, so that what a client does is tried.
        again = decode_exactly(
            replace(
                image,
                transfer_syntax_uid=transfer_syntax_uid,
                photometric=photometric_of(image.photometric, transfer_syntax_uid),
                planar=False,
            ),
            stream,
            max_samples=max_samples,
        )
    except CODEC_ERRORS as error:
        raise _unfit(transfer_syntax_uid) from error
    if again.image.photometric != image.photometric or not _equal(again.cells, decoded.cells):
        raise _unfit(transfer_syntax_uid)
    return stream


def photometric_of(photometric: str, transfer_syntax_uid: str) -> str:
    """Return the Photometric Interpretation of a stream made of colours in this one."""
    return "YBR_RCT" if (photometric, transfer_syntax_uid) == ("RGB", HTJ2K) else photometric


def _jpeg_ls(image: Image, cells: Array) -> bytes:
    del image
    return bytes(imagecodecs.jpegls_encode(cells, level=0))


def _jpeg_lossless(image: Image, cells: Array) -> bytes:
    # Named the same on both sides, no conversion happens.
    colours = None if image.samples == _GREY else "rgb"
    return bytes(
        imagecodecs.jpeg8_encode(
            cells,
            colorspace=colours,
            outcolorspace=colours,
            lossless=True,
            predictor=1,
            bitspersample=_precision(image, cells),
        )
    )


def _jpeg_2000(image: Image, cells: Array) -> bytes:
    precision = image.bits_allocated if image.signed else _precision(image, cells)
    return bytes(
        imagecodecs.jpeg2k_encode(
            _with_sign(image, cells),
            level=0,
            codecformat="j2k",
            reversible=True,
            mct=False,
            bitspersample=precision,
            numthreads=1,
        )
    )


def _htj2k(image: Image, cells: Array) -> bytes:
    if image.samples == _COLOUR and image.photometric != "RGB":
        raise _unfit(HTJ2K)
    return bytes(imagecodecs.htj2k_encode(_with_sign(image, cells), reversible=True))


def _rle(image: Image, cells: Array) -> bytes:
    """Return the segments of PS3.5 G.3 to G.5: the most significant byte of each sample first."""
    width = image.bits_allocated // 8
    planes = cells.reshape(image.rows, image.columns, image.samples).transpose(2, 0, 1)
    rows = np.ascontiguousarray(planes).astype(f">u{width}").view(np.uint8)
    segments = []
    for plane in rows.reshape(image.samples, image.rows, image.columns, width):
        for byte in range(width):
            # Runs end with their row (PS3.5 G.3.1).
            packed = bytes(imagecodecs.packbits_encode(np.ascontiguousarray(plane[..., byte])))
            segments.append(packed + bytes(len(packed) % 2))
    assert len(segments) <= _RLE_SEGMENTS
    offsets = np.cumsum([_RLE_HEADER.size, *map(len, segments[:-1])]).tolist()
    filled = offsets + [0] * (_RLE_SEGMENTS - len(segments))
    return _RLE_HEADER.pack(len(segments), *filled) + b"".join(segments)


def _precision(image: Image, cells: Array) -> int:
    """Return the bits of a sample: those stored, unless a cell has something above them."""
    fits = not image.signed and int(cells.max(initial=0)) >> image.bits_stored == 0
    return image.bits_stored if fits and image.bits_stored > 1 else image.bits_allocated


def _with_sign(image: Image, cells: Array) -> Array:
    return cells.view(f"i{image.bits_allocated // 8}") if image.signed else cells


def _equal(found: Array, given: Array) -> bool:
    return found.dtype == given.dtype and np.array_equal(found, given)


def _unfit(transfer_syntax_uid: str) -> NotAcceptableError:
    return NotAcceptableError(
        f"These pixels cannot be compressed in the transfer syntax {transfer_syntax_uid};"
        " ask with transfer-syntax=*."
    )


_ENCODERS: Mapping[str, Callable[[Image, Array], bytes]] = {
    JPEG_LOSSLESS: _jpeg_lossless,
    JPEG_LS: _jpeg_ls,
    JPEG_2000: _jpeg_2000,
    HTJ2K: _htj2k,
    RLE: _rle,
}
