"""Who may open an association, and for what: decided on the request, before anything is accepted.

Contexts are answered in the requestor's own order of transfer syntaxes, so that a sender never
has to convert what it would rather send as it is (PS3.8 9.3.2, PS3.5 10).
"""

import threading
import time
from collections.abc import Iterable, Mapping
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

import structlog
from pydicom.uid import AllTransferSyntaxes, ImplicitVRLittleEndian
from pynetdicom import AllStoragePresentationContexts, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import (
    ModalityPerformedProcedureStep,
    ModalityWorklistInformationFind,
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
    StorageCommitmentPushModel,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from pacs_gateway.dimse.encryption import certificate_sha256
from pacs_gateway.dimse.peers import Peers, Rule
from pacs_gateway.dimse.transport import remote_address
from pacs_gateway.errors import NotAuthorizedError
from storage.capacity import Capacity
from storage.errors import StorageError
from storage.peers import PeerService as Service

_QUERY_RETRIEVE: Mapping[str, Service] = {
    str(PatientRootQueryRetrieveInformationModelFind): Service.FIND,
    str(StudyRootQueryRetrieveInformationModelFind): Service.FIND,
    str(PatientRootQueryRetrieveInformationModelMove): Service.MOVE,
    str(StudyRootQueryRetrieveInformationModelMove): Service.MOVE,
    str(PatientRootQueryRetrieveInformationModelGet): Service.GET,
    str(StudyRootQueryRetrieveInformationModelGet): Service.GET,
    str(StorageCommitmentPushModel): Service.COMMIT,
    str(ModalityWorklistInformationFind): Service.WORKLIST,
    str(ModalityPerformedProcedureStep): Service.MPPS,
    str(Verification): Service.ECHO,
}

# PS3.8 9.3.4: result, source, reason.
_REJECT_LOCAL_LIMIT = (0x02, 0x03, 0x02)
_REJECT_CALLING_TITLE = (0x01, 0x01, 0x03)

_log = structlog.get_logger(__name__)


class Admission:
    """Decides on every A-ASSOCIATE-RQ."""

    def __init__(
        self,
        peers: Peers,
        capacity: Capacity,
        *,
        private_storage_sop_classes: Iterable[str],
        longest_pace_s: float,
        max_associations: int,
    ) -> None:
        self._peers = peers
        self._capacity = capacity
        self._services = {
            **{
                str(context.abstract_syntax): Service.STORE
                for context in AllStoragePresentationContexts
            },
            **dict.fromkeys(private_storage_sop_classes, Service.STORE),
            **_QUERY_RETRIEVE,
        }
        self._open = OpenAssociations(max_associations)
        self._longest_pace_s = longest_pace_s

    def handlers(self) -> list[tuple[Any, Any]]:
        """Return what pynetdicom binds."""
        return [(evt.EVT_REQUESTED, self._decide)]

    def _decide(self, event: evt.Event) -> None:
        assoc = event.assoc
        title = str(assoc.requestor.primitive.calling_ae_title).strip()
        address = remote_address(assoc)
        try:
            rule = self._peers.rule(title, address, certificate_sha256(assoc))
            if rule is None:
                self._peers.note_held(title, address)
                _log.warning("association refused: unknown peer", peer=title, address=address)
                _reject(assoc, _REJECT_CALLING_TITLE)
                return
            if Service.STORE in rule.services:
                self._capacity.check_association()
        except StorageError as error:
            _log.error("association refused", reason=str(error))
            _reject(assoc, _REJECT_LOCAL_LIMIT)
            return
        if not self._open.admit(assoc, (title, address), rule):
            _log.warning("association refused: too many at once", peer=title)
            _reject(assoc, _REJECT_LOCAL_LIMIT)
            return
        assoc.acceptor.supported_contexts = self._contexts(assoc, rule)
        _complete(assoc)

    def admit_instance(self, assoc: Association) -> None:
        """Let a peer with a limited rate wait: TCP then slows it down, and nothing is refused.

        Raises NotAuthorizedError for a peer that may only fetch: the contexts by which it receives
        would let it store too.
        """
        if not self._open.may_store(assoc):
            raise NotAuthorizedError("This device may not store here.")
        time.sleep(min(self._open.pause(assoc), self._longest_pace_s))

    def worklist_charset(self, assoc: Association) -> str:
        """Return what the entry of an admitted peer says of its worklists, empty: nothing."""
        return self._open.worklist_charset(assoc)

    def _contexts(self, assoc: Association, rule: Rule) -> list[PresentationContext]:
        """Return what of the request is supported, in the requestor's order of preference."""
        syntaxes: dict[str, dict[str, None]] = {}
        for requested in assoc.requestor.primitive.presentation_context_definition_list:
            if self._is_served(str(requested.abstract_syntax), rule):
                offered = [str(uid) for uid in requested.transfer_syntax if _is_storable(uid)]
                syntaxes.setdefault(str(requested.abstract_syntax), {}).update(
                    dict.fromkeys(offered)
                )
        return [
            self._context(abstract_syntax, list(transfer_syntaxes), rule.services)
            for abstract_syntax, transfer_syntaxes in syntaxes.items()
            if transfer_syntaxes
        ]

    def _is_served(self, abstract_syntax: str, rule: Rule) -> bool:
        service = self._services.get(abstract_syntax)
        if service is Service.STORE and Service.STORE not in rule.services:
            # Whoever may only fetch offers these contexts to receive by C-GET.
            return Service.GET in rule.services
        if service is Service.STORE and rule.sop_classes:
            return abstract_syntax in rule.sop_classes
        return service in rule.services

    def _context(
        self, abstract_syntax: str, transfer_syntaxes: list[str], allowed: frozenset[Service]
    ) -> PresentationContext:
        context = PresentationContext()
        context.abstract_syntax = abstract_syntax
        context.transfer_syntax = transfer_syntaxes
        if self._services[abstract_syntax] is Service.STORE and Service.GET in allowed:
            # C-GET sends instances back over the same association, in the reversed role.
            context.scu_role = context.scp_role = True
        return context


Device = tuple[str, str]
"""AE title and address: who borrows a title elsewhere does not use up its owner's places."""


class OpenAssociations:
    """The open associations of this process, and what was decided on each."""

    def __init__(self, at_most: int) -> None:
        self._lock = threading.Lock()
        self._at_most = at_most
        # An association is a thread; when it has ended, however it did, it counts no more.
        self._rules: WeakKeyDictionary[Association, tuple[Device, Rule]] = WeakKeyDictionary()
        self._next: dict[Device, float] = {}

    def admit(self, assoc: Association, device: Device, rule: Rule) -> bool:
        """Count one more, unless the device has as many as its rule allows, or all together."""
        with self._lock:
            alive = [other for each, (other, _) in self._rules.items() if each.is_alive()]
            if len(alive) >= self._at_most or alive.count(device) >= rule.max_associations:
                return False
            self._rules[assoc] = (device, rule)
            return True

    def may_store(self, assoc: Association) -> bool:
        """Return whether the rule of an admitted association lets it store."""
        with self._lock:
            found = self._rules.get(assoc)
        return found is not None and Service.STORE in found[1].services

    def worklist_charset(self, assoc: Association) -> str:
        """Return the character set that the rule of an admitted association names."""
        with self._lock:
            found = self._rules.get(assoc)
        return found[1].worklist_charset if found is not None else ""

    def pause(self, assoc: Association) -> float:
        """Return how many seconds the peer must wait before its next instance is taken."""
        with self._lock:
            device, rule = self._rules.get(assoc, (None, None))
            if device is None or rule is None or not rule.seconds_per_instance:
                return 0.0
            now = monotonic()
            due = max(self._next.get(device, now), now)
            self._next[device] = due + rule.seconds_per_instance
            return due - now


def _is_storable(transfer_syntax: str) -> bool:
    # Whatever the standard adds under .4 will again be encapsulated in Explicit VR Little Endian
    # (PS3.5 A.4), so a new codec can be kept before anything here can decode it.
    return transfer_syntax in AllTransferSyntaxes or transfer_syntax.startswith(
        "1.2.840.10008.1.2.4."
    )


def _complete(assoc: Association) -> None:
    """Give a context without transfer syntaxes the default one, to be refused by.

    There should be one at least (PS3.8 9.3.2.2); the answer needs it, and pynetdicom trips over
    its absence.
    """
    for requested in assoc.requestor.primitive.presentation_context_definition_list:
        if not requested.transfer_syntax:
            requested.transfer_syntax = [ImplicitVRLittleEndian]


def _reject(assoc: Association, reason: tuple[int, int, int]) -> None:
    assoc.acse.send_reject(*reason)
    evt.trigger(assoc, evt.EVT_REJECTED, {})
    assoc.kill()
