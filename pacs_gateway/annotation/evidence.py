"""An image that a measurement or selection refers to, as far as writing one needs it."""

from dataclasses import dataclass

from pacs_gateway.documents import attributes
from storage.records import DicomJson


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One image of the study."""

    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    rows: int
    """0 if it has no pixels."""
    columns: int
    frames: int
    model: DicomJson
    """Its header in DICOM JSON, for what it says of patient and study."""

    @property
    def is_multi_frame(self) -> bool:
        """Whether references to it name a frame."""
        return self.frames > 1


def evidence_of(model: DicomJson) -> Evidence:
    """Return what is needed of a header."""
    return Evidence(
        series_uid=attributes.text(model, "0020000E"),
        sop_instance_uid=attributes.text(model, "00080018"),
        sop_class_uid=attributes.text(model, "00080016"),
        rows=attributes.integer(model, "00280010"),
        columns=attributes.integer(model, "00280011"),
        frames=max(attributes.integer(model, "00280008"), 1),
        model=model,
    )
