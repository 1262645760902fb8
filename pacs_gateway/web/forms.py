"""Forms that people send, and where they go on to afterwards."""

import re
from urllib.parse import parse_qsl

from starlette.requests import Request

from pacs_gateway.errors import BadRequestError, TooLargeError

MAX_FORM_BYTES = 16 * 1024
"""A login with the longest name and password has 8 KiB."""
MAX_FORM_FIELDS = 60

_LOCAL_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,2000}")
"""A path on this host; browsers take `//host` and `/\\host` for another host."""


def local_path(wanted: str) -> str:
    """Return `wanted` if it is a path on this host, else the list of studies.

    A login must not send people on to a site that only looks like the hospital's.
    """
    return wanted if _LOCAL_PATH.fullmatch(wanted) else "/"


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of an URL-encoded form, of each name the last.

    Raises TooLargeError or BadRequestError.
    """
    return dict(await read_fields(request))


async def read_fields(request: Request) -> list[tuple[str, str]]:
    """Return all fields of an URL-encoded form.

    Raises TooLargeError or BadRequestError.
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_FORM_BYTES:
            raise TooLargeError("The form is longer than any of ours.")
    try:
        return parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS
        )
    except ValueError as error:
        raise BadRequestError("The form cannot be read.") from error
