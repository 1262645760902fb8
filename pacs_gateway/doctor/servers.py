"""Database, object store and clocks: what the gateway needs others for."""

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from ulid import ULID

from pacs_gateway.doctor.findings import Finding, ok, warning, wrong
from pacs_gateway.doctor.subject import Subject
from storage.database import SCHEMA_VERSION, clock, runs_on, schema_of
from storage.errors import StorageError
from storage.objects import ObjectInfo
from storage.records import utc_now

DATABASE, OBJECTS, CLOCK = "database", "objects", "clock"
PROBE_PREFIX = "v1-probe/"
_SKEWED = "RequestTimeTooSkewed"
"""What S3 servers answer when our clock is a quarter of an hour off."""


def check_database(subject: Subject) -> Iterator[Finding]:
    """Look whether the database answers and has this version's schema."""
    try:
        found = schema_of(subject.engine)
        theirs = clock(subject.engine)
    except StorageError as error:
        yield wrong(DATABASE, "down", reason=str(error))
        return
    if found is None:
        yield wrong(DATABASE, "empty")
    elif found < SCHEMA_VERSION:
        yield wrong(DATABASE, "old", found=found, wanted=SCHEMA_VERSION)
    elif runs_on(found) and found != SCHEMA_VERSION:
        yield warning(DATABASE, "ahead", found=found, wanted=SCHEMA_VERSION)
    elif found > SCHEMA_VERSION:
        yield wrong(DATABASE, "new", found=found, wanted=SCHEMA_VERSION)
    else:
        yield ok(DATABASE, "fine", found=found)
    if theirs is not None:
        yield _clock_finding(subject, theirs, of="database")


def check_objects(subject: Subject) -> Iterator[Finding]:
    """Look whether the object store takes, gives and forgets an object."""
    try:
        if not subject.thorough:
            subject.store.ping()
            yield ok(OBJECTS, "answers")
            return
        info = _probe(subject)
    except StorageError as error:
        code = "skewed" if _SKEWED in str(error) else "down"
        yield wrong(OBJECTS, code, reason=str(error))
        return
    except OSError as error:
        yield wrong(OBJECTS, "not_tried", reason=error.strerror or type(error).__name__)
        return
    if info is None:
        yield wrong(OBJECTS, "differs")
        return
    yield ok(OBJECTS, "fine")
    if subject.settings.objects_url.startswith("s3:"):
        yield _clock_finding(subject, info.stored_at, of="objects")


def _probe(subject: Subject) -> ObjectInfo | None:
    """Return what the store knows of an object just put, None if it gives other bytes back."""
    content = f"{ULID()}".encode()
    key = f"{PROBE_PREFIX}{content.decode()}"
    with TemporaryDirectory(dir=subject.settings.data_dir, prefix="probe-") as folder:
        source = Path(folder) / "probe"
        source.write_bytes(content)
        subject.store.put(key, source, sha256=sha256(content).hexdigest())
    try:
        info = subject.store.head(key)
        same = b"".join(subject.store.read(key)) == content
    finally:
        subject.store.delete(key)
    return info if same else None


def _clock_finding(subject: Subject, theirs: datetime, *, of: str) -> Finding:
    seconds = int(abs((utc_now() - theirs).total_seconds()))
    if seconds > subject.settings.guard.clock_skew_s:
        return wrong(CLOCK, of, seconds=seconds)
    return ok(CLOCK, f"{of}_ok", seconds=seconds)
