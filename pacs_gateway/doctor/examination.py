"""Runs all checks: whatever is the matter, an examination ends in time and with findings only."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from queue import Empty, SimpleQueue
from time import monotonic

from pacs_gateway.config import Settings
from pacs_gateway.doctor import care, network, parts, places, servers
from pacs_gateway.doctor.findings import Finding, State, ok, wrong
from pacs_gateway.doctor.subject import Subject
from pacs_gateway.errors import ConfigurationError, GatewayError
from pacs_gateway.safety import check_settings
from storage.errors import StorageError

CONFIGURATION = "configuration"
ROLES = ("dicom", "web", "work", "hl7")

Check = Callable[[Subject], Iterator[Finding]]

ALONE: Sequence[tuple[str, Check]] = (
    (network.PROCESSES, network.check_processes),
    (network.PORTS, network.check_ports),
    (network.CERTIFICATES, network.check_certificates),
    (places.SPOOL, places.check_spool),
    (servers.OBJECTS, servers.check_objects),
    (parts.VERSION, parts.check_parts),
)
"""Need no database."""
ON_THE_DATABASE: Sequence[tuple[str, Check]] = (
    (places.DISK, places.check_disks),
    (care.WORK, care.check_work),
    (care.SCRUB, care.check_scrub),
    (care.BACKUPS, care.check_backups),
    (care.ACCOUNTS, care.check_accounts),
    (care.PEERS, care.check_peers),
    (care.COMPLETENESS, care.check_studies),
)


def check_configuration(settings: Settings) -> Iterator[Finding]:
    """Look for settings with which the gateway would not start."""
    try:
        check_settings(settings, ROLES)
    except ConfigurationError as error:
        yield wrong(CONFIGURATION, "refused", reason=str(error))
    else:
        yield ok(CONFIGURATION, "fine")


def examine(subject: Subject) -> list[Finding]:
    """Return what all checks find; each has `guard.deadline_s`, all together run side by side.

    Without a database what rests on it is not looked at: one fault is told once.
    """
    settings = subject.settings
    found = [*check_configuration(settings), *places.check_folder(settings)]
    first = _run([(servers.DATABASE, servers.check_database), *ALONE], subject)
    found += first
    if not any(each.check == servers.DATABASE and each.state is State.WRONG for each in first):
        found += _run(ON_THE_DATABASE, subject)
    return found


def _run(checks: Sequence[tuple[str, Check]], subject: Subject) -> list[Finding]:
    """Run checks at once, and return their findings in their order."""
    deadline = monotonic() + subject.settings.guard.deadline_s
    answers: list[SimpleQueue[Sequence[Finding]]] = []
    for name, check in checks:
        answer: SimpleQueue[Sequence[Finding]] = SimpleQueue()
        answers.append(answer)
        # A check that hangs is left behind: it has deadlines of its own, later than ours.
        threading.Thread(
            target=_answer, args=(name, check, subject, answer), daemon=True, name=f"check-{name}"
        ).start()
    found: list[Finding] = []
    for (name, _), answer in zip(checks, answers, strict=True):
        try:
            found += answer.get(timeout=max(0.0, deadline - monotonic()))
        except Empty:
            found.append(wrong(name, "silent"))
    return found


def _answer(
    name: str, check: Check, subject: Subject, answer: SimpleQueue[Sequence[Finding]]
) -> None:
    found: list[Finding] = []
    try:
        found.extend(check(subject))
    except (GatewayError, StorageError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        found.append(wrong(name, "failed", reason=reason))
    answer.put(found)


def graver_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings, those that hurt first, each kind in the order of its checks."""
    order = (State.WRONG, State.WARNING, State.OK)
    return sorted(findings, key=lambda each: order.index(each.state))
