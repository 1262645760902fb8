"""Why OHIF could not be installed."""

from pacs_gateway.errors import GatewayError


class DownloadError(GatewayError):
    """The package could not be fetched; it may be brought as a file instead."""


class PackageError(GatewayError):
    """The package is not the one that this gateway knows; nothing of it is kept."""


class BusyError(GatewayError):
    """Another command is changing the installation just now."""
