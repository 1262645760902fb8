"""Files and streams that objects carry, as they were put in, read by range from the object store.

Invariant: what came from elsewhere leaves with a policy that lets it run nothing, and only a PDF,
which browsers open in a viewer apart from the page's origin, is offered for looking at in place.
"""

from collections.abc import Callable, Iterator

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from pacs_gateway.archive.retrieve import Retrieval
from pacs_gateway.config import DocumentsSettings
from pacs_gateway.dicom import meta
from pacs_gateway.documents import attributes
from pacs_gateway.documents.embedded import (
    Fragments,
    Span,
    locate,
    video_type,
    without_padding,
)
from pacs_gateway.documents.kinds import Kind
from pacs_gateway.errors import TooLargeError, UnrenderableError
from pacs_gateway.web.caching import not_modified, validators
from pacs_gateway.web.ranges import ranged_answer
from storage.objects import ObjectStore
from storage.records import DicomJson, StoredInstance

POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; sandbox"
"""Content-Security-Policy of what others made, and of what may run nothing anyway."""

_EXTENSIONS = {
    Kind.PDF: "pdf",
    Kind.CDA: "xml",
    Kind.MODEL_STL: "stl",
    Kind.MODEL_OBJ: "obj",
    Kind.MODEL_MTL: "mtl",
}
_TEXT_LIKE = frozenset({Kind.PDF, Kind.CDA, Kind.MODEL_OBJ, Kind.MODEL_MTL})
"""Formats in which a NUL at the end means nothing; an STL model may be binary."""

_FIRST_LOOK_BYTES = 64 * 1024
"""Read before a document is searched further; real headers are a few kilobytes."""
_SNIFFED_BYTES = 256

Read = Callable[[int, int], Iterator[bytes]]


class EmbeddedFiles:
    """Answers with encapsulated documents and video streams."""

    def __init__(
        self,
        retrieval: Retrieval,
        store: ObjectStore,
        settings: DocumentsSettings,
        model: Callable[[StoredInstance], DicomJson],
    ) -> None:
        """`model` returns the metadata of an instance."""
        self._retrieval = retrieval
        self._store = store
        self._settings = settings
        self._model = model

    async def document(
        self, request: Request, instance: StoredInstance, kind: Kind, media_type: str
    ) -> Response:
        """Answer with an encapsulated document; raises UnrenderableError if there is none."""
        headers = validators(instance.sha256, "document")
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        read = self._reader(instance)
        offset, size = await run_in_threadpool(self._located, instance, kind, read)
        shown = "inline" if kind is Kind.PDF else "attachment"
        name = f"{instance.sop_instance_uid}.{_EXTENSIONS[kind]}"
        headers["Content-Disposition"] = f'{shown}; filename="{name}"'
        headers["Content-Security-Policy"] = POLICY
        return await ranged_answer(
            request,
            size=size,
            read=lambda start, length: read(offset + start, length),
            content_type=media_type,
            headers=headers,
        )

    async def video(self, request: Request, instance: StoredInstance, kind: Kind) -> Response:
        """Answer with a video stream; raises UnrenderableError if there is none."""
        headers = validators(instance.sha256, "video")
        if (unchanged := not_modified(request, headers)) is not None:
            return unchanged
        read, size = self._stream(instance)
        head = await run_in_threadpool(_joined, read, 0, _SNIFFED_BYTES)
        content_type = video_type(head, kind, instance.transfer_syntax_uid)
        return await ranged_answer(
            request, size=size, read=read, content_type=content_type, headers=headers
        )

    def beginning(self, instance: StoredInstance) -> bytes:
        """Return the beginning of a video stream, all of a short one; blocking.

        Raises UnrenderableError if there is none.
        """
        read, size = self._stream(instance)
        return _joined(read, 0, min(size, self._settings.max_video_beginning_bytes))

    def whole_video(self, instance: StoredInstance) -> bytes:
        """Return a video stream; blocking.

        Raises UnrenderableError if there is none, TooLargeError for one that is too long.
        """
        read, size = self._stream(instance)
        most = self._settings.max_video_beginning_bytes
        if size > most:
            raise TooLargeError(f"A video of more than {most} bytes comes only as it is stored.")
        return _joined(read, 0, size)

    def _stream(self, instance: StoredInstance) -> tuple[Read, int]:
        """Return what reads a video stream, and its bytes."""
        if instance.pixels is None or not instance.pixels.fragments:
            raise UnrenderableError("This object holds no video stream.")
        stream = Fragments(instance.pixels.fragments)

        def read(start: int, length: int) -> Iterator[bytes]:
            for offset, size in stream.spans(start, length):
                yield from self._store.read(instance.object_key, offset=offset, length=size)

        return read, stream.size

    def _located(self, instance: StoredInstance, kind: Kind, read: Read) -> Span:
        """Return where the document lies in the data set that `read` reads."""
        syntax = meta.inflated_syntax(instance.transfer_syntax_uid)
        implicit, big_endian = meta.byte_encoding(syntax)
        limit = self._settings.max_before_document_bytes
        for most in (min(_FIRST_LOOK_BYTES, limit), limit):
            start = _joined(read, 0, most)
            span = locate(start, implicit=implicit, big_endian=big_endian)
            if span is not None:
                break
        else:
            raise UnrenderableError("This object holds no document within its first bytes.")
        offset, length = span
        last = _joined(read, offset + length - 1, 1) if length else b""
        if not last:
            raise UnrenderableError("The document in this object is empty or cut off.")
        announced = attributes.integer(self._model(instance), "00420015")
        return without_padding(span, announced, last, text_like=kind in _TEXT_LIKE)

    def _reader(self, instance: StoredInstance) -> Read:
        """Return what reads parts of the data set."""
        if not meta.is_deflated(instance.transfer_syntax_uid):

            def read(offset: int, length: int) -> Iterator[bytes]:
                start = instance.data_set_offset + offset
                yield from self._store.read(instance.object_key, offset=start, length=length)

            return read

        def read_inflated(offset: int, length: int) -> Iterator[bytes]:
            yield self._retrieval.inflated(instance)[offset : offset + length]

        return read_inflated


def _joined(read: Read, offset: int, length: int) -> bytes:
    return b"".join(read(offset, length))
