"""Who is known among DICOM peers, and what each may do.

An AE title is a label, never a proof: a peer is known when its title and its address fit.
"""

import socket
import threading
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from time import monotonic
from typing import Literal

import structlog

from pacs_gateway.audit import acts
from pacs_gateway.audit.acts import Who
from storage.errors import StorageError
from storage.peers import Peer, PeerBook
from storage.records import utc_now

REFUSED_AGAIN_AFTER = timedelta(hours=1)
"""A device that nobody has accepted asks again and again."""
REMEMBERED_S = 5.0
"""How old the table of peers may be; a device just added works within seconds."""

_Address = IPv4Address | IPv6Address

_log = structlog.get_logger(__name__)


class Service(StrEnum):
    """What a peer may ask for."""

    ECHO = "echo"
    STORE = "store"
    FIND = "find"
    MOVE = "move"
    GET = "get"


EVERYTHING = frozenset(Service)
NOTHING: frozenset[Service] = frozenset()


class Peers:
    """The table of known peers, as one process remembers it.

    While the database is down, those who were known stay known: images must still come in.
    """

    def __init__(self, book: PeerBook, *, unknown: Literal["hold", "store"]) -> None:
        self._book = book
        self._for_strangers = (
            frozenset({Service.ECHO, Service.STORE}) if unknown == "store" else NOTHING
        )
        self._lock = threading.Lock()
        self._read_at = 0.0
        self._peers: Sequence[Peer] | None = None

    def allowed(self, ae_title: str, address: str) -> frozenset[Service]:
        """Return what the peer may ask for; nothing means that it is not let in."""
        found = _plain_address(address)
        if found.is_loopback:
            return EVERYTHING
        for peer in self._table():
            if peer.ae_title == ae_title and _is_at(peer, found):
                return EVERYTHING
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

    def _table(self, max_age_s: float = REMEMBERED_S) -> Sequence[Peer]:
        with self._lock:
            if self._peers is None or monotonic() - self._read_at > max_age_s:
                self._peers = self._read()
                self._read_at = monotonic()
            return self._peers

    def _read(self) -> Sequence[Peer]:
        try:
            return self._book.peers()
        except StorageError as error:
            if self._peers is None:
                raise
            _log.warning("table of peers not read; the last one stays", reason=str(error))
            return self._peers


def _plain_address(address: str) -> _Address:
    """Return an address; IPv4 inside IPv6 as itself, as a listener on both kinds reports it."""
    found = ip_address(address)
    return getattr(found, "ipv4_mapped", None) or found


def _is_at(peer: Peer, address: _Address) -> bool:
    try:
        return address in ip_network(peer.host, strict=False)
    except ValueError:
        # Not an address or a network, so a name.
        return address in _addresses(peer.host)


def _addresses(host: str) -> set[_Address]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return set()
    return {_plain_address(str(entry[4][0])) for entry in found}
