"""Whether somebody calls from where their entry says they are."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address


def plain_address(address: str) -> Address:
    """Return an address; IPv4 inside IPv6 as itself, as a listener on both kinds reports it."""
    found = ip_address(address)
    return getattr(found, "ipv4_mapped", None) or found


def is_at(host: str, address: Address) -> bool:
    """Return whether an address is that of a host: a name, an address or a network."""
    try:
        return address in ip_network(host, strict=False)
    except ValueError:
        # Not an address or a network, so a name.
        return address in _addresses(host)


def _addresses(host: str) -> set[Address]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return set()
    return {plain_address(str(entry[4][0])) for entry in found}
