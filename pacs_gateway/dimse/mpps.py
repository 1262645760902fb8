"""Modality Performed Procedure Step SCP (PS3.4 F): what a device says it does drives the orders."""

from typing import Any

import structlog
from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.sop_class import ModalityPerformedProcedureStep

from pacs_gateway.audit.acts import Who
from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.dimse.identifiers import decoded
from pacs_gateway.dimse.query import context_of, failure
from pacs_gateway.dimse.statuses import SUCCESS
from pacs_gateway.dimse.transport import remote_address
from pacs_gateway.errors import GatewayError
from pacs_gateway.ris.desk import Desk
from pacs_gateway.ris.performing import WRONG_ENTRY, FinishedError, Reference, check_open
from storage.errors import StorageError
from storage.performed import Performed, PerformedState
from storage.records import DicomJson, utc_now

MODEL = str(ModalityPerformedProcedureStep)
PROCESSING_FAILURE = 0x0110
NO_LONGER_UPDATED = 0xA710
"""Error ID of PS3.4 F.7.2.2.2."""
NO_SUCH_CLASS = 0x0118

_STATUS, _SCHEDULED, _REASON = "00400252", "00400270", "00400281"
_STUDY, _ACCESSION, _STEP, _CODE = "0020000D", "00080050", "00400009", "00080100"

_log = structlog.get_logger(__name__)


class InvalidStatusError(GatewayError):
    """The Performed Procedure Step Status is none that it can have now (PS3.7 C.5.11)."""

    dimse_status = 0x0106


class MissingStatusError(GatewayError):
    """A step is created without its status (PS3.7 C.5.15)."""

    dimse_status = 0x0120


class InvalidInstanceError(GatewayError):
    """The SOP Instance UID cannot be one (PS3.7 C.5.12)."""

    dimse_status = 0x0117


class MppsProvider:
    """Keeps performed procedure steps; those without an order are kept too."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def handlers(self) -> list[tuple[Any, Any]]:
        """Return what pynetdicom binds."""
        return [(evt.EVT_N_CREATE, self._create), (evt.EVT_N_SET, self._set)]

    def _create(self, event: evt.Event) -> tuple[int | Dataset, Dataset | None]:
        request = event.request
        if event.context.abstract_syntax != MODEL:
            return NO_SUCH_CLASS, None
        try:
            uid = str(request.AffectedSOPInstanceUID or "")
            if not is_uid(uid):
                raise InvalidInstanceError("A performed procedure step is named by a UID.")
            attributes = decoded(request.AttributeList, context_of(event))
            _check_first_status(attributes)
            references = _references(attributes)
            step = Performed(
                uid=uid,
                state=PerformedState.IN_PROGRESS,
                ae_title=_who(event).name,
                study_uid=references[0].study_uid if references else "",
                attributes=attributes,
                changed_at=utc_now(),
            )
            self._desk.begin_performing(step, references, _who(event))
        except (GatewayError, StorageError) as error:
            return _refused(error), None
        return SUCCESS, None

    def _set(self, event: evt.Event) -> tuple[int | Dataset, Dataset | None]:
        request = event.request
        if event.context.abstract_syntax != MODEL:
            return NO_SUCH_CLASS, None
        try:
            uid = str(request.RequestedSOPInstanceUID or "")
            known = check_open(self._desk.performed(uid))
            changes = decoded(request.ModificationList, context_of(event))
            state = _status(changes) or PerformedState.IN_PROGRESS
            step = Performed(
                uid=uid,
                state=state,
                ae_title=known.ae_title,
                study_uid=known.study_uid,
                attributes=known.attributes | changes,
                changed_at=utc_now(),
            )
            wrong = state is PerformedState.DISCONTINUED and _is_wrong_entry(step.attributes)
            self._desk.update_performing(step, _who(event), wrong_entry=wrong)
        except (GatewayError, StorageError) as error:
            return _refused(error), None
        return SUCCESS, None


def _refused(error: GatewayError | StorageError) -> Dataset:
    if isinstance(error, StorageError):
        _log.error("performed procedure step not kept", reason=str(error))
        return failure(PROCESSING_FAILURE, "The orders cannot be written now; try again later.")
    status = failure(error.dimse_status, str(error))
    if isinstance(error, FinishedError):
        status.ErrorID = NO_LONGER_UPDATED
    return status


def _check_first_status(attributes: DicomJson) -> None:
    """Demand that a step begins in progress (PS3.4 F.7.2.1.2)."""
    status = _status(attributes)
    if status is None:
        raise MissingStatusError("Performed Procedure Step Status (0040,0252) is missing.")
    if status is not PerformedState.IN_PROGRESS:
        raise InvalidStatusError("A performed procedure step begins IN PROGRESS.")


def _status(attributes: DicomJson) -> PerformedState | None:
    text = _text(attributes, _STATUS)
    if not text:
        return None
    try:
        return PerformedState(text)
    except ValueError as error:
        raise InvalidStatusError(
            "The status is IN PROGRESS, COMPLETED or DISCONTINUED (0040,0252)."
        ) from error


def _references(attributes: DicomJson) -> list[Reference]:
    """Return the scheduled steps that are carried out (PS3.3 C.4.13)."""
    items = attributes.get(_SCHEDULED, {}).get("Value", ())
    return [
        Reference(
            study_uid=_text(item, _STUDY),
            accession_number=_text(item, _ACCESSION),
            step_id=_text(item, _STEP),
        )
        for item in items
    ]


def _is_wrong_entry(attributes: DicomJson) -> bool:
    items = attributes.get(_REASON, {}).get("Value", ())
    return any(_text(item, _CODE) == WRONG_ENTRY for item in items)


def _text(attributes: DicomJson, tag: str) -> str:
    values = attributes.get(tag, {}).get("Value", ())
    return str(values[0]).strip() if values and values[0] is not None else ""


def _who(event: evt.Event) -> Who:
    title = str(event.assoc.requestor.ae_title).strip()
    address = remote_address(event.assoc)
    return Who(name=title, role="peer", address=address, session=f"{title}@{address}")
