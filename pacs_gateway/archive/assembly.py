"""Objects that arrive as metadata here and bulk data there, put together (PS3.18 8.6.1.2).

Invariant: bytes of any size wait in a nameless file beside the spool, never in memory; the object
made of them goes through `ingest` like every other, and a process that dies leaves nothing.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

from pacs_gateway.archive.ingest import Accepted, Ingest
from pacs_gateway.dicom import meta
from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.dicom.jsonencode import EncodedObject, Span, text_of
from pacs_gateway.dicom.part10 import SOP_CLASS_UID, SOP_INSTANCE_UID
from pacs_gateway.errors import OutOfResourcesError, TooLargeError
from storage.capacity import Capacity
from storage.errors import StorageError
from storage.records import DicomJson, Origin

_PIECE_BYTES = 1024 * 1024


class Scratch:
    """What one request has brought so far, in one file that has no name."""

    def __init__(self, folder: Path, capacity: Capacity, *, max_bytes: int) -> None:
        self._capacity = capacity
        self._max_bytes = max_bytes
        self._start = self._end = 0
        try:
            self._file = TemporaryFile(dir=folder)  # noqa: SIM115 - `close` ends it.
        except OSError as error:
            raise _no_room(error) from error

    @property
    def open_bytes(self) -> int:
        """Bytes written since the last `begin`."""
        return self._end - self._start

    def begin(self) -> None:
        """Begin a new run of bytes; one that was not ended is written over.

        Raises OutOfResourcesError when nothing more can be taken.
        """
        try:
            self._capacity.check_instance()
        except StorageError as error:
            raise OutOfResourcesError(str(error)) from error
        self._end = self._start
        self._file.seek(self._start)

    def write(self, data: bytes) -> None:
        """Append to the run.

        Raises TooLargeError, or OutOfResourcesError when the disk does not take the bytes.
        """
        if self._end + len(data) > self._max_bytes:
            raise TooLargeError(
                f"The bulk data of a request may have {self._max_bytes} bytes together."
            )
        try:
            self._file.write(data)
        except OSError as error:
            raise _no_room(error) from error
        self._end += len(data)

    def end(self) -> Span:
        """Return the run, which is whole now.

        Raises OutOfResourcesError when the disk does not take the bytes.
        """
        try:
            self._file.flush()
        except OSError as error:
            raise _no_room(error) from error
        span = Span(self._start, self.open_bytes)
        self._start = self._end
        return span

    def read(self, span: Span) -> bytes:
        """Return the bytes of a run that has ended."""
        return os.pread(self._file.fileno(), span.length, span.offset)

    def pieces(self, span: Span) -> Iterator[bytes]:
        """Yield the bytes of a run that has ended."""
        end = span.offset + span.length
        for offset in range(span.offset, end, _PIECE_BYTES):
            yield self.read(Span(offset, min(_PIECE_BYTES, end - offset)))

    def close(self) -> None:
        """Forget everything."""
        self._file.close()


def store(
    ingest: Ingest,
    model: DicomJson,
    encoded: EncodedObject,
    *,
    scratch: Scratch,
    origin: Origin,
    expected_study_uid: str | None,
) -> Accepted:
    """Bring the encoded `model` into the archive; its spans lie in `scratch`.

    Raises what `Arrival.accept` raises.
    """
    head = meta.encode(
        sop_class_uid=_uid(model, SOP_CLASS_UID),
        sop_instance_uid=_uid(model, SOP_INSTANCE_UID),
        transfer_syntax_uid=encoded.transfer_syntax_uid,
    )
    with ingest.begin_file(origin, expected_study_uid=expected_study_uid) as arrival:
        arrival.write(head)
        for piece in encoded.pieces:
            if isinstance(piece, bytes):
                arrival.write(piece)
                continue
            for data in scratch.pieces(piece):
                arrival.write(data)
        return arrival.accept()


def _uid(model: DicomJson, tag: int) -> str:
    text = text_of(model, tag)
    return text if is_uid(text) else ""


def _no_room(error: OSError) -> OutOfResourcesError:
    return OutOfResourcesError(f"The disk of the spool does not take more: {error.strerror}.")
