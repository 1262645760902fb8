"""Protects DICOM over TLS: DCMTK sends to us and receives from us encrypted, old versions are refused,
and a silent handshake holds nobody else up."""

import hashlib
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pacs_gateway.audit import acts
from storage.peers import Peer
from tests.integration.dimse.pacs import AE_TITLE, Pacs, network_address, running, shipped
from tests.servers.processes import free_port
from tests.servers.processes import running as running_program

Files = tuple[Path, Path]


def make_certificate(folder: Path, name: str) -> Files:
    """Return certificate and key of localhost."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}-key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return certificate, key


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return make_certificate(tmp_path_factory.mktemp("ours"), "gateway")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return make_certificate(tmp_path_factory.mktemp("theirs"), "modality")


@pytest.fixture
def pacs(tmp_path: Path, ours: Files, theirs: Files) -> Iterator[Pacs]:
    tls: dict[str, Any] = {
        "tls_port": 0,
        "tls_certificate": ours[0],
        "tls_key": ours[1],
        "tls_ca": theirs[0],
    }
    with running(tmp_path / "pacs", association_request_deadline_s=2, **tls) as found:
        yield found


def dcmtk(program: str, *arguments: str | int | Path) -> subprocess.CompletedProcess[str]:
    command = [program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_dcmtk_stores_encrypted(pacs: Pacs, ours: Files, theirs: Files, tmp_path: Path) -> None:
    file = tmp_path / "ct.dcm"
    file.write_bytes(shipped("CT_small.dcm"))
    port, ca = pacs.server.tls_port, ("+cf", ours[0])
    known = dcmtk(
        "storescu", "+tls", theirs[1], theirs[0], *ca, "-aec", AE_TITLE, "localhost", port, file
    )
    assert known.returncode == 0, known.stderr
    nameless = dcmtk("echoscu", "+tla", *ca, "-aec", AE_TITLE, "localhost", port)
    assert nameless.returncode == 0, nameless.stderr
    foreign = make_certificate(tmp_path, "stranger")
    refused = dcmtk(
        "echoscu", "+tls", foreign[1], foreign[0], *ca, "-aec", AE_TITLE, "localhost", port
    )
    assert refused.returncode != 0
    assert len(pacs.archive.spool.ready(9)) == 1


@pytest.mark.parametrize(
    ("version", "taken"),
    [
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
def test_versions(pacs: Pacs, version: ssl.TLSVersion, *, taken: bool) -> None:
    option = f"-{version.name.lower().replace('v', '')}"
    answer = subprocess.run(
        ["openssl", "s_client", "-connect", f"localhost:{pacs.server.tls_port}", option],
        input=b"", capture_output=True, check=False, timeout=30,
    )  # fmt: skip
    assert (b"Cipher is (NONE)" not in answer.stdout) is taken
    if taken:
        assert b"ECDHE" in answer.stdout or b"TLS_AES" in answer.stdout


def test_silent_handshakes_hold_nobody_up(pacs: Pacs, ours: Files) -> None:
    silent = [socket.create_connection(("127.0.0.1", pacs.server.tls_port)) for _ in range(5)]
    began = time.monotonic()
    answer = dcmtk(
        "echoscu", "+tla", "+cf", ours[0], "-aec", AE_TITLE, "localhost", pacs.server.tls_port
    )
    assert answer.returncode == 0, answer.stderr
    assert time.monotonic() - began < 2
    for each in silent:
        each.settimeout(10)
        assert each.recv(1) == b""
        each.close()


def test_a_device_with_a_certificate_must_show_that_very_one(
    ours: Files, theirs: Files, tmp_path: Path
) -> None:
    host, other = network_address(), make_certificate(tmp_path, "another")
    trusted = tmp_path / "trusted.pem"
    trusted.write_text(theirs[0].read_text() + other[0].read_text())
    shown = ssl.PEM_cert_to_DER_cert(theirs[0].read_text())
    peer = Peer(
        ae_title="CT1", host=host, port=104, certificate_sha256=hashlib.sha256(shown).hexdigest()
    )
    tls: dict[str, Any] = {"tls_port": 0, "tls_certificate": ours[0], "tls_key": ours[1]}
    with running(tmp_path / "strict", host=host, tls_ca=trusted, **tls) as pacs:
        pacs.archive.peers.add(peer, acts.peer_changed(acts.SYSTEM, ae_title="CT1", change="added"))
        titles = ("-aet", "CT1", "-aec", AE_TITLE)
        plain = dcmtk("echoscu", *titles, host, pacs.port)
        encrypted = ("+cf", ours[0], *titles, host, pacs.server.tls_port)
        nameless = dcmtk("echoscu", "+tla", *encrypted)
        foreign = dcmtk("echoscu", "+tls", other[1], other[0], *encrypted)
        known = dcmtk("echoscu", "+tls", theirs[1], theirs[0], *encrypted)
    refused = [answer.returncode != 0 for answer in (plain, nameless, foreign)]
    assert refused == [True, True, True]
    assert known.returncode == 0, known.stderr


def test_a_destination_gets_its_images_encrypted(
    pacs: Pacs, ours: Files, theirs: Files, tmp_path: Path
) -> None:
    pacs.keep(shipped("CT_small.dcm"))
    received = tmp_path / "received"
    received.mkdir()
    port = free_port()

    def ready() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    command: list[str | Path] = [
        "storescp",
        "+tls",
        theirs[1],
        theirs[0],
        "+cf",
        ours[0],
        "-od",
        str(received),
        str(port),
    ]
    peer = Peer(ae_title="VIEWER", host="localhost", port=port, tls=True)
    entry = acts.peer_changed(acts.SYSTEM, ae_title="VIEWER", change="added")
    pacs.archive.peers.add(peer, entry)
    with running_program(command, log=tmp_path / "storescp.log", ready=ready):
        moved = dcmtk(
            "movescu", "-S", "-aec", AE_TITLE, "-aem", "VIEWER", "-k", "QueryRetrieveLevel=STUDY",
            "-k", f"StudyInstanceUID={pacs.archive.index.instances(None)[0].study_uid}",
            "localhost", pacs.port,
        )  # fmt: skip
        assert moved.returncode == 0, moved.stderr
    assert len(list(received.iterdir())) == 1
