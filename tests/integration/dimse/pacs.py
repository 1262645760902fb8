"""A DICOM listener in this process over a real archive, and files to keep in it."""

import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread, dcmwrite
from pydicom.data import get_testdata_file

from pacs_gateway.app import Archive, open_archive, prepare_database
from pacs_gateway.audit import acts
from pacs_gateway.config import DicomSettings, Settings, SpoolSettings
from pacs_gateway.dicom import meta
from pacs_gateway.dimse.composition import dicom_server
from pacs_gateway.dimse.server import DicomServer
from storage.index import Index
from storage.peers import Peer
from storage.records import Origin, utc_now

AE_TITLE = "PACSGW"
ROOMY = SpoolSettings(
    stop_associations_percent=100, refuse_percent=100, reserve_bytes=0, max_entries=10_000
)


@dataclass(frozen=True, slots=True)
class Pacs:
    """A running listener and what is behind it."""

    archive: Archive
    port: int
    server: DicomServer

    def keep(self, *files: bytes) -> None:
        """Store and index files."""
        origin = Origin(source="import", received_at=utc_now())
        for file in files:
            arrival = self.archive.ingest.begin_file(origin)
            arrival.write(file)
            arrival.accept()
        committer = self.archive.committer()
        committer.run_once()
        committer.close()

    def know(self, ae_title: str, port: int, host: str = "127.0.0.1") -> None:
        """Make a device known as a C-MOVE destination."""
        peer = Peer(ae_title=ae_title, host=host, port=port)
        entry = acts.peer_changed(acts.SYSTEM, ae_title=ae_title, change="added")
        self.archive.peers.add(peer, entry)


@contextmanager
def running(
    folder: Path,
    *,
    index: Index | None = None,
    host: str = "127.0.0.1",
    max_references: int = 50_000,
    **dicom: Any,
) -> Iterator[Pacs]:
    """Serve DICOM over an empty archive in `folder`, or over another `index`."""
    settings = Settings(
        data_dir=folder,
        dicom=DicomSettings(host=host, port=0, processes=1, **dicom),
        spool=ROOMY,
    )
    prepare_database(settings)
    archive = open_archive(settings)
    server = dicom_server(
        settings.dicom,
        ingest=archive.ingest,
        index=index or archive.index,
        retrieval=archive.retrieval,
        peers=archive.peers,
        audit_log=archive.audit_log,
        commitments=archive.commitments,
        desk=archive.desk,
        meters=archive.meters,
        max_references=max_references,
    )
    server.start()
    try:
        yield Pacs(archive, server.port, server)
    finally:
        server.stop()
        archive.close()


def network_address() -> str:
    """Return this machine's address on a network: who calls from loopback may do everything."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: the system only chooses a route.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no network")
        return str(probe.getsockname()[0])


def shipped(name: str, **changes: Any) -> bytes:
    """Return a file that pydicom ships, in its transfer syntax, with some attributes changed."""
    path = get_testdata_file(name, download=False)
    assert path is not None, f"pydicom no longer ships {name}"
    with warnings.catch_warnings():
        # Some of them are odd on purpose, and pydicom says so.
        warnings.simplefilter("ignore")
        data_set = dcmread(str(path))
        for keyword, value in changes.items():
            setattr(data_set, keyword, value)
        written = BytesIO()
        dcmwrite(written, data_set, enforce_file_format=True)
    return written.getvalue()


def data_set_of(file: bytes) -> bytes:
    """Return what follows the file meta information."""
    head = meta.decode(file)
    assert head is not None
    return file[head.length :]


def transfer_syntax_of(file: bytes) -> str:
    """Return what the file meta information says."""
    head = meta.decode(file)
    assert head is not None
    return head.transfer_syntax_uid
