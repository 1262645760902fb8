"""C-FIND SCP: Patient Root and Study Root, all levels (PS3.4 C.4.1)."""

from collections.abc import Iterator
from typing import Any

import structlog
from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind

from pacs_gateway.archive.query import parse_keys
from pacs_gateway.dicom.jsonmodel import to_dataset
from pacs_gateway.dimse.identifiers import decoded, keys_of, level_of
from pacs_gateway.dimse.store import MAX_COMMENT_CHARACTERS
from pacs_gateway.errors import GatewayError, QueryError
from storage.errors import StorageError
from storage.index import Index
from storage.records import DicomJson, Found, Level

PENDING = 0xFF00
PENDING_SOME_KEYS_UNSUPPORTED = 0xFF01
CANCELLED = 0xFE00
LIMIT_REACHED = 0xB001
OUT_OF_RESOURCES = 0xA700

_log = structlog.get_logger(__name__)


class FindProvider:
    """Answers queries from the index; no object is opened."""

    def __init__(self, index: Index, *, ae_title: str, max_answers: int) -> None:
        self._index = index
        self._ae_title = ae_title
        self._max_answers = max_answers

    def handlers(self) -> list[tuple[Any, Any]]:
        """Return what pynetdicom binds."""
        return [(evt.EVT_C_FIND, self._find)]

    def _find(self, event: evt.Event) -> Iterator[tuple[int | Dataset, Dataset | None]]:
        try:
            yield from self._answers(event)
        except GatewayError as error:
            yield _failure(error.dimse_status, str(error)), None
        except StorageError as error:
            _log.error("query failed", reason=str(error))
            yield _failure(OUT_OF_RESOURCES, str(error)), None

    def _answers(self, event: evt.Event) -> Iterator[tuple[int | Dataset, Dataset | None]]:
        identifier = decoded(event.request.Identifier, _context(event))
        level = level_of(identifier)
        if level is Level.PATIENT and _is_study_root(event):
            raise QueryError("The Study Root model has no PATIENT level.")
        query = parse_keys(level, keys_of(identifier), limit=self._max_answers + 1)
        found = self._index.search(query.spec)
        status = PENDING_SOME_KEYS_UNSUPPORTED if query.unsupported else PENDING
        for answer in found[: self._max_answers]:
            if event.is_cancelled:
                yield CANCELLED, None
                return
            yield status, self._response(identifier, level, answer)
        if len(found) > self._max_answers:
            yield LIMIT_REACHED, None

    def _response(self, identifier: Dataset, level: Level, answer: Found) -> Dataset:
        """Return every key that was asked for, empty where nothing is known (PS3.4 C.4.1.1.3.2)."""
        response = to_dataset(_requested(identifier, answer.attributes))
        response.QueryRetrieveLevel = level.value
        response.RetrieveAETitle = self._ae_title
        response.InstanceAvailability = "ONLINE"
        response.SpecificCharacterSet = "ISO_IR 192"
        return response


def _requested(identifier: Dataset, attributes: DicomJson) -> DicomJson:
    """Return the asked attributes in the DICOM JSON model, sequences cut to the asked keys."""
    wanted: DicomJson = {}
    for element in identifier:
        if element.tag.element == 0 or element.tag.is_private:
            continue
        tag = f"{element.tag:08X}"
        value = attributes.get(tag, {"vr": element.VR})
        if element.VR == "SQ" and element.value and value.get("Value"):
            items = [_requested(element.value[0], item) for item in value["Value"]]
            value = {"vr": "SQ", "Value": items}
        wanted[tag] = value
    return wanted


def _context(event: evt.Event) -> Any:
    return event.assoc._accepted_cx[event.request._context_id]


def _is_study_root(event: evt.Event) -> bool:
    return bool(event.request.AffectedSOPClassUID == StudyRootQueryRetrieveInformationModelFind)


def _failure(status: int, comment: str) -> Dataset:
    failure = Dataset()
    failure.Status = status
    failure.ErrorComment = comment[:MAX_COMMENT_CHARACTERS]
    return failure
