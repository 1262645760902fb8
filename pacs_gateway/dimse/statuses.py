"""Statuses of C-FIND, C-MOVE and C-GET (PS3.4 C.4.1.1.4, C.4.2.1.5, C.4.3.1.4)."""

from pacs_gateway.dimse.store import MAX_COMMENT_CHARACTERS

SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700
NO_SUBOPERATIONS_POSSIBLE = 0xA702
UNKNOWN_DESTINATION = 0xA801
SOME_SUBOPERATIONS_FAILED = 0xB000
CANCELLED = 0xFE00
PENDING = 0xFF00
PENDING_SOME_KEYS_UNSUPPORTED = 0xFF01


def error_comment(text: str) -> str:
    """Return `text` as (0000,0902) Error Comment: LO in ASCII, as command sets are (PS3.7 6.3.1)."""
    return text.encode("ascii", "replace").decode("ascii")[:MAX_COMMENT_CHARACTERS]
