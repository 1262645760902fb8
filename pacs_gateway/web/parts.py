"""The parts of one STOW-RS request on their way into the spool; blocking, for a thread.

Invariant: a part is either accepted, and then durable, or listed as refused; a part that breaks
off has never been here. No part is held in memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pacs_gateway.archive.ingest import Accepted, Arrival, Ingest
from pacs_gateway.dicom import meta
from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.errors import BadRequestError, GatewayError, OutOfResourcesError
from pacs_gateway.web.multipart import Event, MultipartReader, PartBegan, PartData
from pacs_gateway.web.negotiation import parse_media_type
from pacs_gateway.web.problems import UnsupportedMediaTypeError
from pacs_gateway.web.representations import DICOM
from storage.records import Origin

HEAD_BYTES = 4096
"""Start of each part that is kept until its end, to name the instance should it be refused."""
MAX_PARTS = 100_000
"""Parts of one request; whole studies come in one, and the largest have some ten thousands."""


@dataclass(frozen=True, slots=True)
class Refused:
    """One part that was not stored; UIDs are empty where the part does not tell them."""

    sop_class_uid: str
    sop_instance_uid: str
    error: GatewayError


class Parts:
    """Takes the parts of one request one after the other; blocking."""

    def __init__(self, ingest: Ingest, origin: Origin, study_uid: str | None) -> None:
        self._ingest = ingest
        self._origin = origin
        self._study_uid = study_uid
        self._arrival: Arrival | None = None
        self._refusal: GatewayError | None = None
        self._head = b""
        self.accepted: list[Accepted] = []
        self.refused: list[Refused] = []

    def begin(self, headers: Mapping[str, str]) -> None:
        """Open an arrival for a part, or note why it is not taken."""
        if len(self.accepted) + len(self.refused) >= MAX_PARTS:
            raise BadRequestError(f"A request takes at most {MAX_PARTS} parts.")
        self._head, self._refusal = b"", None
        try:
            _check_part_type(headers.get("content-type", DICOM))
            self._arrival = self._ingest.begin_file(
                self._origin, expected_study_uid=self._study_uid
            )
        except GatewayError as error:
            self._refusal = error

    def write(self, data: bytes) -> None:
        """Take the next bytes of the part; after a fault the rest is read and dropped."""
        if len(self._head) < HEAD_BYTES:
            self._head += data[: HEAD_BYTES - len(self._head)]
        if self._arrival is None or self._refusal is not None:
            return
        try:
            self._arrival.write(data)
        except GatewayError as error:
            self._refusal = error

    def end(self) -> None:
        """Make the part durable; when this returns without refusal, it is."""
        arrival, self._arrival = self._arrival, None
        try:
            if self._refusal is not None:
                raise self._refusal
            assert arrival is not None
            self.accepted.append(arrival.accept())
        except GatewayError as error:
            self.refused.append(Refused(*_announced(self._head), error))

    def abandon(self) -> None:
        """Forget a part that did not end."""
        if self._arrival is not None:
            self._arrival.abandon()
            self._arrival = None

    def check(self) -> None:
        """Raise the fault that the whole request ends with, if there is one.

        Raises BadRequestError, UnsupportedMediaTypeError, OutOfResourcesError.
        """
        errors = [refused.error for refused in self.refused]
        if self.accepted:
            return
        if not errors:
            raise BadRequestError("The multipart body has no part.")
        if all(isinstance(error, UnsupportedMediaTypeError) for error in errors):
            raise errors[0]
        for error in errors:
            if isinstance(error, OutOfResourcesError):
                raise error


class Body:
    """The bytes of one request on their way into its parts; blocking."""

    def __init__(self, reader: MultipartReader, parts: Parts) -> None:
        self._reader = reader
        self._parts = parts

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        for event in self._reader.feed(chunk):
            self._dispatch(event)

    def close(self) -> Parts:
        """Return what became of the parts; raises BadRequestError if the body is cut short."""
        self._reader.close()
        return self._parts

    def abandon(self) -> None:
        """Forget a part that did not end."""
        self._parts.abandon()

    def _dispatch(self, event: Event) -> None:
        if isinstance(event, PartBegan):
            self._parts.begin(event.headers)
        elif isinstance(event, PartData):
            self._parts.write(event.data)
        else:
            self._parts.end()


def _check_part_type(content_type: str) -> None:
    """Raise UnsupportedMediaTypeError unless the part is a DICOM file.

    A transfer syntax in the part's type is not looked at: the file's own counts (PS3.18 8.7.9).
    """
    try:
        found = parse_media_type(content_type).name
    except BadRequestError:
        found = "unknown"
    if found != DICOM:
        raise UnsupportedMediaTypeError(f"A part is not {DICOM}.")


def _announced(head: bytes) -> tuple[str, str]:
    """Return SOP Class and Instance UID of a refused file as far as it tells them."""
    try:
        found = meta.decode(head)
    except GatewayError:
        return "", ""
    if found is None:
        return "", ""
    uids = (found.sop_class_uid, found.sop_instance_uid)
    return (uids[0] if is_uid(uids[0]) else "", uids[1] if is_uid(uids[1]) else "")
