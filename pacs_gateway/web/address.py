"""Where a request came from and under which address the gateway was reached."""

from ipaddress import ip_address

from starlette.requests import HTTPConnection


def client_address(connection: HTTPConnection, *, behind_proxy: bool) -> str:
    """Return the address of the client.

    Of X-Forwarded-For only the last entry counts: our own proxy wrote it, the rest anybody could.
    """
    forwarded = connection.headers.get("x-forwarded-for") if behind_proxy else None
    if forwarded:
        return forwarded.rpartition(",")[2].strip()
    return connection.client.host if connection.client else ""


def is_loopback(connection: HTTPConnection, *, behind_proxy: bool) -> bool:
    """Return whether the client runs on this very machine, and is not a proxy for another."""
    if not behind_proxy and "x-forwarded-for" in connection.headers:
        return False
    try:
        return ip_address(client_address(connection, behind_proxy=behind_proxy)).is_loopback
    except ValueError:
        return False


def host(connection: HTTPConnection, *, behind_proxy: bool) -> str:
    """Return host and port as the client wrote them."""
    forwarded = connection.headers.get("x-forwarded-host") if behind_proxy else None
    return forwarded or connection.headers.get("host", "localhost")


def base_url(connection: HTTPConnection, *, behind_proxy: bool) -> str:
    """Return scheme and authority under which the client reached the gateway, without a slash."""
    forwarded = connection.headers.get("x-forwarded-proto") if behind_proxy else None
    scheme = forwarded if forwarded in ("http", "https") else connection.url.scheme
    return f"{scheme}://{host(connection, behind_proxy=behind_proxy)}"
