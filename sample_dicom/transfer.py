"""From pixels to bytes: the compressors, and Part 10 files that are the same on every machine.

Every compressor is imagecodecs', pinned by the lock file, but for RLE, which pydicom has in Python.
The zlib of the Python at hand is not used: builds of it differ in what they write.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any

import imagecodecs
from numpy.typing import NDArray
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.pixels.encoders.base import RLELosslessEncoder
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from sample_dicom.catalogue import uid

Frame = NDArray[Any]

_SOS, _SOT = 0xFFDA, 0xFF90
_APP8, _COM_JPEG2000 = 0xFFE8, 0xFF64


def set_pixels(
    data_set: Dataset, frames: Sequence[Frame], *, syntax: UID, bits_stored: int
) -> None:
    """Fill the Image Pixel module (PS3.3 C.7.6.3) but for the photometric interpretation."""
    first = frames[0]
    data_set.Rows, data_set.Columns = first.shape[:2]
    data_set.SamplesPerPixel = first.shape[2] if first.ndim == 3 else 1
    data_set.BitsAllocated = 8 * first.dtype.itemsize
    data_set.BitsStored = bits_stored
    data_set.HighBit = bits_stored - 1
    data_set.PixelRepresentation = int(first.dtype.kind == "i")
    if syntax in _COMPRESS:
        compress = _COMPRESS[syntax]
        data_set.PixelData = encapsulate([compress(frame, bits_stored) for frame in frames])
        data_set["PixelData"].VR = "OB"
        data_set["PixelData"].is_undefined_length = True
        return
    little = first.dtype.newbyteorder("<")
    data_set.PixelData = b"".join(frame.astype(little).tobytes() for frame in frames)
    data_set["PixelData"].VR = "OW"


def part10(data_set: Dataset, syntax: UID) -> bytes:
    """Return a whole file (PS3.10 section 7.1)."""
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = data_set.SOPClassUID
    meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = UID(uid("implementation"))
    meta.ImplementationVersionName = "SAMPLE_DICOM_1"
    head, body = DicomBytesIO(), BytesIO()
    head.write(b"\0" * 128 + b"DICM")
    write_file_meta_info(head, meta)
    dcmwrite(body, data_set, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True)
    encoded = body.getvalue()
    if syntax == DeflatedExplicitVRLittleEndian:
        encoded = _even(bytes(imagecodecs.deflate_encode(encoded, 9, raw=True)))
    return head.getvalue() + encoded


def _jpeg_ls(frame: Frame, _bits: int) -> bytes:
    unsigned = frame.view(f"u{frame.dtype.itemsize}")
    return _without(bytes(imagecodecs.jpegls_encode(unsigned)), _APP8)


def _jpeg_2000(frame: Frame, bits: int) -> bytes:
    stream = imagecodecs.jpeg2k_encode(
        frame, level=0, codecformat="j2k", reversible=True, bitspersample=bits, numthreads=1
    )
    return _without(bytes(stream), _COM_JPEG2000)


def _jpeg(frame: Frame, _bits: int) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(frame, level=80, subsampling="422", optimize=True))


def _rle(frame: Frame, _bits: int) -> bytes:
    """Return the RLE of one frame of 8-bit samples (PS3.5 Annex G)."""
    rows, columns = frame.shape
    return RLELosslessEncoder.encode(
        frame.tobytes(),
        encoding_plugin="pydicom",
        rows=rows,
        columns=columns,
        samples_per_pixel=1,
        number_of_frames=1,
        bits_allocated=8,
        bits_stored=8,
        pixel_representation=0,
        photometric_interpretation="PALETTE COLOR",
        transfer_syntax_uid=RLELossless,
    )


_COMPRESS: Mapping[str, Callable[[Frame, int], bytes]] = {
    JPEGLSLossless: _jpeg_ls,
    JPEG2000Lossless: _jpeg_2000,
    JPEGBaseline8Bit: _jpeg,
    RLELossless: _rle,
}


def _without(stream: bytes, unwanted: int) -> bytes:
    """Drop header segments of one marker: what names the encoder and its version.

    JPEG-LS and JPEG 2000 both begin with a marker without length and go on with marker, length,
    value until the first scan or tile-part.
    """
    kept, position = [stream[:2]], 2
    while True:
        marker, length = struct.unpack_from(">HH", stream, position)
        if marker in (_SOS, _SOT):
            return _even(b"".join([*kept, stream[position:]]))
        end = position + 2 + length
        if marker != unwanted:
            kept.append(stream[position:end])
        position = end


def _even(value: bytes) -> bytes:
    return value + b"\0" * (len(value) % 2)
