"""Who may send messages: by address, by certificate where the entry names one (0023-orders)."""

import threading
from collections.abc import Sequence
from datetime import timedelta
from time import monotonic

import structlog

from pacs_gateway.access.addresses import is_at, plain_address
from pacs_gateway.audit import acts
from pacs_gateway.audit.acts import Who
from storage.auditlog import AuditLog
from storage.errors import StorageError
from storage.messages import Sender, SenderBook

REMEMBERED_S = 2.0
"""How old the table may be; whoever was just added is let in, or out, within seconds."""
REFUSED_AGAIN_AFTER = timedelta(hours=1)

_log = structlog.get_logger(__name__)


class Senders:
    """The table of senders, as one process remembers it."""

    def __init__(self, book: SenderBook, audit: AuditLog, *, issuer: str) -> None:
        self._book = book
        self._audit = audit
        self._this_host = Sender(name="localhost", host="127.0.0.1", issuer=issuer)
        self._lock = threading.Lock()
        self._read_at = 0.0
        self._senders: Sequence[Sender] | None = None

    def known(self, address: str, certificate_sha256: str) -> Sender | None:
        """Return who calls from an address, None for a stranger, which is put on record.

        The entry with the narrowest demand comes first: one that names a certificate. Raises
        StorageError if the table was never read.
        """
        found = plain_address(address)
        table = sorted(self._table(), key=lambda each: not each.certificate_sha256)
        for each in table:
            if is_at(each.host, found) and each.certificate_sha256 in ("", certificate_sha256):
                return each
        if found.is_loopback:
            return self._this_host
        self._note_refused(address)
        return None

    def _note_refused(self, address: str) -> None:
        who = Who(role="sender", address=address)
        entry = acts.association_refused(
            who, reason="unknown HL7 sender", again_after=REFUSED_AGAIN_AFTER
        )
        self._audit.append(entry)

    def _table(self) -> Sequence[Sender]:
        with self._lock:
            if self._senders is None or monotonic() - self._read_at > REMEMBERED_S:
                try:
                    self._senders = self._book.senders()
                except StorageError as error:
                    if self._senders is None:
                        raise
                    _log.warning("table of senders not read", reason=str(error))
                self._read_at = monotonic()
            return self._senders
