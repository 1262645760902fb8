"""Parts of an answer by byte range (RFC 9110 14): what a browser seeks a video with.

Invariant: the bytes sent are those of the same range of the whole; a range that cannot be
understood is ignored, one beyond the end is refused, and no request is answered with more bytes
than the whole has.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from pacs_gateway.web.multipart import MultipartWriter
from pacs_gateway.web.streaming import Content, answer_of

MAX_RANGES = 16
"""Ranges of one request; PDF readers ask for a handful, attackers for thousands."""

Read = Callable[[int, int], Iterator[bytes]]
"""Yields `length` bytes from `offset`."""
Range = tuple[int, int]
"""Offset and length."""

_RANGE = re.compile(r"(\d{0,18})-(\d{0,18})")


async def ranged_answer(
    request: Request, *, size: int, read: Read, content_type: str, headers: Mapping[str, str]
) -> Response:
    """Return all of something that has `size` bytes, or the ranges that the client asks for."""
    return await answer_of(
        request,
        lambda: ranged(request, size=size, read=read, content_type=content_type, headers=headers),
    )


def ranged(
    request: Request, *, size: int, read: Read, content_type: str, headers: Mapping[str, str]
) -> Content | Response:
    """Return the content that answers a request, for a thread that goes on to read it."""
    headers = {**headers, "Accept-Ranges": "bytes"}
    if request.method == "HEAD":
        return _head(size, content_type, headers)
    ranges = _wanted(request, size, headers.get("ETag"))
    if ranges is None:
        pieces = read(0, size)
        return Content(pieces=pieces, content_type=content_type, headers=headers, length=size)
    if not ranges:
        refused = {**headers, "Content-Range": f"bytes */{size}"}
        refused.pop("ETag", None)
        return Response(
            status_code=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            headers=refused | {"Cache-Control": "no-store"},
        )
    if len(ranges) == 1:
        offset, length = ranges[0]
        return Content(
            pieces=read(offset, length),
            content_type=content_type,
            headers={**headers, "Content-Range": _content_range(ranges[0], size)},
            length=length,
            status=HTTPStatus.PARTIAL_CONTENT,
        )
    writer = MultipartWriter(content_type)
    return Content(
        pieces=_parts(ranges, size, read, writer, content_type),
        content_type=f"multipart/byteranges; boundary={writer.boundary}",
        headers=headers,
        status=HTTPStatus.PARTIAL_CONTENT,
    )


def parse_ranges(text: str, size: int) -> Sequence[Range] | None:
    """Return the ranges of a Range header that lie within `size` bytes, in the order asked.

    None: the header is to be ignored (RFC 9110 14.2), because it makes no sense, or asks for more
    than the whole. An empty answer: nothing of what was asked for is there.
    """
    unit, equals, rest = text.partition("=")
    pieces = [piece.strip() for piece in rest.split(",")]
    if unit.strip().lower() != "bytes" or not equals or len(pieces) > MAX_RANGES:
        return None
    found: list[Range] = []
    for piece in pieces:
        match = _RANGE.fullmatch(piece)
        if match is None or match.group() == "-":
            return None
        first, last = match.groups()
        if first and last and int(first) > int(last):
            return None
        start = int(first) if first else max(0, size - int(last))
        stop = min(int(last) + 1, size) if first and last else size
        if start < stop:
            found.append((start, stop - start))
    return None if sum(length for _, length in found) > size else found


def _wanted(request: Request, size: int, etag: str | None) -> Sequence[Range] | None:
    text = request.headers.get("range")
    if text is None:
        return None
    condition = request.headers.get("if-range")
    if condition is not None and condition != etag:
        return None
    return parse_ranges(text, size)


def _head(size: int, content_type: str, headers: Mapping[str, str]) -> Response:
    described = {**headers, "Content-Type": content_type, "Content-Length": str(size)}
    return Response(headers=described)


def _content_range(part: Range, size: int) -> str:
    offset, length = part
    return f"bytes {offset}-{offset + length - 1}/{size}"


def _parts(
    ranges: Sequence[Range], size: int, read: Read, writer: MultipartWriter, content_type: str
) -> Iterator[bytes]:
    for part in ranges:
        yield writer.part_head(content_type, {"Content-Range": _content_range(part, size)})
        yield from read(*part)
    yield writer.end()
