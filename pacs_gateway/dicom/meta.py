"""File Meta Information (PS3.10 7.1): written by us alone, read with limits."""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from pacs_gateway import __version__
from pacs_gateway.errors import NotADataSetError
from storage.records import Origin

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"
GE_IMPLICIT_VR_BIG_ENDIAN_PIXELS = "1.2.840.113619.5.2"

# Derived from a UUID (PS3.5 B.2), so that nobody has to be asked for a root.
_LOSSY = frozenset(
    f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 53, 55, 81, 91, 93, 111, 112, 203)
)

IMPLEMENTATION_CLASS_UID = "2.25.211766373420133497206893170953914893127"
IMPLEMENTATION_VERSION_NAME = f"PACSGW_{__version__}"
SENDER_CREATOR_UID = "2.25.54197839472116530841990715648235076641"

FILE_META_GROUP = 0x0002
PREAMBLE_LENGTH = 128
PREFIX = b"DICM"
MAX_META_BYTES = 1024 * 1024
"""No file meta information seen in the field exceeds a few kilobytes."""

_LONG_LENGTH_VRS = frozenset({b"OB", b"OW", b"UN", b"UT", b"UC", b"UR", b"SQ", b"OF", b"OD"})


def is_deflated(transfer_syntax_uid: str) -> bool:
    """Return whether the data set is a deflate stream (PS3.5 A.5)."""
    return transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN


def is_lossy(transfer_syntax_uid: str) -> bool:
    """Return whether still images in a transfer syntax have usually lost something."""
    return transfer_syntax_uid in _LOSSY


def inflated_syntax(transfer_syntax_uid: str) -> str:
    """Return the transfer syntax a data set has once it is inflated."""
    return EXPLICIT_VR_LITTLE_ENDIAN if is_deflated(transfer_syntax_uid) else transfer_syntax_uid


def byte_encoding(transfer_syntax_uid: str) -> tuple[bool, bool]:
    """Return whether the data set is in Implicit VR, and whether it is big endian.

    Every encapsulated or unknown transfer syntax is Explicit VR Little Endian (PS3.5 A.4).
    """
    implicit = transfer_syntax_uid in (IMPLICIT_VR_LITTLE_ENDIAN, GE_IMPLICIT_VR_BIG_ENDIAN_PIXELS)
    return implicit, transfer_syntax_uid == EXPLICIT_VR_BIG_ENDIAN


def is_bare_data_set(head: bytes) -> bool:
    """Return whether `head` starts with a data set rather than with a preamble or group 0002."""
    has_prefix = head[PREAMBLE_LENGTH : PREAMBLE_LENGTH + len(PREFIX)] == PREFIX
    return not has_prefix and head[:2] in (b"\x08\x00", b"\x00\x08")


def guess_transfer_syntax(data_set: bytes) -> str:
    """Return the transfer syntax of a data set that came without file meta information.

    Raises NotADataSetError unless it starts with group 0008 as every data set we keep does.
    """
    starts = {b"\x08\x00": EXPLICIT_VR_LITTLE_ENDIAN, b"\x00\x08": EXPLICIT_VR_BIG_ENDIAN}
    explicit = starts.get(data_set[:2])
    if explicit is None:
        raise NotADataSetError("Not a DICOM file: neither a DICM prefix nor a data set.")
    if data_set[4:6].isalpha() and data_set[4:6].isupper():
        return explicit
    return IMPLICIT_VR_LITTLE_ENDIAN


def encode(
    *,
    sop_class_uid: str,
    sop_instance_uid: str,
    transfer_syntax_uid: str,
    origin: Origin | None = None,
) -> bytes:
    """Return preamble, prefix and file meta information.

    The sender travels inside the object, as Source Application Entity Title and Private
    Information, so that an index can be rebuilt from the objects alone. The time of receipt does
    not: the same data set sent again by the same peer must give the same bytes and digest.
    """
    elements = [
        _element(0x0001, b"OB", b"\x00\x01"),
        _element(0x0002, b"UI", sop_class_uid.encode("ascii")),
        _element(0x0003, b"UI", sop_instance_uid.encode("ascii")),
        _element(0x0010, b"UI", transfer_syntax_uid.encode("ascii")),
        _element(0x0012, b"UI", IMPLEMENTATION_CLASS_UID.encode("ascii")),
        _element(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME.encode("ascii")),
    ]
    if origin is not None:
        title = origin.peer.encode("ascii", "replace")[:16]
        elements += [
            _element(0x0016, b"AE", title if origin.source == "dimse" else b""),
            _element(0x0100, b"UI", SENDER_CREATOR_UID.encode("ascii")),
            _element(0x0102, b"OB", _sender_bytes(origin)),
        ]
    body = b"".join(elements)
    group_length = _element(0x0000, b"UL", struct.pack("<I", len(body)))
    return bytes(PREAMBLE_LENGTH) + PREFIX + group_length + body


@dataclass(frozen=True, slots=True)
class FileMeta:
    """What is used of a file's own meta information; empty text where it is missing."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    sender: Mapping[str, str] | None
    """`source`, `peer` and `address` if the gateway wrote this file, as in storage Origin."""
    length: int
    """Bytes before the data set, preamble and prefix included."""


def decode(head: bytes) -> FileMeta | None:
    """Return the meta information that `head` starts with, None if more bytes are needed.

    Tolerates a missing preamble and a missing or wrong group length (PS3.10 7.1), which real
    files have.

    Raises NotADataSetError if `head` does not start like a DICOM file with meta information.
    """
    position = meta_start(head)
    if position is None:
        return None
    values: dict[int, bytes] = {}
    while True:
        if len(head) < position + 12:
            # The last element may end the file; then nothing but meta information was sent.
            return None
        group, element = struct.unpack_from("<HH", head, position)
        if group != FILE_META_GROUP:
            break
        value_at, length = _value_bounds(head, position)
        if value_at + length > MAX_META_BYTES:
            raise NotADataSetError("The file meta information is longer than any real one.")
        if len(head) < value_at + length:
            return None
        values[element] = bytes(head[value_at : value_at + length])
        position = value_at + length
    return FileMeta(
        sop_class_uid=_uid(values.get(0x0002, b"")),
        sop_instance_uid=_uid(values.get(0x0003, b"")),
        transfer_syntax_uid=_uid(values.get(0x0010, b"")),
        sender=_sender(values),
        length=position,
    )


def meta_start(head: bytes) -> int | None:
    """Return where group 0002 starts, None if `head` is too short to tell.

    Raises NotADataSetError if there is no file meta information.
    """
    if len(head) >= PREAMBLE_LENGTH + 4 and head[PREAMBLE_LENGTH : PREAMBLE_LENGTH + 4] == PREFIX:
        return PREAMBLE_LENGTH + len(PREFIX)
    if head[:2] == b"\x02\x00" and head[4:6].isalpha():
        return 0
    if len(head) < PREAMBLE_LENGTH + 4:
        return None
    raise NotADataSetError("Not a DICOM file: there is no DICM prefix at byte 128.")


def _value_bounds(head: bytes, position: int) -> tuple[int, int]:
    if head[position + 4 : position + 6] in _LONG_LENGTH_VRS:
        return position + 12, int.from_bytes(head[position + 8 : position + 12], "little")
    return position + 8, int.from_bytes(head[position + 6 : position + 8], "little")


def _element(number: int, vr: bytes, value: bytes) -> bytes:
    if len(value) % 2:
        value += b"\x00" if vr in (b"UI", b"OB") else b" "
    tag = struct.pack("<HH", FILE_META_GROUP, number)
    if vr in _LONG_LENGTH_VRS:
        return tag + vr + b"\x00\x00" + struct.pack("<I", len(value)) + value
    return tag + vr + struct.pack("<H", len(value)) + value


def _uid(value: bytes) -> str:
    return value.rstrip(b"\x00 ").decode("ascii", "replace")


def _sender_bytes(origin: Origin) -> bytes:
    fields = {"source": origin.source, "peer": origin.peer, "address": origin.address}
    return json.dumps(fields, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def _sender(values: Mapping[int, bytes]) -> Mapping[str, str] | None:
    if _uid(values.get(0x0100, b"")) != SENDER_CREATOR_UID:
        return None
    try:
        fields = json.loads(values.get(0x0102, b"").rstrip(b"\x00"))
    except ValueError:
        return None
    return {name: str(fields.get(name, "")) for name in ("source", "peer", "address")}
