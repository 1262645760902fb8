"""Messages between two processes through a pair of pipes that take a whole frame at once.

Invariant: with a deadline, neither sending nor receiving waits longer, whatever the other side
does; its death ends both at once; no more is received than the receiver allows.
"""

import fcntl
import os
import pickle
import select
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from struct import Struct
from time import monotonic

PIPE_BYTES = 1024 * 1024
"""The most that Linux gives to a program without further rights. Through the usual 64 KiB a frame
of 525 kB goes in nine pieces, and for each of them the scheduler must wake the other side."""
_HEAD = Struct("<Q")
_MILLISECONDS = 1000


class Pipe:
    """One end of a conversation; one thread at a time may use it."""

    def __init__(
        self, reader: "Connection[bytes, bytes]", writer: "Connection[bytes, bytes]"
    ) -> None:
        # As connections, because these know how to reach another process.
        self._reader = reader
        self._writer = writer

    def send(self, message: object, deadline: float | None = None) -> None:
        """Send what can be pickled; `deadline` is a time of the monotonic clock.

        Raises TimeoutError, BrokenPipeError when nobody is there to read it.
        """
        self.send_pickled(pickle.dumps(message, pickle.HIGHEST_PROTOCOL), deadline)

    def send_pickled(self, data: bytes, deadline: float | None = None) -> None:
        """Send a message that is pickled already; raises as `send`."""
        descriptor = self._writer.fileno()
        os.set_blocking(descriptor, False)
        for part in (_HEAD.pack(len(data)), data):
            rest = memoryview(part)
            while rest:
                with suppress(BlockingIOError):
                    rest = rest[os.write(descriptor, rest) :]
                if rest:
                    _wait(descriptor, select.POLLOUT, deadline)

    def receive(self, deadline: float | None = None, *, max_bytes: int) -> object:
        """Return the next message.

        Raises TimeoutError, EOFError when the other side is gone, OSError for a message that is
        longer than `max_bytes`: a decoder that a picture has led astray may announce anything.
        """
        (length,) = _HEAD.unpack(self._exactly(_HEAD.size, deadline))
        if length > max_bytes:
            raise OSError(f"A message of {length} bytes was announced; at most {max_bytes}.")
        return pickle.loads(self._exactly(length, deadline))  # noqa: S301 - of our own child

    def wait_for_end(self, deadline: float) -> None:
        """Wait until nobody holds the other end any more, at most until `deadline`."""
        with suppress(TimeoutError, EOFError):
            while True:
                self._exactly(1, deadline)

    def close(self) -> None:
        """Close this end."""
        self._reader.close()
        self._writer.close()

    def _exactly(self, length: int, deadline: float | None) -> bytearray:
        data = bytearray(length)
        rest = memoryview(data)
        descriptor = self._reader.fileno()
        while rest:
            _wait(descriptor, select.POLLIN, deadline)
            taken = os.readv(descriptor, [rest])
            if taken == 0:
                raise EOFError
            rest = rest[taken:]
        return data


def pipes(context: BaseContext) -> tuple[Pipe, Pipe]:
    """Return both ends of a new conversation."""
    (one_reader, other_writer), (other_reader, one_writer) = _wide(context), _wide(context)
    return Pipe(one_reader, one_writer), Pipe(other_reader, other_writer)


def _wide(
    context: BaseContext,
) -> "tuple[Connection[bytes, bytes], Connection[bytes, bytes]]":
    reader, writer = context.Pipe(duplex=False)
    # What the system refuses stays as it is: slower, and just as right.
    with suppress(OSError):
        fcntl.fcntl(writer.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return reader, writer


def _wait(descriptor: int, event: int, deadline: float | None) -> None:
    poll = select.poll()
    poll.register(descriptor, event)
    remaining = None if deadline is None else max(0.0, deadline - monotonic()) * _MILLISECONDS
    if not poll.poll(remaining):
        raise TimeoutError
