"""Puts the HL7 listener of one process together, and serves until the process is told to stop."""

import asyncio
import signal
from collections.abc import Callable

from pacs_gateway.config import Hl7Settings
from pacs_gateway.emr.intake import Intake, IntakeRules
from pacs_gateway.emr.listener import Listener
from pacs_gateway.emr.senders import Senders
from pacs_gateway.ris.desk import Desk
from storage.auditlog import AuditLog
from storage.database import Engine
from storage.messages import SenderBook


def listener_of(engine: Engine, desk: Desk, settings: Hl7Settings) -> Listener:
    """Return a listener, not yet started."""
    rules = IntakeRules(settings.application, settings.modalities)
    senders = Senders(SenderBook(engine), AuditLog(engine), issuer=settings.issuer)
    return Listener(Intake(desk, rules), senders, settings)


def serve_hl7(engine: Engine, desk: Desk, settings: Hl7Settings, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT. Raises ConfigurationError."""
    asyncio.run(_serve(listener_of(engine, desk, settings), ready))


async def _serve(listener: Listener, ready: Callable[[], None]) -> None:
    stop, started = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    serving = asyncio.create_task(listener.run(stop, started))
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if started.is_set():
        ready()
    await serving
