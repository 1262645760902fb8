"""Answers made of pieces that blocking code reads, in bounded memory.

Invariant: what fails before the first half megabyte is read fails before any header is sent; a
later fault breaks the connection, so that a client never takes a part for the whole.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from pacs_gateway.errors import GatewayError
from storage.errors import StorageError

AT_ONCE_BYTES = 640 * 1024
"""Gathered per hop to a thread: one native frame of 512 x 512 is one hop (about 50 us), and memory
is this times connections."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The body of an answer, not read yet."""

    pieces: Iterator[bytes]
    """Each of at most 1 MiB."""
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    """Bytes of all pieces, where they are known."""
    status: HTTPStatus = HTTPStatus.OK


class BrokenOffResponse(StreamingResponse):
    """Ends the connection, with one line in the log, when its source fails half-way."""

    async def stream_response(self, send: Send) -> None:
        """Send everything, or stop without the end that HTTP asks for: the server then hangs up."""
        try:
            await super().stream_response(send)
        except (GatewayError, StorageError) as error:
            _log.error("answer broken off", kind=type(error).__name__, reason=str(error))


async def answer_of(request: Request, make: Callable[[], Content | Response]) -> Response:
    """Return the answer that `make` describes; it runs, and begins to be read, in one thread.

    `make` may look things up and decide; what it returns as a Response is passed on. Nothing is
    read for HEAD.
    """
    wanted = request.method != "HEAD"
    made, first, more = await run_in_threadpool(_begun, make, wanted=wanted)
    if isinstance(made, Response):
        return made
    headers = {**made.headers, "Content-Type": made.content_type}
    if not wanted:
        return _head(made, headers)
    if not more:
        return Response(first, made.status, headers=headers)
    if made.length is not None:
        headers["Content-Length"] = str(made.length)
    return BrokenOffResponse(_rest(first, made.pieces), made.status, headers=headers)


def _head(made: Content, headers: dict[str, str]) -> Response:
    answer = Response(status_code=made.status, headers=headers)
    # What is not read has no known length, which is not the same as none.
    del answer.headers["Content-Length"]
    if made.length is not None:
        answer.headers["Content-Length"] = str(made.length)
    return answer


def _begun(
    make: Callable[[], Content | Response], *, wanted: bool
) -> tuple[Content | Response, bytes, bool]:
    made = make()
    if isinstance(made, Response) or not wanted:
        return made, b"", False
    return made, *_gather(made.pieces)


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
