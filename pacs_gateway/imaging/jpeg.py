"""JPEG of every process, 8 to 16 bits (ITU-T T.81, PS3.5 8.2.1), and its colours.

The colour rule: what a codec turned into RGB is said to be RGB afterwards, so that nobody
converts twice or not at all.

libjpeg fills what is missing of a stream with grey and says nothing. So a stream without its end
marker, or with such grey in its last corner, is decoded several times with different bits after
it: only if none of them shows in the picture was nothing missing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from pacs_gateway.imaging.image import Image
from pacs_gateway.imaging.stream import CODEC_ERRORS, Decompressed, cut_short, damaged

Array = NDArray[Any]

_END = b"\xff\xd9"
_SCAN = b"\xff\xda"
_MARKER = 0xFF
_SOI_LENGTH = 2
_SOS, _DRI = 0xDA, 0xDD
_JPEG_LS = 0xF7
_FRAME_MARKERS = (frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}) | {_JPEG_LS}
_SEQUENTIAL = frozenset({0xC0, 0xC1, 0xC3})
_LOSSLESS = 0xC3
_JFIF, _ADOBE = (0xE0, b"JFIF"), (0xEE, b"Adobe")
_AFTER_THE_END = (b"\x55" * 64, b"\xaa" * 64)
_FILLED_IN = (128, 2048)
"""What libjpeg puts where 8-bit and other data are missing."""


@dataclass(frozen=True, slots=True)
class _Head:
    """What the marker segments before the first scan say."""

    process: int
    """The frame marker, 0xC0 being baseline."""
    precision: int
    components: int
    components_in_scan: int
    names_its_colours: bool
    """Whether a JFIF or Adobe segment says how the colours are encoded."""
    subsampled: bool
    """Whether components differ in size."""
    restarts: bool
    """Whether the scan may be divided by restart markers."""

    @property
    def is_one_run(self) -> bool:
        """Whether all samples stand in one run of bits, which a cut can only shorten."""
        whole_scan = self.components_in_scan == self.components
        return self.process in _SEQUENTIAL and whole_scan and not self.restarts


def decode(image: Image, frame: bytes) -> Decompressed:
    """Return the samples of a JPEG stream, colours as RGB unless the stream is lossless.

    JFIF and Adobe markers say whether the stream is YCbCr, and libjpeg follows them; without
    either, the photometric interpretation decides, not libjpeg's guess by component numbers; but
    nobody leaves out every second red pixel, so components of different sizes are YCbCr.
    Lossless streams are never converted: the photometric interpretation describes their samples.

    Raises UnrenderableError or one of CODEC_ERRORS.
    """
    head = _head(frame)
    decoder, photometric = _decoder(image, head)
    pixels = _checked(frame, head, decoder)
    return Decompressed(pixels, photometric, head.precision, head.process == _LOSSLESS)


def decode_ls(image: Image, frame: bytes) -> Decompressed:
    """Return the samples of a JPEG-LS stream, lossless or near-lossless (ITU-T T.87).

    Raises UnrenderableError or one of CODEC_ERRORS.
    """
    # CharLS notices every cut, but searches half a minute for an end marker that is not there.
    if frame.rfind(_END) <= frame.rfind(_SCAN):
        frame += _END
    pixels = imagecodecs.jpegls_decode(frame)
    return Decompressed(pixels, image.photometric, _head(frame).precision, foreign_bits=True)


def _decoder(image: Image, head: _Head) -> tuple[Callable[[bytes], Array], str]:
    """Return what decodes the stream, and the colour model that comes out."""
    rgb, ycbcr = imagecodecs.JPEG8.CS.RGB, imagecodecs.JPEG8.CS.YCbCr
    if head.components != 3:  # noqa: PLR2004 - grey, or four components that nobody converts
        return imagecodecs.jpeg8_decode, image.photometric
    if head.process == _LOSSLESS:
        # Named the same on both sides, no conversion happens.
        return _decoder_of(rgb, rgb), image.photometric
    if head.names_its_colours:
        return _decoder_of(None, rgb), "RGB"
    is_rgb = image.photometric == "RGB" and not head.subsampled
    return _decoder_of(rgb if is_rgb else ycbcr, rgb), "RGB"


def _decoder_of(stored: int | None, wanted: int) -> Callable[[bytes], Array]:
    """Return a decoder from one colour space to another; None is what the stream names."""
    return partial(imagecodecs.jpeg8_decode, colorspace=stored, outcolorspace=wanted)


def _checked(frame: bytes, head: _Head, decoder: Callable[[bytes], Array]) -> Array:
    """Return what `decoder` makes of a frame that is whole."""
    end = frame.rfind(_END)
    if end > frame.rfind(_SCAN):
        pixels = decoder(frame)
        if head.is_one_run and np.isin(pixels[-1, -1], _FILLED_IN).all():
            # Perhaps a picture that was cut and closed again; seldom one that is just so grey.
            # Fill bytes before the end marker (ITU-T T.81 B.1.1.2) are no part of the scan.
            _refuse_if_open(frame[:end].rstrip(b"\xff"), pixels, decoder)
        return pixels
    if not head.is_one_run:
        # Whether more scans or intervals were to come, nobody can tell.
        raise cut_short()
    if frame.endswith(b"\xff"):
        # The first half of an end marker, or of a stuffed byte; only as that is it data.
        frame += b"\x00"
    pixels = decoder(frame + _END)
    _refuse_if_open(frame, pixels, decoder)
    return pixels


def _refuse_if_open(scan: bytes, pixels: Array, decoder: Callable[[bytes], Array]) -> None:
    """Refuse a stream whose picture depends on what follows its end."""
    try:
        others = [decoder(scan + bits + _END) for bits in _AFTER_THE_END]
    except CODEC_ERRORS as error:
        raise cut_short() from error
    if not all(np.array_equal(pixels, other) for other in others):
        raise cut_short()


def _head(frame: bytes) -> _Head:
    process = precision = components = 0
    names_its_colours = subsampled = restarts = False
    at = _SOI_LENGTH
    while at + 4 <= len(frame) and frame[at] == _MARKER:
        marker = frame[at + 1]
        if marker == _MARKER:
            at += 1  # Fill byte before a marker (ITU-T T.81 B.1.1.2).
            continue
        segment = frame[at + 4 : at + 2 + int.from_bytes(frame[at + 2 : at + 4], "big")]
        if marker == _SOS and segment and components:
            return _Head(
                process=process,
                precision=precision,
                components=components,
                components_in_scan=segment[0],
                names_its_colours=names_its_colours,
                subsampled=subsampled,
                restarts=restarts,
            )
        if marker in _FRAME_MARKERS and len(segment) > 5:  # noqa: PLR2004 - up to Nf
            process, precision, components = marker, segment[0], segment[5]
            subsampled = len(set(segment[7 : 6 + 3 * components : 3])) > 1
        restarts |= marker == _DRI and any(segment)
        names_its_colours |= any(
            marker == number and segment.startswith(name) for number, name in (_JFIF, _ADOBE)
        )
        at += 4 + len(segment)
    raise damaged()
