"""Values of lookup tables as they stand in the header (PS3.3 C.7.6.3.1.6, C.7.9.2)."""

import struct
from collections.abc import Sequence

from pacs_gateway.errors import UnrenderableError

_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2
_BYTE_BITS = 8


def words(data: bytes) -> Sequence[int]:
    """Return the little endian 16-bit words of an OW value."""
    return struct.unpack_from(f"<{len(data) // 2}H", data)


def to_bytes(values: Sequence[int], entries: int, bits: int) -> bytes:
    """Return exactly `entries` palette values of `bits` bits as bytes; the last one is repeated.

    Announced bits are often wrong, so a largest value that contradicts them wins.

    Raises UnrenderableError if there are no values.
    """
    values = values[:entries]
    if not values:
        raise UnrenderableError("The palette of this image is empty.")
    largest = max(values)
    shift = max(bits, largest.bit_length()) - _BYTE_BITS if largest >> _BYTE_BITS else 0
    table = bytes(value >> shift for value in values)
    return table + table[-1:] * (entries - len(table))


class SegmentedTable:
    """The table that segmented palette data describes (PS3.3 C.7.9.2)."""

    def __init__(self, numbers: Sequence[int], *, bits: int, entries: int) -> None:
        self._numbers = numbers
        self._wide = bits > _BYTE_BITS
        self._entries = entries
        self._table: list[int] = []

    def expand(self) -> Sequence[int]:
        """Return the values; never many more than the descriptor's `entries`.

        Raises UnrenderableError if a segment is damaged.
        """
        try:
            # A lone trailing number is the pad byte.
            at = 0
            while at + 1 < len(self._numbers) and len(self._table) < self._entries:
                at = self._append(at, within_indirect=False)
        except IndexError as error:
            raise UnrenderableError("The segmented palette of this image is damaged.") from error
        return self._table

    def _append(self, at: int, *, within_indirect: bool) -> int:
        """Append what the segment at index `at` describes; return the index after it."""
        kind, count = self._numbers[at], self._numbers[at + 1]
        at += 2
        if kind == _DISCRETE:
            self._table.extend(self._numbers[at : at + count])
            return at + count
        if kind == _LINEAR:
            start, stop = self._table[-1], self._numbers[at]
            self._table.extend(
                start + round((stop - start) * step / count) for step in range(1, count + 1)
            )
            return at + 1
        if kind != _INDIRECT or within_indirect:
            raise UnrenderableError("The segmented palette of this image is damaged.")
        copied, after = self._target(at)
        for _ in range(count):
            copied = self._append(copied, within_indirect=True)
        return after

    def _target(self, at: int) -> tuple[int, int]:
        """Return the index an indirect segment points at, and the index after that segment."""
        if self._wide:
            byte_offset = self._numbers[at] | self._numbers[at + 1] << 16
            return byte_offset // 2, at + 2
        low, second, third, high = (self._numbers[at + step] for step in range(4))
        return low | second << 8 | third << 16 | high << 24, at + 4
