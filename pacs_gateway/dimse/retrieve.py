"""C-MOVE and C-GET SCP (PS3.4 C.4.2, C.4.3): which instances, to whom, and how it went."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from itertools import groupby, islice

import structlog
from pydicom.dataset import Dataset
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_GET, C_MOVE
from pynetdicom.dsutils import encode
from pynetdicom.presentation import PresentationContext

from pacs_gateway.archive.query import UNIQUE_KEYS, parse_keys
from pacs_gateway.archive.retrieve import Retrieval
from pacs_gateway.config import DicomSettings
from pacs_gateway.dimse.identifiers import (
    PATIENT_ROOT,
    check_hierarchy,
    decoded,
    keys_of,
    level_of,
)
from pacs_gateway.dimse.peers import Peers
from pacs_gateway.dimse.recording import PeerRecorder
from pacs_gateway.dimse.requesting import Requestor
from pacs_gateway.dimse.statuses import (
    CANCELLED,
    NO_SUBOPERATIONS_POSSIBLE,
    OUT_OF_RESOURCES,
    PENDING,
    SOME_SUBOPERATIONS_FAILED,
    SUCCESS,
    UNKNOWN_DESTINATION,
    error_comment,
)
from pacs_gateway.dimse.suboperations import (
    FAILED,
    WARNINGS,
    InstanceSender,
    Originator,
    offered_syntaxes,
)
from pacs_gateway.errors import GatewayError, QueryError
from storage.errors import StorageError
from storage.index import Index
from storage.peers import Peer
from storage.records import Level, StoredInstance

MAX_CONTEXTS = 128
"""PS3.8 9.3.2.2: context identifiers are the odd numbers from 1 to 255."""
MAX_INSTANCES = 65_535
"""Numbers of sub-operations are unsigned shorts (PS3.7 9.3.4)."""

_STUDY_ROOT_KEYS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
_PATIENT_ROOT_KEYS = ("PatientID", "IssuerOfPatientID", *_STUDY_ROOT_KEYS)


_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Tally:
    """How the sub-operations went so far."""

    remaining: int
    completed: int = 0
    warnings: int = 0
    failed: list[str] = field(default_factory=list)

    def count(self, instance: StoredInstance, status: int) -> None:
        self.remaining -= 1
        if status == SUCCESS:
            self.completed += 1
        elif status in WARNINGS:
            self.warnings += 1
        else:
            self.failed.append(instance.sop_instance_uid)


class RetrieveProvider:
    """Serves C-MOVE and C-GET requests on accepted associations.

    With `hierarchical`, the unique keys above the level must be there as single values (PS3.4
    C.4.2.2.1); without, the key of the level is enough.
    """

    def __init__(
        self,
        index: Index,
        retrieval: Retrieval,
        peers: Peers,
        recorder: PeerRecorder,
        settings: DicomSettings,
        *,
        hierarchical: bool = False,
    ) -> None:
        self._index = index
        self._retrieval = retrieval
        self._peers = peers
        self._recorder = recorder
        self._requestor = Requestor(settings)
        self._deadline_s = settings.response_deadline_s
        self._hierarchical = hierarchical

    def serve(
        self, assoc: Association, request: C_MOVE | C_GET, context: PresentationContext
    ) -> None:
        """Answer one request; the last response says how it went."""
        responder = _Responder(assoc, request, context)
        try:
            self._serve(assoc, request, responder)
        except GatewayError as error:
            responder.fail(error.dimse_status, str(error))
        except StorageError as error:
            _log.error("retrieve failed", reason=str(error))
            responder.fail(OUT_OF_RESOURCES, "The archive does not answer; try again later.")

    def _serve(self, assoc: Association, request: C_MOVE | C_GET, responder: "_Responder") -> None:
        destination = None
        if isinstance(request, C_MOVE):
            title = str(request.MoveDestination).strip()
            destination = self._peers.destination(title)
            if destination is None:
                responder.fail(UNKNOWN_DESTINATION, f"No device {title} is known.")
                return
        instances = self._instances(responder)
        self._recorder.sent(
            assoc,
            instances,
            destination=destination.ae_title if destination else "",
            service="C-MOVE" if destination else "C-GET",
        )
        tally = _Tally(remaining=len(instances))
        if destination is None:
            sender = self._sender(assoc)
            cancelled = _send_all(instances, sender, responder, tally, None)
        else:
            # Titles are ASCII (PS3.5 6.2), and pynetdicom sends no other.
            caller = str(assoc.requestor.ae_title).encode("ascii", "replace").decode("ascii")
            originator = Originator(caller.strip(), request.MessageID)
            cancelled = self._move(instances, destination, responder, tally, originator)
        responder.finish(tally, cancelled=cancelled)

    def _instances(self, responder: "_Responder") -> Sequence[StoredInstance]:
        level, keys = responder.unique_keys(hierarchical=self._hierarchical)
        matches = parse_keys(level, keys).spec.matches
        instances = list(islice(self._index.instances_of(matches), MAX_INSTANCES + 1))
        if len(instances) > MAX_INSTANCES:
            raise QueryError(f"More than {MAX_INSTANCES} instances; ask for fewer at once.")
        return instances

    def _move(
        self,
        instances: Sequence[StoredInstance],
        destination: Peer,
        responder: "_Responder",
        tally: _Tally,
        originator: Originator,
    ) -> bool:
        """Send over as many associations as the number of contexts demands."""
        for batch in _batches(instances):
            with self._requestor.associated(destination, _offers(batch)) as association:
                if association is None:
                    for instance in batch:
                        tally.count(instance, FAILED)
                    continue
                sender = self._sender(association)
                if _send_all(batch, sender, responder, tally, originator):
                    return True
        return False

    def _sender(self, association: Association) -> InstanceSender:
        return InstanceSender(association, self._retrieval, deadline_s=self._deadline_s)


def _send_all(
    instances: Sequence[StoredInstance],
    sender: InstanceSender,
    responder: "_Responder",
    tally: _Tally,
    originator: Originator | None,
) -> bool:
    """Send instances and report after each; return whether the requestor wants no more."""
    for number, instance in enumerate(instances, start=1):
        if responder.is_cancelled():
            return True
        status = sender.send(instance, message_id=number % 65536, originator=originator)
        tally.count(instance, status)
        if tally.remaining:
            responder.pending(tally)
    return False


def _offers(instances: Sequence[StoredInstance]) -> set[tuple[str, str]]:
    """Return the (SOP class, transfer syntax) pairs in which the instances can be sent."""
    return {
        (instance.sop_class_uid, syntax)
        for instance in instances
        for syntax in offered_syntaxes(instance.transfer_syntax_uid)
    }


def _batches(instances: Sequence[StoredInstance]) -> Iterator[list[StoredInstance]]:
    """Yield groups that need no more contexts than an association may have."""
    batch: list[StoredInstance] = []
    offers: set[tuple[str, str]] = set()
    for _, group in groupby(
        instances, lambda found: (found.sop_class_uid, found.transfer_syntax_uid)
    ):
        members = list(group)
        more = _offers(members[:1])
        if batch and len(offers | more) > MAX_CONTEXTS:
            yield batch
            batch, offers = [], set()
        batch += members
        offers |= more
    if batch:
        yield batch


class _Responder:
    """Sends the responses of one request."""

    def __init__(
        self, assoc: Association, request: C_MOVE | C_GET, context: PresentationContext
    ) -> None:
        self._assoc = assoc
        self._request = request
        self._context = context

    def unique_keys(self, *, hierarchical: bool) -> tuple[Level, dict[str, str]]:
        """Return the level and what of the identifier says which entities are wanted.

        All other keys mean nothing here (PS3.4 C.4.2.1.4.1), though some SCUs send them.
        """
        identifier = decoded(self._request.Identifier, self._context)
        model = self._request.AffectedSOPClassUID
        level, keys = level_of(identifier, model), keys_of(identifier)
        if hierarchical:
            check_hierarchy(level, model, keys)
        meant = _PATIENT_ROOT_KEYS if model in PATIENT_ROOT else _STUDY_ROOT_KEYS
        found = {keyword: keys[keyword] for keyword in meant if keyword in keys}
        if not found.get(UNIQUE_KEYS[level], "").strip():
            raise QueryError(f"{UNIQUE_KEYS[level]} must say what to retrieve.")
        if any(wildcard in value for value in found.values() for wildcard in "*?"):
            raise QueryError("Unique keys have no wildcards when retrieving.")
        return level, found

    def is_cancelled(self) -> bool:
        """Return whether the requestor cancelled, or is gone."""
        cancelled = self._request.MessageID in self._assoc.dimse.cancel_req
        return cancelled or not self._assoc.dul.is_alive()

    def pending(self, tally: _Tally) -> None:
        self._send(PENDING, tally)

    def finish(self, tally: _Tally, *, cancelled: bool) -> None:
        nothing_sent = tally.failed and not tally.completed and not tally.warnings
        status = SUCCESS
        if cancelled:
            status = CANCELLED
        elif nothing_sent:
            status = NO_SUBOPERATIONS_POSSIBLE
        elif tally.failed or tally.warnings:
            status = SOME_SUBOPERATIONS_FAILED
        self._send(status, tally, failed=tally.failed)

    def fail(self, status: int, comment: str) -> None:
        self._send(status, None, comment=error_comment(comment))

    def _send(
        self,
        status: int,
        tally: _Tally | None,
        *,
        failed: Sequence[str] = (),
        comment: str | None = None,
    ) -> None:
        response = type(self._request)()
        response.MessageIDBeingRespondedTo = self._request.MessageID
        response.AffectedSOPClassUID = self._request.AffectedSOPClassUID
        response.Status = status
        response.ErrorComment = comment
        if tally is not None:
            if status in (PENDING, CANCELLED):
                response.NumberOfRemainingSuboperations = tally.remaining
            response.NumberOfCompletedSuboperations = tally.completed
            response.NumberOfWarningSuboperations = tally.warnings
            response.NumberOfFailedSuboperations = len(tally.failed)
        if failed:
            response.Identifier = self._failed_list(failed)
        self._assoc.dimse.send_msg(response, self._context.context_id)

    def _failed_list(self, failed: Sequence[str]) -> BytesIO:
        listed = Dataset()
        listed.FailedSOPInstanceUIDList = list(failed)
        syntax = self._context.transfer_syntax[0]
        encoded = encode(listed, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
        return BytesIO(encoded or b"")
