"""From header bytes to what rendering one frame needs.

Headers are hostile or plain wrong often enough that every value is read on its own: one that
cannot be read counts as absent, and one that makes no sense is replaced by the only sensible one.
"""

import struct
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from pacs_gateway.dicom import meta
from pacs_gateway.dicom.part10 import PIXEL_TAGS
from pacs_gateway.errors import NotADataSetError, UnrenderableError
from pacs_gateway.imaging import tables
from pacs_gateway.imaging.image import (
    WINDOW_FUNCTIONS,
    Image,
    Kind,
    Lut,
    Palette,
    Shades,
    Window,
)

_KINDS = {0x7FE00008: Kind.FLOAT, 0x7FE00009: Kind.DOUBLE}
_BITS_ALLOCATED = {Kind.INTEGER: (1, 8, 16, 32), Kind.FLOAT: (32,), Kind.DOUBLE: (64,)}
_SAMPLES_OF_COLOUR = 3
_BYTE_BITS = 8
_HUGE = 1e30
"""Decimal strings beyond this, and `nan`, are no rescale or window value of any device."""
_TWO_VALUES = Window(0.5, 1.0, "LINEAR_EXACT")
"""0 is black and 1 white, also where a frame of a segmentation has only one of them."""

# What pydicom raises over values it cannot convert.
_UNREADABLE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True, slots=True)
class Header:
    """A parsed header; the same for every frame of the instance."""

    data_set: Dataset
    transfer_syntax_uid: str
    pixel_tag: int
    pixel_vr: str

    @property
    def big_endian(self) -> bool:
        """Whether numbers in the header are big endian."""
        return meta.byte_encoding(self.transfer_syntax_uid)[1]


def parse(part10: bytes) -> Header:
    """Parse a Part 10 file that ends where the value of the pixel data would begin.

    Raises UnrenderableError if it announces no pixel data or cannot be parsed.
    """
    try:
        file_meta = meta.decode(part10)
    except NotADataSetError as error:
        raise UnrenderableError("The header of this image cannot be read.") from error
    if file_meta is None:
        raise UnrenderableError("This instance has no pixels.")
    syntax = file_meta.transfer_syntax_uid
    implicit, big_endian = meta.byte_encoding(syntax)
    found: list[tuple[int, str]] = []

    def at_pixels(tag: int, vr: str | None, _length: int) -> bool:
        if tag not in PIXEL_TAGS:
            return False
        found.append((int(tag), vr or "OW"))
        return True

    stream = BytesIO(part10[file_meta.length :])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data_set = read_dataset(stream, implicit, not big_endian, stop_when=at_pixels)
        except _UNREADABLE as error:
            raise UnrenderableError("The header of this image cannot be read.") from error
    if not found:
        raise UnrenderableError("This instance has no pixels.")
    return Header(data_set, syntax, *found[0])


def image(header: Header) -> Image:
    """Return the Image Pixel attributes (PS3.3 C.7.6.3) made consistent.

    Raises UnrenderableError for sizes and depths no decoder here produces.
    """
    data_set = header.data_set
    kind = _KINDS.get(header.pixel_tag, Kind.INTEGER)
    photometric = _text(data_set, "PhotometricInterpretation")
    samples = _integer(data_set, "SamplesPerPixel") or 1
    rows, columns = _integer(data_set, "Rows") or 0, _integer(data_set, "Columns") or 0
    allocated = _integer(data_set, "BitsAllocated") or 0
    if rows < 1 or columns < 1 or samples not in (1, _SAMPLES_OF_COLOUR):
        raise UnrenderableError(f"An image of {rows} x {columns} x {samples} cannot be shown.")
    if allocated not in _BITS_ALLOCATED[kind]:
        raise UnrenderableError(f"Pixels of {allocated} bits cannot be shown.")
    stored, high_bit = _stored_bits(data_set, allocated)
    syntax = header.transfer_syntax_uid
    big_endian = header.big_endian or syntax == meta.GE_IMPLICIT_VR_BIG_ENDIAN_PIXELS
    return Image(
        transfer_syntax_uid=syntax,
        kind=kind,
        big_endian=big_endian,
        word_swapped=big_endian and allocated == _BYTE_BITS and header.pixel_vr == "OW",
        rows=rows,
        columns=columns,
        samples=samples,
        photometric=photometric or ("MONOCHROME2" if samples == 1 else "RGB"),
        planar=samples > 1 and _integer(data_set, "PlanarConfiguration") == 1,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high_bit,
        signed=_integer(data_set, "PixelRepresentation") == 1,
    )


def _stored_bits(data_set: Dataset, allocated: int) -> tuple[int, int]:
    """Return Bits Stored and High Bit, as the standard demands where the header is impossible."""
    stored = _between(1, _integer(data_set, "BitsStored"), allocated)
    high_bit = _integer(data_set, "HighBit")
    if high_bit is None or not stored - 1 <= high_bit < allocated:
        return stored, stored - 1
    return stored, high_bit


def shades(header: Header, number: int) -> Shades:
    """Return how frame `number` becomes grey: its functional groups first, then the top level."""
    data_set = header.data_set
    transformation = _group(data_set, number, "PixelValueTransformationSequence", "RescaleSlope")
    voi = _group(data_set, number, "FrameVOILUTSequence", "WindowCenter")
    slope = _decimal(transformation, "RescaleSlope")
    return Shades(
        # A slope of zero would make every pixel one value; nobody means that.
        slope=slope or 1.0,
        intercept=_decimal(transformation, "RescaleIntercept") or 0.0,
        modality_lut=_lut(header, _item(data_set, "ModalityLUTSequence", 0)),
        window=_window(voi) or (_TWO_VALUES if _integer(data_set, "BitsStored") == 1 else None),
        voi_lut=_lut(header, _item(data_set, "VOILUTSequence", 0)),
        inverted=_text(data_set, "PhotometricInterpretation") == "MONOCHROME1"
        or _text(data_set, "PresentationLUTShape") == "INVERSE",
        padding=_padding(data_set),
    )


def palette(header: Header) -> Palette:
    """Return the palette of PALETTE COLOR (PS3.3 C.7.6.3.1.5, C.7.9.2), as 8 bits.

    Raises UnrenderableError if it is missing or damaged.
    """
    data_set = header.data_set
    colours = []
    first = 0
    for colour in ("Red", "Green", "Blue"):
        descriptor = _descriptor(data_set, f"{colour}PaletteColorLookupTableDescriptor")
        if descriptor is None:
            raise UnrenderableError("The palette of this image is missing.")
        entries, first, bits = descriptor
        values = _palette_values(header, colour, entries, bits)
        colours.append(tables.to_bytes(values, entries, bits))
    if len({len(table) for table in colours}) > 1:
        raise UnrenderableError("The palette of this image has tables of different lengths.")
    return Palette(first, *colours)


def _palette_values(header: Header, colour: str, entries: int, bits: int) -> Sequence[int]:
    plain = _value(header.data_set, f"{colour}PaletteColorLookupTableData")
    if plain is not None:
        return _numbers(header, plain, entries, bits)
    segments = _value(header.data_set, f"Segmented{colour}PaletteColorLookupTableData")
    if segments is None:
        raise UnrenderableError("The palette of this image is missing.")
    numbers = _numbers(header, segments, len(segments), bits)
    return tables.SegmentedTable(numbers, bits=bits, entries=entries).expand()


def _lut(header: Header, item: Dataset | None) -> Lut | None:
    if item is None:
        return None
    descriptor = _descriptor(item, "LUTDescriptor")
    data = _value(item, "LUTData")
    if descriptor is None or data is None:
        return None
    entries, first, bits = descriptor
    values = tuple(_numbers(header, data, entries, bits))[:entries]
    # Some writers announce fewer bits than their values have.
    bits = max(bits, max(values, default=0).bit_length())
    return Lut(first, bits, values) if values else None


def _numbers(header: Header, data: Any, entries: int, bits: int) -> Sequence[int]:
    if not isinstance(data, bytes):
        numbers = data if isinstance(data, Sequence) else (data,)
        return tuple(int(number) & 0xFFFF for number in numbers)
    if bits <= _BYTE_BITS and len(data) < 2 * entries:
        return tuple(data)
    return tables.words(data, big_endian=header.big_endian)


def _descriptor(data_set: Dataset, keyword: str) -> tuple[int, int, int] | None:
    """Return number of entries, first input and bits of an entry (PS3.3 C.11.1.1.1)."""
    value = _value(data_set, keyword)
    try:
        entries, first, bits = (int(part) for part in value)
    except _UNREADABLE:
        return None
    # Zero means 65,536; a signed VR turns large counts negative.
    return (entries & 0xFFFF) or 0x10000, first, _between(1, bits & 0xFFFF, 16)


def _window(data_set: Dataset) -> Window | None:
    center, width = _decimal(data_set, "WindowCenter"), _decimal(data_set, "WindowWidth")
    if center is None or width is None:
        return None
    function = _text(data_set, "VOILUTFunction")
    window = Window(center, width, function if function in WINDOW_FUNCTIONS else "LINEAR")
    return window if window.valid else None


def _padding(data_set: Dataset) -> tuple[int, int] | None:
    value = _integer(data_set, "PixelPaddingValue")
    if value is None:
        return None
    limit = _integer(data_set, "PixelPaddingRangeLimit")
    limit = value if limit is None else limit
    if _integer(data_set, "PixelRepresentation") == 1:
        # The VR should say so, but writers put 63536 where they mean -2000.
        value, limit = (_signed(number) for number in (value, limit))
    return min(value, limit), max(value, limit)


def _signed(number: int) -> int:
    return number - 0x10000 if 0x8000 <= number <= 0xFFFF else number  # noqa: PLR2004 - 16 bits


def _group(data_set: Dataset, number: int, macro: str, keyword: str) -> Dataset:
    """Return what holds `keyword` for the frame: its own group, a shared one, or the top level."""
    own = _item(data_set, "PerFrameFunctionalGroupsSequence", number - 1)
    shared = _item(data_set, "SharedFunctionalGroupsSequence", 0)
    for functional_groups in (own, shared):
        if functional_groups is None:
            continue
        item = _item(functional_groups, macro, 0)
        if item is not None and _decimal(item, keyword) is not None:
            return item
    return data_set


def _item(data_set: Dataset, keyword: str, index: int) -> Dataset | None:
    sequence = _value(data_set, keyword)
    try:
        item = sequence[index]
    except _UNREADABLE:
        return None
    return item if isinstance(item, Dataset) else None


def _between(low: int, value: int | None, high: int) -> int:
    return high if value is None or not low <= value <= high else value


def _text(data_set: Dataset, keyword: str) -> str:
    return str(_first(data_set, keyword) or "").strip().upper()


def _integer(data_set: Dataset, keyword: str) -> int | None:
    try:
        return int(_first(data_set, keyword))
    except _UNREADABLE:
        return None


def _decimal(data_set: Dataset, keyword: str) -> float | None:
    try:
        number = float(_first(data_set, keyword))
    except _UNREADABLE:
        return None
    return number if -_HUGE < number < _HUGE else None


def _first(data_set: Dataset, keyword: str) -> Any:
    value = _value(data_set, keyword)
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        return value
    return value[0] if value else None


def _value(data_set: Dataset, keyword: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return data_set.get(keyword)
        except _UNREADABLE:
            return None
