"""The parts of one STOW-RS request on their way into the spool; blocking, for a thread.

Invariant: an instance is either accepted, and then durable, or listed as refused; a part that
breaks off has never been here. No part is held in memory.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from pacs_gateway.archive.ingest import Accepted, Arrival, Ingest
from pacs_gateway.dicom import meta
from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.errors import (
    BadRequestError,
    GatewayError,
    OutOfResourcesError,
    TooLargeError,
)
from pacs_gateway.web.gathering import Gathering, Refused
from pacs_gateway.web.multipart import Event, PartBegan, PartData
from pacs_gateway.web.negotiation import JSON_TYPES, parse_media_type
from pacs_gateway.web.problems import UnsupportedMediaTypeError
from pacs_gateway.web.representations import DICOM, OCTETS
from storage.records import Origin

HEAD_BYTES = 4096
"""Start of each part that is kept until its end, to name the instance should it be refused."""
MAX_PARTS = 100_000
"""Parts of one request; whole studies come in one, and the largest have some ten thousands."""


class Parts:
    """Takes the parts of one request one after the other; blocking."""

    def __init__(
        self,
        ingest: Ingest,
        origin: Origin,
        *,
        study_uid: str | None,
        gather: Callable[[], Gathering],
        default_type: str,
    ) -> None:
        """`gather` is called for the first part that is no whole instance."""
        self._ingest = ingest
        self._origin = origin
        self._study_uid = study_uid
        self._gather = gather
        self._default_type = default_type
        self._gathering: Gathering | None = None
        self._arrival: Arrival | None = None
        self._refusal: GatewayError | None = None
        self._head = b""
        self._count = 0
        self._fault: GatewayError | None = None
        self.accepted: list[Accepted] = []
        self.refused: list[Refused] = []

    def begin(self, headers: Mapping[str, str]) -> None:
        """Open a part, or note why it is not taken.

        Raises TooLargeError if there are too many.
        """
        self._count += 1
        if self._count > MAX_PARTS:
            raise TooLargeError(f"A request takes at most {MAX_PARTS} parts.")
        self._head, self._refusal = b"", None
        try:
            self._open(headers)
        except GatewayError as error:
            self._refusal = error

    def write(self, data: bytes) -> None:
        """Take the next bytes of the part; after a fault the rest is read and dropped."""
        if self._refusal is not None:
            return
        try:
            if self._arrival is not None:
                self._head += data[: HEAD_BYTES - len(self._head)]
                self._arrival.write(data)
            elif self._gathering is not None:
                self._gathering.write(data)
        except GatewayError as error:
            self._refusal = error

    def end(self) -> None:
        """Make the part durable; when this returns without refusal, it is."""
        arrival, self._arrival = self._arrival, None
        try:
            if self._refusal is not None:
                raise self._refusal
            if arrival is not None:
                self.accepted.append(arrival.accept())
            elif self._gathering is not None:
                self._gathering.end()
        except GatewayError as error:
            self._refuse(error)
        # What goes wrong between this part and the next is no fault of this instance.
        self._head = b""

    def finish(self) -> None:
        """Store what was gathered: the request is whole."""
        if self._gathering is None:
            return
        for outcome in self._gathering.store(self._origin, self._study_uid):
            if isinstance(outcome, Accepted):
                self.accepted.append(outcome)
            else:
                self.refused.append(outcome)

    def break_off(self, fault: GatewayError) -> None:
        """Note that the request goes wrong here; what was accepted before stays so."""
        self._fault = fault
        self._refuse(fault)
        self.abandon()

    def abandon(self) -> None:
        """Forget what did not end."""
        if self._arrival is not None:
            self._arrival.abandon()
            self._arrival = None
        if self._gathering is not None:
            self._gathering.close()
            self._gathering = None

    def check(self) -> None:
        """Raise the fault that the whole request ends with, if there is one.

        Raises BadRequestError, TooLargeError, UnsupportedMediaTypeError, OutOfResourcesError.
        """
        if self.accepted:
            return
        if self._fault is not None:
            raise self._fault
        errors = [refused.error for refused in self.refused]
        if not errors:
            raise BadRequestError("The request holds no instance.")
        for error in errors:
            if isinstance(error, OutOfResourcesError):
                raise error
        if all(isinstance(error, _FAULTS_OF_REQUESTS) for error in errors):
            raise errors[0]

    def _open(self, headers: Mapping[str, str]) -> None:
        kind, content_type = self._kind(headers)
        if kind == DICOM:
            self._arrival = self._ingest.begin_file(
                self._origin, expected_study_uid=self._study_uid
            )
            return
        is_metadata = kind in JSON_TYPES
        if not is_metadata and (kind.startswith(_XML) or "content-location" not in headers):
            raise UnsupportedMediaTypeError(
                f"A part is neither {DICOM} nor {JSON_TYPES[0]} nor bulk data with its location."
            )
        if self._gathering is None:
            self._gathering = self._gather()
        self._gathering.begin({**headers, "content-type": content_type}, is_metadata=is_metadata)

    def _kind(self, headers: Mapping[str, str]) -> tuple[str, str]:
        """Return the media type of a part, without and with its parameters.

        The transfer syntax of a DICOM file is not looked at: its own counts (PS3.18 8.7.9).
        """
        missing = OCTETS if "content-location" in headers else self._default_type
        content_type = headers.get("content-type", missing)
        try:
            return parse_media_type(content_type).name, content_type
        except BadRequestError as error:
            raise UnsupportedMediaTypeError("The media type of a part is none.") from error

    def _refuse(self, error: GatewayError) -> None:
        self.refused.append(Refused(*_announced(self._head), error))


class Reader(Protocol):
    """Turns the bytes of a body into parts."""

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield what `data` completes."""

    def close(self) -> Iterator[Event]:
        """Yield what the end of the body completes."""


class Body:
    """The bytes of one request on their way into its parts; blocking."""

    def __init__(self, reader: Reader, parts: Parts) -> None:
        self._reader = reader
        self._parts = parts

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body.

        Raises BadRequestError, TooLargeError.
        """
        for event in self._reader.feed(chunk):
            self._dispatch(event)

    def close(self) -> None:
        """Store what waited for the end; raises BadRequestError if the body is cut short."""
        for event in self._reader.close():
            self._dispatch(event)
        self._parts.finish()

    def _dispatch(self, event: Event) -> None:
        if isinstance(event, PartBegan):
            self._parts.begin(event.headers)
        elif isinstance(event, PartData):
            self._parts.write(event.data)
        else:
            self._parts.end()


_XML = "application/dicom+xml"
_FAULTS_OF_REQUESTS = (BadRequestError, TooLargeError, UnsupportedMediaTypeError)


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
