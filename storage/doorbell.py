"""A bell between processes of one host: whoever waits for work is woken instead of looking often.

It is a named pipe. Nothing depends on it: where a file system has no such thing, or nobody listens,
ringing does nothing, and who waits looks again after a while.
"""

import os
import select
from contextlib import suppress
from pathlib import Path

RINGS_AT_ONCE = 4096


class Doorbell:
    """One end of the bell at `path`, for ringing and for waiting."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def ring(self) -> None:
        """Wake who waits; return at once in any case."""
        with suppress(OSError):
            if not self._path.is_fifo():
                return
            descriptor = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK)
            try:
                os.write(descriptor, b"\0")
            finally:
                os.close(descriptor)

    def wait(self, seconds: float) -> None:
        """Return when somebody rings, or has rung since the last time, or after `seconds`."""
        if self._descriptor < 0:
            self._listen()
        listening = [self._descriptor] if self._descriptor >= 0 else []
        if select.select(listening, [], [], seconds)[0]:
            os.read(self._descriptor, RINGS_AT_ONCE)

    def close(self) -> None:
        """Listen no longer."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _listen(self) -> None:
        with suppress(OSError):
            if not self._path.is_fifo():
                os.mkfifo(self._path, 0o600)
            # For writing too, so that a bell that nobody holds any more is not the end of the file.
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_NONBLOCK)
