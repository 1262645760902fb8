"""Results that were expensive to find, kept for a short while, in bounded memory; for many threads."""

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

V = TypeVar("V")


class Remembered(Generic[V]):
    """Values by key that are forgotten after a fixed time, or when there are too many."""

    def __init__(
        self, *, for_s: float, at_most: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._for_s = for_s
        self._at_most = at_most
        self._clock = clock
        self._values: OrderedDict[bytes, tuple[V, float]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: bytes) -> V | None:
        """Return the value if it is still remembered."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            value, until = found
            if self._clock() < until:
                return value
            del self._values[key]
            return None

    def put(self, key: bytes, value: V) -> None:
        """Remember a value from now on."""
        with self._lock:
            self._values[key] = (value, self._clock() + self._for_s)
            self._values.move_to_end(key)
            while len(self._values) > self._at_most:
                self._values.popitem(last=False)

    def forget(self, key: bytes) -> None:
        """Forget a value now."""
        with self._lock:
            self._values.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()
