"""Validators of answers that never change (RFC 9110 8.8, 13.1.2)."""

import hashlib
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from pacs_gateway.web.headers import IMMUTABLE

REVALIDATE = "private, no-cache"
"""For what may change when more images arrive: kept, but asked about each time."""


def validators(*facts: object, immutable: bool = True) -> dict[str, str]:
    """Return the caching headers of an answer that depends on `facts` alone."""
    digest = hashlib.sha256("\n".join(map(repr, facts)).encode()).hexdigest()
    return {
        "ETag": f'"{digest[:32]}"',
        "Cache-Control": IMMUTABLE if immutable else REVALIDATE,
        "Vary": "Accept",
    }


def not_modified(request: Request, headers: dict[str, str]) -> Response | None:
    """Return the 304 answer if the client has this very answer already."""
    known = request.headers.get("if-none-match")
    if known is None:
        return None
    tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
    if headers["ETag"] not in tags and "*" not in tags:
        return None
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
