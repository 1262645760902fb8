"""Counts associations and operations, and times C-STORE, from what pynetdicom tells of itself."""

import threading
from time import perf_counter
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.pdu import A_ASSOCIATE_RJ
from pynetdicom.presentation import PresentationContext

from pacs_gateway.dimse.store import SUCCESS, StoreProvider, StoreSink
from pacs_gateway.measuring.meters import Meters

PENDING = (0xFF00, 0xFF01)
_REFUSALS = {
    (1, 1, 3): "unknown peer",
    (1, 1, 7): "wrong title",
    (2, 3, 1): "busy",
    (2, 3, 2): "busy",
}
"""By result, source and reason (PS3.8 9.3.4)."""


class Measurements:
    """What one process's listener counts."""

    def __init__(self, meters: Meters, store: StoreProvider) -> None:
        self._meters = meters
        self._store = store
        self._lock = threading.Lock()
        self._open: WeakSet[Association] = WeakSet()
        self._arriving: WeakKeyDictionary[Association, tuple[float, StoreSink]] = (
            WeakKeyDictionary()
        )
        # The file may still have the number of a process that died.
        meters.associations_open.set(0)

    def handlers(self) -> list[tuple[Any, Any]]:
        """Return what pynetdicom binds."""
        return [
            (evt.EVT_ESTABLISHED, self._opened),
            (evt.EVT_CONN_CLOSE, self._closed),
            (evt.EVT_PDU_SENT, self._refused),
            (evt.EVT_DIMSE_SENT, self._answered),
        ]

    def open_sink(
        self, assoc: Association, context: PresentationContext | None, command: Any
    ) -> StoreSink:
        """Return the sink for one C-STORE, whose time begins."""
        begun = perf_counter()
        sink = self._store.open(assoc, context, command)
        with self._lock:
            self._arriving[assoc] = (begun, sink)
        return sink

    def _opened(self, event: evt.Event) -> None:
        self._meters.associations.labels("accepted").inc()
        with self._lock:
            self._open.add(event.assoc)
            self._meters.associations_open.set(len(self._open))

    def _closed(self, event: evt.Event) -> None:
        with self._lock:
            self._open.discard(event.assoc)
            self._meters.associations_open.set(len(self._open))

    def _refused(self, event: evt.Event) -> None:
        pdu = event.pdu
        if isinstance(pdu, A_ASSOCIATE_RJ):
            why = (pdu.result, pdu.source, pdu.reason_diagnostic)
            self._meters.associations.labels(_REFUSALS.get(why, "not understood")).inc()

    def _answered(self, event: evt.Event) -> None:
        service, _, kind = type(event.message).__name__.rpartition("_")
        status = event.message.command_set.get("Status")
        if kind != "RSP" or status is None or status in PENDING:
            return
        self._meters.operations.labels(service.replace("_", "-"), f"{status:04X}").inc()
        if service == "C_STORE":
            self._stored(event.assoc, accepted=status == SUCCESS)

    def _stored(self, assoc: Association, *, accepted: bool) -> None:
        with self._lock:
            begun, sink = self._arriving.pop(assoc, (0.0, None))
        if sink is None:
            return
        outcome = "stored" if accepted else "refused"
        self._meters.store_seconds.labels(outcome).observe(perf_counter() - begun)
        if accepted:
            self._meters.store_bytes.observe(sink.size)
