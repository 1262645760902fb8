"""A data set whose elements are located but not read: a value is decoded when it is asked for.

Rendering needs about thirty values, and one item of what may be thousands of functional groups.
So elements are only stepped over here, sequences as a whole, and the bytes of a sequence are
looked at when one of its items is wanted.

Invariant: for any bytes whatever, locating and reading end, never recurse and never raise; a value
is there or it is not, and no offset leaves the buffer.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from pydicom.datadict import tag_for_keyword

from pacs_gateway.dicom import charset
from pacs_gateway.dicom.elements import KNOWN_VRS, LONG_LENGTH_VRS, dictionary_vr
from pacs_gateway.dicom.part10 import (
    ITEM,
    ITEM_DELIMITATION,
    PIXEL_TAGS,
    SEQUENCE_DELIMITATION,
    UNDEFINED,
)

Name = str | int
"""A DICOM keyword, or a tag."""

_SPECIFIC_CHARACTER_SET = 0x00080005
_VRS = {vr.encode("ascii"): vr for vr in KNOWN_VRS}
_SHORT_VRS = {name: vr for name, vr in _VRS.items() if vr not in LONG_LENGTH_VRS}
_NUMBERS = {
    "US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q", "FL": "f", "FD": "d",
    "US or SS": "H",
}  # fmt: skip
_NEVER_SWAPPED = frozenset({"OB", "UN"})
_WHOLE_TEXTS = frozenset({"LT", "ST", "UT", "UR"})
"""VRs of one value, in which a backslash is a character."""
_BYTES = (LONG_LENGTH_VRS | {"AT", "OB or OW", "US or OW", "US or SS or OW"}) - {"UC", "UT", "UR"}


class Elements(Protocol):
    """The elements of one data set or item, wherever they are read from."""

    @property
    def pixel_tag(self) -> int:
        """The tag of the pixel data, 0 if there is none."""

    def get(self, name: Name) -> Any:
        """Return the value of an attribute, None if it is absent or empty.

        Numbers come as int or float, text as str, several of these as a list, a sequence as
        `Items`, everything else as bytes. A number that is none stays text.
        """

    def holds(self, name: Name) -> bool:
        """Return whether an attribute is there with a value."""

    def words(self, name: Name) -> bytes:
        """Return the bytes of a value, its 16-bit words in little endian order, none if absent."""


class Items(Sequence[Elements]):
    """The items of a sequence."""


class Span(NamedTuple):
    """Where the value of an element lies."""

    vr: str
    """Empty in Implicit VR."""
    start: int
    stop: int


class Encoding:
    """A buffer and how the elements in it are written (PS3.5 7.1)."""

    def __init__(self, buffer: bytes, *, big_endian: bool) -> None:
        self.buffer = buffer
        self.big_endian = big_endian
        self.order = ">" if big_endian else "<"
        self.explicit = struct.Struct(f"{self.order}HH2sH").unpack_from
        self._implicit = struct.Struct(f"{self.order}HHI").unpack_from
        self._long = struct.Struct(f"{self.order}I").unpack_from

    def element(self, position: int, *, implicit: bool) -> tuple[int, str, int, int]:
        """Return tag, VR, first byte and length of the value of the element at `position`.

        Raises struct.error where the buffer ends before.
        """
        group, number, name, length = self.explicit(self.buffer, position)
        tag = group << 16 | number
        vr = _VRS.get(name)
        # Some writers switch to Implicit VR inside an explicit data set.
        if implicit or (vr is None and not (name.isalpha() and name.isupper())):
            return tag, "", position + 8, self._implicit(self.buffer, position)[2]
        if vr in LONG_LENGTH_VRS:
            return tag, vr, position + 12, self._long(self.buffer, position + 8)[0]
        return tag, vr or "UN", position + 8, length

    def item(self, position: int) -> tuple[int, int]:
        """Return tag and length of the item or delimiter at `position`; raises struct.error."""
        group, number, length = self._implicit(self.buffer, position)
        return group << 16 | number, length

    def after_items(self, position: int, *, implicit: bool) -> int:
        """Return the first byte after what began with undefined length, up to its delimiter.

        Raises struct.error where the buffer ends before.
        """
        # One entry for each open sequence or item of undefined length: whether it is implicit.
        enclosing = [implicit]
        while enclosing:
            inside = enclosing[-1]
            tag, vr, start, length = self.element(position, implicit=inside)
            if tag in (ITEM_DELIMITATION, SEQUENCE_DELIMITATION):
                enclosing.pop()
                position += 8
                continue
            if tag == ITEM:
                start, length = position + 8, self.item(position)[1]
            else:
                inside = vr in ("", "UN")
            if length == UNDEFINED:
                enclosing.append(inside)
                position = start
            else:
                position = start + length
        return position


@dataclass(slots=True)
class DataSet:
    """The elements of one data set or item; `get` is the way in."""

    encoding: Encoding
    implicit: bool
    spans: dict[int, tuple[str, int, int]] = field(default_factory=dict)
    """As in `Span`, of each tag."""
    pixels: Span | None = None
    """Where the value of the pixel data begins; it may end beyond the buffer, or nowhere."""
    pixel_tag: int = 0
    inherited_charset: bytes = b""
    _sequences: dict[int, "LocatedItems"] = field(default_factory=dict)

    def get(self, name: Name) -> Any:
        """Return the value of an attribute as `Elements` says."""
        tag = name if isinstance(name, int) else tag_for_keyword(name) or 0
        located = self.spans.get(tag)
        if located is None:
            return None
        span = Span(*located)
        vr = span.vr if span.vr not in ("", "UN") else dictionary_vr(tag)
        if vr == "SQ":
            return self._items(tag, span)
        value = self.encoding.buffer[span.start : span.stop]
        if vr in _NUMBERS:
            return self._numbers(_NUMBERS[vr], value, "<" if span.vr == "UN" else None)
        if vr in _BYTES:
            return value or None
        return self._text(vr, value)

    def raw(self, name: Name) -> bytes:
        """Return the bytes of a value, none if it is absent."""
        tag = name if isinstance(name, int) else tag_for_keyword(name) or 0
        if tag not in self.spans:
            return b""
        _, start, stop = self.spans[tag]
        return self.encoding.buffer[start:stop]

    def holds(self, name: Name) -> bool:
        """Return whether an attribute is there with a value."""
        return bool(self.raw(name))

    def words(self, name: Name) -> bytes:
        """Return the bytes of a value, its 16-bit words in little endian order, none if absent.

        Bytes and bits packed into words change their places with byte order (PS3.5 8.1).
        """
        value = self.raw(name)
        tag = name if isinstance(name, int) else tag_for_keyword(name) or 0
        if not value or not self.encoding.big_endian or self.spans[tag][0] in _NEVER_SWAPPED:
            return value
        swapped = bytearray(value[: len(value) // 2 * 2])
        swapped[0::2], swapped[1::2] = value[1::2], value[0 : len(swapped) : 2]
        return bytes(swapped)

    def _items(self, tag: int, span: Span) -> "LocatedItems":
        found = self._sequences.get(tag)
        if found is None:
            implicit = self.implicit or span.vr in ("", "UN")
            found = self._sequences[tag] = LocatedItems(self, span, implicit=implicit)
        return found

    def _numbers(self, code: str, value: bytes, order: str | None) -> Any:
        count = len(value) // struct.calcsize(code)
        numbers = struct.unpack_from(f"{order or self.encoding.order}{count}{code}", value)
        return numbers[0] if count == 1 else list(numbers) or None

    def _text(self, vr: str, value: bytes) -> Any:
        declared = self.raw(_SPECIFIC_CHARACTER_SET) or self.inherited_charset
        text = charset.choose(declared, [value]).decode(value)
        if vr in _WHOLE_TEXTS:
            return text.rstrip(" \x00") or None
        parts = [part.strip(" \x00") for part in text.split("\\")]
        found = [_number(part) for part in parts] if vr in ("DS", "IS") else parts
        return (found[0] if found[0] != "" else None) if len(found) == 1 else found


class LocatedItems(Items):
    """The items of a sequence in a buffer; each is located when it is wanted."""

    def __init__(self, parent: DataSet, span: Span, *, implicit: bool) -> None:
        self._parent = parent
        self._implicit = implicit
        self._bounds = _bounds(parent.encoding, span, implicit=implicit)
        self._located: dict[int, DataSet] = {}

    def __len__(self) -> int:
        return len(self._bounds)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        start, stop = self._bounds[index]
        if start not in self._located:
            parent = self._parent
            inherited = parent.raw(_SPECIFIC_CHARACTER_SET) or parent.inherited_charset
            item = DataSet(parent.encoding, self._implicit, inherited_charset=inherited)
            _locate(item, start, stop)
            self._located[start] = item
        return self._located[start]


def read(buffer: bytes, start: int, *, implicit: bool, big_endian: bool) -> DataSet:
    """Return the elements from `start` to the pixel data, the end, or where the encoding breaks."""
    data_set = DataSet(Encoding(buffer, big_endian=big_endian), implicit)
    _locate(data_set, start, len(buffer))
    return data_set


def _locate(data_set: DataSet, start: int, end: int) -> None:
    """Enter the elements between two positions; what follows a broken one is lost."""
    encoding, spans, implicit = data_set.encoding, data_set.spans, data_set.implicit
    buffer, explicit = encoding.buffer, encoding.explicit
    position = start
    while position + 8 <= end:
        group, number, name, length = explicit(buffer, position)
        short = _SHORT_VRS.get(name)
        if short is not None and not implicit:
            # Nearly all elements are of this kind, so they go by without a call.
            tag, vr, first, stop = group << 16 | number, short, position + 8, position + 8 + length
        else:
            try:
                tag, vr, first, stop = _stepped_over(encoding, position, implicit=implicit)
            except struct.error:
                return
            if tag in PIXEL_TAGS:
                data_set.pixel_tag, data_set.pixels = tag, Span(vr, first, stop)
                return
            if tag == ITEM_DELIMITATION:
                return
        if stop > end:
            return
        spans[tag] = vr, first, stop
        position = stop


def _stepped_over(
    encoding: Encoding, position: int, *, implicit: bool
) -> tuple[int, str, int, int]:
    """Return tag and VR of an element, first byte of its value and the first after it.

    Raises struct.error where the buffer ends before.
    """
    tag, vr, first, length = encoding.element(position, implicit=implicit)
    if length == UNDEFINED and tag not in PIXEL_TAGS:
        return tag, vr, first, encoding.after_items(first, implicit=vr in ("", "UN"))
    return tag, vr, first, first + length


def _bounds(encoding: Encoding, span: Span, *, implicit: bool) -> Sequence[tuple[int, int]]:
    """Return start and end of every item up to where the sequence ends or breaks."""
    position = span.start
    found: list[tuple[int, int]] = []
    try:
        while position + 8 <= span.stop:
            tag, length = encoding.item(position)
            if tag != ITEM:
                break
            position += 8
            stop = position + length
            if length == UNDEFINED:
                stop = encoding.after_items(position, implicit=implicit)
            if stop > span.stop:
                break
            found.append((position, stop))
            position = stop
    except struct.error:
        return found
    return found


def _number(text: str) -> int | float | str:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text
