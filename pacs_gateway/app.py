"""The composition root: makes every object from the settings and knows them all."""

from dataclasses import dataclass

from pacs_gateway.archive.commit import Committer
from pacs_gateway.archive.deletion import Deletion
from pacs_gateway.archive.examine import Examiner
from pacs_gateway.archive.ingest import Ingest
from pacs_gateway.archive.retrieve import Retrieval
from pacs_gateway.config import ObjectsSettings, Settings
from pacs_gateway.dicom.part10 import WalkLimits
from pacs_gateway.errors import ConfigurationError
from pacs_gateway.measuring.meters import Meters
from pacs_gateway.measuring.objects import TimedObjects
from pacs_gateway.ris.desk import Desk
from storage.accounts import Accounts
from storage.auditlog import AuditLog
from storage.cache import DiskCache
from storage.capacity import SpoolLimits
from storage.commitments import Commitments
from storage.completions import Completions
from storage.database import Engine, migrate, observed, open_engine
from storage.deletions import Deletions
from storage.digests import Digests
from storage.errors import StorageError, VersionError
from storage.guests import Guests
from storage.health import Health
from storage.index import Index
from storage.lacks import Lacks
from storage.links import Links
from storage.lookup import Lookup
from storage.objects import ObjectStore, S3Options, open_object_store
from storage.outbox import Outbox
from storage.peers import PeerBook
from storage.scrubbing import Scrub
from storage.shares import Shares
from storage.spool import Spool


@dataclass(frozen=True, slots=True)
class Archive:
    """The parts that every role is made of; made after a fork, one set per process."""

    settings: Settings
    spool: Spool
    store: ObjectStore
    index: Index
    accounts: Accounts
    guests: Guests
    links: Links
    shares: Shares
    peers: PeerBook
    examiner: Examiner
    ingest: Ingest
    retrieval: Retrieval
    lookup: Lookup
    deletion: Deletion
    cache: DiskCache
    audit_log: AuditLog
    scrub: Scrub
    commitments: Commitments
    completions: Completions
    outbox: Outbox
    desk: Desk
    health: Health
    lacks: Lacks
    digests: Digests
    meters: Meters
    engine: Engine

    def close(self) -> None:
        """Close the database connections; needed before a fork."""
        self.engine.dispose()

    def committer(self) -> Committer:
        """Return what stores and indexes the spool of this host."""
        limits = self.settings.ingest
        return Committer(
            self.spool,
            self.store,
            self.index,
            self.deletion,
            self.examiner,
            batch=limits.batch,
            workers=limits.workers,
            quiet_s=self.settings.web.receiving_s,
            seen_after=self.meters.commit_lag.observe,
        )


def prepare_database(settings: Settings) -> None:
    """Bring the database to this version's schema; once, before any role starts.

    Raises ConfigurationError if it cannot be reached.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    engine = open_engine(settings.index_url, busy_deadline_s=settings.index.busy_deadline_s)
    try:
        migrate(engine)
    except VersionError as error:
        raise ConfigurationError(f"The index database cannot be used: {error}") from error
    except StorageError as error:
        raise ConfigurationError(
            f"The index database cannot be used: {error}"
            " Check PACS_GATEWAY_INDEX__URL and that its server runs."
        ) from error
    finally:
        engine.dispose()


def open_archive(settings: Settings) -> Archive:
    """Return the archive's parts for this process.

    Raises ConfigurationError if the object store is not described well enough to be used.
    """
    meters = Meters()
    engine = observed(
        open_engine(settings.index_url, busy_deadline_s=settings.index.busy_deadline_s),
        meters.transaction,
    )
    index, lookup = Index(engine), Lookup(engine)
    plain_store, examiner = open_objects(settings)
    store = TimedObjects(plain_store, meters)
    spool = Spool(settings.spool_dir, _spool_limits(settings))
    limits = settings.ingest
    return Archive(
        settings=settings,
        spool=spool,
        store=store,
        index=index,
        accounts=Accounts(engine),
        guests=Guests(engine),
        links=Links(engine),
        shares=Shares(engine),
        peers=PeerBook(engine),
        examiner=examiner,
        ingest=Ingest(spool, examiner),
        lookup=lookup,
        retrieval=Retrieval(
            index,
            lookup,
            Deletions(engine),
            store,
            max_inflated_bytes=limits.max_inflated_bytes,
        ),
        deletion=Deletion(index, Deletions(engine), store, scratch=settings.spool_dir),
        cache=open_cache(settings),
        audit_log=AuditLog(engine),
        scrub=Scrub(engine),
        commitments=Commitments(engine),
        completions=Completions(engine),
        outbox=Outbox(engine),
        desk=Desk(engine),
        health=Health(engine),
        lacks=Lacks(engine),
        digests=Digests(engine),
        meters=meters,
        engine=engine,
    )


def open_store(settings: Settings, url: str) -> ObjectStore:
    """Return the object store at an address, with the keys that the settings have for S3.

    Raises ConfigurationError if it is not described well enough to be used.
    """
    try:
        return open_object_store(url, _s3_options(settings.objects))
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


def open_objects(settings: Settings) -> tuple[ObjectStore, Examiner]:
    """Return the object store, and what looks into objects.

    Raises ConfigurationError if the object store is not described well enough to be used.
    """
    store = open_store(settings, settings.objects_url)
    limits = settings.ingest
    examiner = Examiner(
        WalkLimits(
            max_depth=limits.max_depth,
            max_elements=limits.max_elements,
            max_header_bytes=limits.max_header_bytes,
        ),
        max_inflated_bytes=limits.max_inflated_bytes,
        max_inflate_ratio=limits.max_inflate_ratio,
        scratch=settings.spool_dir,
    )
    return store, examiner


def open_cache(settings: Settings) -> DiskCache:
    """Return the cache of pictures of this host."""
    return DiskCache(
        settings.cache_dir,
        max_bytes=settings.cache.max_bytes,
        reserve_bytes=settings.cache.reserve_bytes,
    )


def _spool_limits(settings: Settings) -> SpoolLimits:
    spool = settings.spool
    return SpoolLimits(
        stop_associations_percent=spool.stop_associations_percent,
        refuse_percent=spool.refuse_percent,
        reserve_bytes=spool.reserve_bytes,
        max_entries=spool.max_entries,
    )


def _s3_options(objects: ObjectsSettings) -> S3Options:
    return S3Options(
        endpoint=objects.endpoint or "",
        access_key=objects.access_key.get_secret_value() if objects.access_key else "",
        secret_key=objects.secret_key.get_secret_value() if objects.secret_key else "",
        region=objects.region,
        secure=objects.secure,
        connect_deadline_s=objects.connect_deadline_s,
        read_deadline_s=objects.read_deadline_s,
        max_connections=objects.max_connections,
    )
