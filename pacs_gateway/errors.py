"""Every fault the gateway tells a peer or a person about.

An error carries what each edge needs: the DIMSE status (PS3.7 C, PS3.4 B.2.3), the HTTP status
and whether trying again may help. The edges map them in one place each and catch nothing wider.
The text of an error is one line: what, why, what to do.
"""

from typing import ClassVar


class GatewayError(Exception):
    """Something the gateway understands and can explain."""

    dimse_status: ClassVar[int] = 0x0110
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False


class NotADataSetError(GatewayError):
    """The bytes cannot be read as a DICOM data set; they are set aside, not thrown away."""

    dimse_status = 0xC000
    http_status = 409


class IdentityError(GatewayError):
    """The data set lacks a UID without which it cannot be filed, or carries an impossible one."""

    dimse_status = 0xA900
    http_status = 409


class MismatchError(GatewayError):
    """The data set is not what the request announced (PS3.4 B.2.3: A900)."""

    dimse_status = 0xA900
    http_status = 409


class TransferSyntaxError(GatewayError):
    """Pixel data is in a transfer syntax that is not taken (PS3.18 I.2.2: C122)."""

    dimse_status = 0xC122
    http_status = 409


class NotAuthorizedError(GatewayError):
    """The peer may not use this service (PS3.7 C.5.3: 0124)."""

    dimse_status = 0x0124
    http_status = 403


class OutOfResourcesError(GatewayError):
    """The gateway cannot keep more just now; the sender should try again later."""

    dimse_status = 0xA700
    http_status = 503
    retryable = True


class QueryError(GatewayError):
    """The query's keys do not fit its level or the information model (PS3.4 C.4.1)."""

    dimse_status = 0xA900
    http_status = 400


class BadRequestError(GatewayError):
    """A parameter or header of an HTTP request cannot be understood."""

    http_status = 400


class NotAcceptableError(GatewayError):
    """None of the media types the client accepts can be produced (PS3.18 8.7)."""

    http_status = 406


class UnknownError(GatewayError):
    """The study, series, instance or frame asked for is not here."""

    dimse_status = 0x0112
    http_status = 404


class GoneError(UnknownError):
    """What was asked for is deleted; an administrator can bring it back."""

    http_status = 410


class TooLargeError(GatewayError):
    """The request is larger than the gateway takes at once."""

    dimse_status = 0xA700
    http_status = 413


class UnrenderableError(GatewayError):
    """The pixels of this instance cannot be shown; its original still downloads."""

    http_status = 422


class DecoderCrashError(UnrenderableError):
    """Decoding ended the process that did it, or ran out of its time or memory."""


class UnavailableError(GatewayError):
    """A part the gateway rests on (object store, database) does not answer now."""

    dimse_status = 0xA700
    http_status = 503
    retryable = True


class ConfigurationError(GatewayError):
    """The configuration cannot be used; the text says which setting and what to change."""
