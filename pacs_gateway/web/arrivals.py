"""News of arrivals for open lists of studies (Server-Sent Events, HTML 9.2).

Invariant: however many people have a list open, the database is asked once in a while by one
watcher of the process, and by none when nobody listens. The news says that something arrived and
nothing about it: each list then asks for what its reader may see.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from pacs_gateway.config import WebSettings
from pacs_gateway.errors import OutOfResourcesError
from storage.errors import UnavailableError

HEARTBEAT_S = 20.0
"""How often a line is sent in silence: proxies close connections that are silent for a minute."""
_NEWS = b"event: arrived\ndata:\n\n"
_SILENCE = b":\n\n"


class Arrivals:
    """Tells listeners of one process, all in its event loop, when something was added."""

    def __init__(
        self, latest: Callable[[], datetime | None], *, every_s: float, at_most: int
    ) -> None:
        self._latest = latest
        self._every_s = every_s
        self._at_most = at_most
        self._listeners: set[asyncio.Event] = set()
        self._watcher: asyncio.Task[None] | None = None
        self.closed = False

    @property
    def full(self) -> bool:
        """Whether nobody else may listen."""
        return self.closed or len(self._listeners) >= self._at_most

    @contextmanager
    def listen(self) -> Iterator[asyncio.Event]:
        """Give an event that is set whenever something has arrived, and when all ends."""
        news = asyncio.Event()
        self._listeners.add(news)
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._watch())
        try:
            yield news
        finally:
            self._listeners.discard(news)
            if not self._listeners and self._watcher is not None:
                self._watcher.cancel()
                self._watcher = None

    def close(self) -> None:
        """Send everybody away: the process is about to end."""
        self.closed = True
        self._tell()

    async def _watch(self) -> None:
        known = await self._asked(None)
        while True:
            await asyncio.sleep(self._every_s)
            latest = await self._asked(known)
            if latest != known:
                known = latest
                self._tell()

    async def _asked(self, known: datetime | None) -> datetime | None:
        # A database that does not answer has no news; other pages say that it does not answer.
        with suppress(UnavailableError):
            return await run_in_threadpool(self._latest)
        return known

    def _tell(self) -> None:
        for news in self._listeners:
            news.set()


class ArrivalEndpoints:
    """The route of the news."""

    def __init__(self, arrivals: Arrivals, settings: WebSettings) -> None:
        self._arrivals = arrivals
        self._lasts_s = settings.arrivals_stream_s

    def routes(self) -> list[BaseRoute]:
        """Return what the application serves."""
        answer: dict[int | str, dict[str, Any]] = {
            200: {"content": {"text/event-stream": {}}, "description": "Events, until it ends."}
        }
        path = "/api/worklist/arrivals"
        return [
            APIRoute(
                path,
                self.stream,
                response_class=Response,
                responses=answer,
                tags=["studies"],
            )
        ]

    async def stream(self) -> Response:
        """Listen for arrivals: an event `arrived` whenever something was stored.

        The stream ends after a while, and a browser asks for the next by itself.
        """
        # The gate sees each time whether the session still lasts.
        if self._arrivals.full:
            raise OutOfResourcesError("Too many lists are open; reload to see what arrived.")
        return StreamingResponse(
            self._events(),
            media_type="text/event-stream",
            # nginx keeps answers back otherwise.
            headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"},
        )

    async def _events(self) -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop().time
        until = clock() + self._lasts_s
        with self._arrivals.listen() as news:
            yield b"retry: 2000\n\n"
            while (left := until - clock()) > 0 and not self._arrivals.closed:
                try:
                    await asyncio.wait_for(news.wait(), min(left, HEARTBEAT_S))
                except TimeoutError:
                    yield _SILENCE
                    continue
                news.clear()
                yield _NEWS
