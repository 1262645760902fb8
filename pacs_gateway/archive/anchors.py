"""Where the audit trail ended at some moments, noted outside the database.

Whoever can write the database could write the whole chain anew, each row fitting the one before.
The objects named here say what its end was; they are of another store, and never change.
"""

import json
import threading
from pathlib import Path

import structlog

from pacs_gateway.archive.keeping import keep
from storage.auditlog import AuditLog
from storage.errors import StorageError
from storage.objects import ObjectStore

PREFIX = "v1-audit/"

_log = structlog.get_logger(__name__)


class Anchors:
    """Notes the end of the trail, and compares the trail with the notes."""

    def __init__(self, log: AuditLog, store: ObjectStore, *, scratch: Path) -> None:
        self._audit_log = log
        self._store = store
        self._scratch = scratch

    def note(self) -> None:
        """Note where the trail ends now; noting the same end again changes nothing."""
        head = self._audit_log.head()
        if head.seq == 0:
            return
        content = {"seq": head.seq, "digest": head.digest}
        name = f"{PREFIX}{head.seq:012}-{head.digest}.json"
        keep(self._store, name, json.dumps(content).encode(), scratch=self._scratch)

    def check(self) -> str | None:
        """Return in one sentence where the trail differs from a note, None if nowhere."""
        for key in self._store.list(PREFIX):
            seq, _, digest = key.removeprefix(PREFIX).removesuffix(".json").partition("-")
            if seq.isdecimal() and self._audit_log.digest_of(int(seq)) != digest:
                return f"Row {int(seq)} is not the one that was noted in the object store ({key})."
        return None

    def run(self, stop: threading.Event, *, every_s: float) -> None:
        """Note the end of the trail at once, and again and again until `stop` is set.

        At once, or a gateway that is restarted more often than that would never note anything.
        """
        noted = -1
        while True:
            try:
                seq = self._audit_log.head().seq
                if seq != noted:
                    self.note()
                    noted = seq
            except StorageError as error:
                _log.warning("end of the audit trail not noted", reason=str(error))
            if stop.wait(every_s):
                return
