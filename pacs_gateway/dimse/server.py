"""One receiver process's DICOM listener: application entity, guarded transport, services."""

import logging
import ssl
import threading
from collections.abc import Iterable
from typing import Any, Protocol

from pynetdicom import AE, _config, evt
from pynetdicom.service_class import StorageServiceClass
from pynetdicom.sop_class import register_uid

from pacs_gateway.config import DicomSettings
from pacs_gateway.dicom.meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from pacs_gateway.dimse.encryption import server_context
from pacs_gateway.dimse.receiving import OpenSink, ReceivingDimse
from pacs_gateway.dimse.transport import GuardedServer, ServeRetrieve, TransportLimits
from pacs_gateway.errors import ConfigurationError

SUCCESS = 0x0000


class Provider(Protocol):
    """A service that answers events of an association."""

    def handlers(self) -> list[tuple[Any, Any]]:
        """Return (event, callable) pairs."""


class DicomServer:
    """The listeners of one process, plain and, when configured, TLS."""

    def __init__(
        self,
        settings: DicomSettings,
        *,
        providers: Iterable[Provider],
        open_sink: OpenSink,
        serve_retrieve: ServeRetrieve | None = None,
    ) -> None:
        configure_pynetdicom(settings.private_storage_sop_classes)
        self._settings = settings
        self._handlers = [(evt.EVT_C_ECHO, _echo)]
        for provider in providers:
            self._handlers += provider.handlers()
        self._open_sink = open_sink
        self._serve_retrieve = serve_retrieve
        self._servers: list[GuardedServer] = []

    def start(self) -> None:
        """Bind and serve in the background.

        Raises ConfigurationError if a port is taken or the certificate cannot be read.
        """
        settings = self._settings
        self._serve(settings.port, None)
        if settings.tls_certificate is not None:
            self._serve(settings.tls_port, server_context(settings))

    def stop(self) -> None:
        """Take no new association; those that are open are aborted with the process."""
        for server in self._servers:
            server.shutdown()
        self._servers.clear()

    @property
    def port(self) -> int:
        """The port of the plain listener, also when the system chose it."""
        return int(self._servers[0].server_address[1])

    @property
    def tls_port(self) -> int:
        """The port of the TLS listener, also when the system chose it."""
        return int(self._servers[1].server_address[1])

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return sum(server.connections for server in self._servers)

    def _serve(self, port: int, tls: ssl.SSLContext | None) -> None:
        settings = self._settings
        try:
            server = _application_entity(settings).make_server(
                (settings.host, port),
                ae_title=settings.ae_title,
                ssl_context=tls,
                evt_handlers=self._handlers,
                server_class=GuardedServer,
                limits=_limits(settings),
                make_dimse=lambda assoc: ReceivingDimse(assoc, self._open_sink),
                serve_retrieve=self._serve_retrieve,
            )
        except OSError as error:
            raise ConfigurationError(
                f"Cannot listen on {settings.host}:{port} for DICOM ({error.strerror});"
                " stop the other program or choose another port (PACS_GATEWAY_DICOM__PORT)."
            ) from error
        self._servers.append(server)
        threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.5}, daemon=True
        ).start()


def configure_pynetdicom(private_storage_sop_classes: Iterable[str] = ()) -> None:
    """Set pynetdicom's process-wide switches, once, before any association.

    Its default handlers log data sets, and so patients' names; ours do not.
    """
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    # Titles and comments of other implementations hold whatever their makers' locale wrote.
    _config.CODECS = ("ascii", "utf-8", "latin-1")
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    for number, uid in enumerate(private_storage_sop_classes):
        register_uid(uid, f"PrivateStorage{number}", StorageServiceClass)


def _application_entity(settings: DicomSettings) -> AE:
    entity = AE(ae_title=settings.ae_title)
    entity.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    entity.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    entity.maximum_pdu_size = settings.max_pdu_bytes
    # pynetdicom would count the silent connections too; admission counts associations.
    entity.maximum_associations = settings.max_connections
    entity.acse_timeout = settings.association_request_deadline_s
    entity.dimse_timeout = settings.response_deadline_s
    entity.network_timeout = settings.idle_deadline_s
    # make_server refuses an entity without contexts; admission replaces them per association.
    entity.add_supported_context("1.2.840.10008.1.1")
    return entity


def _limits(settings: DicomSettings) -> TransportLimits:
    return TransportLimits(
        pdu_deadline_s=settings.pdu_deadline_s,
        handshake_deadline_s=settings.association_request_deadline_s,
        max_connections=settings.max_connections,
        max_connections_per_address=settings.max_connections_per_address,
        queued_messages=settings.queued_messages,
    )


def _echo(event: evt.Event) -> int:
    del event
    return SUCCESS
