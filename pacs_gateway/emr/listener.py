"""The MLLP listener: each connection's messages one after the other, each answered before the next.

Invariant: no connection outlives its deadlines, none holds more than one message, and no stranger
is read at all.
"""

import asyncio
import hashlib
import ssl
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from time import monotonic
from typing import TypeVar, TypeVarTuple

import structlog

from pacs_gateway.config import Hl7Settings
from pacs_gateway.emr.answers import REJECTED, acknowledgement
from pacs_gateway.emr.encryption import tls_context
from pacs_gateway.emr.intake import Intake
from pacs_gateway.emr.mllp import FramingError, Unframer, framed
from pacs_gateway.emr.senders import Senders
from pacs_gateway.errors import ConfigurationError
from storage.errors import StorageError
from storage.messages import Sender
from storage.records import utc_now

_PIECE = 64 * 1024

_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")

_log = structlog.get_logger(__name__)


class Listener:
    """Serves MLLP on the ports of the settings."""

    def __init__(self, intake: Intake, senders: Senders, settings: Hl7Settings) -> None:
        self._intake = intake
        self._senders = senders
        self._settings = settings
        self._open: Counter[str] = Counter()
        self._serving: set[asyncio.Task[None]] = set()
        self._pool = ThreadPoolExecutor(settings.workers, thread_name_prefix="hl7")
        self.port = 0
        """The port of the plain listener, also when the system chose it."""
        self.tls_port = 0

    async def run(self, stop: asyncio.Event, ready: asyncio.Event | None = None) -> None:
        """Serve until told to stop. Raises ConfigurationError if a port cannot be had."""
        settings = self._settings
        async with AsyncExitStack() as servers:
            plain = await self._listen(settings.port, None)
            await servers.enter_async_context(plain)
            self.port = plain.sockets[0].getsockname()[1]
            if settings.tls_certificate is not None:
                context = tls_context(settings)
                encrypted = await self._listen(settings.tls_port, context)
                await servers.enter_async_context(encrypted)
                self.tls_port = encrypted.sockets[0].getsockname()[1]
            if ready is not None:
                ready.set()
            await stop.wait()
            open_now = list(self._serving)
            for each in open_now:
                each.cancel()
            await asyncio.gather(*open_now, return_exceptions=True)
        self._pool.shutdown(wait=True)

    async def _listen(self, port: int, tls: ssl.SSLContext | None) -> asyncio.Server:
        handshake = self._settings.message_deadline_s if tls is not None else None
        try:
            return await asyncio.start_server(
                self._connected,
                self._settings.host,
                port,
                ssl=tls,
                ssl_handshake_timeout=handshake,
                limit=_PIECE,
            )
        except OSError as error:
            raise ConfigurationError(
                f"Cannot listen on {self._settings.host}:{port} for HL7 ({error.strerror});"
                " stop the other program or choose another port (PACS_GATEWAY_HL7__PORT)."
            ) from error

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = str(writer.get_extra_info("peername")[0])
        admitted = (
            self._open[address] < self._settings.connections_per_sender
            and self._open.total() < self._settings.max_connections
        )
        self._open[address] += 1
        serving = asyncio.current_task()
        assert serving is not None, "asyncio runs this as a task"
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)
        try:
            if not admitted:
                _log.warning("connection refused: too many of this sender", address=address)
                return
            sender = await self._sender(writer, address)
            if sender is not None:
                await self._serve(reader, writer, sender, address)
        except (OSError, ssl.SSLError) as error:
            _log.info("connection ended", address=address, reason=type(error).__name__)
        finally:
            self._open[address] -= 1
            if not self._open[address]:
                del self._open[address]
            await self._close(writer)

    async def _sender(self, writer: asyncio.StreamWriter, address: str) -> Sender | None:
        tls = writer.get_extra_info("ssl_object")
        shown = tls.getpeercert(binary_form=True) if tls is not None else None
        digest = hashlib.sha256(shown).hexdigest() if shown else ""
        try:
            sender = await self._in_thread(self._senders.known, address, digest)
        except StorageError as error:
            _log.error("connection refused", address=address, reason=str(error))
            return None
        if sender is None:
            _log.warning("connection refused: unknown sender", address=address)
        return sender

    async def _serve(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        sender: Sender,
        address: str,
    ) -> None:
        unframer = Unframer(self._settings.max_message_bytes)
        begun_at = 0.0
        while True:
            wait_s = self._settings.idle_deadline_s
            if unframer.is_amid:
                wait_s = begun_at + self._settings.message_deadline_s - monotonic()
            try:
                piece = await asyncio.wait_for(reader.read(_PIECE), max(0.0, wait_s))
            except TimeoutError:
                _log.warning("connection ended: nothing came in time", sender=sender.name)
                return
            if not piece:
                return
            if not unframer.is_amid:
                begun_at = monotonic()
            try:
                for message in unframer.feed(piece):
                    answer = await self._in_thread(self._intake.answer, message, sender, address)
                    await self._send(writer, answer)
                    begun_at = monotonic()
            except FramingError as error:
                _log.warning("connection ended", sender=sender.name, reason=str(error))
                application = self._settings.application
                refusal = acknowledgement(
                    None, REJECTED, str(error), application=application, now=utc_now()
                )
                await self._send(writer, refusal)
                return

    async def _send(self, writer: asyncio.StreamWriter, answer: bytes) -> None:
        writer.write(framed(answer))
        await asyncio.wait_for(writer.drain(), self._settings.answer_deadline_s)

    async def _close(self, writer: asyncio.StreamWriter) -> None:
        """Close a connection; what its sender does not read in time is thrown away."""
        writer.close()
        try:
            await asyncio.wait_for(writer.wait_closed(), self._settings.answer_deadline_s)
        except (OSError, ssl.SSLError, TimeoutError):
            writer.transport.abort()

    async def _in_thread(
        self, function: Callable[[*_Arguments], _Result], *arguments: *_Arguments
    ) -> _Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(function, *arguments))
