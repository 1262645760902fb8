"""What the head of a compressed frame says of its pixels, for objects that come without it.

PS3.18 10.5.2 lets a client of STOW-RS leave out the Image Pixel Description Macro (PS3.3
C.7.6.3.3) where the pixels are compressed, and has the server derive it.
"""

import struct
from typing import NamedTuple

from storage.records import DicomJson

_JPEG_START, _J2K_START = b"\xff\xd8", b"\xff\x4f\xff\x51"
_MARKER = 0xFF
_SOS, _ADOBE = 0xDA, 0xEE
_LOSSLESS_JPEG, _JPEG_LS = 0xC3, 0xF7
_FRAME_MARKERS = (frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}) | {_JPEG_LS}
_ADOBE_TRANSFORM_AT = 11
_SIZ_LENGTH = 43
"""Bytes of a code stream up to the precision of its first component (ISO/IEC 15444-1 A.5.1)."""
_SIGNED = 0x80
_COD, _COD_LENGTH = b"\xff\x52", 14
_COLOURS = 3
_WIDTHS = (8, 16, 32)


class _Pixels(NamedTuple):
    rows: int
    columns: int
    samples: int
    precision: int
    photometric: str
    signed: bool = False


def pixel_description(stream: bytes) -> DicomJson:
    """Return attributes of the pixels in a JPEG, JPEG-LS or JPEG 2000 stream, none if unreadable.

    `stream` is the beginning of a frame, up to its first scan or tile.
    """
    found = None
    if stream.startswith(_JPEG_START):
        found = _jpeg(stream)
    elif (start := stream.find(_J2K_START)) >= 0:
        found = _jpeg_2000(stream[start:])
    if found is None or not (found.rows and found.columns and found.samples):
        return {}
    allocated = next((width for width in _WIDTHS if found.precision <= width), _WIDTHS[-1])
    numbers = {
        "00280002": found.samples,
        "00280010": found.rows,
        "00280011": found.columns,
        "00280100": allocated,
        "00280101": found.precision,
        "00280102": found.precision - 1,
        "00280103": int(found.signed),
    }
    if found.samples > 1:
        numbers["00280006"] = 0
    model: DicomJson = {tag: {"vr": "US", "Value": [each]} for tag, each in numbers.items()}
    return model | {"00280004": {"vr": "CS", "Value": [found.photometric]}}


def _jpeg(stream: bytes) -> _Pixels | None:
    """Read the marker segments before the first scan (ITU-T T.81 annex B, T.87 annex C)."""
    at, transform = 2, None
    frame: tuple[int, bytes] | None = None
    while at + 4 <= len(stream) and stream[at] == _MARKER and stream[at + 1] != _SOS:
        marker = stream[at + 1]
        if marker == _MARKER:
            at += 1
            continue
        segment = stream[at + 4 : at + 2 + int.from_bytes(stream[at + 2 : at + 4], "big")]
        if marker in _FRAME_MARKERS:
            frame = marker, segment
        elif marker == _ADOBE and segment.startswith(b"Adobe"):
            transform = segment[_ADOBE_TRANSFORM_AT : _ADOBE_TRANSFORM_AT + 1]
        at += 4 + len(segment)
    if frame is None or len(frame[1]) < 6:  # noqa: PLR2004 - up to Nf
        return None
    process, segment = frame
    precision, rows, columns, samples = struct.unpack_from(">BHHB", segment)
    photometric = "MONOCHROME2"
    if samples == _COLOURS:
        photometric = _colours(process, segment, transform)
    return _Pixels(rows, columns, samples, precision, photometric)


def _colours(process: int, segment: bytes, transform: bytes | None) -> str:
    if process in (_LOSSLESS_JPEG, _JPEG_LS) or transform == b"\x00":
        return "RGB"
    # Sampling factors of the three components; the same for all where nothing is left out.
    factors = {segment[at] for at in range(7, len(segment), 3)}
    return "YBR_FULL_422" if len(factors) > 1 else "YBR_FULL"


def _jpeg_2000(stream: bytes) -> _Pixels | None:
    if len(stream) < _SIZ_LENGTH:
        return None
    right, bottom, left, top = struct.unpack_from(">4I", stream, 8)
    samples = int.from_bytes(stream[40:42], "big")
    size = stream[42]
    photometric = "MONOCHROME2"
    if samples == _COLOURS:
        photometric = _transformed(stream)
    precision = (size & ~_SIGNED) + 1
    return _Pixels(
        bottom - top, right - left, samples, precision, photometric, bool(size & _SIGNED)
    )


def _transformed(stream: bytes) -> str:
    """Return the model that the colours were transformed to (ISO/IEC 15444-1 A.6.1)."""
    at = 4 + int.from_bytes(stream[4:6], "big")
    while at + 4 <= len(stream) and stream[at] == _MARKER:
        if stream.startswith(_COD, at) and at + _COD_LENGTH <= len(stream):
            if not stream[at + 8]:
                return "RGB"
            return "YBR_RCT" if stream[at + 13] else "YBR_ICT"
        at += 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    return "RGB"
