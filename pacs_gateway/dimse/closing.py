"""Sockets of associations that are closed even when the peer went first."""

import contextlib
import socket

from pynetdicom.transport import AssociationSocket


class ClosingSocket(AssociationSocket):
    """A pynetdicom socket whose descriptor does not wait for the garbage collector."""

    def _shutdown_socket(self) -> None:
        """Close the socket; the stock library does not when shutting it down fails first."""
        if self.socket is None:
            return
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
