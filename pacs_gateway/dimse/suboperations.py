"""C-STORE sub-operations of C-MOVE and C-GET (PS3.4 C.4.2, C.4.3): data sets leave as they are kept.

pynetdicom sends data sets that it has decoded; here the stored bytes go out piece by piece, so
that nothing is changed on the way and memory does not grow with an instance.
"""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import structlog
from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu_primitives import P_DATA

from pacs_gateway.archive.retrieve import Retrieval
from pacs_gateway.dicom import meta, transcode
from pacs_gateway.dicom.implicit import implicit_little_endian
from pacs_gateway.dimse.receiving import MAX_UID_CHARACTERS
from pacs_gateway.errors import GatewayError, UnavailableError
from storage.errors import StorageError
from storage.records import StoredInstance

FAILED = 0xC000
WARNINGS = range(0xB000, 0xC000)
MAX_PDU_BYTES = 128 * 1024
"""Larger PDUs gain nothing, and a peer may announce no limit or an absurd one."""
MIN_PDU_BYTES = 4 * 1024
"""DCMTK takes no less either; a smaller announcement is a mistake."""
PDV_HEADER_BYTES = 6
"""PS3.8 E.2: length, context ID and control header of one value."""
QUEUED_PDUS = 8
"""P-DATA waiting to be written; more would only fill memory when the peer is slow."""
DATA, COMMAND, LAST = 0, 1, 2

UNCOMPRESSED = (meta.EXPLICIT_VR_LITTLE_ENDIAN, meta.IMPLICIT_VR_LITTLE_ENDIAN)
_CONVERTIBLE = frozenset(
    {
        *UNCOMPRESSED,
        meta.EXPLICIT_VR_BIG_ENDIAN,
        meta.DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        meta.GE_IMPLICIT_VR_BIG_ENDIAN_PIXELS,
    }
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Originator:
    """The C-MOVE that a sub-operation serves (PS3.7 9.1.1.1); absent for C-GET."""

    ae_title: str
    message_id: int


def offered_syntaxes(transfer_syntax_uid: str) -> tuple[str, ...]:
    """Return the transfer syntaxes in which an instance stored in one can be sent."""
    if transfer_syntax_uid not in _CONVERTIBLE:
        return (transfer_syntax_uid,)
    return tuple(dict.fromkeys((transfer_syntax_uid, *UNCOMPRESSED)))


class InstanceSender:
    """Sends instances over one established association."""

    def __init__(
        self, association: Association, retrieval: Retrieval, *, deadline_s: float
    ) -> None:
        self._association = association
        self._retrieval = retrieval
        self._deadline_s = deadline_s
        contexts = [cx for cx in association.accepted_contexts if cx.as_scu]
        self._contexts = {
            (str(cx.abstract_syntax), str(cx.transfer_syntax[0])): cx.context_id for cx in contexts
        }

    def send(
        self, instance: StoredInstance, *, message_id: int, originator: Originator | None
    ) -> int:
        """Send one instance and return the status of the peer, or FAILED if none came of it."""
        syntax, context_id = self._context(instance)
        if context_id is None or not self._association.dul.is_alive():
            return FAILED
        try:
            pieces = _begun(self._data_set(instance, syntax))
        except (GatewayError, StorageError) as error:
            _log.error("instance not sent", reason=str(error))
            return FAILED
        try:
            self._send_command(instance, context_id, message_id, originator)
            self._send_data_set(pieces, context_id)
        except (GatewayError, StorageError) as error:
            # Half a message cannot be taken back; only a new association can go on.
            _log.error("instance not sent whole", reason=str(error))
            self._association.abort()
            return FAILED
        return self._response(message_id)

    def _context(self, instance: StoredInstance) -> tuple[str, int | None]:
        """Return the first syntax that was accepted, as stored if possible, and its context."""
        if len(instance.sop_instance_uid) > MAX_UID_CHARACTERS:
            # Kept for the web and the pages; no command set may name it (PS3.5 9.1).
            return "", None
        for syntax in offered_syntaxes(instance.transfer_syntax_uid):
            context_id = self._contexts.get((instance.sop_class_uid, syntax))
            if context_id is not None:
                return syntax, context_id
        return "", None

    def _data_set(self, instance: StoredInstance, syntax: str) -> Iterator[bytes]:
        stored = instance.transfer_syntax_uid
        if syntax == stored:
            return self._retrieval.data_set(instance)
        explicit: Iterator[bytes]
        if meta.is_deflated(stored):
            explicit = iter([self._retrieval.inflated(instance)])
        elif stored in transcode.NEVER_ON_THE_WEB:
            explicit = transcode.explicit_little_endian(
                self._retrieval.data_set(instance), instance
            )
            # Its first piece is the file meta information, which an association has no use for.
            next(explicit)
        else:
            explicit = self._retrieval.data_set(instance)
        if syntax == meta.EXPLICIT_VR_LITTLE_ENDIAN:
            return explicit
        return implicit_little_endian(explicit)

    def _send_command(
        self,
        instance: StoredInstance,
        context_id: int,
        message_id: int,
        originator: Originator | None,
    ) -> None:
        request = C_STORE()
        request.MessageID = message_id
        request.AffectedSOPClassUID = instance.sop_class_uid
        request.AffectedSOPInstanceUID = instance.sop_instance_uid
        request.Priority = 2
        if originator is not None:
            request.MoveOriginatorApplicationEntityTitle = originator.ae_title
            request.MoveOriginatorMessageID = originator.message_id
        # Any data set makes the command announce one; ours follows by itself.
        request.DataSet = BytesIO(b"\0\0")
        message = C_STORE_RQ()
        message.primitive_to_message(request)
        for primitive in message.encode_msg(context_id, self._pdu_bytes()):
            control = primitive.presentation_data_value_list[0][1][0]
            if control & COMMAND:
                self._queue(primitive)

    def _send_data_set(self, pieces: Iterator[bytes], context_id: int) -> None:
        size = self._pdu_bytes() - PDV_HEADER_BYTES
        waiting = bytearray()
        for piece in pieces:
            waiting += piece
            # One byte at least stays for the last fragment, which says that it is the last.
            while len(waiting) > size:
                self._queue(_value(context_id, bytes(waiting[:size]), last=False))
                del waiting[:size]
        self._queue(_value(context_id, bytes(waiting), last=True))

    def _queue(self, primitive: P_DATA) -> None:
        dul = self._association.dul
        deadline = time.monotonic() + self._deadline_s
        while dul.to_provider_queue.qsize() >= QUEUED_PDUS:
            if not dul.is_alive() or time.monotonic() > deadline:
                raise UnavailableError("The receiver of the images does not take them.")
            time.sleep(0.0005)
        dul.send_pdu(primitive)

    def _response(self, message_id: int) -> int:
        _, response = self._association.dimse.get_msg(block=True)
        if not isinstance(response, C_STORE) or response.MessageIDBeingRespondedTo != message_id:
            # Too late, or astray: what comes next would be taken for the next one's answer.
            self._association.abort()
            return FAILED
        return FAILED if response.Status is None else int(response.Status)

    def _pdu_bytes(self) -> int:
        announced = int(self._association.dimse.maximum_pdu_size) or MAX_PDU_BYTES
        return min(max(announced, MIN_PDU_BYTES), MAX_PDU_BYTES)


def _begun(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Return `pieces` with the first one read, so that what is lost is known before it is sent."""
    return itertools.chain((next(pieces, b""),), pieces)


def _value(context_id: int, data: bytes, *, last: bool) -> P_DATA:
    primitive = P_DATA()
    control = bytes([DATA | (LAST if last else 0)])
    primitive.presentation_data_value_list = [[context_id, control + data]]
    return primitive
