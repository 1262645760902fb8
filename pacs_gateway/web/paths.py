"""What a request for stored objects names: UIDs in its path, frames, and what it accepts."""

from typing import NamedTuple

from starlette.requests import Request

from pacs_gateway.dicom.identity import is_uid
from pacs_gateway.errors import BadRequestError
from storage.records import StoredInstance

STUDY = "/dicom-web/studies/{study}"
SERIES = f"{STUDY}/series/{{series}}"
INSTANCE = f"{SERIES}/instances/{{instance}}"
"""Templates of the addresses that everything else of an entity begins with."""

MAX_FRAMES = 10_000
"""Frames of one request; an enhanced CT has some thousands."""
_MAX_DIGITS = 9


class Uids(NamedTuple):
    """What the path of a request names."""

    study: str
    series: str | None
    instance: str | None


def uids_of(request: Request) -> Uids:
    """Return the UIDs of the path.

    Raises BadRequestError if one of them is none.
    """
    names = ("study", "series", "instance")
    study, series, instance = (request.path_params.get(name) for name in names)
    if not all(is_uid(uid) for uid in (study, series, instance) if uid is not None):
        raise BadRequestError("The path holds something that is not a UID.")
    return Uids(str(study), series, instance)


def instance_url(base: str, instance: StoredInstance) -> str:
    """Return the address of an instance; `base` is the one under which the client knows us."""
    return base + INSTANCE.format(
        study=instance.study_uid, series=instance.series_uid, instance=instance.sop_instance_uid
    )


def accept_of(request: Request) -> str:
    """Return what the client accepts; the query parameter counts before the header."""
    return request.query_params.get("accept") or request.headers.get("accept", "")


def frame_numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of a frame list, the first frame being 1.

    Raises BadRequestError.
    """
    pieces = text.split(",")
    if len(pieces) > MAX_FRAMES:
        raise BadRequestError(f"A request takes at most {MAX_FRAMES} frames.")
    return tuple(_frame_number(piece) for piece in pieces)


def _frame_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS and int(text) > 0):
        raise BadRequestError("A frame list is made of numbers from 1 on, with commas between.")
    return int(text)
