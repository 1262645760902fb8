"""Sends the trail to an audit repository: syslog over TLS (RFC 5424, RFC 5425; PS3.15 A.6).

Syslog has no answer. So each batch has a connection of its own, which is closed as TLS closes it;
when the other side has done so too it has read everything, and only then the place in the trail
moves on. A row may arrive twice, and none is left out.
"""

import socket
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from pacs_gateway.audit.messages import message
from storage.auditlog import AuditLog, Recorded
from storage.errors import StorageError

BATCH = 500
"""Rows of one connection; some 500 kB."""
EVERY_S = 5.0
LONGEST_PAUSE_S = 300.0
"""Between tries while the repository does not take anything."""
_PRIORITY = 10 * 8 + 5
"""Facility security/authorization, severity notice."""
_MESSAGE_ID = "DICOM+RFC3881"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """Where messages go, and who we are to it."""

    host: str
    port: int
    ca: Path | None
    certificate: Path | None
    key: Path | None
    deadline_s: float

    @property
    def name(self) -> str:
        """What its place in the trail is kept under."""
        return f"syslog-tls://{self.host}:{self.port}"

    def context(self) -> ssl.SSLContext:
        """Return what a connection must fulfil (BCP 195); raises OSError for unreadable files."""
        context = ssl.create_default_context(cafile=str(self.ca) if self.ca else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context


class SyslogExport:
    """Sends what is new in the trail, again and again."""

    def __init__(self, log: AuditLog, repository: Repository, *, source: str) -> None:
        self._audit_log = log
        self._repository = repository
        self._source = source

    def run(self, stop: threading.Event, *, every_s: float = EVERY_S) -> None:
        """Send until `stop` is set; after a fault, wait and go on where it was."""
        pause = every_s
        while not stop.wait(pause):
            try:
                while self.send_once() == BATCH and not stop.is_set():
                    pass
                pause = every_s
            except (OSError, StorageError) as error:
                pause = min(2 * pause, LONGEST_PAUSE_S)
                _log.warning("audit trail not sent", reason=str(error), again_in_s=pause)

    def send_once(self) -> int:
        """Send one batch; return how many rows that were.

        Raises OSError for every fault of the connection, StorageError.
        """
        name = self._repository.name
        done = self._audit_log.exported(name)
        rows = self._audit_log.batch(done, limit=BATCH)
        if rows:
            self._deliver(rows)
            self._audit_log.note_exported(name, rows[-1].seq)
        return len(rows)

    def _deliver(self, rows: Sequence[Recorded]) -> None:
        repository = self._repository
        address = (repository.host, repository.port)
        context = repository.context()
        with (
            socket.create_connection(address, timeout=repository.deadline_s) as plain,
            context.wrap_socket(plain, server_hostname=repository.host) as connection,
        ):
            for row in rows:
                connection.sendall(frame(row, source=self._source))
            _close(connection)


def frame(row: Recorded, *, source: str) -> bytes:
    """Return a row as one frame of RFC 5425: its length, then the syslog message."""
    at, host = _printable(row.at), _printable(source)
    head = f"<{_PRIORITY}>1 {at} {host} pacs-gateway {row.seq} {_MESSAGE_ID} - "
    # The mark says that what follows is UTF-8 (RFC 5424 6.4).
    text = head.encode("ascii") + b"\xef\xbb\xbf" + message(row, source=source)
    return b"%d %s" % (len(text), text)


def _close(connection: ssl.SSLSocket) -> None:
    """Close our direction and wait for the other; some receivers just end the connection then."""
    try:
        connection.unwrap()
    except ssl.SSLEOFError:
        return


def _printable(text: str) -> str:
    return "".join(c if "!" <= c <= "~" else "-" for c in text)[:255] or "-"
