"""Who and how, written into the corners of a picture (PS3.18 8.3.5.1.1)."""

from collections.abc import Iterator, Mapping, Sequence

from PIL import Image as Picture
from PIL import ImageDraw

from pacs_gateway.imaging import attributes
from pacs_gateway.imaging.dataset import DataSet
from pacs_gateway.imaging.lettering import Colour, lettering, written
from pacs_gateway.imaging.options import PATIENT, TECHNIQUE

_MARGIN = 4
_LINE = 1.25
"""Distance of lines in heights of a letter."""
_WHITE: Mapping[str, Colour] = {"L": 255, "RGB": (255, 255, 255)}


def annotated(
    picture: Picture.Image, data_set: DataSet, kinds: Sequence[str], *, number: int
) -> Picture.Image:
    """Write the kinds asked for: `patient` at the top left, `technique` at the bottom left."""
    letters = lettering(max(picture.size))
    step = letters.height * _LINE
    draw = ImageDraw.Draw(picture)
    colour = _WHITE[picture.mode]
    if PATIENT in kinds:
        for line, text in enumerate(_patient(data_set)):
            written(draw, text, (_MARGIN, _MARGIN + line * step), letters, colour)
    if TECHNIQUE in kinds:
        for line, text in enumerate(reversed(list(_technique(data_set, number)))):
            place = (_MARGIN, picture.height - _MARGIN - line * step)
            written(draw, text, place, letters, colour, anchor="ld")
    return picture


def _patient(data_set: DataSet) -> Iterator[str]:
    name = " ".join(_text(data_set, "PatientName").split("=")[0].replace("^", " ").split())
    yield from filter(None, (name, _text(data_set, "PatientID")))
    birth = _text(data_set, "PatientBirthDate")
    yield from filter(None, (" ".join(filter(None, (birth, _text(data_set, "PatientSex")))),))
    yield from filter(None, (_text(data_set, "AccessionNumber"), _text(data_set, "StudyDate")))


def _technique(data_set: DataSet, number: int) -> Iterator[str]:
    yield " ".join(
        filter(None, (_text(data_set, "Modality"), _text(data_set, "SeriesDescription")))
    )
    for label, keyword, unit in (
        ("", "KVP", "kV"),
        ("", "XRayTubeCurrent", "mA"),
        ("", "ExposureTime", "ms"),
        ("TR", "RepetitionTime", "ms"),
        ("TE", "EchoTime", "ms"),
        ("", "SliceThickness", "mm"),
    ):
        amount = attributes.decimal(data_set, keyword)
        if amount is not None:
            yield f"{label} {amount:g} {unit}".strip()
    instance = _text(data_set, "InstanceNumber")
    frames = attributes.integer(data_set, "NumberOfFrames") or 1
    if instance:
        yield f"Im {instance}" + (f" / {number}" if frames > 1 else "")


def _text(data_set: DataSet, keyword: str) -> str:
    found = attributes.first(data_set, keyword)
    return "" if found is None else str(found).strip()
