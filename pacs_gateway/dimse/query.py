"""C-FIND SCP: Patient Root and Study Root, all levels (PS3.4 C.4.1)."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import structlog
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pynetdicom import evt
from pynetdicom.presentation import PresentationContext

from pacs_gateway.archive.query import parse_keys
from pacs_gateway.dicom.charset import ISO_IR_192
from pacs_gateway.dicom.jsonmodel import SPECIFIC_CHARACTER_SET, to_dataset
from pacs_gateway.dimse.identifiers import check_hierarchy, decoded, keys_of, level_of
from pacs_gateway.dimse.recording import PeerRecorder
from pacs_gateway.dimse.statuses import (
    CANCELLED,
    OUT_OF_RESOURCES,
    PENDING,
    PENDING_SOME_KEYS_UNSUPPORTED,
    error_comment,
)
from pacs_gateway.errors import GatewayError, OutOfResourcesError
from storage.errors import StorageError
from storage.index import Index
from storage.reach import EVERYTHING
from storage.records import DicomJson, Found, Level, QuerySpec

ANSWERS_AT_ONCE = 200
"""Answers read from the index at a time; ten thousand would take some hundred megabytes."""
ANSWERS_IN_FLIGHT = 16
SENT_POLL_S = 0.0005

_UID_TAGS = {Level.STUDY: "0020000D", Level.SERIES: "0020000E", Level.IMAGE: "00080018"}

_log = structlog.get_logger(__name__)

Response = tuple[int | Dataset, Dataset | None]


class FindProvider:
    """Answers queries from the index; no object is opened.

    After `max_answers` a query ends with A700: B001 (response limit) is for Repository Query alone
    (PS3.4 HH), and ending with success would pass off a part as everything. With `hierarchical`,
    the unique keys above the level must be there as single values (PS3.4 C.4.1.2.1); without, as
    many SCUs expect, any key of any level restricts the answers (relational, C.4.1.2.2).
    """

    def __init__(
        self,
        index: Index,
        recorder: PeerRecorder,
        *,
        ae_title: str,
        max_answers: int,
        hierarchical: bool = False,
    ) -> None:
        self._index = index
        self._recorder = recorder
        self._ae_title = ae_title
        self._max_answers = max_answers
        self._hierarchical = hierarchical

    def find(self, event: evt.Event) -> Iterator[Response]:
        """Yield the answers to a query."""
        try:
            yield from self._responses(event)
        except GatewayError as error:
            yield failure(error.dimse_status, str(error)), None
        except StorageError as error:
            _log.error("query failed", reason=str(error))
            yield failure(OUT_OF_RESOURCES, "The index does not answer; try again later."), None

    def _responses(self, event: evt.Event) -> Iterator[Response]:
        identifier = decoded(event.request.Identifier, context_of(event))
        model = event.request.AffectedSOPClassUID
        level, keys = level_of(identifier, model), keys_of(identifier)
        if self._hierarchical:
            check_hierarchy(level, model, keys)
        query = parse_keys(level, keys)
        self._recorder.searched(event.assoc, level.value, keys)
        status = PENDING_SOME_KEYS_UNSUPPORTED if query.unsupported else PENDING
        for number, found in enumerate(self._found(query.spec)):
            if number % ANSWERS_IN_FLIGHT == 0:
                wait_until_sent(event.assoc.dul)
            if event.is_cancelled:
                yield CANCELLED, None
                return
            yield status, self._response(identifier, level, found)

    def _found(self, spec: QuerySpec) -> Iterator[Found]:
        """Yield the answers page by page.

        What is committed meanwhile may push an answer onto the next page; it is given once.

        Raises OutOfResourcesError after `max_answers` if there are more.
        """
        given: set[str] = set()
        offset = 0
        while page := self._page(spec, offset):
            for found in page:
                identity = _identity(spec.level, found.attributes)
                if identity in given:
                    continue
                if len(given) >= self._max_answers:
                    raise OutOfResourcesError(
                        f"More than {self._max_answers} answers; ask for less."
                    )
                given.add(identity)
                yield found
            if len(page) < ANSWERS_AT_ONCE:
                return
            offset += len(page)

    def _page(self, spec: QuerySpec, offset: int) -> Sequence[Found]:
        # A peer that may ask at all may ask for everything: DIMSE knows devices, not people.
        page = replace(spec, limit=ANSWERS_AT_ONCE, offset=offset)
        return self._index.search(page, reach=EVERYTHING)

    def _response(self, identifier: DicomJson, level: Level, found: Found) -> Dataset:
        """Return every key that was asked for, empty where nothing is known (PS3.4 C.4.1.1.3.2)."""
        asked = requested(identifier, found.attributes)
        response = to_dataset(asked)
        response.QueryRetrieveLevel = level.value
        response.RetrieveAETitle = self._ae_title
        response.InstanceAvailability = "ONLINE"
        if not is_ascii(asked):
            response.SpecificCharacterSet = ISO_IR_192
        return response


def requested(identifier: DicomJson, attributes: DicomJson) -> DicomJson:
    """Return the asked attributes in the DICOM JSON model, sequences cut to the asked keys."""
    wanted: DicomJson = {}
    for name, asked in identifier.items():
        tag = Tag(int(name, 16))
        if tag == SPECIFIC_CHARACTER_SET or tag.is_private:
            # The character set is the answer's own; private attributes are not in the index.
            continue
        value = attributes.get(name, {"vr": asked["vr"]})
        keys = asked.get("Value", [{}])[0]
        # An item without keys asks for whole items.
        if asked["vr"] == value["vr"] == "SQ" and keys and value.get("Value"):
            items = [requested(keys, item) for item in value["Value"]]
            value = {"vr": "SQ", "Value": items}
        wanted[name] = value
    return wanted


def is_ascii(attributes: DicomJson) -> bool:
    """Return whether a data set needs no Specific Character Set."""
    return json.dumps(attributes, ensure_ascii=False).isascii()


def _identity(level: Level, attributes: DicomJson) -> str:
    """Return what no other answer has; patients without an ID differ in their attributes alone."""
    told_apart_by = attributes.get(_UID_TAGS.get(level, ""), attributes)
    return json.dumps(told_apart_by, sort_keys=True)


def wait_until_sent(dul: Any) -> None:
    """Wait until nothing is left to send; the transport's own deadline ends the wait.

    pynetdicom queues answers without end, and reads nothing, a C-CANCEL neither, before all of
    them are sent.
    """
    while dul.is_alive() and not dul.to_provider_queue.empty():
        time.sleep(SENT_POLL_S)


def context_of(event: evt.Event) -> PresentationContext:
    # The event has the context as a tuple of names only.
    return event.assoc._accepted_cx[event.request._context_id]


def failure(status: int, comment: str) -> Dataset:
    failure = Dataset()
    failure.Status = status
    failure.ErrorComment = error_comment(comment)
    return failure
