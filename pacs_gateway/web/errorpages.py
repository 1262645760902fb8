"""Faults told in plain words to people; programs keep the one line of problems.py."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from pacs_gateway.web.templating import Templates

_EXPLAINED = frozenset({400, 401, 403, 404, 422, 500, 503})
"""Statuses with texts of their own in viewer/locales."""


def add_error_pages(app: Starlette, templates: Templates) -> None:
    """Let every fault handler registered so far answer people with a page."""
    for fault, handler in list(app.exception_handlers.items()):
        app.add_exception_handler(fault, _for_people(handler, templates))


def _for_people(handler: Callable[..., Any], templates: Templates) -> Callable[..., Any]:
    async def answer(request: Request, error: Exception) -> Response:
        told: Response = await handler(request, error)
        wants_page = "text/html" in request.headers.get("accept", "")
        if told.status_code < HTTPStatus.BAD_REQUEST or not wants_page:
            return told
        page = templates.page(
            request, "error.html", {"kind": _kind(told.status_code)}, status=told.status_code
        )
        replaced = {"content-length", "content-type", "cache-control"}
        page.headers.update({k: v for k, v in told.headers.items() if k.lower() not in replaced})
        return page

    return answer


def _kind(status: int) -> int:
    """Return the status whose words fit this one best."""
    if status in _EXPLAINED:
        return status
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return HTTPStatus.SERVICE_UNAVAILABLE.value
    return 400 if status < HTTPStatus.INTERNAL_SERVER_ERROR else 500
