"""Who is known among DICOM peers, and what each may do.

An AE title is a label, never a proof: a peer is known when its title and its address fit.
"""

import socket
import threading
from collections.abc import Sequence
from enum import StrEnum
from ipaddress import ip_address, ip_network
from time import monotonic
from typing import Literal

from storage.records import utc_now
from storage.registry import Peer, Registry

REMEMBERED_S = 5.0
"""How old the table of peers may be; a device just added works within seconds."""


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
    """The table of known peers, as one process remembers it."""

    def __init__(self, registry: Registry, *, unknown: Literal["hold", "store"]) -> None:
        self._registry = registry
        self._for_strangers = (
            frozenset({Service.ECHO, Service.STORE}) if unknown == "store" else NOTHING
        )
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._peers: Sequence[Peer] = ()

    def allowed(self, ae_title: str, address: str) -> frozenset[Service]:
        """Return what the peer may ask for; nothing means that it is not let in."""
        if ip_address(address).is_loopback:
            return EVERYTHING
        for peer in self._table():
            if peer.ae_title == ae_title and _is_at(peer, address):
                return EVERYTHING
        return self._for_strangers

    def destination(self, ae_title: str) -> Peer | None:
        """Return where C-MOVE may send to under this title."""
        return next((peer for peer in self._table() if peer.ae_title == ae_title), None)

    def note_held(self, ae_title: str, address: str) -> None:
        """Put a stranger on the list that an administrator sees."""
        self._registry.note_held_peer(ae_title, address, utc_now())

    def _table(self) -> Sequence[Peer]:
        with self._lock:
            if monotonic() - self._read_at > REMEMBERED_S:
                self._peers = self._registry.peers()
                self._read_at = monotonic()
            return self._peers


def _is_at(peer: Peer, address: str) -> bool:
    try:
        return ip_address(address) in ip_network(peer.host, strict=False)
    except ValueError:
        # Not an address or a network, so a name.
        return address in _addresses(peer.host)


def _addresses(host: str) -> set[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return set()
    return {str(entry[4][0]) for entry in found}
