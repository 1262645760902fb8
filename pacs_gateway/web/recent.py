"""Pictures that were just sent, for whoever asks for the same again within a minute.

Scrolling back and forth asks for the same slices again and again. From here they go out without a
thread, the index or the disk: 0.4 ms less, on the machine of docs/design/0011-renderings.md.
"""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from pacs_gateway.web.caching import not_modified
from pacs_gateway.web.headers import IMMUTABLE

FOR_S = 60.0
"""A picture is for ever what it is, but its instance may be deleted on another host."""
_LARGEST_SHARE = 8
"""A picture may take one eighth of the room."""


class _Kept(NamedTuple):
    headers: dict[str, str]
    media_type: str
    body: bytes
    until: float


class RecentPictures:
    """Answers with one picture, by address and Accept header, for the event loop of one process."""

    def __init__(self, max_bytes: int, *, clock: Callable[[], float] = monotonic) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._kept: OrderedDict[tuple[str, bytes, str], _Kept] = OrderedDict()
        self._bytes = 0

    def answer(self, request: Request) -> Response | None:
        """Return the answer to a request that was answered a moment ago."""
        key = _key(request)
        kept = self._kept.get(key)
        if kept is None or request.method != "GET":
            return None
        if kept.until < self._clock():
            self._forget(key)
            return None
        self._kept.move_to_end(key)
        unchanged = not_modified(request, kept.headers)
        return unchanged or Response(kept.body, headers=kept.headers, media_type=kept.media_type)

    def keep(self, request: Request, response: Response) -> None:
        """Keep an answer if it is one whole picture that can never change."""
        body, media_type = response.body, response.media_type or ""
        if (
            response.status_code != 200  # noqa: PLR2004 - the one status that carries the picture.
            or request.method != "GET"
            or response.headers.get("cache-control") != IMMUTABLE
            or not media_type.startswith("image/")
            or not isinstance(body, bytes)
            or not 0 < len(body) <= self._max_bytes // _LARGEST_SHARE
        ):
            return
        key = _key(request)
        self._forget(key)
        headers = {name: response.headers[name] for name in ("ETag", "Cache-Control", "Vary")}
        self._kept[key] = _Kept(headers, media_type, body, self._clock() + FOR_S)
        self._bytes += len(body)
        while self._bytes > self._max_bytes:
            self._forget(next(iter(self._kept)))

    def clear(self) -> None:
        """Forget everything: something was deleted."""
        self._kept.clear()
        self._bytes = 0

    def _forget(self, key: tuple[str, bytes, str]) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= len(kept.body)


def _key(request: Request) -> tuple[str, bytes, str]:
    scope = request.scope
    return scope["path"], scope["query_string"], request.headers.get("accept", "")
