"""Protects the way of the audit trail to a repository: over TLS only, every row, in order, also when
the repository was away."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pacs_gateway.archive.anchors import PREFIX, Anchors
from pacs_gateway.audit import acts
from pacs_gateway.audit.syslog import Repository, SyslogExport
from storage.auditlog import AuditLog
from storage.database import Engine, migrate, open_engine
from storage.objects import FileObjectStore
from tests.servers.processes import free_port

ROWS = 30


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = open_engine(f"sqlite:///{tmp_path}/index.sqlite", busy_deadline_s=5)
    migrate(engine)
    return engine


@pytest.fixture
def log(engine: Engine) -> AuditLog:
    log = AuditLog(engine)
    for number in range(ROWS):
        log.append(acts.started(process=f"process {number}"))
    return log


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Return certificate and key of localhost, as a hospital would make them."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return certificate, key


class Receiver:
    """A repository that reads frames of RFC 5425."""

    def __init__(self, port: int, files: tuple[Path, Path]) -> None:
        self.messages: list[bytes] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
                with self._context.wrap_socket(plain, server_side=True) as connection:
                    self._read(connection)
            except ssl.SSLError:
                continue
            except OSError:
                return

    def _read(self, connection: ssl.SSLSocket) -> None:
        with connection.makefile("rb") as stream:
            while length := b"".join(iter(lambda: stream.read(1).strip(b" "), b"")):
                self.messages.append(stream.read(int(length)))
        connection.unwrap()


@contextmanager
def receiver(port: int, files: tuple[Path, Path]) -> Iterator[Receiver]:
    found = Receiver(port, files)
    yield found
    found.close()


def exporter(log: AuditLog, port: int, ca: Path | None) -> SyslogExport:
    repository = Repository(
        host="localhost", port=port, ca=ca, certificate=None, key=None, deadline_s=5
    )
    return SyslogExport(log, repository, source="gateway")


def test_every_row_arrives_once_and_in_order(log: AuditLog, certificate: tuple[Path, Path]) -> None:
    port = free_port()
    export = exporter(log, port, certificate[0])
    with pytest.raises(OSError, match="refused"):
        export.send_once()
    with receiver(port, certificate) as repository:
        assert export.send_once() == ROWS
        log.append(acts.stopped(process="last"))
        assert export.send_once() == 1
        assert export.send_once() == 0
    numbers = [int(text.split(b" ")[4]) for text in repository.messages]
    assert numbers == list(range(1, ROWS + 2))


def test_rows_that_somebody_spoiled_go_out_too(
    log: AuditLog, engine: Engine, certificate: tuple[Path, Path]
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE audit_log SET actor = x'00ff', at = 'thuở xưa', detail = x'ff', verb = 'none'"
            " WHERE seq = 7"
        )
    port = free_port()
    with receiver(port, certificate) as repository:
        assert exporter(log, port, certificate[0]).send_once() == ROWS
    assert len(repository.messages) == ROWS


def test_nothing_goes_to_somebody_else(log: AuditLog, certificate: tuple[Path, Path]) -> None:
    port = free_port()
    with receiver(port, certificate) as repository:
        with pytest.raises(ssl.SSLError, match="certificate verify failed"):
            exporter(log, port, None).send_once()
        assert repository.messages == []
    assert log.exported(f"syslog-tls://localhost:{port}") == 0


def test_the_end_is_noted_at_once(log: AuditLog, tmp_path: Path) -> None:
    store = FileObjectStore(tmp_path / "objects")
    stop = threading.Event()
    stop.set()
    Anchors(log, store, scratch=tmp_path).run(stop, every_s=3600)
    head = log.head()
    assert list(store.list(PREFIX)) == [f"{PREFIX}{head.seq:012}-{head.digest}.json"]


def test_a_chain_written_anew_does_not_fit_the_notes(
    log: AuditLog, engine: Engine, tmp_path: Path
) -> None:
    anchors = Anchors(log, FileObjectStore(tmp_path / "objects"), scratch=tmp_path)
    anchors.note()
    log.append(acts.started(process="later"))
    assert anchors.check() is None
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit_log")
        connection.exec_driver_sql("UPDATE audit_head SET seq = 0, digest = ?", ("0" * 64,))
    for number in range(ROWS + 1):
        log.append(acts.started(process=f"another past {number}"))
    assert log.check() is None
    assert f"Row {ROWS} is not the one" in str(anchors.check())
