"""Re-encoding what the web must not see into Explicit VR Little Endian (PS3.18 8.7.3.2).

Only the frame around the values changes, and the byte order of those that are numbers: values are
not decoded, so that no odd one can be lost or refused. Pixel data streams through, and memory does
not grow with it. The data set must have passed `part10.walk`.
"""

from array import array
from collections.abc import Iterator
from typing import Literal

from pydicom.datadict import dictionary_VR
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

from pacs_gateway.dicom import meta, part10
from pacs_gateway.errors import UnrenderableError
from storage.records import StoredInstance

NEVER_ON_THE_WEB = frozenset(
    {
        meta.IMPLICIT_VR_LITTLE_ENDIAN,
        meta.EXPLICIT_VR_BIG_ENDIAN,
        meta.GE_IMPLICIT_VR_BIG_ENDIAN_PIXELS,
    }
)
_BIG_ENDIAN_PIXELS = frozenset({meta.EXPLICIT_VR_BIG_ENDIAN, meta.GE_IMPLICIT_VR_BIG_ENDIAN_PIXELS})
_WORDS = {
    **dict.fromkeys(("US", "SS", "AT", "OW"), 2),
    **dict.fromkeys(("UL", "SL", "FL", "OF", "OL"), 4),
    **dict.fromkeys(("FD", "SV", "UV", "OD", "OV"), 8),
}
"""Bytes of the words that values of these VRs are made of (PS3.5 7.3)."""
_ARRAY_TYPES = {2: "H", 4: "I", 8: "Q"}
_IMPLICIT_HEADER = 8
_EXPLICIT_HEADER = 12
_LONGEST_SHORT_VALUE = 0xFFFE
_PIXEL_REPRESENTATION = 0x00280103


def explicit_little_endian(data_set: Iterator[bytes], instance: StoredInstance) -> Iterator[bytes]:
    """Yield a Part 10 file of `data_set`, which is encoded as `instance` says.

    At most the header and one piece of pixel data are in memory.
    """
    yield meta.encode(
        sop_class_uid=instance.sop_class_uid,
        sop_instance_uid=instance.sop_instance_uid,
        transfer_syntax_uid=meta.EXPLICIT_VR_LITTLE_ENDIAN,
    )
    reader, syntax = _Reader(data_set), instance.transfer_syntax_uid
    if instance.pixels is None:
        yield _Header(reader.rest(), syntax).reencoded()
        return
    element_bytes = _element_bytes(syntax)
    header_bytes = instance.pixels.offset - instance.data_set_offset - element_bytes
    header = _Header(reader.take(header_bytes), syntax)
    yield header.reencoded()
    vr = _pixel_vr(reader.take(element_bytes), syntax)
    yield _header(int(instance.pixels.tag, 16), vr, instance.pixels.length)
    word = header.pixel_word(vr) if syntax in _BIG_ENDIAN_PIXELS else 1
    yield from reader.words(instance.pixels.length, word)
    yield _Header(reader.rest(), syntax).reencoded()


def swapped(data: bytes, word: int) -> bytes:
    """Return `data` with the bytes of each whole word in reverse order."""
    if word == 1:
        return data
    whole = len(data) - len(data) % word
    words = array(_ARRAY_TYPES[word], data[:whole])
    words.byteswap()
    return words.tobytes() + data[whole:]


class _Reader:
    """Takes exact numbers of bytes from pieces of any size."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._kept = b""

    def take(self, size: int) -> bytes:
        gathered = bytearray(self._kept)
        while len(gathered) < size:
            piece = next(self._pieces, b"")
            if not piece:
                break
            gathered += piece
        self._kept = bytes(gathered[size:])
        return bytes(gathered[:size])

    def words(self, size: int, word: int) -> Iterator[bytes]:
        """Yield the next `size` bytes, swapped by whole words."""
        while size > 0:
            piece = self._kept or next(self._pieces, b"")
            if not piece:
                return
            self._kept = b""
            if len(piece) < word <= size:
                piece += self.take(word - len(piece))
            usable = min(len(piece), size)
            if usable < size:
                usable -= usable % word
            self._kept = piece[usable:] + self._kept
            size -= usable
            yield swapped(piece[:usable], word)

    def rest(self) -> bytes:
        return self._kept + b"".join(self._pieces)


class _Header:
    """The elements around the pixel data, read in one encoding and written in the other.

    Recursion is as deep as sequences are nested, which the walk has limited.
    """

    def __init__(self, data: bytes, transfer_syntax_uid: str) -> None:
        self._data = data
        self._implicit, self._big_endian = meta.byte_encoding(transfer_syntax_uid)
        self._order: Literal["big", "little"] = "big" if self._big_endian else "little"
        self._position = 0
        self._signed = False
        self._bits_allocated = 0

    def reencoded(self) -> bytes:
        """Return all elements."""
        return self._elements(len(self._data), implicit=self._implicit)

    def pixel_word(self, vr: str) -> int:
        """Return the bytes of the words of this image's pixels.

        Pixels of 32 bits are OW too, and writers swap each as a whole.
        """
        if vr == "OW" and self._bits_allocated in (32, 64):
            return self._bits_allocated // 8
        return _WORDS.get(vr, 1)

    def _elements(self, end: int | None, *, implicit: bool) -> bytes:
        """Return the elements up to `end`, or up to an item's delimiter if that is None."""
        written = []
        stop = len(self._data) if end is None else end
        while self._position + _IMPLICIT_HEADER <= stop:
            tag = self._tag()
            if tag in (part10.ITEM_DELIMITATION, 0):
                # Zeros pad the end of some files.
                self._position = stop if tag == 0 else self._position + 4
                break
            written.append(self._element(tag, implicit=implicit))
        return b"".join(written)

    def _element(self, tag: int, *, implicit: bool) -> bytes:
        vr_bytes = self._data[self._position : self._position + 2]
        if implicit or not (vr_bytes.isalpha() and vr_bytes.isupper()):
            vr, length, inner = self._dictionary_vr(tag), self._number(4), True
        else:
            vr, inner = vr_bytes.decode("ascii"), vr_bytes == b"UN"
            self._position += 2
            length = self._explicit_length(vr)
        if vr == "SQ" or length == part10.UNDEFINED:
            if tag in part10.PIXEL_TAGS:
                raise UnrenderableError("Compressed pixels cannot be in this transfer syntax.")
            items = self._items(length, implicit=inner)
            return _header(tag, "SQ", len(items)) + items
        value = self._data[self._position : self._position + length]
        self._position += length
        if tag == part10.BITS_ALLOCATED:
            self._bits_allocated = int.from_bytes(value[:2], self._order)
        elif tag == _PIXEL_REPRESENTATION:
            self._signed = any(value)
        if tag & 0xFFFF == 0:
            # A group length would have to be counted anew; all are retired (PS3.5 7.2).
            return b""
        if self._big_endian:
            value = swapped(value, _WORDS.get(vr, 1))
        return _header(tag, vr, len(value)) + value

    def _items(self, length: int, *, implicit: bool) -> bytes:
        written = []
        end = len(self._data) if length == part10.UNDEFINED else self._position + length
        while self._position + _IMPLICIT_HEADER <= end:
            tag, item_length = self._tag(), self._number(4)
            if tag == part10.SEQUENCE_DELIMITATION:
                break
            item_end = None if item_length == part10.UNDEFINED else self._position + item_length
            item = self._elements(item_end, implicit=implicit)
            written.append(_tag_bytes(part10.ITEM) + len(item).to_bytes(4, "little") + item)
        return b"".join(written)

    def _explicit_length(self, vr: str) -> int:
        if vr not in EXPLICIT_VR_LENGTH_32:
            return self._number(2)
        self._position += 2
        return self._number(4)

    def _dictionary_vr(self, tag: int) -> str:
        if tag >> 16 & 1:
            # Private creators are LO; what else is private stays unknown (PS3.5 7.8.1, 6.2.2).
            return "LO" if 0x10 <= tag & 0xFFFF <= 0xFF else "UN"  # noqa: PLR2004
        try:
            vr = dictionary_VR(tag)
        except KeyError:
            return "UN"
        if vr == "US or SS":
            return "SS" if self._signed else "US"
        return "OW" if "OW" in vr else vr

    def _tag(self) -> int:
        return self._number(2) << 16 | self._number(2)

    def _number(self, size: int) -> int:
        start = self._position
        self._position = start + size
        return int.from_bytes(self._data[start : start + size], self._order)


def _header(tag: int, vr: str, length: int) -> bytes:
    # PS3.5 6.2.2: what a short length field cannot hold goes as UN.
    written = "UN" if vr not in EXPLICIT_VR_LENGTH_32 and length > _LONGEST_SHORT_VALUE else vr
    start = _tag_bytes(tag) + written.encode("ascii")
    if written in EXPLICIT_VR_LENGTH_32:
        return start + b"\x00\x00" + length.to_bytes(4, "little")
    return start + length.to_bytes(2, "little")


def _tag_bytes(tag: int) -> bytes:
    return (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little")


def _element_bytes(transfer_syntax_uid: str) -> int:
    implicit, _ = meta.byte_encoding(transfer_syntax_uid)
    return _IMPLICIT_HEADER if implicit else _EXPLICIT_HEADER


def _pixel_vr(element: bytes, transfer_syntax_uid: str) -> str:
    implicit, _ = meta.byte_encoding(transfer_syntax_uid)
    if not implicit:
        return element[4:6].decode("ascii", "replace")
    # PS3.5 A.1: in Implicit VR, Pixel Data is OW; its kin for floating point are OF and OD.
    return {b"\x08\x00": "OF", b"\x09\x00": "OD"}.get(element[2:4], "OW")
