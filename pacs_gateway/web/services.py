"""What the HTTP edge is given to work with."""

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter

from pacs_gateway.archive.deletion import Deletion
from pacs_gateway.archive.ingest import Ingest
from pacs_gateway.archive.pictures import Pictures
from pacs_gateway.archive.retrieve import Retrieval
from pacs_gateway.config import Settings
from pacs_gateway.imaging.render import Renderer
from pacs_gateway.web.arrivals import Arrivals
from pacs_gateway.web.recent import RecentPictures
from pacs_gateway.web.recording import Recorder
from storage.accounts import Accounts
from storage.auditlog import AuditLog
from storage.commitments import Commitments
from storage.guests import Guests
from storage.index import Index
from storage.links import Links
from storage.objects import ObjectStore
from storage.peers import PeerBook
from storage.shares import Shares


class Metrics:
    """The counters of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.answers = Counter(
            "pacs_gateway_http_answers",
            "HTTP answers given, by method and kind of status.",
            ("method", "status"),
            registry=self.registry,
        )
        self.stored = Counter(
            "pacs_gateway_stow_instances",
            "Instances that came by STOW-RS, by what became of them.",
            ("outcome",),
            registry=self.registry,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything the routes use; made once per process by the composition root."""

    settings: Settings
    index: Index
    store: ObjectStore
    accounts: Accounts
    guests: Guests
    links: Links
    shares: Shares
    peers: PeerBook
    retrieval: Retrieval
    ingest: Ingest
    deletion: Deletion
    renderer: Renderer
    pictures: Pictures
    audit_log: AuditLog
    commitments: Commitments
    recorder: Recorder
    recent: RecentPictures
    arrivals: Arrivals
    metrics: Metrics = field(default_factory=Metrics)
