"""Puts what requests look at into the audit trail, each look once (docs/design/0013-audit.md)."""

import hashlib
from datetime import timedelta
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from pacs_gateway.access.roles import Caller
from pacs_gateway.audit import acts
from pacs_gateway.audit.acts import Who
from pacs_gateway.web import address
from pacs_gateway.web.remembered import Remembered
from storage.auditlog import AuditLog, Entry
from storage.index import Index

MAX_REMEMBERED = 16_384
"""Looks that need no question to the database; each takes about 200 bytes."""
PAGING = frozenset({"offset", "limit", "page", "after", "before"})
"""Parameters that turn the pages of one search."""


class Recorder:
    """Records for the gate (web.gate.Records) and knows who sends a request."""

    def __init__(
        self, log: AuditLog, index: Index, *, look_minutes: float, behind_proxy: bool
    ) -> None:
        self._log = log
        self._index = index
        self._look = timedelta(minutes=look_minutes)
        self._behind_proxy = behind_proxy
        self._told = Remembered[bool](for_s=look_minutes * 60, at_most=MAX_REMEMBERED)

    def who(self, connection: HTTPConnection, caller: Caller | None) -> Who:
        """Return who sends a request, as the trail names them."""
        return Who(
            name=caller.name if caller else "",
            role=caller.role if caller else "",
            address=address.client_address(connection, behind_proxy=self._behind_proxy),
            session=caller.session if caller else "",
        )

    def has_look(self, caller: Caller, study_uid: str) -> bool:
        """Return whether this process has recorded the look."""
        return self._told.get(_look_key(caller, study_uid)) is not None

    async def study_viewed(
        self, connection: HTTPConnection, caller: Caller, study_uid: str
    ) -> None:
        """Record a look at a study."""
        who = self.who(connection, caller)

        def look() -> Entry:
            patient_id = self._index.patient_id(study_uid)
            return acts.study_viewed(
                who, study_uid=study_uid, patient_id=patient_id, again_after=self._look
            )

        await run_in_threadpool(lambda: self._log.append(look()))
        self._told.put(_look_key(caller, study_uid), True)

    async def searched(self, connection: HTTPConnection, caller: Caller) -> None:
        """Record a search, whichever of its pages is asked for."""
        given = [
            (name, value)
            for name, value in connection.query_params.multi_items()
            if name not in PAGING
        ]
        where, query = connection.scope["path"], urlencode(sorted(given))
        digest = hashlib.sha256(f"{where} {query}".encode("utf-8", "replace")).hexdigest()
        key = f"{caller.session} {digest}".encode()
        if self._told.get(key):
            return
        entry = acts.searched(
            self.who(connection, caller), where=where, query=query, again_after=self._look
        )
        await run_in_threadpool(self._log.append, entry)
        self._told.put(key, True)

    async def access_refused(
        self, connection: HTTPConnection, caller: Caller | None, study_uid: str = ""
    ) -> None:
        """Record that somebody asked for what they may not have."""
        route = connection.scope.get("route")
        asked = f"{connection.scope['method']} {getattr(route, 'path', '')}"
        entry = acts.access_refused(self.who(connection, caller), study_uid=study_uid, asked=asked)
        await run_in_threadpool(self._log.append, entry)


def _look_key(caller: Caller, study_uid: str) -> bytes:
    return f"{caller.session} {study_uid}".encode()
