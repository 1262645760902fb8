"""Whole objects in Explicit VR Little Endian, the form that every client of the web reads.

Compressed pixels are decoded frame by frame in a child process: memory is one frame and the
header, whatever the size of the object.
"""

from collections.abc import Iterator

from pacs_gateway.archive.retrieve import Retrieval
from pacs_gateway.dicom import explicit, meta, part10, transcode
from pacs_gateway.errors import NotAcceptableError, UnrenderableError
from pacs_gateway.imaging.recode import NativePixels, native_pixels
from pacs_gateway.imaging.render import Renderer
from storage.records import PixelLocation, StoredInstance

_PLANAR_CONFIGURATION = 0x00280006
_BITS_STORED = 0x00280101
_HIGH_BIT = 0x00280102
_PIXEL_REPRESENTATION = 0x00280103


def explicit_little_endian(
    retrieval: Retrieval, renderer: Renderer, instance: StoredInstance
) -> Iterator[bytes]:
    """Yield a Part 10 file of the instance in Explicit VR Little Endian (PS3.18 8.7.3.4).

    Raises UnrenderableError for a frame that cannot be decoded, before anything is yielded if it
    is the first one; NotAcceptableError if native pixels do not fit into one data element.
    """
    if instance.pixels is not None and instance.pixels.encapsulated:
        return _decompressed(retrieval, renderer, instance, instance.pixels)
    if meta.is_deflated(instance.transfer_syntax_uid):
        return _inflated(retrieval, instance)
    return transcode.explicit_little_endian(retrieval.data_set(instance), instance)


def _inflated(retrieval: Retrieval, instance: StoredInstance) -> Iterator[bytes]:
    data_set = retrieval.inflated(instance)
    yield _file_meta(instance)
    yield data_set


def _decompressed(
    retrieval: Retrieval, renderer: Renderer, instance: StoredInstance, pixels: PixelLocation
) -> Iterator[bytes]:
    header, compressed = retrieval.header(instance), retrieval.frame(instance, 1)
    first = renderer.native(header, compressed)
    native = renderer.run(native_pixels, header, compressed)
    length = _length(native, len(first), pixels.frame_count)
    padding = bytes(length % 2)
    yield _file_meta(instance)
    yield transcode.native_header(header, _attributes(native, pixels.frame_count))
    yield transcode.native_pixel_data(
        bits_allocated=native.bits_allocated, length=length + len(padding)
    )
    yield first
    for number in range(2, pixels.frame_count + 1):
        frame = renderer.native(header, retrieval.frame(instance, number))
        if len(frame) != len(first):
            raise UnrenderableError(f"Frame {number} is not as large as the first one.")
        yield frame
    yield padding
    yield _trailing(retrieval, instance, pixels)


def _length(native: NativePixels, frame_bytes: int, frame_count: int) -> int:
    if frame_count > 1 and native.frame_bits % 8:
        raise NotAcceptableError(
            "Frames of this instance would begin inside a byte; ask with transfer-syntax=*."
        )
    length = frame_bytes * frame_count
    if length > explicit.LONGEST_VALUE:
        raise NotAcceptableError(
            "Uncompressed, the pixels of this instance exceed 4 GiB; ask with transfer-syntax=*."
        )
    return length


def _attributes(native: NativePixels, frame_count: int) -> dict[int, int | str]:
    attributes: dict[int, int | str] = {
        part10.NUMBER_OF_FRAMES: str(frame_count),
        part10.PHOTOMETRIC_INTERPRETATION: native.photometric,
        _BITS_STORED: native.bits_stored,
        _HIGH_BIT: native.high_bit,
        _PIXEL_REPRESENTATION: int(native.signed),
    }
    if native.samples > 1:
        attributes[_PLANAR_CONFIGURATION] = 0
    return attributes


def _trailing(retrieval: Retrieval, instance: StoredInstance, pixels: PixelLocation) -> bytes:
    """Return the elements after the pixel data, without reading it again."""
    length = instance.size - pixels.offset - pixels.length
    start = retrieval.part10_size(instance) - length
    return transcode.trailing(b"".join(retrieval.part10_range(instance, start, length)))


def _file_meta(instance: StoredInstance) -> bytes:
    return meta.encode(
        sop_class_uid=instance.sop_class_uid,
        sop_instance_uid=instance.sop_instance_uid,
        transfer_syntax_uid=meta.EXPLICIT_VR_LITTLE_ENDIAN,
    )
