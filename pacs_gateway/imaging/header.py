"""From header bytes to what rendering one frame needs.

Headers are hostile or plain wrong often enough that every value is read on its own: one that
cannot be read counts as absent, and one that makes no sense is replaced by the only sensible one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pacs_gateway.dicom import meta
from pacs_gateway.errors import NotADataSetError, UnrenderableError
from pacs_gateway.imaging import attributes, dataset, tables
from pacs_gateway.imaging.dataset import DataSet, Elements
from pacs_gateway.imaging.image import (
    PALETTE_COLOR,
    SAMPLES_OF_COLOUR,
    WINDOW_FUNCTIONS,
    Image,
    Kind,
    Lut,
    Palette,
    Shades,
    Window,
)

_KINDS = {0x7FE00008: Kind.FLOAT, 0x7FE00009: Kind.DOUBLE}
# Twelve bits are two pixels in three bytes, which no standard since 1998 allows but archives hold.
_BITS_ALLOCATED = {Kind.INTEGER: (1, 8, 12, 16, 32, 64), Kind.FLOAT: (32,), Kind.DOUBLE: (64,)}
_BYTE_BITS = 8
_SIGN, _BEYOND_WORD = 0x8000, 0x10000
_CINE_MS = 100.0
"""Of a frame whose object does not say: slow enough to see, fast enough to move."""
_TWO_VALUES = Window(0.5, 1.0, "LINEAR_EXACT")
"""0 is black and 1 white, also where a frame of a segmentation has only one of them."""


@dataclass(frozen=True, slots=True)
class Header:
    """A header; the same for every frame of the instance."""

    data_set: DataSet
    transfer_syntax_uid: str

    @property
    def big_endian(self) -> bool:
        """Whether numbers in the header are big endian."""
        return self.data_set.encoding.big_endian


def read(part10: bytes) -> Header:
    """Read a Part 10 file, up to the value of its pixel data if it has any.

    Raises UnrenderableError if it is none.
    """
    try:
        file_meta = meta.decode(part10)
    except NotADataSetError as error:
        raise UnrenderableError("The header of this object cannot be read.") from error
    if file_meta is None:
        raise UnrenderableError("This object has no data set.")
    syntax = file_meta.transfer_syntax_uid
    implicit, big_endian = meta.byte_encoding(syntax)
    data_set = dataset.read(part10, file_meta.length, implicit=implicit, big_endian=big_endian)
    return Header(data_set, syntax)


def parse(part10: bytes) -> Header:
    """Read a Part 10 file that ends where the value of the pixel data would begin.

    Raises UnrenderableError if it announces no pixel data or cannot be read.
    """
    header = read(part10)
    if header.data_set.pixels is None:
        raise UnrenderableError("This instance has no pixels.")
    return header


def image(header: Header) -> Image:
    """Return the Image Pixel attributes (PS3.3 C.7.6.3) made consistent.

    Raises UnrenderableError for sizes and depths no decoder here produces.
    """
    big_endian = (
        header.big_endian or header.transfer_syntax_uid == meta.GE_IMPLICIT_VR_BIG_ENDIAN_PIXELS
    )
    found = image_of(header.data_set, header.transfer_syntax_uid)
    swapped = big_endian and found.bits_allocated <= _BYTE_BITS and _has_words(header.data_set)
    return replace(found, big_endian=big_endian, word_swapped=swapped)


def image_of(data_set: Elements, transfer_syntax_uid: str) -> Image:
    """Return the attributes of pixels in little endian; raises as `image`."""
    kind = _KINDS.get(data_set.pixel_tag, Kind.INTEGER)
    samples = attributes.integer(data_set, "SamplesPerPixel") or 1
    photometric = attributes.text(data_set, "PhotometricInterpretation") or _likely_model(
        data_set, samples
    )
    rows, columns = _size(data_set)
    if samples not in (1, SAMPLES_OF_COLOUR.get(photometric, 3)):
        raise UnrenderableError(f"Pixels of {samples} samples cannot be shown.")
    allocated = attributes.integer(data_set, "BitsAllocated") or 0
    if allocated not in _BITS_ALLOCATED[kind]:
        raise UnrenderableError(f"Pixels of {allocated} bits cannot be shown.")
    stored, high_bit = _stored_bits(data_set, allocated)
    return Image(
        transfer_syntax_uid=transfer_syntax_uid,
        kind=kind,
        big_endian=False,
        word_swapped=False,
        rows=rows,
        columns=columns,
        samples=samples,
        photometric=photometric,
        planar=samples > 1 and attributes.integer(data_set, "PlanarConfiguration") == 1,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high_bit,
        signed=attributes.integer(data_set, "PixelRepresentation") == 1,
    )


def _size(data_set: Elements) -> tuple[int, int]:
    rows, columns = (attributes.integer(data_set, name) or 0 for name in ("Rows", "Columns"))
    if rows < 1 or columns < 1:
        raise UnrenderableError(f"An image of {rows} x {columns} pixels cannot be shown.")
    return rows, columns


def _likely_model(data_set: Elements, samples: int) -> str:
    """Return the photometric interpretation where the header names none."""
    if samples > 1:
        return "RGB"
    has_palette = attributes.value(data_set, "RedPaletteColorLookupTableDescriptor") is not None
    return PALETTE_COLOR if has_palette else "MONOCHROME2"


def _has_words(data_set: DataSet) -> bool:
    """Return whether pixel data is OW, which it always is in Implicit VR (PS3.5 A.1)."""
    return data_set.pixels is not None and data_set.pixels.vr in ("", "OW")


def _stored_bits(data_set: Elements, allocated: int) -> tuple[int, int]:
    """Return Bits Stored and High Bit, as the standard demands where the header is impossible."""
    stored = _between(1, attributes.integer(data_set, "BitsStored"), allocated)
    high_bit = attributes.integer(data_set, "HighBit")
    if high_bit is None or not stored - 1 <= high_bit < allocated:
        return stored, stored - 1
    return stored, high_bit


def shades(header: Header, number: int) -> Shades:
    """Return how frame `number` becomes grey: its functional groups first, then the top level.

    Real World Value Mapping is for measurements, never for the picture (PS3.3 C.7.6.16.2.11).
    """
    return replace(shades_of(header.data_set, number), supplement=_supplement(header))


def shades_of(data_set: Elements, number: int) -> Shades:
    """Return `shades` without the supplemental palette."""
    signed = attributes.integer(data_set, "PixelRepresentation") == 1
    transformation = group(data_set, number, "PixelValueTransformationSequence", "RescaleSlope")
    voi = group(data_set, number, "FrameVOILUTSequence", "WindowCenter", "VOILUTSequence")
    # A slope of zero would make every pixel one value; nobody means that.
    slope = attributes.decimal(transformation, "RescaleSlope") or 1.0
    intercept = attributes.decimal(transformation, "RescaleIntercept") or 0.0
    modality_lut = attributes.item(data_set, "ModalityLUTSequence")
    voi_lut = attributes.item(voi, "VOILUTSequence")
    return Shades(
        slope=slope,
        intercept=intercept,
        modality_lut=look_up_table(modality_lut, signed=signed),
        window=window(voi)
        or (_TWO_VALUES if attributes.integer(data_set, "BitsStored") == 1 else None),
        voi_lut=look_up_table(voi_lut, signed=signed or intercept < 0 or slope < 0),
        inverted=_inverted(data_set),
        padding=_padding(data_set, signed=signed),
    )


def _inverted(data_set: Elements) -> bool:
    """Return whether low values are bright.

    Presentation LUT Shape says it where it stands, and should agree with MONOCHROME1 and 2
    (PS3.3 C.8.11.3.1.2); where they contradict each other, DCMTK follows it too.
    """
    shape = attributes.text(data_set, "PresentationLUTShape")
    if shape in ("IDENTITY", "INVERSE"):
        return shape == "INVERSE"
    return attributes.text(data_set, "PhotometricInterpretation") == "MONOCHROME1"


def palette(header: Header) -> Palette:
    """Return the palette of PALETTE COLOR (PS3.3 C.7.6.3.1.5, C.7.9.2), as 8 bits.

    Raises UnrenderableError if it is missing or damaged.
    """
    data_set = header.data_set
    signed = attributes.integer(data_set, "PixelRepresentation") == 1
    colours = []
    first = 0
    for colour in ("Red", "Green", "Blue"):
        keyword = f"{colour}PaletteColorLookupTableDescriptor"
        descriptor = _descriptor(data_set, keyword, signed=signed)
        if descriptor is None:
            raise UnrenderableError("The palette of this image is missing.")
        entries, first, bits = descriptor
        values = _palette_values(header, colour, entries, bits)
        colours.append(tables.to_bytes(values, entries, bits))
    if len({len(table) for table in colours}) > 1:
        raise UnrenderableError("The palette of this image has tables of different lengths.")
    return Palette(first, *colours)


def _supplement(header: Header) -> Palette | None:
    """Return the palette of the upper grey levels, if there is one (PS3.3 C.7.6.19)."""
    if attributes.text(header.data_set, "PixelPresentation") not in ("COLOR", "MIXED"):
        return None
    if not header.data_set.raw("RedPaletteColorLookupTableDescriptor"):
        return None
    return palette(header)


def _palette_values(header: Header, colour: str, entries: int, bits: int) -> Sequence[int]:
    plain = header.data_set.words(f"{colour}PaletteColorLookupTableData")
    if plain:
        return _numbers(plain, entries, bits)
    segments = header.data_set.words(f"Segmented{colour}PaletteColorLookupTableData")
    if not segments:
        raise UnrenderableError("The palette of this image is missing.")
    numbers = tables.words(segments) if bits > _BYTE_BITS else tuple(segments)
    return tables.SegmentedTable(numbers, bits=bits, entries=entries).expand()


def look_up_table(item: Elements | None, *, signed: bool = False) -> Lut | None:
    """Return the table of one item of a LUT sequence (PS3.3 C.11.1.1), None if there is none.

    `signed` tells whether its inputs may be negative.
    """
    if item is None:
        return None
    descriptor = _descriptor(item, "LUTDescriptor", signed=signed)
    data = item.words("LUTData")
    if descriptor is None or not data:
        return None
    entries, first, bits = descriptor
    values = tuple(_numbers(data, entries, bits))[:entries]
    # Some writers announce fewer bits than their values have.
    bits = max(bits, max(values, default=0).bit_length())
    return Lut(first, bits, values) if values else None


def _numbers(data: bytes, entries: int, bits: int) -> Sequence[int]:
    # Tables of bytes are also announced as 16 bits; then only their length tells.
    if len(data) < 2 * entries and (bits <= _BYTE_BITS or entries <= len(data) <= entries + 1):
        return tuple(data)
    return tables.words(data)


def _descriptor(data_set: Elements, keyword: str, *, signed: bool) -> tuple[int, int, int] | None:
    """Return number of entries, first input and bits of an entry (PS3.3 C.11.1.1.1).

    `signed` tells whether the inputs may be negative: then a first input beyond 32,767 is.
    """
    try:
        entries, first, bits = attributes.integers(data_set, keyword)
    except ValueError:
        return None
    if signed:
        first = _negative_beyond_sign(first)
    # Zero means 65,536; a signed VR turns large counts negative.
    return (entries & 0xFFFF) or _BEYOND_WORD, first, _between(1, bits & 0xFFFF, 16)


def window(data_set: Elements) -> Window | None:
    """Return the first window of a data set or item (PS3.3 C.11.2.1.2), None if there is none."""
    center, width = (
        attributes.decimal(data_set, "WindowCenter"),
        attributes.decimal(data_set, "WindowWidth"),
    )
    if center is None or width is None:
        return None
    function = attributes.text(data_set, "VOILUTFunction")
    found = Window(center, width, function if function in WINDOW_FUNCTIONS else "LINEAR")
    return found if found.valid else None


def _padding(data_set: Elements, *, signed: bool) -> tuple[int, int] | None:
    value = attributes.integer(data_set, "PixelPaddingValue")
    if value is None:
        return None
    limit = attributes.integer(data_set, "PixelPaddingRangeLimit")
    limit = value if limit is None else limit
    if signed:
        # The VR should say so, but writers put 63536 where they mean -2000.
        value, limit = (_negative_beyond_sign(number) for number in (value, limit))
    return min(value, limit), max(value, limit)


def _negative_beyond_sign(number: int) -> int:
    """Return a number of 16 bits, which may have been read without its sign, with it."""
    return number - _BEYOND_WORD if _SIGN <= number < _BEYOND_WORD else number


def group(data_set: Elements, number: int, macro: str, *keywords: str) -> Elements:
    """Return what holds a value for frame `number`: its own group, a shared one, or the top level."""
    own = attributes.item(data_set, "PerFrameFunctionalGroupsSequence", number - 1)
    shared = attributes.item(data_set, "SharedFunctionalGroupsSequence")
    for functional_groups in (own, shared):
        if functional_groups is None:
            continue
        item = attributes.item(functional_groups, macro)
        if item is not None and any(item.holds(keyword) for keyword in keywords):
            return item
    return data_set


def _between(low: int, value: int | None, high: int) -> int:
    return high if value is None or not low <= value <= high else value


def frame_duration_ms(data_set: Elements, number: int) -> float:
    """Return how long frame `number` of a cine is shown (PS3.3 C.7.6.5, C.8.9.4)."""
    vector = attributes.decimals(data_set, "FrameTimeVector")
    # Each entry is the time from the frame before to its own.
    if len(vector) > number and vector[number] > 0:
        return vector[number]
    frame_time = attributes.decimal(data_set, "FrameTime")
    if frame_time is not None and frame_time > 0:
        return frame_time
    for keyword in ("RecommendedDisplayFrameRate", "CineRate"):
        rate = attributes.decimal(data_set, keyword)
        if rate is not None and rate > 0:
            return 1000.0 / rate
    return _CINE_MS
