"""Logs: one line each, structured, on standard error, without personal data.

A record may name a peer, an address, a digest or a count; never a patient, an ID or a UID.
"""

import logging
import sys

import structlog
from structlog.typing import EventDict, WrappedLogger


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
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "role", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s"
    )
