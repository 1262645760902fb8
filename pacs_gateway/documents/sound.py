"""Audio waveforms as WAVE files (RIFF, Microsoft and IBM 1991; RFC 2361 for the codes)."""

import struct

from pacs_gateway.documents.samples import sample_bytes
from pacs_gateway.documents.waveform import Group

_PCM, _A_LAW, _MU_LAW = 1, 6, 7
_CODES = {"AB": _A_LAW, "MB": _MU_LAW}
# WAVE has 8-bit samples without a sign and all others with one.
_OTHER_SIGN = frozenset({"SB", "US", "UL"})
_TOGGLE_SIGN = bytes(value ^ 0x80 for value in range(256))
_HEAD = struct.Struct("<4sI4s4sIHHIIHH4sI")
_AFTER_SIZE = _HEAD.size - 8
_FORMAT_BYTES = 16


def wav(group: Group, data: bytes) -> bytes:
    """Return a group as a WAVE file; `data` is its little endian Waveform Data.

    Raises UnrenderableError for samples of an encoding that the standard does not have.
    """
    width = sample_bytes(group)
    frame = width * len(group.channels)
    samples = bytearray(data[: min(group.samples, len(data) // frame) * frame])
    if group.interpretation in _OTHER_SIGN:
        samples[width - 1 :: width] = samples[width - 1 :: width].translate(_TOGGLE_SIGN)
    rate = round(group.rate)
    head = _HEAD.pack(
        b"RIFF",
        _AFTER_SIZE + len(samples) + len(samples) % 2,
        b"WAVE",
        b"fmt ",
        _FORMAT_BYTES,
        _CODES.get(group.interpretation, _PCM),
        len(group.channels),
        rate,
        rate * frame,
        frame,
        group.bits,
        b"data",
        len(samples),
    )
    return head + samples + bytes(len(samples) % 2)
