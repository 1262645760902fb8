"""What is examined: the parts of one host's gateway."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from socket import gethostname
from typing import Protocol

from pacs_gateway.config import Settings
from storage.accounts import Accounts
from storage.database import Engine
from storage.health import Health
from storage.objects import ObjectStore
from storage.overdue import Overdue
from storage.peers import PeerBook
from storage.records import utc_now
from storage.scrubbing import Scrub


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The parts that checks look at; none of them is changed."""

    settings: Settings
    engine: Engine
    store: ObjectStore
    host: str
    now: datetime
    thorough: bool
    """Whether an object is put, read and deleted, and the first password tried."""

    @property
    def health(self) -> Health:
        """What is kept about the health of hosts."""
        return Health(self.engine)

    @property
    def overdue(self) -> Overdue:
        """What waits."""
        return Overdue(self.engine)

    @property
    def accounts(self) -> Accounts:
        """Who may log in."""
        return Accounts(self.engine)

    @property
    def peers(self) -> PeerBook:
        """Who may connect."""
        return PeerBook(self.engine)

    @property
    def scrub(self) -> Scrub:
        """What reading again has found."""
        return Scrub(self.engine)

    @property
    def metrics_folder(self) -> Path:
        """Where the processes of this host count."""
        return self.settings.metrics_dir


class Parts(Protocol):
    """What of an archive is examined."""

    @property
    def settings(self) -> Settings: ...
    @property
    def engine(self) -> Engine: ...
    @property
    def store(self) -> ObjectStore: ...


def subject_of(parts: Parts, *, thorough: bool) -> Subject:
    """Return what is examined of an archive, on this host and now."""
    settings = parts.settings
    return Subject(
        settings=settings,
        engine=parts.engine,
        store=parts.store,
        # Two gateways of one machine are two places with a spool of their own.
        host=f"{gethostname()} {settings.data_dir.resolve()}",
        now=utc_now(),
        thorough=thorough,
    )
