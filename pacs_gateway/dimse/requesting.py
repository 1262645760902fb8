"""Associations that the gateway opens itself: to C-MOVE destinations, and to report.

A stock pynetdicom requestor waits without end for a peer that stops in the middle of a PDU, and
each message costs it 40 ms (docs/design/0006-pynetdicom.md).
"""

import socket
import ssl
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from pynetdicom import AE, build_context, build_role
from pynetdicom.association import Association
from pynetdicom.transport import AddressInformation, AssociationSocket

from pacs_gateway.config import DicomSettings
from pacs_gateway.dicom import meta
from pacs_gateway.dimse.closing import ClosingSocket
from pacs_gateway.dimse.encryption import client_context
from storage.peers import Peer

PAUSE_POLL_S = 0.001

_log = structlog.get_logger(__name__)


class Requestor:
    """Opens associations in the gateway's name."""

    def __init__(self, settings: DicomSettings) -> None:
        self._settings = settings

    @contextmanager
    def associated(
        self,
        peer: Peer,
        offers: Collection[tuple[str, str]],
        *,
        provides: Collection[str] = (),
    ) -> Iterator[Association | None]:
        """Yield an association, None if it cannot be had; `offers` are (SOP class, syntax) pairs.

        Each pair is a context of its own, so that each can be accepted (PS3.8 9.3.2.2). The
        association's messages are read by the caller alone. Of the SOP classes in `provides` we
        are the provider, although we call (PS3.7 D.3.3.4).
        """
        contexts = [build_context(*pair) for pair in sorted(offers)]
        association = self._entity().associate(
            peer.host,
            peer.port,
            contexts=contexts,
            ae_title=peer.ae_title,
            ext_neg=[build_role(uid, scp_role=True) for uid in provides],
            tls_args=(client_context(self._settings), peer.host) if peer.tls else None,
        )
        if not association.is_established:
            _log.warning("no association granted", peer=peer.ae_title)
            yield None
            return
        _pause(association)
        try:
            yield association
        finally:
            if association.dul.is_alive():
                association.release()
            association._reactor_checkpoint.set()

    def _entity(self) -> AE:
        settings = self._settings
        entity = _PromptEntity(ae_title=settings.ae_title)
        entity.implementation_class_uid = meta.IMPLEMENTATION_CLASS_UID
        entity.implementation_version_name = meta.IMPLEMENTATION_VERSION_NAME
        entity.connection_timeout = entity.acse_timeout = settings.move_connect_deadline_s
        entity.dimse_timeout = entity.network_timeout = settings.response_deadline_s
        return entity


class _PromptEntity(AE):
    def _create_socket(
        self,
        assoc: Association,
        address: AddressInformation,
        tls_args: tuple[ssl.SSLContext, str] | None,
    ) -> AssociationSocket:
        """Return the kind of socket that `associate` connects; there is no public way to choose."""
        found = _PromptSocket(assoc, address=address)
        found.tls_args = tls_args
        return found


class _PromptSocket(ClosingSocket):
    def connect(self, primitive: Any) -> None:
        super().connect(primitive)
        if self.socket is not None:
            # The end of a message does not wait for the acknowledgement of what came before.
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket.settimeout(self.assoc.dimse_timeout)

    def recv(self, nr_bytes: int) -> bytearray:
        """Return `nr_bytes` bytes, fewer if the peer closed the connection.

        Raises TimeoutError if nothing comes in time; pynetdicom then closes the connection.
        """
        buffer = bytearray()
        while self.socket is not None and len(buffer) < nr_bytes:
            piece = self.socket.recv(nr_bytes - len(buffer))
            if not piece:
                break
            buffer += piece
            # DCMTK writes a PDU in pieces and waits for our acknowledgement of the first, which
            # the kernel delays unless asked again after each read.
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return buffer


def _pause(association: Association) -> None:
    """Let the association's own thread rest: it must not take the messages the caller waits for.

    pynetdicom does the same in its own `send_c_store`.
    """
    association._reactor_checkpoint.clear()
    while association.is_alive() and not association._is_paused:
        time.sleep(PAUSE_POLL_S)
