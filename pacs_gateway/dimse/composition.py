"""Puts the DICOM listener of one process together from the archive's parts."""

from pacs_gateway.archive.ingest import Ingest
from pacs_gateway.archive.retrieve import Retrieval
from pacs_gateway.config import DicomSettings
from pacs_gateway.dimse.admission import Admission
from pacs_gateway.dimse.peers import Peers
from pacs_gateway.dimse.query import FindProvider
from pacs_gateway.dimse.retrieve import RetrieveProvider
from pacs_gateway.dimse.server import DicomServer
from pacs_gateway.dimse.store import StoreProvider
from storage.index import Index
from storage.peers import PeerBook


def dicom_server(
    settings: DicomSettings,
    *,
    ingest: Ingest,
    index: Index,
    retrieval: Retrieval,
    peers: PeerBook,
) -> DicomServer:
    """Return a listener, not yet started, that serves everything the gateway does over DIMSE."""
    known = Peers(peers, unknown=settings.unknown_peers)
    store = StoreProvider(ingest)
    admission = Admission(
        known,
        ingest.spool.capacity,
        private_storage_sop_classes=settings.private_storage_sop_classes,
    )
    find = FindProvider(index, ae_title=settings.ae_title, max_answers=settings.max_answers)
    retrieve = RetrieveProvider(index, retrieval, known, settings)
    return DicomServer(
        settings,
        providers=[admission, store, find],
        open_sink=store.open,
        serve_retrieve=retrieve.serve,
    )
