"""uvicorn with the deadlines it lacks.

Invariant: a connection that keeps the server waiting - for a request head, for the rest of a
body, or for its answer to be taken - is closed within `read_deadline_s`, whatever it sends in
between, and no number of such connections keeps others out.
"""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import Any, ClassVar

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from pacs_gateway.config import WebSettings

KEEP_ALIVE_S = 30
"""Idle time between two requests; nginx allows 75, and a full table makes room before that."""
SHUTDOWN_DEADLINE_S = 10
"""How long requests in work may take after SIGTERM; supervisors kill after 15 or more."""
MAX_HEAD_BYTES = 64 * 1024
"""Request line and headers; nginx takes 32 KiB, node.js 16 KiB, Tomcat 8 KiB."""
MIN_BODY_BYTES = 1024
"""What a body must bring within each deadline; a dripping sender is no slower than a silent one."""

BODY_GRACE_S = 1.0
"""A pause in an upload after which, when the table is full, a newcomer may take its place."""


class _Phase(Enum):
    IDLE = auto()
    HEAD = auto()
    BODY = auto()


class _NotingFlow(FlowControl):
    """Tells when reading goes on, as waiting for ourselves must not count against the peer."""

    def __init__(self, transport: asyncio.Transport, on_resume: Callable[[], None]) -> None:
        super().__init__(transport)
        self._on_resume = on_resume

    def resume_reading(self) -> None:
        if self.read_paused:
            self._on_resume()
        super().resume_reading()


class GuardedProtocol(HttpToolsProtocol):
    """One HTTP/1.1 connection under deadlines; `guarded_protocol` sets the limits."""

    read_deadline_s: ClassVar[float]
    max_connections: ClassVar[int]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, or make room for it, or refuse it."""
        super().connection_made(transport)
        self.flow = _NotingFlow(transport, self._restart)
        self._phase = _Phase.HEAD
        self._received = 0
        self._unsent = 0
        self._unsent_since = self.loop.time()
        self._restart()
        self._timer = self.loop.call_later(self.read_deadline_s, self._check)
        if len(self.connections) > self.max_connections and not self._make_room():
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; any of them ends the idle time between requests."""
        if self._phase is _Phase.IDLE:
            self._begin(_Phase.HEAD)
        self._received += len(data)
        super().data_received(data)
        if self._phase is _Phase.HEAD and self._received > MAX_HEAD_BYTES:
            self.transport.abort()
        elif self._phase is _Phase.BODY and self._received >= MIN_BODY_BYTES:
            self._begin(_Phase.BODY)

    def on_message_begin(self) -> None:
        """Note that a pipelined request begins."""
        if self._phase is _Phase.IDLE:
            self._begin(_Phase.HEAD)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that the head is whole."""
        self._begin(_Phase.BODY)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that the body is whole; now it is our turn."""
        self._begin(_Phase.IDLE)
        super().on_message_complete()

    def waited_s(self) -> float:
        """Return how long this connection has waited for its peer; below 0 while it is served."""
        busy = self.cycle is not None and not self.cycle.response_complete
        served = self.flow.read_paused or (busy and self._phase is _Phase.IDLE)
        if served or self.transport.is_closing():
            return -1.0
        waited = self.loop.time() - self._since
        # An upload may pause for a moment; a head is one packet.
        return waited if self._phase is not _Phase.BODY or waited > BODY_GRACE_S else -1.0

    def _begin(self, phase: _Phase) -> None:
        self._phase = phase
        self._received = 0
        self._restart()

    def _restart(self) -> None:
        self._since = self.loop.time()

    def _check(self) -> None:
        now = self.loop.time()
        remaining = self._since + self.read_deadline_s - now
        waits_for_peer = self._phase is not _Phase.IDLE and not self.flow.read_paused
        overdue = waits_for_peer and remaining <= 0 and not self.transport.is_closing()
        if overdue or self._is_stuck(now):
            self.transport.abort()
            return
        delay = remaining if waits_for_peer and remaining > 0 else self.read_deadline_s
        self._timer = self.loop.call_later(delay, self._check)

    def _is_stuck(self, now: float) -> bool:
        """Return whether the peer has taken nothing of its answer for a whole deadline."""
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent != self._unsent:
            self._unsent, self._unsent_since = unsent, now
        return now - self._unsent_since >= self.read_deadline_s

    def _make_room(self) -> bool:
        """Close the connection that has waited longest for its peer, if there is one."""
        others = [
            connection
            for connection in self.connections
            if isinstance(connection, GuardedProtocol) and connection is not self
        ]
        longest = max(others, key=GuardedProtocol.waited_s, default=None)
        if longest is None or longest.waited_s() < 0:
            return False
        longest.transport.abort()
        return True


def guarded_protocol(settings: WebSettings) -> type[GuardedProtocol]:
    """Return the protocol with this installation's limits; uvicorn takes a class only."""
    limits: dict[str, Any] = {
        "read_deadline_s": settings.read_deadline_s,
        "max_connections": settings.max_connections,
    }
    return type("ConfiguredProtocol", (GuardedProtocol,), limits)


def server_config(app: ASGIApp, settings: WebSettings) -> uvicorn.Config:
    """Return what uvicorn is told."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=guarded_protocol(settings),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # Forwarded headers are read in web/address.py, where the settings say whether to.
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_DEADLINE_S,
    )


class _Server(uvicorn.Server):
    """uvicorn's server, ending normally on SIGTERM and telling when it listens."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_ready: Callable[[], None] | None,
        on_stop: Callable[[], None] | None,
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._on_ready is not None:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._on_stop is not None:
            self._on_stop()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT; unlike the original, do not raise them again at the end."""
        numbers = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve(
    app: ASGIApp,
    settings: WebSettings,
    *,
    sock: socket.socket | None = None,
    on_ready: Callable[[], None] | None = None,
    on_stop: Callable[[], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then let requests in work end and return.

    `sock` is a bound listening socket of the parent; without it, the settings' address is bound.
    `on_ready` is called once when connections are taken, `on_stop` in the event loop before requests
    in work are waited for: those that would last end then. Must run in the main thread.
    """
    config = server_config(app, settings)
    _Server(config, on_ready, on_stop).run(sockets=[sock] if sock else None)
