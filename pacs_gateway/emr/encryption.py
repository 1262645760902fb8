"""TLS of the HL7 listener, under the same profile as DICOM's (RFC 9325)."""

import ssl

from pacs_gateway.config import Hl7Settings
from pacs_gateway.errors import ConfigurationError

WITH_FORWARD_SECRECY = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""What TLS 1.2 may use; all of TLS 1.3 is."""


def tls_context(settings: Hl7Settings) -> ssl.SSLContext:
    """Return how senders are answered over TLS; with `tls_ca` they are asked who they are.

    Raises ConfigurationError if a file cannot be used.
    """
    if settings.tls_certificate is None or settings.tls_key is None:
        raise ConfigurationError(
            "HL7 over TLS needs hl7.tls_certificate and hl7.tls_key (PEM files)."
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(WITH_FORWARD_SECRECY)
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
        if settings.tls_ca is not None:
            context.load_verify_locations(settings.tls_ca)
            # Optional: which senders must show a certificate is said of each.
            context.verify_mode = ssl.CERT_OPTIONAL
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"The HL7 TLS files cannot be used: {error}.") from error
    return context
