"""Who is known among DICOM peers, and what each may do.

An AE title is a label, never a proof: a peer is known when its title and its address fit.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Literal

import structlog

from pacs_gateway.access.addresses import is_at, plain_address
from pacs_gateway.audit import acts
from pacs_gateway.audit.acts import Who
from storage.errors import StorageError
from storage.peers import Peer, PeerBook
from storage.peers import PeerService as Service
from storage.records import utc_now

REFUSED_AGAIN_AFTER = timedelta(hours=1)
"""A device that nobody has accepted asks again and again."""
HOST_ASSOCIATIONS = 1000
"""Programs on this very host may open as many as the whole gateway takes."""
REMEMBERED_S = 5.0
"""How old the table of peers may be; a device just removed is out within seconds."""
READ_AGAIN_AFTER_S = 0.5
"""How old it may be to refuse somebody: who was just accepted is let in at the next call."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one peer may do."""

    services: frozenset[Service]
    sop_classes: frozenset[str] = frozenset()
    """Those it may store; empty: every one."""
    max_associations: int
    seconds_per_instance: float = 0.0
    """The least time between two instances of it; 0: as fast as it sends."""
    worklist_charset: str = ""
    """What it reads in worklists; empty: as the settings say."""


EVERYTHING = frozenset(Service)
STORE_ONLY = frozenset({Service.ECHO, Service.STORE})
SECONDS_PER_MINUTE = 60.0


class Peers:
    """The table of known peers, as one process remembers it.

    While the database is down, those who were known stay known: images must still come in.
    """

    def __init__(
        self, book: PeerBook, *, unknown: Literal["hold", "store"], max_associations: int
    ) -> None:
        self._book = book
        self._max_associations = max_associations
        self._for_strangers = (
            Rule(services=STORE_ONLY, max_associations=max_associations)
            if unknown == "store"
            else None
        )
        self._for_this_host = Rule(services=EVERYTHING, max_associations=HOST_ASSOCIATIONS)
        self._lock = threading.Lock()
        self._read_at = 0.0
        self._peers: Sequence[Peer] | None = None
        self._readable = True

    def rule(self, ae_title: str, address: str, certificate_sha256: str = "") -> Rule | None:
        """Return what the peer may do, None if it is not let in.

        A peer whose entry names a certificate must have shown that very one.
        """
        found = plain_address(address)
        if found.is_loopback:
            return self._for_this_host
        for max_age_s in (REMEMBERED_S, READ_AGAIN_AFTER_S):
            for peer in self._table(max_age_s):
                if peer.ae_title != ae_title or not is_at(peer.host, found):
                    continue
                if peer.certificate_sha256 in ("", certificate_sha256):
                    return self._rule_of(peer)
        return self._for_strangers

    def destination(self, ae_title: str) -> Peer | None:
        """Return where C-MOVE may send to under this title; a whole network is no place."""
        for max_age_s in (REMEMBERED_S, 0.0):
            # A device that somebody has just added should not be unknown for seconds.
            for peer in self._table(max_age_s):
                if peer.ae_title == ae_title and "/" not in peer.host:
                    return peer
        return None

    def note_held(self, ae_title: str, address: str) -> None:
        """Put a stranger on the list that an administrator sees."""
        who = Who(name=ae_title, role="peer", address=address)
        entry = acts.association_refused(
            who, reason="unknown peer", again_after=REFUSED_AGAIN_AFTER
        )
        self._book.hold(ae_title, address, utc_now(), entry)

    def _rule_of(self, peer: Peer) -> Rule:
        rate = peer.max_instances_per_minute
        return Rule(
            services=frozenset(map(Service, peer.services.split())) or EVERYTHING,
            sop_classes=frozenset(peer.sop_classes.split()),
            max_associations=peer.max_associations or self._max_associations,
            seconds_per_instance=SECONDS_PER_MINUTE / rate if rate else 0.0,
            worklist_charset=peer.worklist_charset,
        )

    def _table(self, max_age_s: float) -> Sequence[Peer]:
        with self._lock:
            # Strangers must not make those who are known wait for a database that is down.
            allowed_s = max_age_s if self._readable else REMEMBERED_S
            if self._peers is None or monotonic() - self._read_at > allowed_s:
                self._peers = self._read()
                self._read_at = monotonic()
            return self._peers

    def _read(self) -> Sequence[Peer]:
        try:
            found = self._book.peers()
        except StorageError as error:
            self._readable = False
            if self._peers is None:
                raise
            _log.warning("table of peers not read; the last one stays", reason=str(error))
            return self._peers
        self._readable = True
        return found
