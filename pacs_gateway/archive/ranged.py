"""The bytes of a stored object as if they lay in memory, fetched by ranges as they are asked for."""

from storage.errors import CorruptError
from storage.objects import ObjectStore

AHEAD_BYTES = 64 * 1024
"""Fetched at once where reading goes on: most headers, whole."""
JUMP_BYTES = 4 * 1024
"""Fetched where reading jumps: the next of many fragments, or what stands behind pixel data."""


class StoredBytes:
    """One object; holds its beginning and the range that was read last. For one thread."""

    def __init__(self, store: ObjectStore, key: str, size: int) -> None:
        self._store = store
        self._key = key
        self._size = size
        self._beginning = b""
        self._window = b""
        self._window_start = 0

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, wanted: slice) -> bytes:
        start, stop, _ = wanted.indices(self._size)
        if stop <= start:
            return b""
        if not self._beginning:
            self._beginning = self._fetch(0, max(AHEAD_BYTES, stop if start == 0 else 0))
        if stop <= len(self._beginning):
            return self._beginning[start:stop]
        at = start - self._window_start
        if at < 0 or at + stop - start > len(self._window):
            goes_on = 0 <= at <= len(self._window) or start <= len(self._beginning)
            ahead = AHEAD_BYTES if goes_on else JUMP_BYTES
            self._window = self._fetch(start, max(ahead, stop - start))
            self._window_start, at = start, 0
        return self._window[at : at + stop - start]

    def _fetch(self, start: int, length: int) -> bytes:
        expected = min(length, self._size - start)
        found = b"".join(self._store.read(self._key, offset=start, length=expected))
        if len(found) != expected:
            raise CorruptError(f"It has fewer than the {self._size} bytes it was said to have.")
        return found
