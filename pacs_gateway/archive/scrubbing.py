"""Every object read once in some months, slowly, so that a disk that forgets is noticed in time.

Objects that nobody opens are spoiled as well, and a backup that still has them is not kept forever.
"""

import threading
from collections.abc import Sequence
from datetime import timedelta
from socket import gethostname

import structlog
from ulid import ULID

from pacs_gateway.archive.verification import check
from storage.errors import StorageError
from storage.holdings import Holding, Holdings
from storage.objects import ObjectStore
from storage.records import utc_now
from storage.scrubbing import Scrub, Spoiled

SECONDS_PER_DAY = 86_400.0
AT_ONCE = 20
"""Objects between two notes of how far it is; what is read twice after a kill."""
IDLE_S = 60.0
"""Pause when another host reads, when there is nothing to read, or when a part is down."""
HOLD = timedelta(minutes=10)
"""How long a host that does not come back keeps others from reading; beyond any page of objects."""

_log = structlog.get_logger(__name__)


class Scrubber:
    """Reads round after round; one process at a time over all hosts."""

    def __init__(
        self,
        state: Scrub,
        holdings: Holdings,
        store: ObjectStore,
        *,
        days: float,
        least_per_second: float,
    ) -> None:
        self._state = state
        self._holdings = holdings
        self._store = store
        self._days = days
        self._least = least_per_second
        self._holder = f"{gethostname()} {ULID()}"

    def run(self, stop: threading.Event) -> None:
        """Read until `stop` is set."""
        pause = 0.0
        while not stop.wait(pause):
            try:
                pause = self.step(stop)
            except StorageError as error:
                _log.warning("reading objects again pauses", reason=str(error))
                pause = IDLE_S

    def step(self, stop: threading.Event) -> float:
        """Read some objects; return how many seconds to wait before the next.

        Raises StorageError if the store or the database is down; then nothing is noted.
        """
        now = utc_now()
        here = self._state.take(self._holder, now=now, until=now + HOLD)
        if here is None:
            return IDLE_S
        page = self._holdings.after(here.after, limit=AT_ONCE)
        if not page:
            if here.checked:
                self._state.finish(utc_now())
                _log.info("every object was read again", objects=here.checked)
            return IDLE_S
        if self._read(page, stop):
            return len(page) / self._rate()
        return 0.0

    def _read(self, page: Sequence[Holding], stop: threading.Event) -> bool:
        spoiled = []
        for holding in page:
            if stop.is_set():
                return False
            wrong = check(self._store, holding)
            # Deleted for good meanwhile, or indexed anew: then nobody misses it.
            if wrong and holding.key in self._holdings.named([holding.sop_instance_uid]):
                spoiled.append(Spoiled(holding.key, wrong, utc_now()))
        keys = [holding.key for holding in page]
        for each in self._state.advance(keys, spoiled, after=page[-1].sop_instance_uid):
            # The digest is enough to find it (`verify` gives the key), and says nothing of a patient.
            _log.error(
                "ALARM: a stored image is not as it was received;"
                " check the disk, run pacs-gateway verify, and bring it back from a backup",
                sha256=each.key.removesuffix(".dcm").rpartition(".")[2],
                fault=each.fault,
            )
        return True

    def _rate(self) -> float:
        return max(self._least, self._holdings.count() / (self._days * SECONDS_PER_DAY))
