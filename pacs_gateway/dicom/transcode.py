"""Re-encoding what the web must not see into Explicit VR Little Endian (PS3.18 8.7.3.2).

The header is decoded and written anew; pixel data only changes its byte order, so it streams
through and memory does not grow with it.
"""

from array import array
from collections.abc import Callable, Iterator
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from pacs_gateway.dicom import meta
from storage.records import StoredInstance

NEVER_ON_THE_WEB = frozenset(
    {
        meta.IMPLICIT_VR_LITTLE_ENDIAN,
        meta.EXPLICIT_VR_BIG_ENDIAN,
        meta.GE_IMPLICIT_VR_BIG_ENDIAN_PIXELS,
    }
)
_BIG_ENDIAN_PIXELS = frozenset({meta.EXPLICIT_VR_BIG_ENDIAN, meta.GE_IMPLICIT_VR_BIG_ENDIAN_PIXELS})
_WORDS = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}
"""Bytes of the words that a value of these VRs is made of; other VRs pydicom swaps itself."""
_ARRAY_TYPES = {2: "H", 4: "I", 8: "Q"}
_IMPLICIT_ELEMENT_BYTES = 8
_EXPLICIT_ELEMENT_BYTES = 12


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
        yield _reencoded(reader.rest(), syntax)
        return
    element_bytes = _element_bytes(syntax)
    header_bytes = instance.pixels.offset - instance.data_set_offset - element_bytes
    yield _reencoded(reader.take(header_bytes), syntax)
    vr = _pixel_vr(reader.take(element_bytes), syntax)
    yield _pixel_element(instance.pixels.tag, vr, instance.pixels.length)
    word = _WORDS.get(vr, 1) if syntax in _BIG_ENDIAN_PIXELS else 1
    yield from reader.words(instance.pixels.length, word)
    yield _reencoded(reader.rest(), syntax)


def pixel_word(instance: StoredInstance, header: Callable[[], bytes]) -> int:
    """Return the bytes of the words in which native pixels must be swapped, 1 for none.

    `header` returns the Part 10 file up to the pixel data; only rare objects need it.
    """
    syntax = instance.transfer_syntax_uid
    if syntax not in _BIG_ENDIAN_PIXELS:
        return 1
    return _WORDS.get(_pixel_vr(header()[-_element_bytes(syntax) :], syntax), 1)


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


def _reencoded(data_set: bytes, transfer_syntax_uid: str) -> bytes:
    if not data_set:
        return b""
    head = meta.encode(
        sop_class_uid="", sop_instance_uid="", transfer_syntax_uid=transfer_syntax_uid
    )
    decoded = dcmread(BytesIO(head + data_set), force=True)
    _, big_endian = meta.byte_encoding(transfer_syntax_uid)
    if big_endian:
        _swap_words(decoded)
    stream = DicomBytesIO()
    stream.is_little_endian = True
    stream.is_implicit_VR = False
    write_dataset(stream, decoded)
    return stream.getvalue()


def _swap_words(data_set: Dataset) -> None:
    """Swap the values that pydicom writes as it read them."""
    for element in data_set.iterall():
        word = _WORDS.get(element.VR)
        if word is not None and isinstance(element.value, bytes):
            element.value = swapped(element.value, word)


def _element_bytes(transfer_syntax_uid: str) -> int:
    implicit, _ = meta.byte_encoding(transfer_syntax_uid)
    return _IMPLICIT_ELEMENT_BYTES if implicit else _EXPLICIT_ELEMENT_BYTES


def _pixel_vr(element: bytes, transfer_syntax_uid: str) -> str:
    implicit, _ = meta.byte_encoding(transfer_syntax_uid)
    if not implicit:
        return element[4:6].decode("ascii", "replace")
    # PS3.5 A.1: in Implicit VR, Pixel Data is OW; its kin for floating point are OF and OD.
    return {b"\x08\x00": "OF", b"\x09\x00": "OD"}.get(element[2:4], "OW")


def _pixel_element(tag: str, vr: str, length: int) -> bytes:
    group, element = int(tag[:4], 16), int(tag[4:], 16)
    numbers = group.to_bytes(2, "little") + element.to_bytes(2, "little")
    return numbers + vr.encode("ascii") + b"\x00\x00" + length.to_bytes(4, "little")
