"""From Explicit to Implicit VR Little Endian (PS3.5 A.1), for receivers that take nothing else.

Values pass through as they are and memory stays at one piece of the input. Sequences and items get
undefined length, so that nothing has to be counted before it is written. The data set must have
passed `part10.walk`, which limits how deep sequences are nested.
"""

from collections.abc import Iterator

from pacs_gateway.dicom.elements import LONG_LENGTH_VRS
from pacs_gateway.dicom.part10 import (
    ITEM,
    ITEM_DELIMITATION,
    PIXEL_TAGS,
    SEQUENCE_DELIMITATION,
    UNDEFINED,
)
from pacs_gateway.errors import NotADataSetError, UnrenderableError


def implicit_little_endian(data_set: Iterator[bytes]) -> Iterator[bytes]:
    """Yield `data_set`, given in Explicit VR Little Endian, in Implicit VR Little Endian.

    Raises NotADataSetError if it ends early, UnrenderableError if its pixels are compressed.
    """
    return _elements(_Reader(data_set), None, implicit=False)


class _Reader:
    """Takes exact numbers of bytes from pieces of any size."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._kept = memoryview(b"")
        self.position = 0

    def at_end(self) -> bool:
        while not self._kept:
            piece = next(self._pieces, None)
            if piece is None:
                return True
            self._kept = memoryview(piece)
        return False

    def through(self, size: int) -> Iterator[bytes]:
        while size:
            if self.at_end():
                raise NotADataSetError("The data set ends within an element.")
            piece, self._kept = self._kept[:size], self._kept[size:]
            self.position += len(piece)
            size -= len(piece)
            yield bytes(piece)

    def take(self, size: int) -> bytes:
        return b"".join(self.through(size))

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")


def _elements(reader: _Reader, end: int | None, *, implicit: bool) -> Iterator[bytes]:
    """Yield elements up to `end`, or if that is None up to a delimiter or the end of the data."""
    while (reader.position < end) if end is not None else not reader.at_end():
        tag = _tag(reader)
        if tag == ITEM_DELIMITATION:
            reader.take(4)
            return
        vr, length = _vr_and_length(reader, implicit=implicit)
        if length == UNDEFINED or (vr == "SQ" and tag not in PIXEL_TAGS):
            if tag in PIXEL_TAGS:
                raise UnrenderableError("Compressed pixels cannot be in Implicit VR.")
            yield _header(tag, UNDEFINED)
            # What stands in UN is in Implicit VR already (PS3.5 6.2.2).
            yield from _items(reader, length, implicit=vr in ("", "UN"))
        elif tag & 0xFFFF:
            yield _header(tag, length)
            yield from reader.through(length)
        else:
            # A group length would have to be counted anew; all are retired (PS3.5 7.2).
            reader.take(length)


def _items(reader: _Reader, length: int, *, implicit: bool) -> Iterator[bytes]:
    end = None if length == UNDEFINED else reader.position + length
    while end is None or reader.position < end:
        tag, item_length = _tag(reader), reader.number(4)
        if tag == SEQUENCE_DELIMITATION:
            break
        item_end = None if item_length == UNDEFINED else reader.position + item_length
        yield _header(ITEM, UNDEFINED)
        yield from _elements(reader, item_end, implicit=implicit)
        yield _header(ITEM_DELIMITATION, 0)
    yield _header(SEQUENCE_DELIMITATION, 0)


def _vr_and_length(reader: _Reader, *, implicit: bool) -> tuple[str, int]:
    """Return the VR, empty where none is written, and the length of an element's value."""
    start = reader.take(4)
    # Some writers switch to Implicit VR inside an explicit data set.
    if implicit or not (start[:2].isalpha() and start[:2].isupper()):
        return "", int.from_bytes(start, "little")
    vr = start[:2].decode("ascii")
    if vr in LONG_LENGTH_VRS:
        return vr, reader.number(4)
    return vr, int.from_bytes(start[2:], "little")


def _tag(reader: _Reader) -> int:
    return reader.number(2) << 16 | reader.number(2)


def _header(tag: int, length: int) -> bytes:
    return b"".join(
        number.to_bytes(size, "little")
        for number, size in ((tag >> 16, 2), (tag & 0xFFFF, 2), (length, 4))
    )
