"""DICOM objects for tests about pixels: taken apart as the archive does it, or made to measure."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.tag import Tag

from pacs_gateway.dicom import deflate, frames, meta, part10, pixels
from storage.records import PixelLocation

LIMITS = part10.WalkLimits(max_depth=256, max_elements=500_000, max_header_bytes=64 * 1024**2)
MAX_INFLATED_BYTES = 64 * 1024**2
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"


@dataclass(frozen=True, slots=True)
class Instance:
    """A header that ends where its pixel data would begin, and the frames behind it."""

    header: bytes
    plain: bytes
    pixels: PixelLocation

    def frame(self, number: int) -> bytes:
        raw = b"".join(
            self.plain[offset : offset + length]
            for offset, length in frames.spans(self.pixels, number)
        )
        return frames.aligned(self.pixels, number, raw)


def take_apart(data: bytes) -> Instance:
    """Return the parts of a DICOM file that has pixels; raises what the archive would raise."""
    start, syntax = 0, ""
    if not meta.is_bare_data_set(data):
        file_meta = meta.decode(data)
        assert file_meta is not None
        start, syntax = file_meta.length, file_meta.transfer_syntax_uid
    data_set = data[start:]
    syntax = syntax or meta.guess_transfer_syntax(data_set)
    if meta.is_deflated(syntax):
        data_set = deflate.inflate([data_set], max_bytes=MAX_INFLATED_BYTES, max_ratio=250)
        syntax = meta.inflated_syntax(syntax)
    implicit, big_endian = meta.byte_encoding(syntax)
    layout = part10.walk(data_set, 0, implicit=implicit, big_endian=big_endian, limits=LIMITS)
    location = pixels.locate(layout, data_set)
    assert location is not None
    head = meta.encode(
        sop_class_uid=CT_IMAGE_STORAGE, sop_instance_uid="1.2.3", transfer_syntax_uid=syntax
    )
    return Instance(head + data_set[: location.offset], data_set, location)


def shipped(name: str) -> Instance:
    """Return one of the files inside the installed pydicom, taken apart."""
    path = get_testdata_file(name, download=False)
    assert path is not None
    return take_apart(Path(str(path)).read_bytes())


def made(transfer_syntax_uid: str = meta.EXPLICIT_VR_LITTLE_ENDIAN, **more: Any) -> bytes:
    """Return the header of an image: 16-bit MONOCHROME2 of 1 x 1 unless `more` says otherwise."""
    attributes = {
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": 1,
        "Columns": 1,
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
    } | more
    data_set = Dataset()
    for keyword, value in attributes.items():
        setattr(data_set, keyword, value)
    stream = DicomBytesIO()
    stream.is_implicit_VR = False
    stream.is_little_endian = transfer_syntax_uid != meta.EXPLICIT_VR_BIG_ENDIAN
    write_dataset(stream, data_set)
    stream.write_tag(Tag("PixelData"))
    stream.write(b"OW\x00\x00\xff\xff\xff\xff")
    head = meta.encode(
        sop_class_uid=CT_IMAGE_STORAGE,
        sop_instance_uid="1.2.3",
        transfer_syntax_uid=transfer_syntax_uid,
    )
    return head + stream.getvalue()
