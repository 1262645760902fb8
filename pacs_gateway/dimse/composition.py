"""Puts the DICOM listener of one process together from the archive's parts."""

from pacs_gateway.archive.ingest import Ingest
from pacs_gateway.archive.retrieve import Retrieval
from pacs_gateway.config import DicomSettings
from pacs_gateway.dimse.admission import Admission
from pacs_gateway.dimse.commitment import CommitmentProvider
from pacs_gateway.dimse.finding import Finding
from pacs_gateway.dimse.measuring import Measurements
from pacs_gateway.dimse.mpps import MppsProvider
from pacs_gateway.dimse.peers import Peers
from pacs_gateway.dimse.query import FindProvider
from pacs_gateway.dimse.recording import PeerRecorder
from pacs_gateway.dimse.retrieve import RetrieveProvider
from pacs_gateway.dimse.server import DicomServer
from pacs_gateway.dimse.store import StoreProvider
from pacs_gateway.dimse.worklist import MODEL as WORKLIST
from pacs_gateway.dimse.worklist import WorklistProvider
from pacs_gateway.measuring.meters import Meters
from pacs_gateway.ris.desk import Desk
from storage.auditlog import AuditLog
from storage.commitments import Commitments
from storage.index import Index
from storage.peers import PeerBook


def dicom_server(
    settings: DicomSettings,
    *,
    ingest: Ingest,
    index: Index,
    retrieval: Retrieval,
    peers: PeerBook,
    audit_log: AuditLog,
    commitments: Commitments,
    desk: Desk,
    meters: Meters,
    max_references: int,
) -> DicomServer:
    """Return a listener, not yet started, that serves everything the gateway does over DIMSE."""
    known = Peers(
        peers,
        unknown=settings.unknown_peers,
        # Each of the receiver processes sees its part of a peer's associations.
        max_associations=max(1, -(-settings.max_associations_per_peer // settings.processes)),
    )
    admission = Admission(
        known,
        ingest.spool.capacity,
        private_storage_sop_classes=settings.private_storage_sop_classes,
        longest_pace_s=settings.longest_pace_s,
        max_associations=settings.max_associations,
    )
    store = StoreProvider(ingest, admit=admission.admit_instance)
    measurements = Measurements(meters, store)
    recorder = PeerRecorder(audit_log, index)
    find = FindProvider(
        index, recorder, ae_title=settings.ae_title, max_answers=settings.max_answers
    )
    worklist = WorklistProvider(
        desk,
        recorder,
        ascii_only=lambda assoc: (
            (admission.worklist_charset(assoc) or settings.worklist_charset) == "ascii"
        ),
        max_answers=settings.max_answers,
        days=settings.worklist_days,
    )
    finding = Finding(find.find, {WORKLIST: worklist.find})
    retrieve = RetrieveProvider(index, retrieval, known, recorder, settings)
    commitment = CommitmentProvider(
        commitments, max_references=max_references, ae_title=settings.ae_title
    )
    return DicomServer(
        settings,
        providers=[admission, store, finding, commitment, MppsProvider(desk), measurements],
        open_sink=measurements.open_sink,
        serve_retrieve=retrieve.serve,
    )
