"""Bounded walk over an encoded data set (PS3.5 7): the only parser that sees unchecked bytes.

Invariant: for any bytes whatever, `walk` either returns a Layout all of whose offsets lie inside
the buffer or raises NotADataSetError; it never recurses, and its work is bounded by its limits.
pydicom believes lengths and recurses once per nested sequence, so it only ever reads what has
passed here.
"""

import struct
from dataclasses import dataclass, field
from typing import Protocol

from pydicom._dicom_dict import DicomDictionary

from pacs_gateway.errors import NotADataSetError


class Buffer(Protocol):
    """Bytes that need not be in memory: `bytes`, a mapped file, or what a store sends by ranges."""

    def __len__(self) -> int: ...

    def __getitem__(self, wanted: slice, /) -> bytes: ...


UNDEFINED = 0xFFFFFFFF
ITEM = 0xFFFEE000
ITEM_DELIMITATION = 0xFFFEE00D
SEQUENCE_DELIMITATION = 0xFFFEE0DD
PIXEL_DATA = 0x7FE00010
PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, PIXEL_DATA})

SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E
SAMPLES_PER_PIXEL = 0x00280002
PHOTOMETRIC_INTERPRETATION = 0x00280004
NUMBER_OF_FRAMES = 0x00280008
ROWS = 0x00280010
COLUMNS = 0x00280011
BITS_ALLOCATED = 0x00280100
EXTENDED_OFFSET_TABLE = 0x7FE00001

_WANTED = frozenset(
    {
        SOP_CLASS_UID,
        SOP_INSTANCE_UID,
        STUDY_INSTANCE_UID,
        SERIES_INSTANCE_UID,
        SAMPLES_PER_PIXEL,
        PHOTOMETRIC_INTERPRETATION,
        NUMBER_OF_FRAMES,
        ROWS,
        COLUMNS,
        BITS_ALLOCATED,
        EXTENDED_OFFSET_TABLE,
    }
)
# Value lengths of four bytes after two reserved ones (PS3.5 7.1.2).
_LONG_LENGTH_VRS = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)
# In Implicit VR only the dictionary tells a sequence of defined length from other values.
_SEQUENCE_TAGS = frozenset(tag for tag, entry in DicomDictionary.items() if entry[0] == "SQ")


@dataclass(frozen=True, slots=True)
class WalkLimits:
    """What a data set may cost to read; see IngestSettings for the reasons."""

    max_depth: int
    max_elements: int
    max_header_bytes: int


@dataclass(frozen=True, slots=True)
class Fragments:
    """The items of encapsulated pixel data (PS3.5 A.4)."""

    offset_table: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    """Offset and length of each fragment's value."""
    end: int
    """First byte after the sequence delimitation item."""


@dataclass(frozen=True, slots=True)
class PixelValue:
    """Where the pixel data element's value lies in the walked buffer."""

    tag: int
    offset: int
    length: int
    fragments: Fragments | None


@dataclass(slots=True)
class Layout:
    """What the walk found at the top level of the data set."""

    values: dict[int, bytes] = field(default_factory=dict)
    pixels: PixelValue | None = None
    big_endian: bool = False


@dataclass(slots=True)
class _Container:
    """A data set (top level or item) or a sequence that the walk is inside of."""

    holds_items: bool
    end: int | None
    """None for undefined length."""
    implicit: bool


def walk(
    buffer: Buffer, start: int, *, implicit: bool, big_endian: bool, limits: WalkLimits
) -> Layout:
    """Return the layout of the data set that fills `buffer` from `start` to its end.

    Raises NotADataSetError: a length that does not fit, nesting or counts beyond the limits,
    or bytes that are no data elements at all.
    """
    return _Walk(buffer, start, implicit=implicit, big_endian=big_endian, limits=limits).run()


class _Walk:
    """One pass; the stack of containers replaces recursion."""

    def __init__(
        self, buffer: Buffer, start: int, *, implicit: bool, big_endian: bool, limits: WalkLimits
    ) -> None:
        order = ">" if big_endian else "<"
        self._tag = struct.Struct(f"{order}HH")
        self._short = struct.Struct(f"{order}H")
        self._long = struct.Struct(f"{order}I")
        self._buffer = buffer
        self._size = len(buffer)
        self._limits = limits
        self._position = start
        self._elements = 0
        self._opaque_bytes = 0
        self._start = start
        self._layout = Layout(big_endian=big_endian)
        self._stack = [_Container(holds_items=False, end=self._size, implicit=implicit)]

    def run(self) -> Layout:
        while self._stack:
            container = self._stack[-1]
            if container.end is not None and self._position >= container.end:
                self._position = container.end
                self._stack.pop()
            elif container.holds_items:
                self._read_item(container)
            elif not self._read_element(container):
                break
        self._check_header_size()
        return self._layout

    def _read_item(self, sequence: _Container) -> None:
        tag, length = self._item_header("item")
        if tag == SEQUENCE_DELIMITATION:
            # A delimiter inside a sequence of defined length is superfluous, but it is seen.
            self._stack.pop()
        elif tag == ITEM:
            end = self._end_of(tag, length) if length != UNDEFINED else None
            self._push(_Container(holds_items=False, end=end, implicit=sequence.implicit))
        else:
            raise NotADataSetError(
                f"Byte {self._position - 8} should start a sequence item, not {_name(tag)}."
            )

    def _item_header(self, what: str) -> tuple[int, int]:
        position = self._position
        if position + 8 > self._size:
            raise NotADataSetError(f"The file ends in the middle of a sequence {what}.")
        head = self._buffer[position : position + 8]
        group, element = self._tag.unpack_from(head)
        (length,) = self._long.unpack_from(head, 4)
        self._position = position + 8
        self._count()
        return group << 16 | element, length

    def _read_element(self, container: _Container) -> bool:
        """Step over one data element; return False at zero padding after the last one."""
        buffer, position = self._buffer, self._position
        if position + 8 > self._size:
            self._refuse_unless_padding(position)
            return False
        head = buffer[position : position + 8]
        group, element = self._tag.unpack_from(head)
        tag = group << 16 | element
        if tag == ITEM_DELIMITATION:
            self._position = position + 8
            self._stack.pop()
            if not self._stack:
                raise NotADataSetError(f"An item ends at byte {position} that never began.")
            return True
        if tag == 0 and len(self._stack) == 1:
            self._refuse_unless_padding(position)
            return False
        self._count()
        vr = head[4:6]
        if container.implicit or not _looks_like_vr(vr):
            # Some writers switch to Implicit VR inside an explicit data set; PS3.5 6.2.2 even
            # demands it inside UN. A VR is two capital letters, a length hardly ever is.
            (length,) = self._long.unpack_from(head, 4)
            self._position, implicit = position + 8, True
            is_sequence = tag in _SEQUENCE_TAGS or (length == UNDEFINED and tag not in PIXEL_TAGS)
        else:
            length = self._explicit_length(head, position)
            implicit = vr == b"UN"
            is_sequence = vr == b"SQ" or (length == UNDEFINED and tag not in PIXEL_TAGS)
        self._enter_or_skip(tag, length, is_sequence=is_sequence, implicit=implicit)
        return True

    def _explicit_length(self, head: bytes, position: int) -> int:
        if head[4:6] not in _LONG_LENGTH_VRS:
            self._position = position + 8
            (length,) = self._short.unpack_from(head, 6)
            return int(length)
        if position + 12 > self._size:
            raise NotADataSetError("The file ends in the middle of a data element.")
        self._position = position + 12
        (length,) = self._long.unpack(self._buffer[position + 8 : position + 12])
        return int(length)

    def _enter_or_skip(self, tag: int, length: int, *, is_sequence: bool, implicit: bool) -> None:
        if is_sequence:
            end = None if length == UNDEFINED else self._end_of(tag, length)
            self._push(_Container(holds_items=True, end=end, implicit=implicit))
            return
        top_level = len(self._stack) == 1
        if length == UNDEFINED:
            self._skip_encapsulated(tag, top_level=top_level)
            return
        offset = self._position
        self._position = self._end_of(tag, length)
        if not top_level:
            return
        if tag in PIXEL_TAGS:
            fragments = self._fragments_within(offset, self._position)
            self._layout.pixels = PixelValue(tag, offset, length, fragments)
            self._opaque_bytes += length
        elif tag in _WANTED:
            self._layout.values[tag] = bytes(self._buffer[offset : self._position])

    def _skip_encapsulated(self, tag: int, *, top_level: bool) -> None:
        offset = self._position
        fragments = self._read_fragments(self._size)
        if top_level:
            length = fragments.end - offset
            self._layout.pixels = PixelValue(tag, offset, length, fragments)
            self._opaque_bytes += length

    def _fragments_within(self, offset: int, end: int) -> Fragments | None:
        """Return the fragments that fill a value of known length, None for native pixels.

        The standard wants encapsulated pixel data of undefined length (PS3.5 A.4), but it is also
        found with a length. Native pixels do not happen to form items that fill it to the byte.
        """
        starts_with_item = self._buffer[offset : offset + 4] == self._tag.pack(0xFFFE, 0xE000)
        if not starts_with_item:
            return None
        self._position = offset
        try:
            fragments = self._read_fragments(end)
        except NotADataSetError:
            fragments = None
        found_end, self._position = self._position, end
        return fragments if found_end == end else None

    def _read_fragments(self, end: int) -> Fragments:
        spans: list[tuple[int, int]] = []
        # Some encoders end the file without the delimiter; nothing is missing then.
        while self._position < end:
            tag, length = self._item_header("fragment")
            if tag == SEQUENCE_DELIMITATION:
                break
            if tag != ITEM or length == UNDEFINED:
                raise NotADataSetError(
                    f"Byte {self._position - 8} should start a pixel data fragment."
                )
            spans.append((self._position, length))
            self._position = self._end_of(tag, length)
        table = b""
        if spans:
            offset, length = spans.pop(0)
            table = self._buffer[offset : offset + length]
        whole = table[: len(table) // 4 * 4]
        entries = tuple(entry for (entry,) in self._long.iter_unpack(whole))
        return Fragments(offset_table=entries, spans=tuple(spans), end=self._position)

    def _end_of(self, tag: int, length: int) -> int:
        end = self._position + length
        if end > self._size:
            raise NotADataSetError(
                f"{_name(tag)} at byte {self._position} announces {length} bytes,"
                f" but only {self._size - self._position} are left."
            )
        return end

    def _push(self, container: _Container) -> None:
        self._stack.append(container)
        # Every level of nesting is a sequence and an item.
        if len(self._stack) > 2 * self._limits.max_depth + 1:
            raise NotADataSetError(
                f"Sequences are nested deeper than {self._limits.max_depth} levels."
            )

    def _count(self) -> None:
        self._elements += 1
        if self._elements > self._limits.max_elements:
            raise NotADataSetError(f"More than {self._limits.max_elements} data elements.")

    def _check_header_size(self) -> None:
        header = self._position - self._start - self._opaque_bytes
        if header > self._limits.max_header_bytes:
            raise NotADataSetError(
                f"{header} bytes besides the pixel data;"
                f" at most {self._limits.max_header_bytes} are read."
            )

    def _refuse_unless_padding(self, position: int) -> None:
        rest = self._buffer[position : position + 1024]
        if position + len(rest) != self._size or any(rest):
            raise NotADataSetError(f"What follows byte {position} is no data element.")


def _looks_like_vr(vr: bytes) -> bool:
    return len(vr) == 2 and 65 <= vr[0] <= 90 and 65 <= vr[1] <= 90  # noqa: PLR2004 - "A" to "Z"


def _name(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
