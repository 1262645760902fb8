"""Storage Commitment Push Model SCP (PS3.4 J.3): requests in, outcomes out.

Invariant: a request is answered 0000 only once it is in the database, and nothing is told of an
instance but the outcome that was written there (archive.commitment).
"""

import struct
from collections.abc import Iterable
from io import BytesIO
from time import monotonic
from typing import Any

import structlog
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import N_EVENT_REPORT
from pynetdicom.dsutils import encode
from pynetdicom.sop_class import StorageCommitmentPushModel

from pacs_gateway.archive.commitment import BY_DIMSE, DUPLICATE_TRANSACTION
from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.dimse.receiving import ReceivingDimse
from pacs_gateway.dimse.requesting import Requestor
from pacs_gateway.errors import UnavailableError
from pacs_gateway.outbox.tries import HopelessError
from storage.commitments import COMMITTED, Commitments, Item, Reference, Request
from storage.errors import StorageError
from storage.outbox import Task
from storage.peers import PeerBook
from storage.records import utc_now

PUSH_MODEL = str(StorageCommitmentPushModel)
INSTANCE = "1.2.840.10008.1.20.1.1"
"""The well-known instance that all requests are for (PS3.4 J.3.5)."""
REQUEST_COMMITMENT = 1
ALL_COMMITTED, SOME_FAILED = 1, 2
LOOK_EVERY_S = 0.5

SUCCESS = 0x0000
PROCESSING_FAILURE = 0x0110
NO_SUCH_INSTANCE = 0x0112
INVALID_ARGUMENT = 0x0115
NO_SUCH_CLASS = 0x0118
NO_SUCH_ACTION = 0x0123
RESOURCE_LIMITATION = 0x0213
_SYNTAXES = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, NotImplementedError, EOFError,
               struct.error, RecursionError)  # fmt: skip
"""What pydicom raises on data sets that are none."""

_log = structlog.get_logger(__name__)


class CommitmentProvider:
    """Serves N-ACTION on accepted associations."""

    def __init__(self, commitments: Commitments, *, max_references: int, ae_title: str) -> None:
        self._commitments = commitments
        self._max_references = max_references
        self._ae_title = ae_title

    def handlers(self) -> list[tuple[Any, Any]]:
        """Return what pynetdicom binds."""
        return [(evt.EVT_N_ACTION, self._asked)]

    def _asked(self, event: evt.Event) -> tuple[int, None]:
        if event.context.abstract_syntax != PUSH_MODEL:
            # Only the context of this service was given to those who may use it.
            return NO_SUCH_CLASS, None
        if event.request.RequestedSOPInstanceUID != INSTANCE:
            return NO_SUCH_INSTANCE, None
        if event.action_type != REQUEST_COMMITMENT:
            return NO_SUCH_ACTION, None
        try:
            transaction_uid, references = _read(event.action_information)
        except _UNREADABLE:
            return INVALID_ARGUMENT, None
        if len(references) > self._max_references:
            return RESOURCE_LIMITATION, None
        return self._keep(event.assoc, transaction_uid, references), None

    def _keep(self, assoc: Association, transaction_uid: str, references: list[Reference]) -> int:
        title = str(assoc.requestor.ae_title).strip()
        try:
            request = self._commitments.ask(
                f"{BY_DIMSE}{title}",
                transaction_uid,
                references,
                now=utc_now(),
                failure_if_taken=DUPLICATE_TRANSACTION,
            )
        except StorageError as error:
            _log.error("commitment not taken", peer=title, reason=str(error))
            return PROCESSING_FAILURE
        _log.info("commitment asked", peer=title, instances=len(references))
        dimse = assoc.dimse
        if isinstance(dimse, ReceivingDimse):
            if not isinstance(dimse.notices, OpenReports):
                dimse.notices = OpenReports(assoc, self._commitments, ae_title=self._ae_title)
            dimse.notices.expect(request.id)
        return SUCCESS


class OpenReports:
    """Outcomes that go out on the association that asked, while it is open.

    Its own thread does all of this between two messages of the peer; whatever comes to nothing
    here is reported on another association by `Report`.
    """

    def __init__(self, assoc: Association, commitments: Commitments, *, ae_title: str) -> None:
        self._assoc = assoc
        self._commitments = commitments
        self._ae_title = ae_title
        self._expected: list[int] = []
        self._sent: dict[int, int] = {}
        self._message_id = 0
        self._looked_at = 0.0

    def expect(self, number: int) -> None:
        """Look for the outcome of a request from now on."""
        self._expected.append(number)

    def send(self) -> None:
        """Send the outcome of one request, if there is one."""
        if not self._expected or self._sent or monotonic() - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = monotonic()
        try:
            for number in self._expected:
                request = self._commitments.request(number)
                if request is not None and request.decided_at is not None:
                    self._expected.remove(number)
                    if request.reported_at is None:
                        self._report(request)
                    return
        except StorageError as error:
            _log.warning("outcome of a commitment not read", reason=str(error))

    def takes(self, message: Any) -> bool:
        """Note that the peer has an outcome, when it says so."""
        if not isinstance(message, N_EVENT_REPORT) or message.Status is None:
            return False
        number = self._sent.pop(message.MessageIDBeingRespondedTo, None)
        if number is not None and message.Status == SUCCESS:
            try:
                self._commitments.reported(number, now=utc_now())
            except StorageError as error:
                # It is told once more on another association, which does no harm.
                _log.warning("report of a commitment not noted", reason=str(error))
        return True

    def _report(self, request: Request) -> None:
        context = next(
            each for each in self._assoc.accepted_contexts if each.abstract_syntax == PUSH_MODEL
        )
        syntax = context.transfer_syntax[0]
        items = self._commitments.items(request.id)
        information = encode(
            _information(request, items, self._ae_title),
            syntax.is_implicit_VR,
            syntax.is_little_endian,
            syntax.is_deflated,
        )
        assert information is not None, "UIDs and numbers can always be encoded"
        self._message_id += 1
        message = N_EVENT_REPORT()
        message.MessageID = self._message_id
        message.AffectedSOPClassUID = PUSH_MODEL
        message.AffectedSOPInstanceUID = INSTANCE
        message.EventTypeID = _event_type(items)
        message.EventInformation = BytesIO(information)
        self._sent[self._message_id] = request.id
        self._assoc.dimse.send_msg(message, context.context_id)


class Report:
    """Carries out the work of reporting an outcome to the device that asked."""

    def __init__(
        self, commitments: Commitments, peers: PeerBook, requestor: Requestor, *, ae_title: str
    ) -> None:
        self._commitments = commitments
        self._peers = peers
        self._requestor = requestor
        self._ae_title = ae_title

    def __call__(self, task: Task) -> None:
        """Report on an association of our own, unless it was done on theirs.

        Raises UnavailableError if the device cannot be reached or does not take it.
        """
        request = self._commitments.request(int(task.payload["commitment"]))
        if request is None:
            raise HopelessError("The request is not in the database.")
        if request.reported_at is not None or request.decided_at is None:
            # Asked again since: another report follows that decision.
            return
        title = request.requester.removeprefix(BY_DIMSE)
        peer = self._peers.peer(title)
        if peer is None or "/" in peer.host:
            raise UnavailableError(
                f"Nobody knows where {title} is: add the device with its own host and port."
            )
        items = self._commitments.items(request.id)
        offers = [(PUSH_MODEL, syntax) for syntax in _SYNTAXES]
        with self._requestor.associated(peer, offers, provides=[PUSH_MODEL]) as association:
            if association is None or not association.accepted_contexts:
                raise UnavailableError(f"{title} granted no association for the report.")
            try:
                answer, _ = association.send_n_event_report(
                    _information(request, items, self._ae_title),
                    _event_type(items),
                    PUSH_MODEL,
                    INSTANCE,
                )
            except RuntimeError as error:
                # What pynetdicom raises when the association has ended meanwhile.
                raise UnavailableError(f"{title} hung up before it was told.") from error
        status = answer.get("Status")
        if status != SUCCESS:
            text = "did not answer" if status is None else f"answered {status:04X}"
            raise UnavailableError(f"{title} {text} when it was told the outcome.")
        self._commitments.reported(request.id, now=utc_now())


def _read(information: Dataset) -> tuple[str, list[Reference]]:
    """Return transaction and references of a request (PS3.4 table J.3-1).

    Raises one of _UNREADABLE, ValueError if a UID is none or nothing is referenced.
    """
    transaction_uid = str(information.TransactionUID)
    references = [
        Reference(str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID))
        for item in information.ReferencedSOPSequence
    ]
    uids = [transaction_uid]
    for each in references:
        uids += (each.sop_class_uid, each.sop_instance_uid)
    if not references or not all(map(is_uid, uids)):
        raise ValueError("A request names its transaction and its instances by UIDs.")
    return transaction_uid, references


def _event_type(items: Iterable[Item]) -> int:
    return ALL_COMMITTED if all(each.outcome == COMMITTED for each in items) else SOME_FAILED


def _information(request: Request, items: Iterable[Item], ae_title: str) -> Dataset:
    """Return what is told of a request (PS3.4 table J.3-2): each instance, kept or failed."""
    information = Dataset()
    information.TransactionUID = request.transaction_uid
    kept, failed = [], []
    for item in items:
        entry = Dataset()
        entry.ReferencedSOPClassUID = item.reference.sop_class_uid
        entry.ReferencedSOPInstanceUID = item.reference.sop_instance_uid
        if item.outcome == COMMITTED:
            kept.append(entry)
            continue
        entry.FailureReason = PROCESSING_FAILURE if item.outcome is None else item.outcome
        failed.append(entry)
    if kept:
        information.RetrieveAETitle = ae_title
        information.ReferencedSOPSequence = kept
    if failed:
        information.FailedSOPSequence = failed
    return information
