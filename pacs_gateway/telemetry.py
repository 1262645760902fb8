"""Logs: one line each, structured, on standard error, without personal data.

A record may name a peer, an address, a digest or a count; never a patient, an ID or a UID.

Invariant: no text that a library made is written. pydicom quotes the value it does not like,
drivers quote the row, and a traceback quotes whatever an exception holds; so of what is not ours
the kind and the place are told, which is what a bug report needs.
"""

import logging
import sys
import threading
import traceback
import warnings
from pathlib import Path
from typing import TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, WrappedLogger

from pacs_gateway.errors import GatewayError
from storage.errors import StorageError

MAX_PLACES = 8
"""Innermost calls of a fault that are told."""

_OURS = (GatewayError, StorageError)
_SPEAKS_FREELY = "uvicorn"
"""Its own messages name no request; the faults that it reports are told like all others."""

_log = structlog.get_logger(__name__)


def configure_logs(*, role: str, level: int = logging.INFO) -> None:
    """Set up this process's logs; called once by each role's entry point."""

    def add_role(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        # Not a context variable: threads that libraries start would not inherit it.
        event["role"] = role
        return event

    structlog.configure(
        processors=[
            add_role,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(_fault_of),
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "role", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.root.setLevel(logging.WARNING)
    logging.root.handlers = [_LibraryHandler()]
    warnings.showwarning = _note_warning
    threading.excepthook = _note_thread


class FaultsLogged:
    """Around what a process does: it ends with one line in the log, not with a traceback."""

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Log what ends the process, unless it is meant to end."""
        if isinstance(error, Exception):
            _log.critical("process ends", exc_info=error)
            sys.exit(1)


def fault(error: BaseException) -> str:
    """Return kinds and places of an exception and of those that led to it; texts only of ours."""
    told = []
    seen: BaseException | None = error
    while seen is not None:
        text = f" {seen}" if isinstance(seen, _OURS) else ""
        told.append(f"{type(seen).__name__}{text} at {_places(seen)}")
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return "; after ".join(told)


class _LibraryHandler(logging.Handler):
    """Writes what libraries report through `logging`."""

    def emit(self, record: logging.LogRecord) -> None:
        own_words = record.name.partition(".")[0] == _SPEAKS_FREELY
        _log.log(
            record.levelno,
            record.getMessage() if own_words and not record.exc_info else "library message",
            logger=record.name,
            at=_place(record.pathname, record.lineno),
            exc_info=record.exc_info,
        )


def _fault_of(exc_info: ExcInfo) -> str:
    return fault(exc_info[1])


def _places(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-MAX_PLACES:]
    return " < ".join(_place(frame.filename, frame.lineno) for frame in reversed(frames))


def _place(path: str, line: int | None) -> str:
    return f"{'/'.join(Path(path).parts[-2:])}:{line}"


def _note_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    del message, file, line
    _log.warning("library warning", kind=category.__name__, at=_place(filename, lineno))


def _note_thread(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is not None:
        name = arguments.thread.name if arguments.thread else ""
        _log.critical("thread ended", thread=name, exc_info=arguments.exc_value)
