"""Re-encoding what the web must not see into Explicit VR Little Endian (PS3.18 8.7.3.2).

Only the frame around the values changes, and the byte order of those that are numbers: values are
not decoded, so that no odd one can be lost or refused. Pixel data streams through, and memory does
not grow with it. The data set must have passed `part10.walk`.
"""

from array import array
from collections.abc import Iterator, Mapping

from pacs_gateway.dicom import elements, explicit, meta, part10
from pacs_gateway.dicom.elements import DataSet, Element
from pacs_gateway.errors import NotAcceptableError, UnrenderableError
from storage.records import StoredInstance

NEVER_ON_THE_WEB = frozenset(
    {
        meta.IMPLICIT_VR_LITTLE_ENDIAN,
        meta.EXPLICIT_VR_BIG_ENDIAN,
        meta.GE_IMPLICIT_VR_BIG_ENDIAN_PIXELS,
    }
)
NO_VIEWER_DECODES = frozenset({"1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55"})
"""Retired processes of JPEG (spectral selection, full progression) that no viewer of the web has a
decoder for; their frames leave as they are only for who names them."""
_BIG_ENDIAN_PIXELS = frozenset({meta.EXPLICIT_VR_BIG_ENDIAN, meta.GE_IMPLICIT_VR_BIG_ENDIAN_PIXELS})
WORDS = {
    **dict.fromkeys(("US", "SS", "AT", "OW"), 2),
    **dict.fromkeys(("UL", "SL", "FL", "OF", "OL"), 4),
    **dict.fromkeys(("FD", "SV", "UV", "OD", "OV"), 8),
}
"""Bytes of the words that values of these VRs are made of (PS3.5 7.3)."""
_ARRAY_TYPES = {2: "H", 4: "I", 8: "Q"}
_IMPLICIT_HEADER = 8
_EXPLICIT_HEADER = 12
_BITS_OF_BYTE = 8
_PIXEL_REPRESENTATION = 0x00280103
_ICON_IMAGE_SEQUENCE = 0x00880200
# Pixel Data itself, and the Extended Offset Table with its lengths.
_OF_COMPRESSED_PIXELS = frozenset({part10.PIXEL_DATA, 0x7FE00001, 0x7FE00002, 0x7FE00003})


def available_syntax(stored: str) -> str:
    """Return the transfer syntax in which frames are served to who takes any."""
    if stored in NEVER_ON_THE_WEB or stored in NO_VIEWER_DECODES:
        return meta.EXPLICIT_VR_LITTLE_ENDIAN
    return stored


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
    yield _Header(reader.take(header_bytes), syntax).reencoded()
    vr = _pixel_vr(reader.take(element_bytes), syntax)
    yield explicit.element_head(int(instance.pixels.tag, 16), vr, instance.pixels.length)
    # Pixels of 32 bits are two words of OW, the lower one first, in either byte order (PS3.5 8.1.1).
    word = WORDS.get(vr, 1) if syntax in _BIG_ENDIAN_PIXELS else 1
    yield from reader.words(instance.pixels.length, word)
    yield _Header(reader.rest(), syntax).reencoded()


def header_of_pixels(header: bytes, attributes: Mapping[int, int | str]) -> bytes:
    """Return the elements before pixel data as they stand before recoded ones.

    `header` is a Part 10 file up to its pixel data; `attributes` takes the place of what it says,
    Number of Frames only if it says any. Dropped are the tables that tell where compressed frames
    lie (PS3.3 C.7.6.3.1.8) and icons that are compressed themselves; both are optional.
    """
    head = meta.decode(header)
    assert head is not None
    implicit, big_endian = meta.byte_encoding(head.transfer_syntax_uid)
    data_set = elements.read(header, head.length, implicit=implicit, big_endian=big_endian)
    kept = {
        tag: element
        for tag, element in data_set.items()
        if tag not in _OF_COMPRESSED_PIXELS and not _holds_compressed_pixels(element)
    }
    for tag, value in attributes.items():
        if tag in kept or tag != part10.NUMBER_OF_FRAMES:
            kept[tag] = _attribute(tag, value)
    return _reencoded(dict(sorted(kept.items())), signed=False)


def native_pixel_data(*, bits_allocated: int, length: int) -> bytes:
    """Return what stands before `length` bytes of native Pixel Data (PS3.5 A.2)."""
    vr = "OW" if bits_allocated > _BITS_OF_BYTE else "OB"
    return explicit.element_head(part10.PIXEL_DATA, vr, length)


def encapsulated_pixel_data() -> bytes:
    """Return what stands before the first fragment of Pixel Data: an offset table without entries.

    Frames of one fragment each are found without it (PS3.5 A.4).
    """
    head = explicit.element_head(part10.PIXEL_DATA, "OB", part10.UNDEFINED)
    return head + explicit.item_head(0)


def fragment(frame: bytes) -> Iterator[bytes]:
    """Yield the pieces of a frame as one fragment of Pixel Data, of even length (PS3.5 A.4).

    Raises NotAcceptableError if it is longer than a fragment can be.
    """
    padding = bytes(len(frame) % 2)
    if len(frame) + len(padding) > explicit.LONGEST_VALUE:
        raise NotAcceptableError("A compressed frame exceeds 4 GiB; ask with transfer-syntax=*.")
    yield explicit.item_head(len(frame) + len(padding))
    yield frame
    yield padding


def trailing(data_set: bytes, transfer_syntax_uid: str) -> bytes:
    """Return the elements after the pixel data, which are in the given transfer syntax."""
    return _Header(data_set, transfer_syntax_uid).reencoded()


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
    """The elements around the pixel data, written anew."""

    def __init__(self, data: bytes, transfer_syntax_uid: str) -> None:
        implicit, big_endian = meta.byte_encoding(transfer_syntax_uid)
        self._data_set = elements.read(data, 0, implicit=implicit, big_endian=big_endian)

    def reencoded(self) -> bytes:
        """Return all elements."""
        return _reencoded(self._data_set, signed=False)


def _attribute(tag: int, value: int | str) -> Element:
    if isinstance(value, int):
        encoded = value.to_bytes(2, "little")
    else:
        encoded = value.encode("ascii") + b" " * (len(value) % 2)
    return Element(tag, elements.dictionary_vr(tag), encoded, None, big_endian=False)


def _holds_compressed_pixels(element: Element) -> bool:
    return element.tag == _ICON_IMAGE_SEQUENCE and any(
        pixels.value is None
        for item in element.items or ()
        if (pixels := item.get(part10.PIXEL_DATA)) is not None
    )


def _reencoded(data_set: DataSet, *, signed: bool) -> bytes:
    """Return the elements but group lengths, which would have to be counted anew (PS3.5 7.2)."""
    representation = data_set.get(_PIXEL_REPRESENTATION)
    if representation is not None:
        signed = any(representation.value or b"")
    written = bytearray()
    # A level of nesting costs two calls, no more: elements.MAX_DEPTH counts on it.
    for element in data_set.values():
        if element.tag & 0xFFFF:
            written += _element(element, signed=signed)
    return bytes(written)


def _element(element: Element, *, signed: bool) -> bytes:
    if element.items is not None:
        content = bytearray()
        for item in element.items:
            written = _reencoded(item, signed=signed)
            content += explicit.item_head(len(written)) + written
        return explicit.element_head(element.tag, "SQ", len(content)) + bytes(content)
    if element.value is None:
        raise UnrenderableError("Compressed pixels cannot be in this transfer syntax.")
    vr = _definite(element.vr, signed=signed)
    value = swapped(element.value, WORDS.get(vr, 1)) if element.big_endian else element.value
    return explicit.element_head(element.tag, vr, len(value)) + value


def _definite(vr: str, *, signed: bool) -> str:
    """Return one VR where the dictionary leaves a choice."""
    if vr == "US or SS":
        return "SS" if signed else "US"
    return "OW" if "OW" in vr else vr


def _element_bytes(transfer_syntax_uid: str) -> int:
    implicit, _ = meta.byte_encoding(transfer_syntax_uid)
    return _IMPLICIT_HEADER if implicit else _EXPLICIT_HEADER


def _pixel_vr(element: bytes, transfer_syntax_uid: str) -> str:
    implicit, _ = meta.byte_encoding(transfer_syntax_uid)
    if not implicit:
        return element[4:6].decode("ascii", "replace")
    # PS3.5 A.1: in Implicit VR, Pixel Data is OW; its kin for floating point are OF and OD.
    return {b"\x08\x00": "OF", b"\x09\x00": "OD"}.get(element[2:4], "OW")
