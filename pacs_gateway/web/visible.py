"""Waiting until what was just accepted can be found."""

import asyncio
from collections.abc import Iterable, Sequence

from pacs_gateway.archive.ingest import Accepted
from storage.spool import ReadyEntry, Spool

POLL_S = 0.003
"""How often the spool is asked; a look costs some microseconds, a commit takes about 10 ms."""


class Visibility:
    """Lets a sender find what it has just stored, where that costs nobody else.

    One sender at a time waits. Several at once are a transfer in bulk, and each of its images would
    wait for a commit of its own.
    """

    def __init__(self, spool: Spool, *, within_s: float) -> None:
        self._spool = spool
        self._within_s = within_s
        self._waiting = False

    async def of(self, accepted: Iterable[Accepted]) -> None:
        """Give the committer a moment; return early if somebody else is given one already."""
        if self._waiting or not self._within_s:
            return
        self._waiting = True
        try:
            self._spool.hurry()
            await self._stored([each.entry for each in accepted])
        finally:
            self._waiting = False

    async def _stored(self, entries: Sequence[ReadyEntry]) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._within_s
        for entry in entries:
            # Another process removes the entry, so no event of ours can tell.
            while self._spool.holds(entry) and loop.time() < deadline:  # noqa: ASYNC110
                await asyncio.sleep(POLL_S)
