"""What the entry of a DICOM device may say, whoever writes it."""

import re
from ipaddress import ip_network

from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.errors import BadRequestError
from storage.peers import Peer, PeerService

MAX_PORT = 65535
MOST = 99_999
"""Of associations and of instances a minute: more is no limit."""

WORKLIST_CHARSETS = ("utf8", "ascii")

_AE_TITLE = re.compile(r"[\x21-\x5b\x5d-\x7e](?:[\x20-\x5b\x5d-\x7e]{0,14}[\x21-\x5b\x5d-\x7e])?")
"""PS3.5 6.2: at most 16 characters of the default repertoire, no backslash."""
_HOST_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_DIGEST = re.compile(r"(?:[0-9a-f]{64})?")


def plain_digest(text: str) -> str:
    """Return a fingerprint as it is kept, from what openssl and browsers show."""
    return text.replace(":", "").strip().lower()


def check_device(peer: Peer) -> None:
    """Raise BadRequestError if an entry makes no sense."""
    if not _AE_TITLE.fullmatch(peer.ae_title):
        raise BadRequestError("An AE title has 1 to 16 ASCII characters and no backslash.")
    if not is_host(peer.host):
        raise BadRequestError("A device is at a name, an address or a network.")
    if not 0 < peer.port <= MAX_PORT:
        raise BadRequestError(f"A port is a number from 1 to {MAX_PORT}.")
    if not set(peer.services.split()) <= set(PeerService):
        raise BadRequestError(f"Services are {', '.join(PeerService)}.")
    if not all(map(is_uid, peer.sop_classes.split())):
        raise BadRequestError("SOP classes are UIDs.")
    if not _DIGEST.fullmatch(peer.certificate_sha256):
        raise BadRequestError("A certificate is named by its SHA-256, 64 hexadecimal digits.")
    if peer.worklist_charset not in ("", *WORKLIST_CHARSETS):
        raise BadRequestError(f"A worklist is in {' or '.join(WORKLIST_CHARSETS)}.")
    for limit in (peer.max_associations, peer.max_instances_per_minute):
        if limit is not None and not 0 < limit <= MOST:
            raise BadRequestError(f"A limit is a number from 1 to {MOST}.")


def is_host(text: str) -> bool:
    """Return whether a text names a host, an address or a network."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return bool(_HOST_NAME.fullmatch(text))
    return True
