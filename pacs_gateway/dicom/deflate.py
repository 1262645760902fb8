"""Bounded reading of deflate streams (RFC 1951), as the Deflated transfer syntax has (PS3.5 A.5).

Invariant: whatever the input, no more than `max_bytes` come out, memory stays at one piece, and
the caller gets either the whole stream or NotADataSetError. pydicom inflates without a bound, so
it never sees deflated bytes.
"""

import zlib
from collections.abc import Iterable, Iterator

from pacs_gateway.errors import NotADataSetError

_RAW_DEFLATE = -15
_PIECE = 1024 * 1024
_GZIP_TRAILER_LENGTH = 8
RATIO_FREE_BYTES = 16 * 1024 * 1024
"""Output up to this is never called a bomb: an empty image compresses a thousandfold."""


def inflate(pieces: Iterable[bytes], *, max_bytes: int, max_ratio: int | None) -> bytes:
    """Return what `inflated` yields as one value."""
    return b"".join(inflated(pieces, max_bytes=max_bytes, max_ratio=max_ratio))


def inflated(pieces: Iterable[bytes], *, max_bytes: int, max_ratio: int | None) -> Iterator[bytes]:
    """Yield the inflated stream in pieces of at most 1 MiB.

    `max_ratio` bounds output bytes per input byte once more than 16 MiB came out; None leaves it
    to `max_bytes` alone. After the end of the stream may come padding (PS3.5 A.5) and the eight
    bytes of a gzip trailer, which some writers leave there.

    Raises NotADataSetError: a stream that is damaged, cut short, followed by other bytes, or
    that grows beyond the limits.
    """
    stream = zlib.decompressobj(_RAW_DEFLATE)
    taken = given = 0
    rest = b""
    for piece in pieces:
        if stream.eof:
            rest = _harmless(rest + piece)
            continue
        taken += len(piece)
        for output, left in _pushed(stream, piece):
            given += len(output)
            _refuse_bomb(given, taken - left, max_bytes=max_bytes, max_ratio=max_ratio)
            yield output
        rest = _harmless(stream.unused_data)
    if not stream.eof:
        raise NotADataSetError("The deflated data set ends before its stream does.")


def _pushed(stream: "zlib._Decompress", piece: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield each output with the number of input bytes that are still to be read."""
    while True:
        try:
            output = stream.decompress(piece, _PIECE)
        except zlib.error as error:
            raise NotADataSetError("The data set is not a valid deflate stream.") from error
        piece = stream.unconsumed_tail
        if output:
            yield output, len(piece)
        # Output may wait inside the stream although all input is taken.
        if stream.eof or (not piece and len(output) < _PIECE):
            return


def _refuse_bomb(given: int, taken: int, *, max_bytes: int, max_ratio: int | None) -> None:
    if given > max_bytes:
        raise NotADataSetError(f"The deflated data set grows beyond {max_bytes} bytes.")
    if max_ratio is not None and given > max(RATIO_FREE_BYTES, taken * max_ratio):
        raise NotADataSetError(f"The deflated data set grows more than {max_ratio} times.")


def _harmless(rest: bytes) -> bytes:
    rest = rest.rstrip(b"\x00")
    if len(rest) > _GZIP_TRAILER_LENGTH:
        raise NotADataSetError("Other bytes follow the deflate stream of the data set.")
    return rest
