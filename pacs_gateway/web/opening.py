"""What opening a study does to its place in the worklist."""

from pacs_gateway.access.roles import Caller, Role
from storage.index import Index
from storage.records import utc_now


def note_opened(index: Index, caller: Caller, study_uid: str) -> None:
    """Note that a study is read when a radiologist opens it; others only look at it."""
    if caller.role is Role.RADIOLOGIST:
        index.mark_read(study_uid, utc_now())
