"""MLLP framing without sockets: VT message FS CR (HL7 v2 transport, release 1).

Invariant: whatever the pieces that bytes come in, each whole message comes out once and in order,
and never more than one message's limit is held.
"""

from collections.abc import Iterator

VT, FS, CR = 0x0B, 0x1C, 0x0D
BEGIN, END = bytes([VT]), bytes([FS, CR])


class FramingError(Exception):
    """The bytes are no MLLP, or a message is larger than is taken: the connection must end."""


class Unframer:
    """Takes messages out of a stream of bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held = bytearray()

    @property
    def is_amid(self) -> bool:
        """Whether a message has begun that has not ended."""
        return bool(self._held)

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Yield the messages that are whole with a piece; ask for all before the next piece.

        Line ends between messages are passed over, as some senders put more of them than needed.

        Raises FramingError.
        """
        searched = max(0, len(self._held) - 1)
        self._held += piece
        while self._skip_to_begin():
            end = self._held.find(END, searched)
            if end < 0:
                break
            if end - 1 > self._max_bytes:
                raise FramingError(f"A message has more than {self._max_bytes} bytes.")
            message = bytes(self._held[1:end])
            del self._held[: end + len(END)]
            searched = 0
            yield message
        if len(self._held) > self._max_bytes + len(END):
            raise FramingError(f"A message has more than {self._max_bytes} bytes.")

    def _skip_to_begin(self) -> bool:
        """Drop line ends; return whether a message begins. Raises FramingError."""
        start = 0
        while start < len(self._held) and self._held[start] in b"\r\n":
            start += 1
        del self._held[:start]
        if self._held and self._held[0] != VT:
            raise FramingError("What was sent does not begin as MLLP does, with a byte 0B.")
        return bool(self._held)


def framed(message: bytes) -> bytes:
    """Return a message as it is sent."""
    return BEGIN + message + END
