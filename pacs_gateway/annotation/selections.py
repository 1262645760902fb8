"""Selections of images read back from Key Object Selections, ours and others' (PS3.16 TID 2010)."""

from pacs_gateway.annotation import concepts
from pacs_gateway.annotation.content import children, created, frames_of, name, named, series_of
from pacs_gateway.annotation.values import Selection
from pacs_gateway.documents import attributes
from storage.records import DicomJson

_DESCRIPTION = ("113012", "DCM")


def selection_of(model: DicomJson, *, study_uid: str) -> Selection:
    """Return what a Key Object Selection selects of a study."""
    series = series_of(model)
    items = children(model)
    return Selection(
        sop_instance_uid=attributes.text(model, "00080018"),
        created=created(model),
        title=concepts.title_of(name(model)),
        note=attributes.text(named(items, _DESCRIPTION), "0040A160"),
        frames=tuple(frame for item in items for frame in frames_of(item, study_uid, series)),
    )
