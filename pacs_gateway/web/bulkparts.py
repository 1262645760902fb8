"""The bulk data parts of one request, found by the URIs of its metadata (PS3.18 8.6.1.2.2).

Invariant: a URI means a part of the same request or nothing. No address is ever called, so that
nobody can have the gateway fetch what only the gateway can reach.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin

from pacs_gateway.dicom import meta
from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.dicom.jsonencode import Span
from pacs_gateway.dicom.transcode import NEVER_ON_THE_WEB
from pacs_gateway.errors import (
    BadRequestError,
    NotADataSetError,
    TooLargeError,
    TransferSyntaxError,
)
from pacs_gateway.web.negotiation import parse_media_type
from pacs_gateway.web.representations import OCTETS

HEAD_BYTES = 256 * 1024
"""Start of a JPEG stream in which its frame marker is looked for; EXIF may come before it."""

_JPEG = "image/jpeg"
_DEFAULT_SYNTAXES = {
    "image/dicom-rle": "1.2.840.10008.1.2.5",
    "image/jls": "1.2.840.10008.1.2.4.80",
    "image/jp2": "1.2.840.10008.1.2.4.90",
    "image/jpx": "1.2.840.10008.1.2.4.92",
    "image/jphc": "1.2.840.10008.1.2.4.201",
    "image/jxl": "1.2.840.10008.1.2.4.110",
    "video/mpeg": "1.2.840.10008.1.2.4.100",
    "video/mpeg2": "1.2.840.10008.1.2.4.100",
    "video/mp4": "1.2.840.10008.1.2.4.102",
}
"""What a part is in that names no transfer syntax (PS3.18 Tables 8.7.3-4 and 8.7.3-5)."""
_JPEG_SYNTAXES = {
    0xC0: "1.2.840.10008.1.2.4.50",
    0xC1: "1.2.840.10008.1.2.4.51",
    0xC2: "1.2.840.10008.1.2.4.55",
    0xC3: "1.2.840.10008.1.2.4.57",
}
"""By frame marker (ITU-T T.81): baseline, extended, progressive, lossless."""
_FRAME_OF = re.compile(r"(.+)/frames/([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class _Part:
    span: Span
    content_type: str


class BulkParts:
    """Bulk data by location; `read` gives the bytes of a span."""

    def __init__(self, base_url: str, read: Callable[[Span], bytes], *, max_bytes: int) -> None:
        self._base_url = base_url
        self._read = read
        self._bytes_left = max_bytes
        self._whole: dict[str, list[_Part]] = {}
        self._frames: dict[str, dict[int, _Part]] = {}
        self._unused: set[Span] = set()

    def add(self, location: str, content_type: str, span: Span) -> None:
        """Remember a part; several at one location are the frames of one value, in order."""
        url = self._resolved(location)
        part = _Part(span, content_type)
        self._whole.setdefault(url, []).append(part)
        if frame := _FRAME_OF.fullmatch(url):
            self._frames.setdefault(frame[1], {})[int(frame[2])] = part
        self._unused.add(span)

    def spans(self, uri: str) -> Sequence[Span]:
        """Return the value that `uri` names.

        Raises NotADataSetError if no part of the request has it, TooLargeError if the parts are
        referred to so often that copies of them would fill the disk.
        """
        spans = [part.span for part in self._named(uri)]
        self._unused.difference_update(spans)
        self._bytes_left -= sum(span.length for span in spans)
        if self._bytes_left < 0:
            raise TooLargeError("The metadata refers to its bulk data too often.")
        return spans

    def transfer_syntax(self, uri: str) -> str:
        """Return the transfer syntax of pixel data.

        Raises NotADataSetError, TransferSyntaxError.
        """
        syntaxes = {self._syntax(part) for part in self._named(uri)}
        if len(syntaxes) != 1:
            raise TransferSyntaxError("The frames of one instance have several transfer syntaxes.")
        return syntaxes.pop()

    def beginning(self, uri: str) -> bytes:
        """Return the beginning of compressed pixel data, nothing of native ones.

        Raises NotADataSetError, TransferSyntaxError.
        """
        named = self._named(uri)
        # Whatever becomes of them, the metadata refers to them.
        self._unused.difference_update(part.span for part in named)
        if self.transfer_syntax(uri) == meta.EXPLICIT_VR_LITTLE_ENDIAN:
            return b""
        return self._head(named[0].span)

    @property
    def unused(self) -> int:
        """How many parts no metadata has referred to."""
        return len(self._unused)

    def _named(self, uri: str) -> Sequence[_Part]:
        url = self._resolved(uri)
        if whole := self._whole.get(url):
            return whole
        if frames := self._frames.get(url):
            return [frames[number] for number in sorted(frames)]
        raise NotADataSetError("A BulkDataURI names no part of this request; no other is fetched.")

    def _resolved(self, uri: str) -> str:
        try:
            return urljoin(self._base_url, uri.strip(" \t<>"))
        except ValueError as error:
            raise BadRequestError("A Content-Location or BulkDataURI is no URI.") from error

    def _syntax(self, part: _Part) -> str:
        """Return the transfer syntax; for native pixels always Explicit VR Little Endian."""
        found = parse_media_type(part.content_type)
        named = found.parameters.get("transfer-syntax")
        if found.name == OCTETS and named in (None, *_NATIVE):
            return meta.EXPLICIT_VR_LITTLE_ENDIAN
        syntax = named or self._default_syntax(found.name, part.span)
        if not is_uid(syntax) or syntax in NEVER_ON_THE_WEB or syntax in _NATIVE:
            raise TransferSyntaxError(f"Pixel data is not taken as {found.name} in this syntax.")
        return syntax

    def _default_syntax(self, media_type: str, span: Span) -> str:
        if media_type == _JPEG:
            return _jpeg_syntax(self._head(span))
        return _DEFAULT_SYNTAXES.get(media_type, "")

    def _head(self, span: Span) -> bytes:
        return self._read(span._replace(length=min(span.length, HEAD_BYTES)))


_NATIVE = frozenset({meta.EXPLICIT_VR_LITTLE_ENDIAN, meta.DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN})


def _jpeg_syntax(stream: bytes) -> str:
    """Return the transfer syntax of a JPEG stream, empty if none is known.

    The default of PS3.18, lossless, would be wrong of nearly every JPEG that is sent.
    """
    position = 2
    while stream[position : position + 1] == b"\xff" and position + 4 <= len(stream):
        marker = stream[position + 1]
        if marker in _JPEG_SYNTAXES:
            return _JPEG_SYNTAXES[marker]
        position += 2 + int.from_bytes(stream[position + 2 : position + 4], "big")
    return ""
