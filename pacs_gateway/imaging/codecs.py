"""Compressed frames to pixel cells (PS3.5 A.4), by imagecodecs alone.

The colour rule: what a codec turned into RGB is said to be RGB afterwards, so that nobody
converts twice or not at all.
"""

from collections.abc import Callable, Mapping
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from pacs_gateway.errors import UnrenderableError
from pacs_gateway.imaging import native
from pacs_gateway.imaging.image import Image

Array = NDArray[Any]
Codec = Callable[[Image, bytes], tuple[Array, str]]
"""Gives an array of (rows, columns) or (rows, columns, 3) and the photometric interpretation."""

_JPEG_XL_LOSSLESS = "1.2.840.10008.1.2.4.110"
_JPEG_SCAN, _JPEG_2000_DATA, _END = b"\xff\xda", b"\xff\x93", b"\xff\xd9"
_MARKER, _SOI_LENGTH = 0xFF, 2
_SOF3, _SOS = 0xC3, 0xDA
_APP0, _APP14 = 0xE0, 0xEE


def rle(image: Image, frame: bytes) -> tuple[Array, str]:
    """Decode RLE (PS3.5 G): one segment per byte of each sample, colours by plane."""
    if image.bits_allocated == 1:
        packed = imagecodecs.dicomrle_decode(frame, np.uint8)
        return native.single_bits(image, bytes(packed)), image.photometric
    decoded = imagecodecs.dicomrle_decode(frame, np.dtype(f"u{image.bits_allocated // 8}"))
    flat = np.frombuffer(decoded, f"u{image.bits_allocated // 8}")
    if flat.size < image.sample_count:
        raise UnrenderableError(f"The RLE frame has {flat.size} of {image.sample_count} samples.")
    return native.shaped(image, flat[: image.sample_count], planar=True), image.photometric


def jpeg(image: Image, frame: bytes) -> tuple[Array, str]:
    """Decode every JPEG process, 8 to 16 bits.

    JFIF and Adobe markers say whether the stream is YCbCr, and libjpeg follows them; without
    either, the photometric interpretation decides, not libjpeg's guess by component numbers.
    Lossless streams are never converted: the photometric interpretation describes their samples.
    """
    _refuse_cut(frame, body=_JPEG_SCAN)
    if image.samples == 1:
        return imagecodecs.jpeg8_decode(frame), image.photometric
    rgb = imagecodecs.JPEG8.CS.RGB
    markers = _jpeg_markers(frame)
    if _SOF3 in markers:
        # Named the same on both sides, no conversion happens.
        pixels = imagecodecs.jpeg8_decode(frame, colorspace=rgb, outcolorspace=rgb)
        return pixels, image.photometric
    if markers & {_APP0, _APP14}:
        return imagecodecs.jpeg8_decode(frame, outcolorspace=rgb), "RGB"
    space = rgb if image.photometric == "RGB" else imagecodecs.JPEG8.CS.YCbCr
    return imagecodecs.jpeg8_decode(frame, colorspace=space, outcolorspace=rgb), "RGB"


def jpeg_ls(image: Image, frame: bytes) -> tuple[Array, str]:
    """Decode JPEG-LS, lossless and near-lossless."""
    # CharLS notices, but may take half a minute to.
    _refuse_cut(frame, body=_JPEG_SCAN)
    return imagecodecs.jpegls_decode(frame), image.photometric


def jpeg_2000(image: Image, frame: bytes) -> tuple[Array, str]:
    """Decode JPEG 2000; its own colour transforms (YBR_RCT, YBR_ICT) are undone by the codec."""
    return imagecodecs.jpeg2k_decode(frame, numthreads=1), _without_transform(image)


def htj2k(image: Image, frame: bytes) -> tuple[Array, str]:
    """Decode High-Throughput JPEG 2000."""
    _refuse_cut(frame, body=_JPEG_2000_DATA)
    return imagecodecs.htj2k_decode(frame), _without_transform(image)


def jpeg_xl(image: Image, frame: bytes) -> tuple[Array, str]:
    """Decode JPEG XL, which gives RGB also for recompressed JPEG and XYB."""
    lossless = image.transfer_syntax_uid == _JPEG_XL_LOSSLESS
    pixels = imagecodecs.jpegxl_decode(frame, numthreads=1)
    return pixels, image.photometric if lossless or image.samples == 1 else "RGB"


CODECS: Mapping[str, Codec] = {
    "1.2.840.10008.1.2.5": rle,
    "1.2.840.10008.1.2.4.50": jpeg,
    "1.2.840.10008.1.2.4.51": jpeg,
    "1.2.840.10008.1.2.4.53": jpeg,
    "1.2.840.10008.1.2.4.55": jpeg,
    "1.2.840.10008.1.2.4.57": jpeg,
    "1.2.840.10008.1.2.4.70": jpeg,
    "1.2.840.10008.1.2.4.80": jpeg_ls,
    "1.2.840.10008.1.2.4.81": jpeg_ls,
    "1.2.840.10008.1.2.4.90": jpeg_2000,
    "1.2.840.10008.1.2.4.91": jpeg_2000,
    "1.2.840.10008.1.2.4.92": jpeg_2000,
    "1.2.840.10008.1.2.4.93": jpeg_2000,
    "1.2.840.10008.1.2.4.110": jpeg_xl,
    "1.2.840.10008.1.2.4.111": jpeg_xl,
    "1.2.840.10008.1.2.4.112": jpeg_xl,
    "1.2.840.10008.1.2.4.201": htj2k,
    "1.2.840.10008.1.2.4.202": htj2k,
    "1.2.840.10008.1.2.4.203": htj2k,
}
"""Every compressed transfer syntax whose frames are still images, with its decoder."""


def _refuse_cut(frame: bytes, *, body: bytes) -> None:
    """Refuse a stream without its end marker, which neither of its marker segments can hide.

    libjpeg and OpenJPH fill what is missing with grey and say nothing.
    """
    if frame.rfind(_END) <= frame.rfind(body):
        raise UnrenderableError("The compressed frame is cut short.")


def _without_transform(image: Image) -> str:
    return "RGB" if image.photometric in ("YBR_RCT", "YBR_ICT") else image.photometric


def _jpeg_markers(frame: bytes) -> set[int]:
    """Return the markers of a JPEG stream's headers; APPn only where they name JFIF or Adobe."""
    markers: set[int] = set()
    names = {_APP0: b"JFIF", _APP14: b"Adobe"}
    at = _SOI_LENGTH
    while at + 4 <= len(frame) and frame[at] == _MARKER:
        marker = frame[at + 1]
        if marker == _MARKER:
            at += 1  # Fill byte before a marker (ITU-T T.81 B.1.1.2).
            continue
        if frame.startswith(names.get(marker, b""), at + 4):
            markers.add(marker)
        if marker == _SOS:
            break
        at += 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    return markers
