"""One request's metadata and bulk data parts, kept until all are there; blocking, for a thread.

Nothing of them is stored before the request is whole: metadata comes first, and what it refers to
comes after it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pacs_gateway.archive import assembly
from pacs_gateway.archive.ingest import Accepted, Ingest
from pacs_gateway.dicom import jsonencode, jsontext, streamhead
from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.dicom.jsonencode import Span
from pacs_gateway.dicom.part10 import SOP_CLASS_UID, SOP_INSTANCE_UID
from pacs_gateway.errors import BadRequestError, GatewayError, TooLargeError
from pacs_gateway.web.bulkparts import BulkParts
from storage.records import DicomJson, Origin

_PIXEL_DATA = "7FE00010"
_AVAILABLE_SYNTAX = "00083002"


@dataclass(frozen=True, slots=True)
class Refused:
    """One instance that was not stored; UIDs are empty where nothing tells them."""

    sop_class_uid: str
    sop_instance_uid: str
    error: GatewayError


@dataclass(frozen=True, slots=True)
class GatheringLimits:
    """What a request of metadata and bulk data may cost; see WebSettings for the reasons."""

    max_metadata_bytes: int
    max_bulk_bytes: int


class Gathering:
    """Takes metadata and bulk data parts, then stores the instances they make."""

    def __init__(self, ingest: Ingest, limits: GatheringLimits, base_url: str) -> None:
        self._ingest = ingest
        self._limits = limits
        self._scratch = assembly.Scratch(
            ingest.examiner.scratch, ingest.spool.capacity, max_bytes=limits.max_bulk_bytes
        )
        self._bulk = BulkParts(base_url, self._scratch.read, max_bytes=limits.max_bulk_bytes)
        self._metadata: list[Span] = []
        self._open: Mapping[str, str] | None = None

    def begin(self, headers: Mapping[str, str], *, is_metadata: bool) -> None:
        """Begin a part; of bulk data, `headers` name its location and type.

        Raises OutOfResourcesError when nothing more can be taken.
        """
        self._open = None if is_metadata else headers
        self._scratch.begin()

    def write(self, data: bytes) -> None:
        """Take the next bytes of the part.

        Raises TooLargeError, OutOfResourcesError.
        """
        limit = self._limits.max_metadata_bytes
        if self._open is None and self._scratch.open_bytes + len(data) > limit:
            raise TooLargeError(f"The metadata of a request may have {limit} bytes.")
        self._scratch.write(data)

    def end(self) -> None:
        """Keep the part, which is whole.

        Raises BadRequestError, OutOfResourcesError.
        """
        span = self._scratch.end()
        if self._open is None:
            self._metadata.append(span)
        else:
            self._bulk.add(self._open["content-location"], self._open["content-type"], span)

    def store(self, origin: Origin, study_uid: str | None) -> Iterator[Accepted | Refused]:
        """Store instance after instance and yield what became of each."""
        for span in self._metadata:
            try:
                text = self._scratch.read(span).decode("utf-8-sig")
                for model in jsontext.objects(text):
                    yield self._store(model, origin, study_uid)
            except UnicodeDecodeError:
                yield Refused("", "", BadRequestError("The metadata is not UTF-8 (RFC 8259)."))
            except BadRequestError as error:
                yield Refused("", "", error)
        if self._bulk.unused:
            text = f"No metadata refers to {self._bulk.unused} of the bulk data parts."
            yield Refused("", "", BadRequestError(text))

    def close(self) -> None:
        """Forget everything that was not stored."""
        self._scratch.close()

    def _store(self, model: object, origin: Origin, study_uid: str | None) -> Accepted | Refused:
        attributes = model if isinstance(model, dict) else {}
        try:
            complete = self._completed(attributes) if attributes else model
            encoded = jsonencode.encode(complete, self._bulk, limits=self._ingest.examiner.limits)
            return assembly.store(
                self._ingest,
                attributes,
                encoded,
                scratch=self._scratch,
                origin=origin,
                expected_study_uid=study_uid,
            )
        except GatewayError as error:
            uids = (
                jsonencode.text_of(attributes, tag) for tag in (SOP_CLASS_UID, SOP_INSTANCE_UID)
            )
            sop_class, instance = (uid if is_uid(uid) else "" for uid in uids)
            return Refused(sop_class, instance, error)

    def _completed(self, model: DicomJson) -> DicomJson:
        """Return a model with what its compressed pixels say of themselves (PS3.18 10.5.2).

        Of Available Transfer Syntax UID nothing is kept: it tells of the server that gave the
        metadata, and the object will be in the transfer syntax of its pixels.
        """
        attributes = {tag: each for tag, each in model.items() if tag != _AVAILABLE_SYNTAX}
        pixels = attributes.get(_PIXEL_DATA)
        uri = pixels.get("BulkDataURI") if isinstance(pixels, dict) else None
        if not isinstance(uri, str):
            return attributes
        return {**streamhead.pixel_description(self._bulk.beginning(uri)), **attributes}
