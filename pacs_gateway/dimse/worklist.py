"""Modality Worklist SCP (PS3.4 K): scheduled steps by the keys that devices ask with."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import structlog
from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.sop_class import ModalityWorklistInformationFind

from pacs_gateway.dicom.charset import ISO_IR_192
from pacs_gateway.dicom.jsonmodel import to_dataset
from pacs_gateway.dicom.matching import in_period, matches
from pacs_gateway.dimse.identifiers import decoded, keys_of
from pacs_gateway.dimse.query import (
    ANSWERS_IN_FLIGHT,
    Response,
    context_of,
    failure,
    is_ascii,
    requested,
    wait_until_sent,
)
from pacs_gateway.dimse.recording import PeerRecorder
from pacs_gateway.dimse.statuses import CANCELLED, OUT_OF_RESOURCES, PENDING
from pacs_gateway.errors import GatewayError, OutOfResourcesError
from pacs_gateway.ris.desk import Desk
from pacs_gateway.ris.entries import entry
from storage.errors import StorageError
from storage.orders import StepState
from storage.records import DicomJson

MODEL = str(ModalityWorklistInformationFind)
STEPS_AT_ONCE = 200
OPEN = (StepState.SCHEDULED, StepState.IN_PROGRESS)
"""States of steps that a device may still be asked to do."""

_SCHEDULED, _STATION, _DAY, _TIME = "00400100", "00400001", "00400002", "00400003"
_LITERAL = frozenset({"00100020", "00080060", _STATION})
"""Keys of single value matching alone (PS3.4 table K.6-1): Patient ID, Modality, station."""

_log = structlog.get_logger(__name__)


class WorklistProvider:
    """Answers from the orders; every key is matched, every asked attribute returned."""

    def __init__(
        self,
        desk: Desk,
        recorder: PeerRecorder,
        *,
        ascii_only: Callable[[Association], bool],
        max_answers: int,
        days: int,
    ) -> None:
        self._desk = desk
        self._recorder = recorder
        self._ascii_only = ascii_only
        self._max_answers = max_answers
        self._days = days

    def find(self, event: evt.Event) -> Iterator[Response]:
        """Yield the answers to a query."""
        try:
            yield from self._responses(event)
        except GatewayError as error:
            yield failure(error.dimse_status, str(error)), None
        except StorageError as error:
            _log.error("worklist query failed", reason=str(error))
            yield failure(OUT_OF_RESOURCES, "The index does not answer; try again later."), None

    def _responses(self, event: evt.Event) -> Iterator[Response]:
        identifier = decoded(event.request.Identifier, context_of(event))
        self._recorder.searched(event.assoc, "WORKLIST", _asked(identifier))
        ascii_only = self._ascii_only(event.assoc)
        for number, item in enumerate(self._items(identifier, ascii_only=ascii_only)):
            if number >= self._max_answers:
                raise OutOfResourcesError(f"More than {self._max_answers} answers; ask for less.")
            if number % ANSWERS_IN_FLIGHT == 0:
                wait_until_sent(event.assoc.dul)
            if event.is_cancelled:
                yield CANCELLED, None
                return
            yield PENDING, _response(identifier, item)

    def _items(self, identifier: DicomJson, *, ascii_only: bool) -> Iterator[DicomJson]:
        """Yield what fits, page by page; a step that moves between pages is given once."""
        keys = _scheduled_keys(identifier)
        first_day, last_day = _days(keys, self._days)
        station = _single(keys, _STATION)
        period = _period(keys)
        asked = _without_period(identifier) if period else identifier
        given: set[tuple[str, str]] = set()
        offset = 0
        while page := self._desk.steps(
            OPEN, first_day=first_day, last_day=last_day, limit=STEPS_AT_ONCE, offset=offset
        ):
            for listed, step in page:
                key = (listed.order.id, step.step_id)
                if key in given:
                    continue
                given.add(key)
                item = entry(listed, step, ascii_only=ascii_only, station_ae=station)
                within = not period or in_period(*period, step.date, step.time)
                if within and matches(asked, item, literal=_LITERAL):
                    yield item
            if len(page) < STEPS_AT_ONCE:
                return
            offset += len(page)


def _response(identifier: DicomJson, item: DicomJson) -> Dataset:
    """Return every attribute that was asked for, empty where nothing is known (PS3.4 K.6.1.2.2)."""
    asked = requested(identifier, item)
    response = to_dataset(asked)
    if not is_ascii(asked):
        response.SpecificCharacterSet = ISO_IR_192
    return response


def _asked(identifier: DicomJson) -> dict[str, str]:
    """Return the keys for the audit trail."""
    plain = {name: value for name, value in identifier.items() if value["vr"] != "SQ"}
    return keys_of(plain) | keys_of(_scheduled_keys(identifier))


def _scheduled_keys(identifier: DicomJson) -> DicomJson:
    items = identifier.get(_SCHEDULED, {}).get("Value", ())
    return items[0] if items else {}


def _single(keys: DicomJson, tag: str) -> str:
    """Return a key's one value, empty if it has none or wildcards."""
    values = keys.get(tag, {}).get("Value", ())
    text = str(values[0] or "").strip() if len(values) == 1 else ""
    return "" if "*" in text or "?" in text else text


def _period(keys: DicomJson) -> tuple[str, str] | None:
    """Return day and time if both are ranges, which then are one."""
    day, time = _single(keys, _DAY), _single(keys, _TIME)
    return (day, time) if "-" in day and "-" in time else None


def _without_period(identifier: DicomJson) -> DicomJson:
    keys = _scheduled_keys(identifier)
    others = {name: value for name, value in keys.items() if name not in (_DAY, _TIME)}
    return identifier | {_SCHEDULED: {"vr": "SQ", "Value": [others]}}


def _days(keys: DicomJson, most: int) -> tuple[str, str]:
    """Return the days that can fit, none older than the worklist goes back."""
    oldest = f"{datetime.now().astimezone() - timedelta(days=most):%Y%m%d}"
    day = _single(keys, _DAY).replace(".", "")
    low, dash, high = day.partition("-")
    if not day:
        return oldest, ""
    return max(low, oldest), high if dash else low
