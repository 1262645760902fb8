"""Invariant: a certificate is told of before it ends, when it has ended, and when it is none."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pacs_gateway.config import DicomSettings, Settings
from pacs_gateway.doctor.findings import State
from pacs_gateway.doctor.network import check_certificates
from pacs_gateway.doctor.subject import Subject
from storage.database import open_engine
from storage.objects import FileObjectStore
from storage.records import utc_now


def certificate(ends: datetime, *, host: str = "pacs", with_key: bool = False) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    alternative = x509.SubjectAlternativeName([x509.DNSName(host)])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(ends - timedelta(days=400))
        .not_valid_after(ends)
        .add_extension(alternative, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem + secret if with_key else pem


@pytest.mark.parametrize(
    ("days", "state", "code"),
    [(-2, State.WRONG, "expired"), (10, State.WARNING, "ends"), (300, State.OK, "fine")],
)
def test_the_end_is_told(tmp_path: Path, days: int, state: State, code: str) -> None:
    now = utc_now()
    file = tmp_path / "pacs.pem"
    file.write_bytes(certificate(now + timedelta(days=days, hours=1)))
    (found,) = check_certificates(subject(tmp_path, file, now))
    assert (found.state, found.code) == (state, code)


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nAAAA"])
def test_what_is_no_certificate_is_said(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "pacs.pem"
    if content is not None:
        file.write_bytes(content)
    (found,) = check_certificates(subject(tmp_path, file, utc_now()))
    assert (found.state, found.code) == (State.WRONG, "unreadable")


def subject(folder: Path, file: Path, now: datetime) -> Subject:
    return Subject(
        settings=Settings(data_dir=folder, dicom=DicomSettings(tls_certificate=file)),
        engine=open_engine(f"sqlite:///{folder / 'none.sqlite'}", busy_deadline_s=1),
        store=FileObjectStore(folder),
        host="here",
        now=now,
        thorough=False,
    )
