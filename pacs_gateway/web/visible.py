"""Waiting until what was just accepted can be found."""

import asyncio
from collections.abc import Iterable

from starlette.concurrency import run_in_threadpool

from pacs_gateway.archive.ingest import Accepted
from storage.index import Index

POLL_S = 0.02
"""How often the index is asked for what was just accepted; a commit takes about as long."""


async def wait_until_visible(
    index: Index, accepted: Iterable[Accepted], *, within_s: float
) -> None:
    """Give the committer a moment, so that the sender finds what it has just stored."""
    uids = {each.identity.sop_instance_uid for each in accepted}
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while uids and loop.time() < deadline:
        known = await run_in_threadpool(index.known, list(uids))
        # What was deleted before is shown again once the committer has seen it.
        uids -= {uid for uid, found in known.items() if not all(each.deleted for each in found)}
        if uids:
            await asyncio.sleep(POLL_S)
