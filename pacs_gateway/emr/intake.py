"""What becomes of one HL7 message: read, carried out, recorded and answered, in one transaction.

Invariant: AA is said only of what is committed, with the answer itself; what was accepted once is
answered from memory and done no second time.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from pacs_gateway.audit.acts import Who
from pacs_gateway.emr import charsets, ordermessages, patientsegments, segments
from pacs_gateway.emr.answers import ACCEPTED, ERROR, REJECTED, acknowledgement
from pacs_gateway.emr.charsets import CharacterSetError
from pacs_gateway.emr.moments import moment
from pacs_gateway.emr.ordermessages import Reading
from pacs_gateway.emr.segments import Message, MessageError
from pacs_gateway.errors import GatewayError
from pacs_gateway.ris import desk, placing
from pacs_gateway.ris.desk import Desk
from pacs_gateway.ris.values import MergeRequest
from storage import messages
from storage.database import Connection
from storage.errors import StorageError
from storage.messages import Answered, Sender
from storage.records import utc_now

ORDERS = frozenset({"ORM^O01", "OMI^O23"})
DESCRIPTIONS = frozenset({"ADT^A01", "ADT^A04", "ADT^A08", "ADT^A28", "ADT^A31"})
MERGE = "ADT^A40"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class IntakeRules:
    """How messages are read and answered."""

    application: str
    """Our name in answers."""
    modalities: Mapping[str, str] = field(default_factory=dict)


class Intake:
    """Takes messages in."""

    def __init__(self, desk: Desk, rules: IntakeRules) -> None:
        self._desk = desk
        self._rules = rules

    def answer(self, message: bytes, sender: Sender, address: str) -> bytes:
        """Return the acknowledgement of a message; nothing that it holds makes this raise."""
        parsed: Message | None = None
        try:
            parsed = _parsed(message, sender)
            return self._accepted(message, parsed, sender, address)
        except (MessageError, CharacterSetError) as error:
            code, reason = REJECTED, str(error)
        except GatewayError as error:
            code, reason = ERROR, str(error)
        except StorageError as error:
            _log.error("message not kept", reason=str(error))
            reason = "The orders cannot be written just now; send it again."
            return self._acknowledged(parsed, ERROR, reason)
        _log.warning("message refused", sender=sender.name, code=code)
        # Who waits for an answer knows it by the control id, so that is told if it can be read.
        parsed = parsed or _header_of(message)
        return self._refused(message, parsed, address, code=code, reason=reason)

    def _accepted(self, message: bytes, parsed: Message, sender: Sender, address: str) -> bytes:
        who = Who(name=sender.name, role="sender", address=address)
        named, digest = _sender_of(parsed), hashlib.sha256(message).hexdigest()
        control = parsed.header.text(10)
        if not control:
            raise MessageError("The message has no control id (MSH-10).")
        with self._desk.transaction() as connection:
            known = messages.accepted(connection, named, control, digest)
            if known is not None:
                return known
            self._carry_out(connection, parsed, sender, who)
            answer = self._acknowledged(parsed, ACCEPTED, "")
            messages.add(
                connection,
                _answered(message, parsed, address, code=ACCEPTED, reason="", answer=answer),
            )
        return answer

    def _carry_out(
        self, connection: Connection, message: Message, sender: Sender, who: Who
    ) -> None:
        reading = Reading(f"hl7:{sender.name}", sender.issuer, self._rules.modalities)
        if message.kind in ORDERS:
            for request in ordermessages.orders_in(message, reading):
                placing.apply(connection, request, who, now=utc_now())
        elif message.kind in DESCRIPTIONS:
            told = patientsegments.patient(message.first("PID"), issuer=sender.issuer)
            told_at = moment(message.header.text(7))
            desk.describe(connection, told, who, told_at=told_at)
        elif message.kind == MERGE:
            for each in _merges(message, reading):
                desk.merge(connection, each, who)
        else:
            taken = ", ".join(sorted({*ORDERS, *DESCRIPTIONS, MERGE}))
            raise MessageError(f"Messages {message.kind[:20]} (MSH-9) are not taken; {taken} are.")

    def _refused(
        self,
        message: bytes,
        parsed: Message | None,
        address: str,
        *,
        code: str,
        reason: str,
    ) -> bytes:
        """Keep why a message was refused, for the person who looks for its order."""
        answer = self._acknowledged(parsed, code, reason)
        try:
            with self._desk.transaction() as connection:
                messages.add(
                    connection,
                    _answered(message, parsed, address, code=code, reason=reason, answer=answer),
                )
        except StorageError as error:
            _log.error("refusal not kept", reason=str(error))
        return answer

    def _acknowledged(self, parsed: Message | None, code: str, reason: str) -> bytes:
        application = self._rules.application
        return acknowledgement(parsed, code, reason, application=application, now=utc_now())


def _parsed(message: bytes, sender: Sender) -> Message:
    """Return a message in its character set. Raises MessageError, CharacterSetError."""
    # The header is read first for the set that it names; all sets have ASCII in common.
    header = message.partition(b"\r")[0].decode("ascii", "replace")
    fields = header.split("|")
    declared = fields[17] if len(fields) > 17 and header.startswith("MSH|") else ""  # noqa: PLR2004
    return segments.parse(charsets.decode(message, declared, sender.charset))


def _header_of(message: bytes) -> Message | None:
    """Return the header alone of a message that cannot be read, None if that cannot either."""
    line = message.partition(b"\r")[0].partition(b"\n")[0]
    try:
        return segments.parse(line.decode("ascii", "replace").replace("\ufffd", "?"))
    except MessageError:
        return None


def _merges(message: Message, reading: Reading) -> list[MergeRequest]:
    """Return the merges of a message: each MRG with the PID before it. Raises MessageError."""
    found, pid = [], None
    for segment in message.segments:
        if segment.name == "PID":
            pid = segment
        elif segment.name == "MRG":
            kept = patientsegments.patient(pid, issuer=reading.issuer)
            gone = patientsegments.merged(segment, issuer=reading.issuer)
            told_at = moment(message.header.text(7))
            found.append(
                MergeRequest(source=reading.source, kept=kept, merged=gone, told_at=told_at)
            )
    if not found:
        raise MessageError("A merge names the patient that ends in a segment MRG.")
    return found


def _sender_of(parsed: Message) -> str:
    return f"{parsed.header.text(3)}|{parsed.header.text(4)}"[:200]


def _answered(
    message: bytes, parsed: Message | None, address: str, *, code: str, reason: str, answer: bytes
) -> Answered:
    return Answered(
        sender=_sender_of(parsed) if parsed is not None else "",
        control_id=parsed.header.text(10)[:200] if parsed is not None else "",
        digest=hashlib.sha256(message).hexdigest(),
        kind=parsed.kind[:20] if parsed is not None else "",
        code=code,
        reason=reason,
        answer=answer,
        address=address,
        received_at=utc_now(),
    )
