"""Files inside of data sets: where an encapsulated document or a video stream lies in its object.

Invariant: for any bytes whatever, `locate` returns a span, asks for more bytes or raises
UnrenderableError; it reads no value, never recurses, and its work is bounded by the bytes given.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from pacs_gateway.documents.kinds import Kind
from pacs_gateway.errors import UnrenderableError

ENCAPSULATED_DOCUMENT = 0x00420011

Span = tuple[int, int]
"""Offset and length."""

# The walk of `dicom.part10` knows these too, but with it comes pydicom's whole dictionary, which
# a process that only serves files has no use for.
_ITEM = 0xFFFEE000
_DELIMITATIONS = (0xFFFEE00D, 0xFFFEE0DD)
_UNDEFINED = 0xFFFFFFFF
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
"""VRs with a length of four bytes (PS3.5 7.1.2)."""
_TRANSPORT_PACKET = 188
"""Bytes of an MPEG-2 transport stream packet, each of which starts with 0x47."""
_RAW_STREAM_TYPES = {"107": "video/h265", "108": "video/h265"}


def locate(data_set: bytes, *, implicit: bool, big_endian: bool) -> Span | None:
    """Return where the value of Encapsulated Document lies, None if `data_set` ends before it.

    `data_set` is the beginning of a data set; the value itself need not be in it.

    Raises UnrenderableError if there is no such value.
    """
    order = ">" if big_endian else "<"
    head = struct.Struct(f"{order}HH2sH")
    long = struct.Struct(f"{order}I")
    position = 0
    # Whether the data set, sequence or item that is open is in Implicit VR, for each level.
    open_levels = [implicit]
    while position + 12 <= len(data_set):
        group, number, vr, length = head.unpack_from(data_set, position)
        tag = group << 16 | number
        if tag in _DELIMITATIONS:
            position += 8
            if len(open_levels) > 1:
                open_levels.pop()
            continue
        explicit = tag != _ITEM and not open_levels[-1]
        if explicit and vr in _LONG:
            (length,) = long.unpack_from(data_set, position + 8)
            position += 12
        else:
            if not explicit:
                (length,) = long.unpack_from(data_set, position + 4)
            position += 8
        if len(open_levels) == 1 and tag >= ENCAPSULATED_DOCUMENT:
            return _found(tag, position, length)
        if length == _UNDEFINED:
            # What stands in UN of undefined length is in Implicit VR (PS3.5 6.2.2).
            open_levels.append(open_levels[-1] or (explicit and vr == b"UN"))
        else:
            position += length
    return None


def _found(tag: int, position: int, length: int) -> Span:
    if tag != ENCAPSULATED_DOCUMENT or length == _UNDEFINED:
        raise UnrenderableError("This object holds no document.")
    return position, length


def without_padding(span: Span, announced: int, last: bytes, *, text_like: bool) -> Span:
    """Return the span of a document without the byte that makes its value even (PS3.5 6.2).

    `announced` is Encapsulated Document Length (0042,0015), 0 if there is none; without it a
    final NUL is padding in a `text_like` format, in which it means nothing.
    """
    offset, length = span
    if length - 1 <= announced <= length:
        return offset, announced
    return offset, length - 1 if text_like and last == b"\x00" else length


class Fragments:
    """The fragments of a stream as one file (PS3.5 A.4, 8.2)."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans = spans
        self._ends = list(accumulate(length for _, length in spans))

    @property
    def size(self) -> int:
        """Bytes of the whole stream."""
        return self._ends[-1] if self._ends else 0

    def spans(self, offset: int, length: int) -> Iterator[Span]:
        """Yield where `length` bytes from `offset` of the stream lie in the object."""
        index = bisect_right(self._ends, offset)
        while length > 0 and index < len(self._spans):
            start, size = self._spans[index]
            inside = offset - (self._ends[index] - size)
            taken = min(size - inside, length)
            yield start + inside, taken
            offset, length, index = offset + taken, length - taken, index + 1


def video_type(head: bytes, kind: Kind, transfer_syntax_uid: str) -> str:
    """Return the media type of a stream by its first bytes; the standard leaves the container open.

    A stream without any container is named after its codec, so that no player takes it for MP4.
    """
    if head[4:8] == b"ftyp":
        return "video/mp4"
    if head[:1] == b"\x47" == head[_TRANSPORT_PACKET : _TRANSPORT_PACKET + 1]:
        return "video/mp2t"
    if kind is Kind.MPEG2:
        return "video/mpeg"
    if head.startswith((b"\x00\x00\x01", b"\x00\x00\x00\x01")):
        number = transfer_syntax_uid.removesuffix(".1").rpartition(".")[2]
        return _RAW_STREAM_TYPES.get(number, "video/h264")
    return "video/mp4"
