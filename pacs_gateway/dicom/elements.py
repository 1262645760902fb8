"""The data elements of a header, undecoded (PS3.5 7), read by the rules of the walk in `part10`.

Invariant: for any bytes whatever, `read` returns; nothing recurses, and every value is a slice of
the buffer. Where an encoding breaks, what came before it is kept, because part of a
header finds an image and none does not.

pydicom's reader is not used: it warns and validates by process-wide settings, and what the walk
accepted it may refuse.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import dictionary_VR, private_dictionary_VR

from pacs_gateway.dicom.part10 import (
    ITEM,
    ITEM_DELIMITATION,
    PIXEL_TAGS,
    SEQUENCE_DELIMITATION,
    UNDEFINED,
)

MAX_DEPTH = 256
"""Nested sequences read, for headers that met no walk; the most IngestSettings.max_depth allows.
Reading needs no recursion, but writing JSON and Explicit VR does, and Python stops at 1,000 calls.
"""

LONG_LENGTH_VRS = frozenset(
    "OB OD OF OL OV OW SQ SV UC UN UR UT UV".split()  # noqa: SIM905 - reads as in PS3.5 7.1.2
)
_SHORT_LENGTH_VRS = frozenset(
    "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split()  # noqa: SIM905
)
KNOWN_VRS = LONG_LENGTH_VRS | _SHORT_LENGTH_VRS
_VR_OF_BYTES = {vr.encode("ascii"): vr for vr in KNOWN_VRS}
_UNKNOWN = "UN"


class Element(NamedTuple):
    """One data element; `items` of a sequence, else `value`, and neither for pixel data."""

    tag: int
    vr: str
    """A VR of PS3.5 6.2, or a choice as the dictionary gives it, such as `US or SS`."""
    value: bytes | None
    items: "Sequence[DataSet] | None"
    big_endian: bool


DataSet = dict[int, Element]


def read(buffer: bytes, start: int, *, implicit: bool, big_endian: bool) -> DataSet:
    """Return the elements from `start` on, up to the pixel data or to where the encoding breaks."""
    data_set: DataSet = {}
    _Reader(buffer, start, big_endian=big_endian).read(data_set, implicit=implicit)
    return data_set


class _BrokenError(Exception):
    """The bytes do not go on as the encoding demands."""


@dataclass(slots=True)
class _OpenDataSet:
    """A data set, top level or item, that is being filled."""

    data_set: DataSet
    end: int
    implicit: bool
    delimited: bool


@dataclass(slots=True)
class _OpenSequence:
    """A sequence that is being read, and the data set it will stand in."""

    tag: int
    owner: DataSet
    items: list[DataSet]
    start: int
    end: int
    implicit: bool
    delimited: bool


class _Reader:
    """A position in a buffer; one method per construct of PS3.5 7, a stack instead of recursion."""

    def __init__(self, buffer: bytes, position: int, *, big_endian: bool) -> None:
        order = ">" if big_endian else "<"
        self._head = struct.Struct(f"{order}HH2sH")
        self._implicit_head = struct.Struct(f"{order}HHI")
        self._long = struct.Struct(f"{order}I")
        self._buffer = buffer
        self._size = len(buffer)
        self._position = position
        self._big_endian = big_endian
        self._open: list[_OpenDataSet | _OpenSequence] = []

    def read(self, data_set: DataSet, *, implicit: bool) -> None:
        """Fill `data_set` up to the pixel data, the end of the buffer or an unmatched delimiter."""
        self._open.append(_OpenDataSet(data_set, self._size, implicit, delimited=True))
        while self._open:
            try:
                innermost = self._open[-1]
                if isinstance(innermost, _OpenSequence):
                    self._next_item(innermost)
                else:
                    self._fill(innermost)
            except _BrokenError:
                self._give_up()

    def _fill(self, into: _OpenDataSet) -> None:
        """Add elements up to the end of `into`, or to a sequence, which is then open."""
        data_set, end, implicit = into.data_set, into.end, into.implicit
        while self._position + 8 <= end:
            group, number, vr_bytes, length = self._head.unpack_from(self._buffer, self._position)
            tag = group << 16 | number
            if tag == ITEM_DELIMITATION:
                self._position += 8
                break
            vr = _VR_OF_BYTES.get(vr_bytes)
            if implicit or (vr is None and not _looks_like_vr(vr_bytes)):
                # Some writers switch to Implicit VR inside an explicit data set.
                _, _, length = self._implicit_head.unpack_from(self._buffer, self._position)
                self._position += 8
                vr = None
            elif vr in LONG_LENGTH_VRS:
                length = self._long_length()
            else:
                self._position += 8
            if tag in PIXEL_TAGS and len(self._open) == 1:
                data_set[tag] = self._pixels(tag, vr)
                break
            element = self._element(tag, vr, length, into, implicit=implicit or vr is None)
            if element is None:
                return
            data_set[tag] = element
        if not into.delimited:
            self._position = end
        self._open.pop()

    def _long_length(self) -> int:
        if self._position + 12 > self._size:
            raise _BrokenError
        (length,) = self._long.unpack_from(self._buffer, self._position + 8)
        self._position += 12
        return int(length)

    def _pixels(self, tag: int, vr: str | None) -> Element:
        return Element(tag, vr or dictionary_vr(tag), None, None, self._big_endian)

    def _element(
        self, tag: int, vr: str | None, length: int, within: _OpenDataSet, *, implicit: bool
    ) -> Element | None:
        """Read one element; None for a sequence, which is opened instead."""
        if vr is None or vr == _UNKNOWN:
            return self._of_unknown_vr(tag, vr, length, within)
        if length == UNDEFINED or vr == "SQ":
            return self._sequence(tag, vr, length, within, implicit=implicit)
        return Element(tag, vr, self._value(length), None, self._big_endian)

    def _of_unknown_vr(
        self, tag: int, vr: str | None, length: int, within: _OpenDataSet
    ) -> Element | None:
        """Read an element whose VR only the dictionary tells (PS3.5 6.2.2 and 7.1.3)."""
        known = _known_vr(tag, within.data_set)
        if length == UNDEFINED or known == "SQ":
            return self._sequence(tag, known, length, within, implicit=True)
        # What stands in UN is little endian in every transfer syntax.
        big_endian = self._big_endian and vr is None
        return Element(tag, known, self._value(length), None, big_endian)

    def _sequence(
        self, tag: int, vr: str, length: int, within: _OpenDataSet, *, implicit: bool
    ) -> Element | None:
        """Open a sequence; encapsulated pixel data of an icon is none, and skipped."""
        delimited = length == UNDEFINED
        if delimited and tag in PIXEL_TAGS:
            self._skip_fragments()
            return self._pixels(tag, vr)
        start = self._position
        end = self._size if delimited else start + length
        if end > self._size:
            raise _BrokenError
        implicit = implicit or (delimited and vr == _UNKNOWN)
        self._open.append(_OpenSequence(tag, within.data_set, [], start, end, implicit, delimited))
        # Every level of nesting is a sequence and an item.
        if len(self._open) > 2 * MAX_DEPTH:
            raise _BrokenError
        return None

    def _next_item(self, sequence: _OpenSequence) -> None:
        """Open the next item, or close the sequence behind its last one."""
        if self._position < sequence.end:
            tag, length = self._item_head()
            if tag == ITEM:
                delimited = length == UNDEFINED
                end = self._size if delimited else self._position + length
                if end > self._size:
                    raise _BrokenError
                item: DataSet = {}
                sequence.items.append(item)
                self._open.append(_OpenDataSet(item, end, sequence.implicit, delimited))
                return
            if tag != SEQUENCE_DELIMITATION:
                raise _BrokenError
        if not sequence.delimited:
            self._position = sequence.end
        self._open.pop()
        sequence.owner[sequence.tag] = Element(
            sequence.tag, "SQ", None, sequence.items, self._big_endian
        )

    def _give_up(self) -> None:
        """Leave the innermost sequence of known length, kept as bytes, or everything."""
        while self._open:
            innermost = self._open.pop()
            if isinstance(innermost, _OpenSequence) and not innermost.delimited:
                self._position = innermost.end
                value = self._buffer[innermost.start : innermost.end]
                innermost.owner[innermost.tag] = Element(
                    innermost.tag, _UNKNOWN, value, None, self._big_endian
                )
                return

    def _skip_fragments(self) -> None:
        while self._position < self._size:
            tag, length = self._item_head()
            if tag == SEQUENCE_DELIMITATION:
                return
            if tag != ITEM:
                raise _BrokenError
            self._value(length)

    def _item_head(self) -> tuple[int, int]:
        if self._position + 8 > self._size:
            raise _BrokenError
        group, number, length = self._implicit_head.unpack_from(self._buffer, self._position)
        self._position += 8
        return group << 16 | number, length

    def _value(self, length: int) -> bytes:
        start = self._position
        self._position = start + length
        if self._position > self._size:
            raise _BrokenError
        return self._buffer[start : self._position]


def _looks_like_vr(vr: bytes) -> bool:
    return vr.isalpha() and vr.isupper()


def _known_vr(tag: int, data_set: DataSet) -> str:
    group, number = tag >> 16, tag & 0xFFFF
    if group % 2 == 0:
        return dictionary_vr(tag)
    if number <= 0xFF:  # noqa: PLR2004 - the private creator elements of PS3.5 7.8.1
        return "LO" if number else "UL"
    creator = data_set.get(group << 16 | number >> 8)
    if creator is None or creator.value is None:
        return _UNKNOWN
    return _private_vr(tag, creator.value.rstrip(b" \x00").decode("latin-1"))


@lru_cache(maxsize=4096)
def dictionary_vr(tag: int) -> str:
    """Return the VR of a standard tag, a choice such as `US or SS`, or UN."""
    if entry := DicomDictionary.get(tag):
        return entry[0]
    try:
        return dictionary_VR(tag)
    except KeyError:
        return "UL" if tag & 0xFFFF == 0 else _UNKNOWN


@lru_cache(maxsize=4096)
def _private_vr(tag: int, creator: str) -> str:
    try:
        return private_dictionary_VR(tag, creator)
    except KeyError:
        return _UNKNOWN
