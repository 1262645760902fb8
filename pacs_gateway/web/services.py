"""What the HTTP edge is given to work with."""

from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client.registry import Collector

from pacs_gateway.archive.deletion import Deletion
from pacs_gateway.archive.ingest import Ingest
from pacs_gateway.archive.pictures import Pictures
from pacs_gateway.archive.retrieve import Retrieval
from pacs_gateway.config import Settings
from pacs_gateway.doctor.subject import Subject
from pacs_gateway.imaging.render import Renderer
from pacs_gateway.measuring.meters import Meters
from pacs_gateway.ris.desk import Desk
from pacs_gateway.web.alarms import Alarms
from pacs_gateway.web.arrivals import Arrivals
from pacs_gateway.web.recent import RecentPictures
from pacs_gateway.web.recording import Recorder
from storage.accounts import Accounts
from storage.auditlog import AuditLog
from storage.commitments import Commitments
from storage.completions import Completions
from storage.digests import Digests
from storage.guests import Guests
from storage.health import Health
from storage.index import Index
from storage.lacks import Lacks
from storage.links import Links
from storage.objects import ObjectStore
from storage.peers import PeerBook
from storage.shares import Shares


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
    desk: Desk
    recorder: Recorder
    recent: RecentPictures
    arrivals: Arrivals
    meters: Meters
    health: Health
    lacks: Lacks
    completions: Completions
    digests: Digests
    alarms: Alarms
    subject: Subject
    states: Sequence[Collector]
    """What a scrape asks at its own time."""
