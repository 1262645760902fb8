"""What each process of the gateway does: `dicom` receives, `web` shows, `work` stores.

Each role imports what it needs inside its function, so that no process carries another's
libraries in memory.
"""

import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from multiprocessing import current_process

import structlog

from pacs_gateway.app import Archive, open_archive
from pacs_gateway.config import Settings
from pacs_gateway.measuring.sharing import Membership, tidy
from pacs_gateway.telemetry import configure_logs
from storage.errors import UnavailableError
from storage.messages import Messages
from storage.records import utc_now

SWEEP_EVERY_S = 600.0
LOCK_RETRY_S = 2.0
SECONDS_PER_DAY = 86_400

Ready = Callable[[], None]

_log = structlog.get_logger(__name__)


def run_dicom(settings: Settings, ready: Ready) -> None:
    """Receive and answer associations until told to stop."""
    from pacs_gateway.dimse.composition import dicom_server  # noqa: PLC0415

    configure_logs(role="dicom")
    _count_together(settings)
    stop = _stop_on_signals()
    archive = open_archive(settings)
    server = dicom_server(
        settings.dicom,
        ingest=archive.ingest,
        index=archive.index,
        retrieval=archive.retrieval,
        peers=archive.peers,
        audit_log=archive.audit_log,
        commitments=archive.commitments,
        desk=archive.desk,
        meters=archive.meters,
        max_references=settings.commitment.max_references,
    )
    server.start()
    ready()
    stop.wait()
    server.stop()


def run_hl7(settings: Settings, ready: Ready) -> None:
    """Take HL7 messages until told to stop."""
    from pacs_gateway.emr.composition import serve_hl7  # noqa: PLC0415

    configure_logs(role="hl7")
    _count_together(settings)
    archive = open_archive(settings)
    serve_hl7(archive.engine, archive.desk, settings.hl7, ready)


def run_web(settings: Settings, ready: Ready, listener: socket.socket) -> None:
    """Serve HTTP until told to stop; uvicorn handles the signals itself."""
    from pacs_gateway.web.composition import serve_web  # noqa: PLC0415

    configure_logs(role="web")
    _count_together(settings)
    archive = open_archive(settings)
    serve_web(archive, listener=listener, ready=ready)


def run_work(settings: Settings, ready: Ready, spare: Sequence[socket.socket] = ()) -> None:
    """Store and index what is in this host's spool, and tidy up, until told to stop.

    `spare` are sockets that the fork has left here: what takes its time to end must not keep the
    ports from the next gateway.
    """
    for each in spare:
        each.close()
    configure_logs(role="work")
    os.nice(settings.ingest.niceness)
    _count_together(settings)
    stop = _stop_on_signals()
    archive = open_archive(settings)
    if not _wait_for_lock(archive, stop):
        return
    committer = archive.committer()
    threading.Thread(target=_tidy, args=(archive, stop), daemon=True, name="tidy").start()
    _watch_audit(archive, stop)
    background = _work_in_background(archive, stop)
    _scrub(archive, stop)
    _watch_health(archive, stop)
    ready()
    committer.run(stop)
    committer.close()
    background.join()


def _wait_for_lock(archive: Archive, stop: threading.Event) -> bool:
    """Wait until no other process stores this spool; return False when told to stop first."""
    while not stop.is_set():
        try:
            archive.spool.lock()
        except UnavailableError as error:
            _log.warning("waiting", reason=str(error))
            stop.wait(LOCK_RETRY_S)
        else:
            return True
    return False


def _tidy(archive: Archive, stop: threading.Event) -> None:
    keep_s = archive.settings.spool.set_aside_days * SECONDS_PER_DAY
    keep_days = archive.settings.commitment.keep_days
    keep_messages = archive.settings.hl7.keep_days
    while not stop.wait(SWEEP_EVERY_S):
        removed = archive.spool.sweep(keep_set_aside_s=keep_s)
        archive.accounts.purge_expired(utc_now())
        archive.guests.purge_expired(utc_now())
        archive.links.purge_expired(utc_now())
        archive.commitments.forget(before=utc_now() - timedelta(days=keep_days))
        Messages(archive.engine).forget(before=utc_now() - timedelta(days=keep_messages))
        _log.info("tidied", files_removed=removed)


def _work_in_background(archive: Archive, stop: threading.Event) -> threading.Thread:
    from pacs_gateway.background import run_background  # noqa: PLC0415

    thread = threading.Thread(target=run_background, args=(archive, stop), name="background")
    thread.start()
    return thread


def _watch_audit(archive: Archive, stop: threading.Event) -> None:
    """Note where the trail ends, and send it on if somebody wants it."""
    from pacs_gateway.archive.anchors import Anchors  # noqa: PLC0415
    from pacs_gateway.audit.syslog import Repository, SyslogExport  # noqa: PLC0415

    audit = archive.settings.audit
    anchors = Anchors(archive.audit_log, archive.store, scratch=archive.settings.spool_dir)
    threading.Thread(
        target=anchors.run,
        args=(stop,),
        kwargs={"every_s": audit.anchor_minutes * 60},
        daemon=True,
        name="anchors",
    ).start()
    if audit.syslog_host is None:
        return
    repository = Repository(
        host=audit.syslog_host,
        port=audit.syslog_port,
        ca=audit.syslog_ca,
        certificate=audit.syslog_certificate,
        key=audit.syslog_key,
        deadline_s=audit.syslog_deadline_s,
    )
    export = SyslogExport(archive.audit_log, repository, source=socket.gethostname())
    threading.Thread(target=export.run, args=(stop,), daemon=True, name="syslog").start()


def _scrub(archive: Archive, stop: threading.Event) -> None:
    """Read every object again, slowly, if that is wanted."""
    from pacs_gateway.archive.scrubbing import Scrubber  # noqa: PLC0415
    from storage.holdings import Holdings  # noqa: PLC0415

    recovery = archive.settings.recovery
    if not recovery.scrub_days:
        return
    scrubber = Scrubber(
        archive.scrub,
        Holdings(archive.engine),
        archive.store,
        days=recovery.scrub_days,
        least_per_second=recovery.scrub_least_per_second,
    )
    threading.Thread(target=scrubber.run, args=(stop,), daemon=True, name="scrub").start()


def _watch_health(archive: Archive, stop: threading.Event) -> None:
    """Examine this host again and again."""
    from pacs_gateway.archive.completeness import Comparison  # noqa: PLC0415
    from pacs_gateway.doctor.subject import subject_of  # noqa: PLC0415
    from pacs_gateway.doctor.watch import Watch  # noqa: PLC0415

    watch = Watch(
        subject_of(archive, thorough=False),
        archive.outbox,
        archive.digests,
        Comparison(archive.lacks),
    )
    threading.Thread(target=watch.run, args=(stop,), daemon=True, name="health").start()


def _count_together(settings: Settings) -> None:
    """Count where the other processes of this host count; before anything is counted."""
    Membership(settings.metrics_dir, current_process().name)
    tidy(settings.metrics_dir)


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
