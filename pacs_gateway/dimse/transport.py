"""Guarded sockets under pynetdicom: what a stranger on the DICOM port can cost is bounded.

pynetdicom 3.0.4 gives an accepted socket no deadline, buffers a PDU of any declared length, makes
TLS handshakes inside the accept loop, queues messages without end and polls every millisecond
with two threads per association. The subclasses here answer each of these, by the public names
of pynetdicom where it has any (docs/design/0006-pynetdicom.md).
"""

import contextlib
import os
import queue
import select
import socket
import socketserver
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_GET, C_MOVE
from pynetdicom.dul import DULServiceProvider
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import (
    AddressInformation,
    RequestHandler,
    ThreadedAssociationServer,
)

from pacs_gateway.dimse.closing import ClosingSocket

ServeRetrieve = Callable[[Association, C_MOVE | C_GET, PresentationContext], None]
"""Answers one C-MOVE or C-GET request."""

PRE_NEGOTIATION_MAX_BYTES = 256 * 1024
"""An A-ASSOCIATE-RQ with 128 contexts of 40 transfer syntaxes has about 140 KiB."""
PDU_HEADER_BYTES = 6
WAKE_S = 0.25
"""How often a waiting thread looks at its timers; data wakes it at once."""


@dataclass(frozen=True, slots=True)
class TransportLimits:
    """What one connection may cost; see DicomSettings for the reasons."""

    pdu_deadline_s: float
    handshake_deadline_s: float
    max_connections: int
    max_connections_per_address: int
    queued_messages: int


class GuardedSocket(ClosingSocket):
    """Reads whole PDUs under a deadline and a length cap, and only when there is room."""

    def __init__(self, assoc: "GuardedAssociation", client_socket: socket.socket) -> None:
        super().__init__(assoc, client_socket=client_socket)
        self._limits = assoc.limits
        self._tcp = client_socket.family in (socket.AF_INET, socket.AF_INET6)
        if self._tcp:
            client_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def ready(self) -> bool:
        """Wait until bytes or a primitive to send are there; return whether bytes are."""
        sock, dul = self.socket, self.assoc.dul
        if not self.event_queue.empty():
            # The reactor handles one event a round; it must not wait while another is due.
            return False
        if sock is None or not self._is_connected:
            dul.wait(None)
            return False
        if self.assoc.dimse.msg_queue.qsize() >= self._limits.queued_messages:
            # Not reading leaves the bytes in the kernel, and TCP slows the sender down.
            dul.wait(None)
            return False
        if isinstance(sock, ssl.SSLSocket) and sock.pending():
            return True
        try:
            return bool(dul.wait(sock.fileno()))
        except (OSError, ValueError):
            self.event_queue.put("Evt17")
            return False

    def recv(self, nr_bytes: int) -> bytearray:
        """Return `nr_bytes` bytes, fewer if the peer closed the connection.

        Raises OSError for a PDU longer than negotiated (PS3.8 D.1) and TimeoutError when it does
        not arrive in time; pynetdicom closes the connection for both.
        """
        sock = self.socket
        if sock is None:
            return bytearray()
        limit = max(self.assoc.acceptor.maximum_length or 0, PRE_NEGOTIATION_MAX_BYTES)
        if nr_bytes > limit + PDU_HEADER_BYTES:
            raise OSError(f"A PDU of {nr_bytes} bytes was announced; at most {limit} are taken.")
        buffer = bytearray(nr_bytes)
        view, filled = memoryview(buffer), 0
        end = monotonic() + self._limits.pdu_deadline_s
        while filled < nr_bytes:
            if (left := end - monotonic()) <= 0:
                raise TimeoutError("The PDU did not arrive in time.")
            sock.settimeout(left)
            received = sock.recv_into(view[filled:])
            if not received:
                view.release()
                del buffer[filled:]
                return buffer
            filled += received
            self._acknowledge_at_once(sock)
        return buffer

    def send(self, bytestream: bytes) -> None:
        """Send everything, or close the connection when the peer does not take it in time."""
        if self.socket is not None:
            self.socket.settimeout(self._limits.pdu_deadline_s)
        super().send(bytestream)

    def _shutdown_socket(self) -> None:
        super()._shutdown_socket()
        self.assoc.nobody_asks()

    def _acknowledge_at_once(self, sock: socket.socket) -> None:
        # Stock senders write a PDU in small pieces under Nagle's algorithm and wait for our
        # acknowledgement, which the kernel delays by 40 ms unless asked again after each read.
        if self._tcp:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


class WaitingDul(DULServiceProvider):
    """The upper layer's thread, asleep until there is something to do."""

    def __init__(self, assoc: "GuardedAssociation") -> None:
        super().__init__(assoc)
        self._run_loop_delay = 0.0
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._wake_lock = threading.Lock()
        self.to_user_queue = _SignallingQueue(assoc.dimse.attend)
        self.daemon = True

    def wait(self, descriptor: int | None) -> bool:
        """Wait for `descriptor` to become readable or for `wake`; return whether it is."""
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        if descriptor is not None:
            poll.register(descriptor, select.POLLIN)
        found = dict(poll.poll(WAKE_S * 1000))
        if self._wake in found:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._wake)
        return descriptor is not None and descriptor in found

    def wake(self) -> None:
        """Let the thread look at its queues now; callable from any thread, at any time."""
        with self._wake_lock:
            if self._wake >= 0:
                os.eventfd_write(self._wake, 1)

    def send_pdu(self, primitive: Any) -> None:
        super().send_pdu(primitive)
        self.wake()

    def kill_dul(self) -> None:
        super().kill_dul()
        self.wake()

    def stop_dul(self) -> bool:
        if self.state_machine.current_state == "Sta1":
            self.kill_dul()
        return bool(super().stop_dul())

    def run_reactor(self) -> None:
        try:
            super().run_reactor()
        finally:
            self.assoc.nobody_asks()
            with self._wake_lock:
                os.close(self._wake)
                self._wake = -1


class _SignallingQueue(queue.Queue[Any]):
    """A queue whose `put` also rings a bell for a thread that waits on several queues."""

    def __init__(self, signal: Callable[[], None]) -> None:
        super().__init__()
        self._signal = signal

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        super().put(item, block, timeout)
        self._signal()


class GuardedAssociation(Association):
    """An accepted association made of guarded parts."""

    def __init__(self, server: "GuardedServer", client_socket: socket.socket) -> None:
        super().__init__(server.ae, "acceptor")
        self.limits = server.limits
        self._server = server
        self._request = client_socket
        self.dimse = server.make_dimse(self)
        self.dul = WaitingDul(self)
        # The timers live in the upper layer just replaced; setting the timeouts again arms them.
        self.acse_timeout = self.ae.acse_timeout
        self.network_timeout = self.ae.network_timeout
        self.set_socket(GuardedSocket(self, client_socket))
        self.bind(evt.EVT_ACCEPTED, self._introduce)

    def nobody_asks(self) -> None:
        """Wait no longer for an association request: the connection is gone."""
        if self.requestor.primitive is None:
            self.dul.to_user_queue.put(None)

    def _introduce(self, event: evt.Event) -> None:
        del event
        self._server.introduce(self._request)

    def _serve_request(self, msg: Any, context_id: int) -> None:
        """Serve C-MOVE and C-GET ourselves: pynetdicom's own would decode every data set.

        A request that lacks what it must have, or comes on a context that was not accepted, ends
        the association: pynetdicom would ignore the former and let the peer wait for its answer.
        """
        context = self._accepted_cx.get(context_id)
        is_request = msg.MessageIDBeingRespondedTo is None
        if is_request and (context is None or not msg.is_valid_request):
            self.abort()
            return
        serve = self._server.serve_retrieve
        if not isinstance(msg, C_MOVE | C_GET) or context is None or serve is None:
            super()._serve_request(msg, context_id)
            return
        self.dimse.cancel_req = {}
        serve(self, msg, context)
        self.dimse.cancel_req = {}

    def run_reactor(self) -> None:
        try:
            super().run_reactor()
        finally:
            # A fault in pynetdicom's negotiation must not leave the peer waiting for ever.
            self.dul.kill_dul()
            self._server.shutdown_request(self._request)
            self.dimse.close()
            self._server.introduce(self._request)
            self._server.forget(self.requestor.address_info.address)


class _GuardedHandler(RequestHandler):
    """Makes a guarded association of an accepted connection."""

    def _create_association(self) -> GuardedAssociation:
        server = self.server
        assoc = GuardedAssociation(server, self.request)
        # pynetdicom finds the associations of a server by this name.
        assoc.name = f"AcceptorThread-{self.request.fileno()}"
        assoc.acceptor.maximum_length = server.ae.maximum_pdu_size
        assoc.acceptor.ae_title = server.ae_title
        assoc.acceptor.address_info = self.local
        assoc.acceptor.implementation_class_uid = server.ae.implementation_class_uid
        assoc.acceptor.implementation_version_name = server.ae.implementation_version_name
        assoc.requestor.address_info = self.remote
        # Nothing is accepted until the request was looked at (dimse.admission).
        assoc.acceptor.supported_contexts = []
        server.bind_handlers(assoc)
        return assoc


class GuardedServer(ThreadedAssociationServer):
    """A listener that counts connections and never waits for one of them."""

    daemon_threads = True
    request_queue_size = 128
    """Connections the kernel holds while all wait for the accept loop."""

    def __init__(
        self,
        ae: Any,
        address: tuple[str, int],
        ae_title: str,
        contexts: Any,
        ssl_context: ssl.SSLContext | None = None,
        *,
        evt_handlers: Any,
        limits: TransportLimits,
        make_dimse: Callable[[Association], Any],
        serve_retrieve: ServeRetrieve | None,
    ) -> None:
        self.limits = limits
        self.serve_retrieve = serve_retrieve
        self.make_dimse = make_dimse
        self._connections: Counter[str] = Counter()
        # Connections without an association, by address, the oldest first.
        self._strangers: dict[socket.socket, str] = {}
        self._connections_lock = threading.Lock()
        super().__init__(
            ae,
            address,
            ae_title,
            contexts,
            ssl_context,
            evt_handlers=evt_handlers,
            request_handler=_GuardedHandler,
        )

    def server_bind(self) -> None:
        """Share the port with the other receiver processes; the kernel spreads connections."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept only; a TLS handshake happens in the connection's own thread."""
        connection, address = self.socket.accept()
        return connection, address

    def verify_request(self, request: socket.socket, client_address: Any) -> bool:
        """Count the connection in, or refuse it by closing it.

        When all places are taken, the connection that has waited longest without an association
        makes room: silence keeps no device out.
        """
        address = client_address[0]
        with self._connections_lock:
            if not self._has_room(address):
                return False
            self._connections[address] += 1
        request.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return True

    def _has_room(self, address: str) -> bool:
        most, total = self.limits.max_connections, self._connections.total()
        if total >= 2 * most:
            # Those that were told to go are still ending.
            return False
        if self._connections[address] >= self.limits.max_connections_per_address:
            return self._make_room(address)
        return total < most or self._make_room(None)

    def _make_room(self, address: str | None) -> bool:
        """End the oldest connection, of `address` if given, that has no association yet."""
        for stranger, its_address in self._strangers.items():
            if address in (None, its_address):
                del self._strangers[stranger]
                with contextlib.suppress(OSError):
                    # Not the method of an SSLSocket, whose own thread may be in its handshake.
                    socket.socket.shutdown(stranger, socket.SHUT_RDWR)
                return True
        return False

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        with self._connections_lock:
            return self._connections.total()

    def forget(self, address: str) -> None:
        """Count a connection out."""
        with self._connections_lock:
            self._connections[address] -= 1
            if self._connections[address] <= 0:
                del self._connections[address]

    def introduce(self, request: socket.socket) -> None:
        """Take note that a connection has an association, or needs none any more."""
        with self._connections_lock:
            self._strangers.pop(request, None)

    def process_request_thread(self, request: socket.socket, client_address: Any) -> None:
        """Make the handshake if there is one, then hand the connection to its association."""
        try:
            if self.ssl_context is not None:
                request.settimeout(self.limits.handshake_deadline_s)
                request = self.ssl_context.wrap_socket(
                    request, server_side=True, do_handshake_on_connect=False
                )
            with self._connections_lock:
                self._strangers[request] = client_address[0]
            if isinstance(request, ssl.SSLSocket):
                request.do_handshake()
            self.finish_request(request, client_address)
        except (OSError, ssl.SSLError):
            self.introduce(request)
            self.shutdown_request(request)
            self.forget(client_address[0])

    def shutdown(self) -> None:
        """Stop accepting; pynetdicom's own assumes a server that `start_server` listed."""
        socketserver.BaseServer.shutdown(self)
        self.server_close()

    def bind_handlers(self, assoc: Association) -> None:
        """Give one association the handlers of the server."""
        for event, handlers in self._handlers.items():
            if event.is_intervention:
                if handlers:
                    assoc.bind(event, *handlers)
                continue
            for handler, arguments in handlers:
                assoc.bind(event, handler, arguments)


def remote_address(assoc: Association) -> str:
    """Return the peer's IP address."""
    information: AddressInformation = assoc.requestor.address_info
    return str(information.address)
