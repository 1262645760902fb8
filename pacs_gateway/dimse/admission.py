"""Who may open an association, and for what: decided on the request, before anything is accepted.

Contexts are answered in the requestor's own order of transfer syntaxes, so that a sender never
has to convert what it would rather send as it is (PS3.8 9.3.2, PS3.5 10).
"""

from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from pydicom.uid import AllTransferSyntaxes
from pynetdicom import AllStoragePresentationContexts, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import (
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from pacs_gateway.dimse.peers import Peers, Service
from pacs_gateway.dimse.transport import remote_address
from storage.capacity import Capacity
from storage.errors import StorageError

_QUERY_RETRIEVE: Mapping[str, Service] = {
    str(PatientRootQueryRetrieveInformationModelFind): Service.FIND,
    str(StudyRootQueryRetrieveInformationModelFind): Service.FIND,
    str(PatientRootQueryRetrieveInformationModelMove): Service.MOVE,
    str(StudyRootQueryRetrieveInformationModelMove): Service.MOVE,
    str(PatientRootQueryRetrieveInformationModelGet): Service.GET,
    str(StudyRootQueryRetrieveInformationModelGet): Service.GET,
    str(Verification): Service.ECHO,
}

# PS3.8 9.3.4: result, source, reason.
_REJECT_LOCAL_LIMIT = (0x02, 0x03, 0x02)
_REJECT_CALLING_TITLE = (0x01, 0x01, 0x03)

_log = structlog.get_logger(__name__)


class Admission:
    """Decides on every A-ASSOCIATE-RQ."""

    def __init__(
        self, peers: Peers, capacity: Capacity, *, private_storage_sop_classes: Iterable[str]
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

    def handlers(self) -> list[tuple[Any, Any]]:
        """Return what pynetdicom binds."""
        return [(evt.EVT_REQUESTED, self._decide)]

    def _decide(self, event: evt.Event) -> None:
        assoc = event.assoc
        title = str(assoc.requestor.primitive.calling_ae_title).strip()
        address = remote_address(assoc)
        try:
            allowed = self._peers.allowed(title, address)
            if not allowed:
                self._peers.note_held(title, address)
                _log.warning("association refused: unknown peer", peer=title, address=address)
                _reject(assoc, _REJECT_CALLING_TITLE)
                return
            if Service.STORE in allowed:
                self._capacity.check_association()
        except StorageError as error:
            _log.error("association refused", reason=str(error))
            _reject(assoc, _REJECT_LOCAL_LIMIT)
            return
        assoc.acceptor.supported_contexts = self._contexts(assoc, allowed)

    def _contexts(
        self, assoc: Association, allowed: frozenset[Service]
    ) -> list[PresentationContext]:
        """Return what of the request is supported, in the requestor's order of preference."""
        syntaxes: dict[str, dict[str, None]] = {}
        for requested in assoc.requestor.primitive.presentation_context_definition_list:
            if self._services.get(str(requested.abstract_syntax)) in allowed:
                offered = [str(uid) for uid in requested.transfer_syntax if _is_storable(uid)]
                syntaxes.setdefault(str(requested.abstract_syntax), {}).update(
                    dict.fromkeys(offered)
                )
        return [
            self._context(abstract_syntax, list(transfer_syntaxes), allowed)
            for abstract_syntax, transfer_syntaxes in syntaxes.items()
            if transfer_syntaxes
        ]

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


def _is_storable(transfer_syntax: str) -> bool:
    # Whatever the standard adds under .4 will again be encapsulated in Explicit VR Little Endian
    # (PS3.5 A.4), so a new codec can be kept before anything here can decode it.
    return transfer_syntax in AllTransferSyntaxes or transfer_syntax.startswith(
        "1.2.840.10008.1.2.4."
    )


def _reject(assoc: Association, reason: tuple[int, int, int]) -> None:
    assoc.acse.send_reject(*reason)
    evt.trigger(assoc, evt.EVT_REJECTED, {})
    assoc.kill()
