"""Encoded waveform samples to values (PS3.3 C.10.9.1.5; companding by ITU-T G.711)."""

import sys
from array import array
from collections.abc import Sequence
from functools import cache

from pacs_gateway.documents.waveform import Group
from pacs_gateway.errors import UnrenderableError

_CODES = {
    ("SB", 8): "b",
    ("UB", 8): "B",
    ("MB", 8): "B",
    ("AB", 8): "B",
    ("SS", 16): "h",
    ("US", 16): "H",
    ("SL", 32): "i",
    ("UL", 32): "I",
}
"""Sample interpretation and bits allocated to the type code of `array`."""
_BYTE_VALUES = 256


def sample_bytes(group: Group) -> int:
    """Return the bytes of one sample.

    Raises UnrenderableError for an encoding that the standard does not have.
    """
    if (group.interpretation, group.bits) not in _CODES:
        raise UnrenderableError(
            f"Waveform samples {group.interpretation or '?'} of {group.bits} bits cannot be read."
        )
    return group.bits // 8


def channel_values(
    group: Group, data: bytes, channel: int, *, first: int, end: int
) -> Sequence[float | None]:
    """Return samples `first` to `end` of one channel in its unit, None where there is none.

    `data` is the little endian Waveform Data of the group, or its beginning. What `data` does not
    hold is left out.
    """
    width = sample_bytes(group) * len(group.channels)
    part = data[first * width : end * width]
    samples = array(_CODES[group.interpretation, group.bits])
    samples.frombytes(part[: len(part) // width * width])
    if sys.byteorder == "big":
        samples.byteswap()
    found: Sequence[int] = samples[channel :: len(group.channels)]
    padding = _padding(group)
    facts = group.channels[channel]
    if group.interpretation in _EXPANSIONS:
        linear = _EXPANSIONS[group.interpretation]()
        return [_value(linear[s], facts.factor, facts.baseline, None) for s in found]
    return [_value(sample, facts.factor, facts.baseline, padding) for sample in found]


def _value(sample: int, factor: float, baseline: float, padding: int | None) -> float | None:
    return None if sample == padding else sample * factor + baseline


def _padding(group: Group) -> int | None:
    width = sample_bytes(group)
    if len(group.padding) < width:
        return None
    signed = group.interpretation in ("SB", "SS", "SL")
    return int.from_bytes(group.padding[:width], "little", signed=signed)


@cache
def _mu_law() -> tuple[int, ...]:
    return tuple(map(_of_mu_law, range(_BYTE_VALUES)))


def _of_mu_law(byte: int) -> int:
    inverted = ~byte & 0xFF
    exponent, mantissa = (inverted >> 4) & 7, inverted & 15
    magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84
    return -magnitude if inverted & 0x80 else magnitude


@cache
def _a_law() -> tuple[int, ...]:
    return tuple(map(_of_a_law, range(_BYTE_VALUES)))


def _of_a_law(byte: int) -> int:
    toggled = byte ^ 0x55
    exponent, mantissa = (toggled >> 4) & 7, toggled & 15
    magnitude = (mantissa << 4) + 8
    if exponent:
        magnitude = (magnitude + 0x100) << (exponent - 1)
    return magnitude if toggled & 0x80 else -magnitude


_EXPANSIONS = {"MB": _mu_law, "AB": _a_law}
