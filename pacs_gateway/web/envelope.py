"""Contents of an answer with or without the multipart envelope (PS3.18 8.6.1.2)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from pacs_gateway.web.multipart import MultipartWriter
from pacs_gateway.web.streaming import Content


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One content, and what its part says of it."""

    pieces: Iterable[bytes]
    content_type: str
    location: str
    """Where it can be retrieved by itself."""
    length: int | None = None
    """Bytes of all pieces, where they are known beforehand."""


def enveloped(
    parts: Iterator[Part], part_type: str, headers: dict[str, str] | None = None
) -> Content:
    """Return a multipart answer; `part_type` is the media type of its first part."""
    writer = MultipartWriter(part_type)
    return Content(
        pieces=chain(_written(parts, writer), iter((writer.end(),))),
        content_type=writer.content_type,
        headers=headers or {},
    )


def _written(parts: Iterator[Part], writer: MultipartWriter) -> Iterator[bytes]:
    for part in parts:
        fields = {"Content-Location": part.location}
        if part.length is not None:
            fields["Content-Length"] = str(part.length)
        yield writer.part_head(part.content_type, fields)
        yield from part.pieces
