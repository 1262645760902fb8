"""Puts together what the `work` process does in the background: each kind of work and its worker."""

from threading import Event

from pacs_gateway.app import Archive
from pacs_gateway.archive.commitment import Check, CheckLimits
from pacs_gateway.archive.completeness import STUDY_QUIET, StudyQuiet
from pacs_gateway.dicom.storageclasses import storage_sop_classes
from pacs_gateway.dimse.commitment import Report
from pacs_gateway.dimse.requesting import Requestor
from pacs_gateway.dimse.server import configure_pynetdicom
from pacs_gateway.doctor.digest import DIGEST, DIGEST_MAIL, MakeDigest
from pacs_gateway.doctor.mailing import MailDigest
from pacs_gateway.outbox.tries import Handler, Patience, Tries
from pacs_gateway.outbox.worker import Worker, WorkerLimits, host_name
from pacs_gateway.ris.arrival import MatchOrder, MatchStudy
from pacs_gateway.web.healthwords import mail_words
from storage.commitments import CHECK, REPORT
from storage.orders import MATCH_ORDER, MATCH_STUDY
from storage.overdue import Overdue


def run_background(archive: Archive, stop: Event) -> None:
    """Carry out the outbox until told to stop; if that ends otherwise, let the process end too.

    The supervisor then starts it again, which is the recovery of everything here.
    """
    try:
        worker(archive).run(stop)
    finally:
        stop.set()


def worker(archive: Archive) -> Worker:
    """Return what carries out the outbox of this archive."""
    limits = archive.settings.outbox
    patience = Patience(
        first_pause_s=limits.first_pause_s,
        longest_pause_s=limits.longest_pause_s,
        retry_hours=limits.retry_hours,
    )
    return Worker(
        archive.outbox,
        Tries(archive.outbox, handlers(archive), patience),
        WorkerLimits(
            poll_s=limits.poll_s,
            workers=limits.workers,
            lease_s=limits.lease_s,
            keep_days=limits.keep_days,
        ),
        url=archive.settings.work_url,
        name=host_name(archive.settings.data_dir),
    )


def handlers(archive: Archive) -> dict[str, Handler]:
    """Return what carries out each kind of work."""
    settings = archive.settings
    limits, dicom = settings.commitment, settings.dicom
    configure_pynetdicom(dicom.private_storage_sop_classes)
    check = Check(
        archive.commitments,
        archive.index,
        archive.store,
        CheckLimits(
            wait_s=limits.wait_s,
            longest_wait_s=limits.longest_wait_s,
            grace_s=limits.grace_s,
            try_s=limits.try_s,
        ),
        oldest_waiting=archive.spool.oldest_received,
        supported=storage_sop_classes() | set(dicom.private_storage_sop_classes),
    )
    report = Report(archive.commitments, archive.peers, Requestor(dicom), ae_title=dicom.ae_title)
    quiet = StudyQuiet(
        archive.index,
        archive.completions,
        quiet_s=settings.web.receiving_s,
        followers=(MATCH_STUDY,),
    )
    match_study = MatchStudy(archive.desk, archive.index, archive.completions)
    match_order = MatchOrder(archive.desk, archive.index, match_study)
    return {
        CHECK: check,
        REPORT: report,
        STUDY_QUIET: quiet,
        MATCH_STUDY: match_study,
        MATCH_ORDER: match_order,
        DIGEST: MakeDigest(Overdue(archive.engine), archive.health, archive.digests, settings),
        DIGEST_MAIL: MailDigest(archive.digests, settings.mail, mail_words(settings)),
    }
