"""Finished answer bodies that are asked for again, within a limit of memory."""

from collections import OrderedDict
from threading import Lock

_LARGEST_SHARE = 4
"""A body may take one fourth of the room, so that a single study does not push out all others."""


class Bodies:
    """The most recently used bodies by key; a key must name its body's content for good."""

    def __init__(self, max_bytes: int) -> None:
        self.largest = max_bytes // _LARGEST_SHARE
        self._max_bytes = max_bytes
        self._bodies: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: str) -> bytes | None:
        """Return a body that is still here."""
        with self._lock:
            body = self._bodies.get(key)
            if body is not None:
                self._bodies.move_to_end(key)
            return body

    def put(self, key: str, body: bytes) -> None:
        """Keep a body, unless it is too large, and forget the least used ones for it."""
        if len(body) > self.largest:
            return
        with self._lock:
            self._bytes += len(body) - len(self._bodies.pop(key, b""))
            self._bodies[key] = body
            while self._bytes > self._max_bytes:
                _, forgotten = self._bodies.popitem(last=False)
                self._bytes -= len(forgotten)
