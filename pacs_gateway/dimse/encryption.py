"""TLS for DICOM by the BCP 195 profile (PS3.15 B.12; RFC 9325)."""

import hashlib
import ssl
from typing import TYPE_CHECKING

from pacs_gateway.config import DicomSettings
from pacs_gateway.errors import ConfigurationError

if TYPE_CHECKING:
    # The supervisor checks the files and must not carry pynetdicom in its memory for it.
    from pynetdicom.association import Association

WITH_FORWARD_SECRECY = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""What TLS 1.2 may use; all of TLS 1.3 is."""


def check_files(settings: DicomSettings) -> None:
    """Raise ConfigurationError if certificates or the key are set and cannot be used."""
    if settings.tls_certificate is not None or settings.tls_key is not None:
        server_context(settings)
    if settings.tls_ca is not None:
        client_context(settings)


def server_context(settings: DicomSettings) -> ssl.SSLContext:
    """Return how peers are answered; with `tls_ca` they are asked who they are.

    Raises ConfigurationError if a file cannot be used.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER)
    _load_own(context, settings)
    if settings.tls_ca is not None:
        _load_others(context, settings)
        # Optional: which peers must show a certificate is said of each (Peer.certificate_sha256).
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def client_context(settings: DicomSettings) -> ssl.SSLContext:
    """Return how destinations are called; raises ConfigurationError if a file cannot be used."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    if settings.tls_ca is not None:
        _load_others(context, settings)
    else:
        context.load_default_certs()
    if settings.tls_certificate is not None:
        _load_own(context, settings)
    return context


def certificate_sha256(assoc: "Association") -> str:
    """Return the digest of the certificate that the peer has shown, empty if none."""
    socket = assoc.dul.socket
    connection = socket.socket if socket is not None else None
    if not isinstance(connection, ssl.SSLSocket):
        return ""
    shown = connection.getpeercert(binary_form=True)
    return hashlib.sha256(shown).hexdigest() if shown else ""


def _context(protocol: "ssl._SSLMethod") -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(WITH_FORWARD_SECRECY)
    return context


def _load_own(context: ssl.SSLContext, settings: DicomSettings) -> None:
    if settings.tls_certificate is None or settings.tls_key is None:
        raise ConfigurationError(
            "DICOM over TLS needs dicom.tls_certificate and dicom.tls_key (PEM files)."
        )
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"The DICOM TLS certificate {settings.tls_certificate} cannot be used: {error}."
        ) from error


def _load_others(context: ssl.SSLContext, settings: DicomSettings) -> None:
    try:
        context.load_verify_locations(settings.tls_ca)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"The certificates of DICOM peers in {settings.tls_ca} cannot be used: {error}."
        ) from error
