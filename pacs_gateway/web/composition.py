"""Puts the HTTP edge of one process together from the archive's parts, and serves it."""

import socket
import threading
from collections.abc import Callable
from typing import Protocol

from pacs_gateway.archive.deletion import Deletion
from pacs_gateway.archive.ingest import Ingest
from pacs_gateway.archive.pictures import Pictures
from pacs_gateway.archive.previews import Previews
from pacs_gateway.archive.retrieve import Retrieval
from pacs_gateway.config import Settings
from pacs_gateway.doctor.states import States
from pacs_gateway.doctor.subject import subject_of
from pacs_gateway.imaging.render import Renderer
from pacs_gateway.measuring.meters import Meters
from pacs_gateway.ris.desk import Desk
from pacs_gateway.web.alarms import Alarms
from pacs_gateway.web.app import create_app
from pacs_gateway.web.arrivals import Arrivals
from pacs_gateway.web.recent import RecentPictures
from pacs_gateway.web.recording import Recorder
from pacs_gateway.web.scrubmetrics import ScrubMetrics
from pacs_gateway.web.server import serve
from pacs_gateway.web.services import Services
from storage.accounts import Accounts
from storage.auditlog import AuditLog
from storage.cache import DiskCache
from storage.commitments import Commitments
from storage.completions import Completions
from storage.database import Engine
from storage.digests import Digests
from storage.guests import Guests
from storage.health import Health
from storage.index import Index
from storage.lacks import Lacks
from storage.links import Links
from storage.lookup import Lookup
from storage.objects import ObjectStore
from storage.peers import PeerBook
from storage.scrubbing import Scrub
from storage.shares import Shares


class ArchiveParts(Protocol):
    """What the composition root hands over; web does not know where it was made."""

    @property
    def settings(self) -> Settings: ...
    @property
    def index(self) -> Index: ...
    @property
    def store(self) -> ObjectStore: ...
    @property
    def accounts(self) -> Accounts: ...
    @property
    def guests(self) -> Guests: ...
    @property
    def links(self) -> Links: ...
    @property
    def shares(self) -> Shares: ...
    @property
    def peers(self) -> PeerBook: ...
    @property
    def retrieval(self) -> Retrieval: ...
    @property
    def lookup(self) -> Lookup: ...
    @property
    def ingest(self) -> Ingest: ...
    @property
    def deletion(self) -> Deletion: ...
    @property
    def cache(self) -> DiskCache: ...
    @property
    def audit_log(self) -> AuditLog: ...
    @property
    def scrub(self) -> Scrub: ...
    @property
    def commitments(self) -> Commitments: ...
    @property
    def desk(self) -> Desk: ...
    @property
    def health(self) -> Health: ...
    @property
    def completions(self) -> Completions: ...
    @property
    def lacks(self) -> Lacks: ...
    @property
    def digests(self) -> Digests: ...
    @property
    def meters(self) -> Meters: ...
    @property
    def engine(self) -> Engine: ...


def services_of(archive: ArchiveParts, renderer: Renderer) -> Services:
    """Return what the routes work with."""
    settings = archive.settings
    return Services(
        settings=settings,
        index=archive.index,
        store=archive.store,
        accounts=archive.accounts,
        guests=archive.guests,
        links=archive.links,
        shares=archive.shares,
        peers=archive.peers,
        retrieval=archive.retrieval,
        ingest=archive.ingest,
        deletion=archive.deletion,
        renderer=renderer,
        pictures=_pictures(settings, archive.retrieval, renderer, archive.cache),
        audit_log=archive.audit_log,
        commitments=archive.commitments,
        desk=archive.desk,
        meters=archive.meters,
        health=archive.health,
        lacks=archive.lacks,
        completions=archive.completions,
        digests=archive.digests,
        alarms=Alarms(archive.health, every_s=settings.guard.every_s),
        subject=subject_of(archive, thorough=True),
        states=(States(subject_of(archive, thorough=False)), ScrubMetrics(archive.scrub)),
        recent=RecentPictures(settings.web.recent_pictures_bytes),
        arrivals=Arrivals(
            archive.index.latest_arrival,
            every_s=settings.web.arrivals_poll_s,
            at_most=settings.web.max_listeners,
        ),
        recorder=Recorder(
            archive.audit_log,
            archive.index,
            look_minutes=settings.audit.look_minutes,
            behind_proxy=settings.web.behind_proxy,
        ),
    )


def serve_web(archive: ArchiveParts, *, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; call `ready` when requests are taken."""
    settings = archive.settings
    renderer = Renderer(settings.imaging, observe=archive.meters.rendered)
    services = services_of(archive, renderer)
    # The first picture should not wait for a decoder to load its libraries, nor the start for it.
    threading.Thread(target=renderer.start, daemon=True, name="renderer-start").start()
    stop = threading.Event()
    threading.Thread(target=services.alarms.run, args=(stop,), daemon=True, name="alarms").start()
    previews = Previews(
        archive.retrieval, archive.lookup, services.pictures, quiet_s=settings.cache.quiet_s
    )
    threading.Thread(target=previews.run, args=(stop,), daemon=True, name="previews").start()
    try:
        serve(
            create_app(services),
            settings.web,
            sock=listener,
            on_ready=ready,
            on_stop=services.arrivals.close,
        )
    finally:
        stop.set()
        services.pictures.close()
        renderer.close()


def _pictures(
    settings: Settings, retrieval: Retrieval, renderer: Renderer, cache: DiskCache
) -> Pictures:
    """Return the maker of pictures under the limits of an installation."""
    return Pictures(
        retrieval,
        renderer,
        cache,
        max_cine_frames=settings.imaging.max_cine_frames,
        max_cine_bytes=settings.imaging.max_cine_bytes,
    )
