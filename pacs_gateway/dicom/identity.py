"""The UIDs an instance is filed under: checked, never trusted, never invented over a given one."""

import re
import uuid
from dataclasses import dataclass

from pacs_gateway.dicom import part10
from pacs_gateway.errors import IdentityError

# PS3.5 9.1 allows 64 characters of digits and dots. Devices that count wrong, leading zeros and odd
# roots occur in the field, and their images are images: refused is only what could leave the
# alphabet of object keys, or make a file name too long.
_UID = re.compile(r"[0-9](?:[0-9.]{0,126}[0-9])?")
_DERIVED_UIDS = uuid.UUID("c7f9d4ae-2f0f-4dd1-93c1-4f58ed4e0a55")


@dataclass(frozen=True, slots=True)
class Identity:
    """The four UIDs and the class that place one instance."""

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str


def is_uid(text: str) -> bool:
    """Return whether `text` may serve as a UID here, and so in paths, keys and URLs."""
    return _UID.fullmatch(text) is not None and ".." not in text


def identify(layout: part10.Layout, *, sop_class_uid: str, sop_instance_uid: str) -> Identity:
    """Return where the walked data set is filed.

    `sop_class_uid` and `sop_instance_uid` are what the command or the file meta information says,
    used when the data set itself is silent. A missing Study or Series Instance UID is derived
    from the next UID below, the same each time, because an image without one is still an image.

    Raises IdentityError for a UID that cannot be one, or when no SOP UID is known at all.
    """
    instance = _uid(layout, part10.SOP_INSTANCE_UID, "SOP Instance UID") or sop_instance_uid
    sop_class = _uid(layout, part10.SOP_CLASS_UID, "SOP Class UID") or sop_class_uid
    if not is_uid(instance):
        raise IdentityError("The data set has no usable SOP Instance UID (0008,0018).")
    if not is_uid(sop_class):
        raise IdentityError("The data set has no usable SOP Class UID (0008,0016).")
    series = _uid(layout, part10.SERIES_INSTANCE_UID, "Series Instance UID")
    study = _uid(layout, part10.STUDY_INSTANCE_UID, "Study Instance UID")
    return Identity(
        study_uid=study or _derived("study", series or instance),
        series_uid=series or _derived("series", instance),
        sop_instance_uid=instance,
        sop_class_uid=sop_class,
    )


def _uid(layout: part10.Layout, tag: int, name: str) -> str:
    text = layout.values.get(tag, b"").rstrip(b"\x00 ").decode("ascii", "replace")
    if text and not is_uid(text):
        raise IdentityError(f"The {name} of the data set is not a UID (PS3.5 9.1).")
    return text


def _derived(kind: str, uid: str) -> str:
    return f"2.25.{uuid.uuid5(_DERIVED_UIDS, f'{kind}:{uid}').int}"
