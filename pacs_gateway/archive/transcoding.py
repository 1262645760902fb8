"""Whole objects and single frames in another transfer syntax than the one they are stored in.

Pixels are decoded and compressed frame by frame in a child process: memory is one frame and the
header, whatever the size of the object.
"""

from collections.abc import Callable, Iterator, Sequence
from tempfile import TemporaryFile

from pacs_gateway.archive.retrieve import Retrieval
from pacs_gateway.dicom import explicit, meta, part10, transcode
from pacs_gateway.errors import NotAcceptableError, OutOfResourcesError, UnrenderableError
from pacs_gateway.imaging.recode import MADE_ON_REQUEST, RecodedPixels, recoded_pixels
from pacs_gateway.imaging.render import Renderer
from storage.records import PixelLocation, StoredInstance

_PLANAR_CONFIGURATION = 0x00280006
_BITS_STORED = 0x00280101
_HIGH_BIT = 0x00280102
_PIXEL_REPRESENTATION = 0x00280103
_NATIVE_ALIKE = (meta.IMPLICIT_VR_LITTLE_ENDIAN, meta.DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)
"""Their native frames are the same bytes as in Explicit VR Little Endian."""


def whole(
    retrieval: Retrieval, renderer: Renderer, instance: StoredInstance, syntax: str
) -> Iterator[bytes]:
    """Yield a Part 10 file of the instance in the transfer syntax asked for.

    `syntax` is the one stored, Explicit VR Little Endian or one of MADE_ON_REQUEST, of which an
    instance without pixels knows nothing.

    Raises UnrenderableError for a frame that cannot be decoded, before anything is yielded if it
    is the first one; NotAcceptableError for pixels that the syntax cannot hold.
    """
    if syntax == instance.transfer_syntax_uid:
        return retrieval.part10(instance)
    if instance.pixels is not None and syntax in MADE_ON_REQUEST:
        return _compressed(retrieval, renderer, instance, syntax)
    if instance.pixels is not None and instance.pixels.encapsulated:
        return _decompressed(retrieval, renderer, instance, instance.pixels)
    if meta.is_deflated(instance.transfer_syntax_uid):
        return _inflated(retrieval, instance)
    return transcode.explicit_little_endian(retrieval.data_set(instance), instance)


def frames(
    retrieval: Retrieval,
    renderer: Renderer,
    instance: StoredInstance,
    numbers: Sequence[int],
    syntax: str,
) -> Iterator[bytes]:
    """Yield frames, 1 being the first, in `syntax`, as `whole` takes it.

    Raises UnrenderableError, NotAcceptableError, UnknownError for no such frame.
    """
    if syntax in (instance.transfer_syntax_uid, *_alike(instance)):
        return (retrieval.frame(instance, number) for number in numbers)
    recode: Callable[[bytes, bytes], bytes] = renderer.native
    if syntax in MADE_ON_REQUEST:

        def recode(header: bytes, frame: bytes) -> bytes:
            return renderer.compressed(header, frame, syntax)

    return _recoded(retrieval, instance, numbers, recode)


def made_ahead(recoded: Iterator[bytes], *, max_bytes: int) -> Iterator[bytes]:
    """Return the same frames, made before the first is given as far as `max_bytes` go.

    One damaged frame among several is so found while an answer can still say which one it is: a
    multipart answer has no place for a fault, and one that ends early tells a client nothing, while
    a shorter one would be taken for the whole. What was made waits in a nameless file on the disk.
    """
    try:
        with TemporaryFile() as file:
            lengths: list[int] = []
            for frame in recoded:
                file.write(frame)
                lengths.append(len(frame))
                if file.tell() >= max_bytes:
                    break
            file.seek(0)
            for length in lengths:
                yield file.read(length)
    except OSError as error:
        raise OutOfResourcesError(f"The disk takes no frames: {error.strerror}.") from error
    yield from recoded


def _alike(instance: StoredInstance) -> tuple[str, ...]:
    if instance.transfer_syntax_uid in _NATIVE_ALIKE:
        return (meta.EXPLICIT_VR_LITTLE_ENDIAN,)
    return ()


def _recoded(
    retrieval: Retrieval,
    instance: StoredInstance,
    numbers: Sequence[int],
    recode: Callable[[bytes, bytes], bytes],
) -> Iterator[bytes]:
    header = retrieval.header(instance)
    for number in numbers:
        frame = retrieval.frame(instance, number)
        try:
            yield recode(header, frame)
        except UnrenderableError as error:
            raise UnrenderableError(f"Frame {number}: {error}") from error


def _inflated(retrieval: Retrieval, instance: StoredInstance) -> Iterator[bytes]:
    data_set = retrieval.inflated(instance)
    yield _file_meta(instance, meta.EXPLICIT_VR_LITTLE_ENDIAN)
    yield data_set


def _compressed(
    retrieval: Retrieval, renderer: Renderer, instance: StoredInstance, syntax: str
) -> Iterator[bytes]:
    assert instance.pixels is not None
    count = instance.pixels.frame_count
    header = retrieval.header(instance)
    made = frames(retrieval, renderer, instance, range(1, count + 1), syntax)
    first = next(made)
    pixels = renderer.run(recoded_pixels, header, retrieval.frame(instance, 1), syntax)
    yield _file_meta(instance, syntax)
    yield transcode.header_of_pixels(header, _attributes(pixels, count))
    yield transcode.encapsulated_pixel_data()
    yield from transcode.fragment(first)
    for frame in made:
        yield from transcode.fragment(frame)
    yield explicit.end_of_sequence()
    yield _trailing(retrieval, instance, instance.pixels)


def _decompressed(
    retrieval: Retrieval, renderer: Renderer, instance: StoredInstance, pixels: PixelLocation
) -> Iterator[bytes]:
    header, stored = retrieval.header(instance), retrieval.frame(instance, 1)
    first = renderer.native(header, stored)
    native = renderer.run(recoded_pixels, header, stored)
    length = _length(native, len(first), pixels.frame_count)
    padding = bytes(length % 2)
    yield _file_meta(instance, meta.EXPLICIT_VR_LITTLE_ENDIAN)
    yield transcode.header_of_pixels(header, _attributes(native, pixels.frame_count))
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


def _length(native: RecodedPixels, frame_bytes: int, frame_count: int) -> int:
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


def _attributes(pixels: RecodedPixels, frame_count: int) -> dict[int, int | str]:
    attributes: dict[int, int | str] = {
        part10.NUMBER_OF_FRAMES: str(frame_count),
        part10.PHOTOMETRIC_INTERPRETATION: pixels.photometric,
        _BITS_STORED: pixels.bits_stored,
        _HIGH_BIT: pixels.high_bit,
        _PIXEL_REPRESENTATION: int(pixels.signed),
    }
    if pixels.samples > 1:
        attributes[_PLANAR_CONFIGURATION] = int(pixels.planar)
    return attributes


def _trailing(retrieval: Retrieval, instance: StoredInstance, pixels: PixelLocation) -> bytes:
    """Return the elements after the pixel data, without reading it again."""
    syntax = meta.inflated_syntax(instance.transfer_syntax_uid)
    if meta.is_deflated(instance.transfer_syntax_uid):
        data_set = retrieval.inflated(instance)
        return transcode.trailing(data_set[pixels.offset + pixels.length :], syntax)
    length = instance.size - pixels.offset - pixels.length
    start = retrieval.part10_size(instance) - length
    return transcode.trailing(b"".join(retrieval.part10_range(instance, start, length)), syntax)


def _file_meta(instance: StoredInstance, syntax: str) -> bytes:
    return meta.encode(
        sop_class_uid=instance.sop_class_uid,
        sop_instance_uid=instance.sop_instance_uid,
        transfer_syntax_uid=syntax,
    )
