"""C-STORE SCP: an association's data set becomes an arrival, its acceptance a status (PS3.4 B)."""

from collections.abc import Callable
from typing import Any

import structlog
from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext

from pacs_gateway.archive.ingest import Accepted, Announced, Arrival, Ingest
from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.dimse.receiving import SinkFile
from pacs_gateway.dimse.transport import remote_address
from pacs_gateway.errors import GatewayError, IdentityError, MismatchError
from storage.records import Origin, utc_now

SUCCESS = 0x0000
MAX_COMMENT_CHARACTERS = 64
"""Error Comment is LO (PS3.7 C)."""

_log = structlog.get_logger(__name__)


class StoreProvider:
    """Serves C-STORE on accepted associations."""

    def __init__(self, ingest: Ingest, *, admit: Callable[[Association], None]) -> None:
        self._ingest = ingest
        self._admit = admit

    def handlers(self) -> list[tuple[Any, Any]]:
        """Return what pynetdicom binds."""
        return [(evt.EVT_C_STORE, self._store)]

    def open(
        self, assoc: Association, context: PresentationContext | None, command: Any
    ) -> "StoreSink":
        """Return the sink for one request; it may already know that it will refuse."""
        try:
            self._admit(assoc)
            announced = _announced(context, command)
            origin = Origin(
                source="dimse",
                peer=str(assoc.requestor.ae_title).strip(),
                address=remote_address(assoc),
                received_at=utc_now(),
            )
            return StoreSink(self._ingest.begin_data_set(announced, origin), None)
        except GatewayError as error:
            return StoreSink(None, error)

    def _store(self, event: evt.Event) -> int | Dataset:
        file = event.request._dataset_file
        if not isinstance(file, SinkFile) or not isinstance(file.sink, StoreSink):
            return _refusal(MismatchError("The C-STORE request came without a data set."))
        try:
            file.sink.accept()
        except GatewayError as error:
            _log.warning(
                "instance refused",
                peer=str(event.assoc.requestor.ae_title).strip(),
                status=f"{error.dimse_status:04X}",
                reason=str(error),
            )
            return _refusal(error)
        return SUCCESS


class StoreSink:
    """One C-STORE data set: an arrival, or the reason why there is none."""

    def __init__(self, arrival: Arrival | None, refusal: GatewayError | None) -> None:
        self._arrival = arrival
        self._refusal = refusal
        self.size = 0
        """Bytes that came."""

    def write(self, data: bytes) -> None:
        """Take the next piece; after a fault the rest is read and dropped."""
        self.size += len(data)
        if self._arrival is None or self._refusal is not None:
            return
        try:
            self._arrival.write(data)
        except GatewayError as error:
            self._refusal = error

    def accept(self) -> Accepted:
        """Make the data set durable; raises the GatewayError that refuses it."""
        if self._refusal is not None:
            raise self._refusal
        assert self._arrival is not None
        return self._arrival.accept()

    def abandon(self) -> None:
        """Forget what was not accepted."""
        if self._arrival is not None:
            self._arrival.abandon()


def _announced(context: PresentationContext | None, command: Any) -> Announced:
    if context is None:
        raise MismatchError("The presentation context of this request was not accepted.")
    sop_class_uid = str(command.get("AffectedSOPClassUID", ""))
    sop_instance_uid = str(command.get("AffectedSOPInstanceUID", ""))
    if not is_uid(sop_class_uid) or not is_uid(sop_instance_uid):
        raise IdentityError("Affected SOP Class or Instance UID is not a UID (PS3.5 9.1).")
    if sop_class_uid != str(context.abstract_syntax):
        raise MismatchError("The SOP class is not the one of the presentation context.")
    return Announced(sop_class_uid, sop_instance_uid, str(context.transfer_syntax[0]))


def _refusal(error: GatewayError) -> Dataset:
    status = Dataset()
    status.Status = error.dimse_status
    status.ErrorComment = str(error)[:MAX_COMMENT_CHARACTERS]
    return status
