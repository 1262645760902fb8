"""Acknowledgements (HL7 2.5.1, 2.9.2): what was made of a message, and why not."""

from datetime import datetime

from pacs_gateway.emr.segments import Message, escaped

ACCEPTED, ERROR, REJECTED = "AA", "AE", "AR"
"""Kept; not kept, as it stands; not understood, whenever it is sent."""
MAX_REASON_CHARACTERS = 240

_KNOWN_VERSIONS = frozenset({"2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7"})


def acknowledgement(
    message: Message | None, code: str, reason: str, *, application: str, now: datetime
) -> bytes:
    """Return the answer to a message; None: it could not be read at all."""
    header = message.header if message is not None else None
    trigger = escaped(header.text(9, 2))[:3] if header is not None else ""
    version = header.text(12) if header is not None else ""
    fields = [
        "MSH|^~\\&",
        escaped(application),
        "",
        escaped(header.text(3)) if header is not None else "",
        escaped(header.text(4)) if header is not None else "",
        f"{now.astimezone():%Y%m%d%H%M%S%z}",
        "",
        f"ACK^{trigger}^ACK" if trigger else "ACK",
        f"{now:%Y%m%d%H%M%S%f}",
        "P",
        version if version in _KNOWN_VERSIONS else "2.5.1",
        "", "", "", "", "", "",
        "UNICODE UTF-8",
    ]  # fmt: skip
    control = escaped(header.text(10)) if header is not None else ""
    text = escaped(reason[:MAX_REASON_CHARACTERS])
    told = f"MSA|{code}|{control}|{text}".rstrip("|") if text else f"MSA|{code}|{control}"
    return ("|".join(fields) + "\r" + told + "\r").encode()
