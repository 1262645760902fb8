"""Processes, ports and certificates of this host."""

import re
import socket
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from pacs_gateway.config import Settings
from pacs_gateway.doctor.findings import Finding, Values, ok, warning, wrong
from pacs_gateway.doctor.subject import Subject
from pacs_gateway.measuring.sharing import running_roles

PROCESSES, PORTS, CERTIFICATES = "processes", "ports", "certificates"
CONNECT_DEADLINE_S = 2.0
_ANYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - compared, not bound.


def check_processes(subject: Subject) -> Iterator[Finding]:
    """Look which processes live here."""
    names = running_roles(subject.metrics_folder)
    kinds = _kinds(names)
    if not names:
        yield warning(PROCESSES, "none")
    elif "dicom" in kinds and "work" not in kinds:
        yield wrong(PROCESSES, "no_work")
    else:
        yield ok(PROCESSES, "run", names=", ".join(names))


def check_ports(subject: Subject) -> Iterator[Finding]:
    """Look at each port: nobody's, ours, or another program's."""
    kinds = _kinds(running_roles(subject.metrics_folder))
    for role, name, host, port in _wanted(subject.settings):
        answers = _answers(host, port)
        values: Values = {"name": name, "port": str(port)}
        if role in kinds:
            yield ok(PORTS, "listens", **values) if answers else wrong(PORTS, "silent", **values)
        elif answers:
            yield wrong(PORTS, "taken", **values)
        else:
            yield ok(PORTS, "free", **values)


def check_certificates(subject: Subject) -> Iterator[Finding]:
    """Look when our certificates end."""
    settings = subject.settings
    files = {
        "dicom.tls_certificate": settings.dicom.tls_certificate,
        "hl7.tls_certificate": settings.hl7.tls_certificate if settings.hl7.enabled else None,
        "audit.syslog_certificate": settings.audit.syslog_certificate,
    }
    for name, path in files.items():
        if path is not None:
            yield _certificate(subject, name, path)


def _certificate(subject: Subject, name: str, path: Path) -> Finding:
    values: Values = {"name": name, "path": str(path)}
    try:
        ends = _end_of(path)
    except (OSError, ValueError):
        return wrong(CERTIFICATES, "unreadable", **values)
    days = (ends - subject.now).days
    if ends <= subject.now:
        return wrong(CERTIFICATES, "expired", **values, at=ends)
    if days < subject.settings.guard.certificate_days:
        return warning(CERTIFICATES, "ends", **values, days=days)
    return ok(CERTIFICATES, "fine", **values, days=days)


def _end_of(path: Path) -> datetime:
    """Return when the first certificate of a file ends; raises OSError, ValueError."""
    # Few hospitals have certificates here, and its library takes 10 MB.
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415

    first = load_pem_x509_certificates(path.read_bytes())[0]
    return first.not_valid_after_utc.astimezone(UTC)


def _kinds(names: Iterable[str]) -> frozenset[str]:
    """Return the roles of processes: `dicom` of `dicom-1`, `work` of `work.4711`."""
    return frozenset(re.split("[-.]", name)[0] for name in names)


def _wanted(settings: Settings) -> Iterator[tuple[str, str, str, int]]:
    """Yield role, name, host and number of each port."""
    dicom, hl7 = settings.dicom, settings.hl7
    yield "dicom", "DICOM", dicom.host, dicom.port
    if dicom.tls_certificate is not None:
        yield "dicom", "DICOM TLS", dicom.host, dicom.tls_port
    yield "web", "HTTP", settings.web.host, settings.web.port
    if hl7.enabled:
        yield "hl7", "HL7", hl7.host, hl7.port
        if hl7.tls_certificate is not None:
            yield "hl7", "HL7 TLS", hl7.host, hl7.tls_port


def _answers(host: str, port: int) -> bool:
    try:
        where = "127.0.0.1" if host in _ANYWHERE else host
        with socket.create_connection((where, port), timeout=CONNECT_DEADLINE_S):
            return True
    except OSError:
        return False
