"""How data elements begin in Explicit VR Little Endian (PS3.5 7.1.2, 7.5)."""

import struct

from pacs_gateway.dicom import part10
from pacs_gateway.dicom.elements import LONG_LENGTH_VRS

LONGEST_VALUE = 0xFFFFFFFE
_LONGEST_SHORT_VALUE = 0xFFFE
_TAG = struct.Struct("<HH")
_TAG_AND_LENGTH = struct.Struct("<HHI")


def element_head(tag: int, vr: str, length: int) -> bytes:
    """Return tag, VR and length; `length` is even or `part10.UNDEFINED`."""
    # PS3.5 6.2.2: what a short length field cannot hold goes as UN.
    written = "UN" if vr not in LONG_LENGTH_VRS and length > _LONGEST_SHORT_VALUE else vr
    start = _TAG.pack(tag >> 16, tag & 0xFFFF) + written.encode("ascii")
    if written in LONG_LENGTH_VRS:
        return start + b"\x00\x00" + length.to_bytes(4, "little")
    return start + length.to_bytes(2, "little")


def item_head(length: int) -> bytes:
    """Return the start of a sequence item or of a fragment of pixel data."""
    return _tag_and_length(part10.ITEM, length)


def end_of_item() -> bytes:
    """Return what ends an item of undefined length."""
    return _tag_and_length(part10.ITEM_DELIMITATION, 0)


def end_of_sequence() -> bytes:
    """Return what ends a sequence of undefined length."""
    return _tag_and_length(part10.SEQUENCE_DELIMITATION, 0)


def _tag_and_length(tag: int, length: int) -> bytes:
    return _TAG_AND_LENGTH.pack(tag >> 16, tag & 0xFFFF, length)
