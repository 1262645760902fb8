"""Sans-IO reader of multipart bodies (RFC 2046 5.1), with bounds, and the writer of ours.

Invariant: however the same bytes are cut into chunks, the reader gives the same parts, holds at
most one part's headers and one delimiter in memory, and fails with BadRequestError only.
"""

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from pacs_gateway.errors import BadRequestError

# RFC 2046 5.1.1: 1 to 70 of these characters, the last one no space.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_LINE_END = b"\r\n"
_HEADERS_END = b"\r\n\r\n"
_PADDING = b" \t"
_MAX_PADDING = 256
"""White space after a delimiter; RFC 2046 allows it for gateways that pad lines."""


@dataclass(frozen=True, slots=True)
class PartBegan:
    """A new part, its header names in lower case."""

    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PartData:
    """The next bytes of the part."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PartEnded:
    """The part is whole."""


Event = PartBegan | PartData | PartEnded


class _State(Enum):
    PREAMBLE = auto()
    HEADERS = auto()
    BODY = auto()
    EPILOGUE = auto()


class MultipartReader:
    """Turns chunks of a body into events; `close` tells whether the body was whole."""

    def __init__(self, boundary: str, *, max_header_bytes: int) -> None:
        if _BOUNDARY.fullmatch(boundary) is None:
            raise BadRequestError("The boundary of the multipart body is not 1 to 70 characters.")
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        self._max_header_bytes = max_header_bytes
        # The first delimiter may stand at the very start, without the line end before it.
        self._buffer = bytearray(_LINE_END)
        self._state = _State.PREAMBLE

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield what `data` completes; must be exhausted before the next call.

        Raises BadRequestError for a part whose headers are too long or no headers.
        """
        if self._state is _State.EPILOGUE:
            return
        self._buffer += data
        progress = True
        while progress:
            if self._state is _State.HEADERS:
                headers = self._read_headers()
                progress = headers is not None
                if headers is not None:
                    yield PartBegan(headers)
            else:
                in_part = self._state is _State.BODY
                content, progress = self._read_to_delimiter()
                if in_part and content:
                    yield PartData(content)
                if in_part and self._state is not _State.BODY:
                    yield PartEnded()

    def close(self) -> Iterator[Event]:
        """Yield nothing more.

        Raises BadRequestError if the closing delimiter has not been seen.
        """
        if self._state is not _State.EPILOGUE:
            raise BadRequestError("The multipart body ends before its closing delimiter.")
        yield from ()

    def _read_headers(self) -> Mapping[str, str] | None:
        end = self._buffer.find(_HEADERS_END)
        if end > self._max_header_bytes or (
            end < 0 and len(self._buffer) > self._max_header_bytes + len(_HEADERS_END)
        ):
            raise BadRequestError(
                f"The headers of a part are longer than {self._max_header_bytes} bytes."
            )
        if end < 0:
            return None
        block = bytes(self._buffer[len(_LINE_END) : end]) if end else b""
        del self._buffer[: end + len(_HEADERS_END)]
        self._state = _State.BODY
        return _parse_headers(block)

    def _read_to_delimiter(self) -> tuple[bytes, bool]:
        """Return content up to the next delimiter, and whether reading can go on."""
        buffer, delimiter, search_from = self._buffer, self._delimiter, 0
        while (at := buffer.find(delimiter, search_from)) >= 0:
            follows = self._after_delimiter(at + len(delimiter))
            if follows is None:
                return self._take(at, at), False
            if follows:
                return self._take(at, follows), self._state is not _State.EPILOGUE
            # The same characters by chance inside the content.
            search_from = at + 1
        certain = max(0, len(buffer) - len(delimiter) + 1)
        return self._take(certain, certain), False

    def _after_delimiter(self, position: int) -> int | None:
        """Return where the next state reads on, 0 if this is no delimiter, None to wait."""
        buffer = self._buffer
        if buffer[position : position + 2] == b"--":
            self._state = _State.EPILOGUE
            return len(buffer)
        end = position
        while end < len(buffer) and buffer[end] in _PADDING and end - position < _MAX_PADDING:
            end += 1
        rest = bytes(buffer[end : end + 2])
        if rest == _LINE_END:
            self._state = _State.HEADERS
            return end
        if rest in (b"", b"\r") or (rest == b"-" and end == position):
            return None
        return 0

    def _take(self, content_end: int, consumed: int) -> bytes:
        content = bytes(self._buffer[:content_end])
        del self._buffer[:consumed]
        return content


class SinglePartReader:
    """Gives a body that is no multipart one as its only part."""

    def __init__(self, content_type: str) -> None:
        self._began = PartBegan({"content-type": content_type})
        self._is_first = True

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield the part's next bytes."""
        yield from self._beginning()
        yield PartData(data)

    def close(self) -> Iterator[Event]:
        """Yield the end of the part: that of the body."""
        yield from self._beginning()
        yield PartEnded()

    def _beginning(self) -> Iterator[Event]:
        if self._is_first:
            self._is_first = False
            yield self._began


def _parse_headers(block: bytes) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    last = ""
    for line in block.decode("latin-1").split("\r\n") if block else ():
        if line[:1] in (" ", "\t") and last:
            headers[last] = f"{headers[last]} {line.strip()}"
            continue
        name, colon, value = line.partition(":")
        if not colon or _HEADER_NAME.fullmatch(name) is None:
            raise BadRequestError("A part of the multipart body has a line that is no header.")
        last = name.lower()
        headers[last] = value.strip()
    return headers


class MultipartWriter:
    """Delimiters of one multipart answer (RFC 2046 5.1, RFC 2387)."""

    def __init__(self, part_type: str) -> None:
        self.boundary = secrets.token_hex(16)
        self._began = False
        self.content_type = f'multipart/related; type="{part_type}"; boundary={self.boundary}'

    def part_head(self, content_type: str, headers: Mapping[str, str] | None = None) -> bytes:
        """Return what stands before the next part's bytes."""
        start = "\r\n" if self._began else ""
        self._began = True
        fields = {"Content-Type": content_type, **(headers or {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"{start}--{self.boundary}\r\n{lines}\r\n".encode("ascii")

    def end(self) -> bytes:
        """Return what closes the body."""
        return f"\r\n--{self.boundary}--\r\n".encode("ascii")
