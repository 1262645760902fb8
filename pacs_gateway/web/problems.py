"""The one table from faults to HTTP answers: one line for people, no stack trace ever."""

import secrets
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, RedirectResponse, Response

from pacs_gateway.errors import GatewayError
from pacs_gateway.web.headers import security_headers
from storage.errors import (
    CorruptError,
    FullError,
    NotFoundError,
    StorageError,
    UnavailableError,
)

RETRY_AFTER_S = 10
"""Long enough for a disk or database to come back, short enough for a waiting person."""

_STORAGE_FAULTS: Mapping[type[StorageError], tuple[HTTPStatus, str]] = {
    NotFoundError: (HTTPStatus.NOT_FOUND, "What was asked for is not kept here."),
    UnavailableError: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "A part of the archive does not answer just now; try again shortly.",
    ),
    FullError: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The archive has no room left; tell its administrator and try again later.",
    ),
    CorruptError: (
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "The stored bytes are not what was once received; tell the archive's administrator.",
    ),
}

_log = structlog.get_logger(__name__)


class UnsupportedMediaTypeError(GatewayError):
    """The body of the request has a media type that is not taken here."""

    http_status = 415


class UnauthenticatedError(GatewayError):
    """The request does not say who sends it, or its credentials are not valid."""

    http_status = 401


class CodeNeededError(GatewayError):
    """The password was right, and the account needs the code of its second factor too."""

    http_status = 401


class ForbiddenError(GatewayError):
    """The sender is known but may not do this."""

    http_status = 403


class TooManyAttemptsError(GatewayError):
    """Too many wrong passwords; the next try must wait."""

    http_status = 429
    retryable = True


def problem(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return the JSON answer that tells of a fault."""
    return JSONResponse({"error": text}, status, headers=dict(headers or {}))


def install(app: FastAPI) -> None:
    """Register the table with the application."""
    app.add_exception_handler(GatewayError, _gateway_fault)
    app.add_exception_handler(StorageError, _storage_fault)
    app.add_exception_handler(HTTPException, _http_fault)
    app.add_exception_handler(RequestValidationError, _validation_fault)
    app.add_exception_handler(ClientDisconnect, _nobody_listens)
    app.add_exception_handler(Exception, _unexpected_fault)


async def _gateway_fault(request: Request, error: Exception) -> Response:
    assert isinstance(error, GatewayError)
    if isinstance(error, UnauthenticatedError):
        return _ask_who(request, str(error))
    headers = {"Retry-After": str(RETRY_AFTER_S)} if error.retryable else {}
    return problem(error.http_status, str(error), headers)


async def _storage_fault(request: Request, error: Exception) -> Response:
    del request
    status, text = next(
        (answer for kind, answer in _STORAGE_FAULTS.items() if isinstance(error, kind)),
        (HTTPStatus.INTERNAL_SERVER_ERROR, "The archive's storage failed."),
    )
    if status is not HTTPStatus.NOT_FOUND:
        _log.error("storage fault", kind=type(error).__name__, reason=str(error))
    retry = status is HTTPStatus.SERVICE_UNAVAILABLE
    return problem(status, text, {"Retry-After": str(RETRY_AFTER_S)} if retry else {})


async def _http_fault(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, HTTPException)
    return problem(error.status_code, f"{error.detail}.".replace("..", "."), error.headers)


async def _validation_fault(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return problem(HTTPStatus.BAD_REQUEST, f"{place}: {first['msg']}.")


async def _nobody_listens(request: Request, error: Exception) -> Response:
    """Answer a client that is gone; nobody reads it, and nothing is wrong here."""
    del request, error
    return problem(HTTPStatus.BAD_REQUEST, "The request ended before its body did.")


async def _unexpected_fault(request: Request, error: Exception) -> Response:
    error_id = secrets.token_hex(4)
    _log.error("unexpected fault", error_id=error_id, method=request.method, exc_info=error)
    # This answer is made outside of the middleware that adds these headers to all others.
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        f"The gateway failed in a way it does not understand; its log has more under {error_id}.",
        security_headers(),
    )


def _ask_who(request: Request, text: str) -> Response:
    """Send people to the login page and tell programs how to log in.

    A script in a page must not make the browser open its own password box, so only requests
    that no page made are asked for Basic credentials.
    """
    by_browser = "sec-fetch-mode" in request.headers
    wants_page = "text/html" in request.headers.get("accept", "")
    if wants_page and request.method in ("GET", "HEAD"):
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(here, safe='')}", HTTPStatus.SEE_OTHER)
    headers = {} if by_browser else {"WWW-Authenticate": 'Basic realm="PACS", charset="UTF-8"'}
    return problem(HTTPStatus.UNAUTHORIZED, text, headers)
