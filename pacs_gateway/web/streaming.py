"""Answers made of pieces that blocking code reads, in bounded memory."""

from collections.abc import AsyncIterator, Iterator, Mapping

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

AT_ONCE_BYTES = 512 * 1024
"""Gathered per hop to a thread: a hop costs about 50 us, and memory is this times connections."""


async def answer_of(
    pieces: Iterator[bytes], content_type: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an answer that sends `pieces`, each of which should not exceed 1 MiB.

    What fails before the first half megabyte is read fails before any header is sent; a later
    fault breaks the connection, so that a client never takes a part for the whole.
    """
    full = {**(headers or {}), "Content-Type": content_type}
    first, more = await run_in_threadpool(_gather, pieces)
    if not more:
        return Response(first, headers=full)
    return StreamingResponse(_rest(first, pieces), headers=full)


async def _rest(first: bytes, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    more = True
    while more:
        data, more = await run_in_threadpool(_gather, pieces)
        yield data


def _gather(pieces: Iterator[bytes]) -> tuple[bytes, bool]:
    """Return the next bytes and whether there may be more."""
    gathered: list[bytes] = []
    size = 0
    for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        if size >= AT_ONCE_BYTES:
            return b"".join(gathered), True
    return b"".join(gathered), False
