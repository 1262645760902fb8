"""The data elements of a header, undecoded (PS3.5 7), read by the rules of the walk in `part10`.

Invariant: for any bytes whatever, `read` returns; recursion ends at MAX_DEPTH, and every value is
a slice of the buffer. Where an encoding breaks, what came before it is kept, because part of a
header finds an image and none does not.

pydicom's reader is not used: it warns and validates by process-wide settings, and what the walk
accepted it may refuse.
"""

import struct
from collections.abc import Sequence
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

MAX_DEPTH = 64
"""Nested sequences read; the same as IngestSettings.max_depth, for headers that met no walk."""

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
    reader = _Reader(buffer, start, big_endian=big_endian, depth=0)
    try:
        reader.fill(data_set, len(buffer), implicit=implicit)
    except _BrokenError:
        return data_set
    return data_set


class _BrokenError(Exception):
    """The bytes do not go on as the encoding demands."""


class _Reader:
    """A position in a buffer; one method per construct of PS3.5 7."""

    def __init__(self, buffer: bytes, position: int, *, big_endian: bool, depth: int) -> None:
        order = ">" if big_endian else "<"
        self._head = struct.Struct(f"{order}HH2sH")
        self._implicit_head = struct.Struct(f"{order}HHI")
        self._long = struct.Struct(f"{order}I")
        self._buffer = buffer
        self._size = len(buffer)
        self._position = position
        self._big_endian = big_endian
        self._depth = depth

    def fill(self, data_set: DataSet, end: int, *, implicit: bool) -> None:
        """Add elements to `data_set` up to `end`, an item delimiter or the pixel data."""
        while self._position + 8 <= end:
            group, number, vr_bytes, length = self._head.unpack_from(self._buffer, self._position)
            tag = group << 16 | number
            if tag == ITEM_DELIMITATION:
                self._position += 8
                return
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
            if tag in PIXEL_TAGS and self._depth == 0:
                data_set[tag] = self._pixels(tag, vr)
                return
            data_set[tag] = self._element(
                tag, vr, length, data_set=data_set, implicit=implicit or vr is None
            )

    def _long_length(self) -> int:
        if self._position + 12 > self._size:
            raise _BrokenError
        (length,) = self._long.unpack_from(self._buffer, self._position + 8)
        self._position += 12
        return int(length)

    def _pixels(self, tag: int, vr: str | None) -> Element:
        return Element(tag, vr or dictionary_vr(tag), None, None, self._big_endian)

    def _element(
        self, tag: int, vr: str | None, length: int, *, data_set: DataSet, implicit: bool
    ) -> Element:
        if vr is None or vr == _UNKNOWN:
            return self._of_unknown_vr(tag, vr, length, data_set)
        if length == UNDEFINED:
            return self._delimited(tag, vr, implicit=implicit)
        if vr == "SQ":
            return self._sequence(tag, length, implicit=implicit)
        return Element(tag, vr, self._value(length), None, self._big_endian)

    def _of_unknown_vr(self, tag: int, vr: str | None, length: int, data_set: DataSet) -> Element:
        """Read an element whose VR only the dictionary tells (PS3.5 6.2.2 and 7.1.3)."""
        known = _known_vr(tag, data_set)
        if length == UNDEFINED:
            return self._delimited(tag, known, implicit=True)
        if known == "SQ":
            return self._sequence(tag, length, implicit=True)
        # What stands in UN is little endian in every transfer syntax.
        big_endian = self._big_endian and vr is None
        return Element(tag, known, self._value(length), None, big_endian)

    def _delimited(self, tag: int, vr: str, *, implicit: bool) -> Element:
        if tag in PIXEL_TAGS:
            self._skip_fragments()
            return self._pixels(tag, vr)
        items = self._items(self._size, implicit=implicit or vr == _UNKNOWN)
        return Element(tag, "SQ", None, items, self._big_endian)

    def _sequence(self, tag: int, length: int, *, implicit: bool) -> Element:
        start = self._position
        value = self._value(length)
        end, self._position = self._position, start
        try:
            items = self._items(end, implicit=implicit)
        except _BrokenError:
            return Element(tag, _UNKNOWN, value, None, self._big_endian)
        finally:
            self._position = end
        return Element(tag, "SQ", None, items, self._big_endian)

    def _items(self, end: int, *, implicit: bool) -> Sequence[DataSet]:
        self._depth += 1
        try:
            if self._depth > MAX_DEPTH:
                raise _BrokenError
            return self._items_here(end, implicit=implicit)
        finally:
            self._depth -= 1

    def _items_here(self, end: int, *, implicit: bool) -> Sequence[DataSet]:
        items: list[DataSet] = []
        while self._position < end:
            tag, length = self._item_head()
            if tag == SEQUENCE_DELIMITATION:
                break
            if tag != ITEM:
                raise _BrokenError
            item_end = self._size if length == UNDEFINED else self._position + length
            if item_end > self._size:
                raise _BrokenError
            item: DataSet = {}
            self.fill(item, item_end, implicit=implicit)
            if length != UNDEFINED:
                self._position = item_end
            items.append(item)
        return items

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
