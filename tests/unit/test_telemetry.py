"""Invariant: no text that a library made reaches the log - not of its exceptions, log records or
warnings, from whichever thread - while kind and place of every fault do, each in one line."""

import subprocess
import sys
import textwrap

import pytest

CANARY = "NGUYỄN^VĂN^CANARY"
BEGINNING = f"""
import logging, threading, warnings
import structlog
from pacs_gateway.errors import UnrenderableError
from pacs_gateway.telemetry import FaultsLogged, configure_logs
configure_logs(role="test")
log = structlog.get_logger()
def fail():
    raise ValueError("{CANARY} is no number")
"""


def logged(program: str) -> str:
    """Return what a process writes on both streams."""
    ended = subprocess.run(
        [sys.executable, "-c", BEGINNING + textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("with FaultsLogged():\n    fail()", "ValueError at <string>:9"),
        ("threading.Thread(target=fail, name='tidy').start()", "thread=tidy"),
        (
            """
            try:
                fail()
            except ValueError:
                log.error("unexpected fault", exc_info=True)
            """,
            "ValueError at <string>:",
        ),
        (
            """
            try:
                try:
                    fail()
                except ValueError as error:
                    raise UnrenderableError("It cannot be shown.") from error
            except UnrenderableError as error:
                log.error("no preview", exc_info=error)
            """,
            "UnrenderableError It cannot be shown. at <string>:15; after ValueError at <string>:9",
        ),
        (f"logging.getLogger('pydicom').warning('odd value {CANARY}')", "logger=pydicom"),
        (f"logging.getLogger('pynetdicom.acse').error('%s', '{CANARY}')", "pynetdicom.acse"),
        (
            """
            try:
                fail()
            except ValueError:
                logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
            """,
            "ValueError at <string>:",
        ),
        (f"warnings.warn('Invalid value for VR PN: {CANARY}')", "kind=UserWarning at=<string>:"),
    ],
)
def test_faults_are_told_without_their_texts(program: str, told: str) -> None:
    written = logged(program)
    assert told in written
    assert "CANARY" not in written
    assert written.count("\n") == 1


def test_the_server_tells_what_is_wrong() -> None:
    program = "logging.getLogger('uvicorn.error').warning('Invalid HTTP request received.')"
    assert 'event="Invalid HTTP request received."' in logged(program)
