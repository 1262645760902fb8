"""What a softcopy presentation state says about one frame, and its grey levels (PS3.3 A.33)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pacs_gateway.imaging import attributes, header
from pacs_gateway.imaging.dataset import Elements
from pacs_gateway.imaging.image import Shades


@dataclass(frozen=True, slots=True)
class State:
    """A presentation state as it concerns one frame of one image."""

    header: header.Header
    sop_instance_uid: str
    number: int

    def chosen(self, sequence: str) -> Sequence[Elements]:
        """Return the items of a sequence that are about this frame: all images if none is named."""
        found = attributes.items(self.header.data_set, sequence)
        return [item for item in found if self._concerns(item)]

    def _concerns(self, item: Elements) -> bool:
        references = attributes.items(item, "ReferencedImageSequence")
        return not references or any(self._is_meant(reference) for reference in references)

    def _is_meant(self, reference: Elements) -> bool:
        uid = str(attributes.first(reference, "ReferencedSOPInstanceUID") or "")
        frames = attributes.integers(reference, "ReferencedFrameNumber")
        return uid == self.sop_instance_uid and (not frames or self.number in frames)


def read_state(part10: bytes, image: header.Header, number: int) -> State:
    """Return the state in a Part 10 file, for frame `number` of an image.

    Raises UnrenderableError if it cannot be read.
    """
    read = header.read(part10)
    uid = str(attributes.first(image.data_set, "SOPInstanceUID") or "")
    return State(read, uid, number)


def shades(state: State, own: Shades) -> Shades:
    """Return the state's grey levels instead of the image's own (PS3.4 N.2.1).

    What the state leaves out is the identity, not the image's choice; except that the modality
    transformation may stand in the image alone.
    """
    data_set = state.header.data_set
    slope = attributes.decimal(data_set, "RescaleSlope")
    modality_lut = header.look_up_table(attributes.item(data_set, "ModalityLUTSequence"))
    result = own
    if slope or modality_lut:
        result = replace(
            own,
            slope=slope or 1.0,
            intercept=attributes.decimal(data_set, "RescaleIntercept") or 0.0,
            modality_lut=modality_lut,
        )
    signed = result.intercept < 0 or result.slope < 0
    voi = next(iter(state.chosen("SoftcopyVOILUTSequence")), None)
    return replace(
        result,
        window=header.window(voi) if voi is not None else None,
        voi_lut=header.look_up_table(attributes.item(voi, "VOILUTSequence"), signed=signed)
        if voi is not None
        else None,
        presentation_lut=header.look_up_table(attributes.item(data_set, "PresentationLUTSequence")),
        inverted=attributes.text(data_set, "PresentationLUTShape") == "INVERSE",
    )
