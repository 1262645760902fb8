"""Protects: the walk never believes a length, never recurses, and never raises anything but
NotADataSetError, whatever the bytes."""

import struct
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread, dcmwrite
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from pacs_gateway.dicom import elements, meta, part10
from pacs_gateway.errors import NotADataSetError

LIMITS = part10.WalkLimits(max_depth=64, max_elements=100_000, max_header_bytes=1_000_000)
DEEPEST = part10.WalkLimits(
    max_depth=elements.MAX_DEPTH, max_elements=100_000, max_header_bytes=1_000_000
)
READABLE = (
    "CT_small.dcm",
    "MR_small.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_implicit.dcm",
    "JPEG2000.dcm",
    "SC_rgb_rle_2frame.dcm",
    "examples_palette.dcm",
    "reportsi.dcm",
    "rtplan.dcm",
)


def walk(data: bytes, **changes: bool) -> part10.Layout:
    options = {"implicit": False, "big_endian": False} | changes
    return part10.walk(data, 0, limits=LIMITS, **options)


def element(group: int, number: int, vr: bytes, value: bytes) -> bytes:
    head = struct.pack("<HH2s", group, number, vr)
    if vr in (b"SQ", b"OB", b"OW", b"UN"):
        return head + struct.pack("<HI", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def item(value: bytes) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(value)) + value


def nested(depth: int) -> bytes:
    data = b""
    for _ in range(depth):
        data = element(0x0040, 0xA730, b"SQ", item(data))
    return data


@pytest.mark.parametrize("name", READABLE)
def test_finds_what_pydicom_finds(name: str) -> None:
    path = get_testdata_file(name, download=False)
    assert path is not None
    data = Path(path).read_bytes()
    found = meta.decode(data)
    assert found is not None
    implicit, big_endian = meta.byte_encoding(found.transfer_syntax_uid)
    layout = part10.walk(
        data, found.length, implicit=implicit, big_endian=big_endian, limits=LIMITS
    )
    expected = dcmread(path)
    uid = layout.values[part10.SOP_INSTANCE_UID].rstrip(b"\0 ").decode()
    assert uid == expected.SOPInstanceUID
    assert (layout.pixels is not None) == ("PixelData" in expected)
    if layout.pixels is not None and layout.pixels.fragments is None:
        offset, length = layout.pixels.offset, layout.pixels.length
        assert data[offset : offset + length] == expected.PixelData


def test_value_longer_than_the_file_is_refused() -> None:
    data = element(0x0010, 0x0010, b"PN", b"A^B ")[:-2]
    with pytest.raises(NotADataSetError, match=r"\(0010,0010\).*announces 4 bytes.*only 2"):
        walk(data)


def test_pixel_data_of_four_gigabytes_that_is_not_there_is_refused() -> None:
    data = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, 0xFFFFFFFE) + bytes(100)
    with pytest.raises(NotADataSetError, match="4294967294"):
        walk(data)


def test_nesting_at_the_limit_is_read_and_beyond_it_refused() -> None:
    walk(nested(64))
    with pytest.raises(NotADataSetError, match="deeper than 64"):
        walk(nested(65))


@pytest.mark.parametrize("depth", [200, elements.MAX_DEPTH])
def test_nesting_as_deep_as_any_reader_takes_it(depth: int) -> None:
    part10.walk(nested(depth), 0, implicit=False, big_endian=False, limits=DEEPEST)
    with pytest.raises(NotADataSetError, match="deeper than 256 levels"):
        part10.walk(nested(5000), 0, implicit=False, big_endian=False, limits=DEEPEST)


def test_nesting_of_defined_length_counts_in_implicit_vr_too() -> None:
    data = b""
    for _ in range(200):
        body = item(data)
        data = struct.pack("<HHI", 0x0040, 0xA730, len(body)) + body
    with pytest.raises(NotADataSetError, match="deeper than 64"):
        walk(data, implicit=True)


def test_element_count_is_limited() -> None:
    limits = part10.WalkLimits(max_depth=4, max_elements=10, max_header_bytes=10_000)
    data = b"".join(element(0x0011, number, b"LO", b"") for number in range(11))
    with pytest.raises(NotADataSetError, match="More than 10"):
        part10.walk(data, 0, implicit=False, big_endian=False, limits=limits)


def test_header_size_is_limited_but_pixels_do_not_count() -> None:
    limits = part10.WalkLimits(max_depth=4, max_elements=10, max_header_bytes=1000)
    pixels = element(0x7FE0, 0x0010, b"OW", bytes(5000))
    part10.walk(pixels, 0, implicit=False, big_endian=False, limits=limits)
    with pytest.raises(NotADataSetError, match="besides the pixel data"):
        part10.walk(
            element(0x0011, 1, b"OB", bytes(5000)),
            0,
            implicit=False,
            big_endian=False,
            limits=limits,
        )


def test_zero_padding_at_the_end_is_harmless_but_garbage_is_not() -> None:
    data = element(0x0010, 0x0010, b"PN", b"A^B ")
    walk(data + bytes(6))
    walk(data + bytes(512))
    with pytest.raises(NotADataSetError):
        walk(data + b"\xff" * 6)


def test_fragments_and_offset_table_are_found() -> None:
    fragments = item(struct.pack("<II", 0, 12)) + item(b"\xff\xd8AA") + item(b"\xff\xd8BB")
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    data = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF) + fragments + end
    pixels = walk(data).pixels
    assert pixels is not None
    assert pixels.fragments is not None
    assert pixels.fragments.offset_table == (0, 12)
    assert [data[at : at + size] for at, size in pixels.fragments.spans] == [
        b"\xff\xd8AA",
        b"\xff\xd8BB",
    ]
    assert pixels.fragments.end == len(data)


def test_implicit_vr_inside_un_of_undefined_length_is_followed() -> None:
    """PS3.5 6.2.2 note 2: such a value is a sequence in Implicit VR Little Endian."""
    inner = struct.pack("<HHI", 0x0010, 0x0010, 4) + b"A^B "
    sequence = item(inner) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    data = struct.pack("<HH2sHI", 0x0009, 0x1001, b"UN", 0, 0xFFFFFFFF) + sequence
    after = element(0x0020, 0x000D, b"UI", b"1.2\0")
    assert walk(data + after).values[part10.STUDY_INSTANCE_UID] == b"1.2\0"


def encoded(depth: int) -> bytes:
    dataset = Dataset()
    dataset.PatientName = "Nguyen^An"
    inner = dataset
    for _ in range(depth):
        child = Dataset()
        child.CodeValue = "T-1"
        inner.ConceptNameCodeSequence = Sequence([child])
        inner = child
    dataset.SOPInstanceUID = "1.2.3"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(meta.EXPLICIT_VR_LITTLE_ENDIAN)
    buffer = BytesIO()
    dcmwrite(buffer, dataset, implicit_vr=False, little_endian=True, enforce_file_format=False)
    return buffer.getvalue()


@settings(max_examples=300, deadline=None)
@given(
    depth=st.integers(0, 6),
    cut=st.integers(0, 400),
    flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8),
    implicit=st.booleans(),
    big_endian=st.booleans(),
)
def test_mutated_data_sets_are_walked_or_refused(
    depth: int, cut: int, flips: list[tuple[int, int]], *, implicit: bool, big_endian: bool
) -> None:
    data = bytearray(encoded(depth))
    for position, value in flips:
        data[position % len(data)] = value
    if cut:
        del data[-(cut % len(data)) or len(data) :]
    check_walked_or_refused(bytes(data), implicit=implicit, big_endian=big_endian)


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=300), implicit=st.booleans(), big_endian=st.booleans())
def test_random_bytes_are_walked_or_refused(
    data: bytes, *, implicit: bool, big_endian: bool
) -> None:
    check_walked_or_refused(data, implicit=implicit, big_endian=big_endian)


def check_walked_or_refused(data: bytes, *, implicit: bool, big_endian: bool) -> None:
    try:
        layout = walk(data, implicit=implicit, big_endian=big_endian)
    except NotADataSetError:
        return
    if layout.pixels is not None:
        assert layout.pixels.offset + layout.pixels.length <= len(data)
        spans = layout.pixels.fragments.spans if layout.pixels.fragments else ()
        assert all(offset + length <= len(data) for offset, length in spans)


def pixel_data(value: bytes) -> bytes:
    return struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, len(value)) + value


def test_fragments_in_a_value_of_known_length_are_found() -> None:
    delimiter = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    for end in (b"", delimiter):
        layout = walk(pixel_data(item(b"") + item(b"abcd") + item(b"ef") + end))
        assert layout.pixels is not None
        assert layout.pixels.fragments is not None
        assert [length for _, length in layout.pixels.fragments.spans] == [4, 2]


@pytest.mark.parametrize(
    "value",
    [item(b"ab") + b"\0\0", item(b"ab")[:-1], item(b"ab") + struct.pack("<HHI", 0xFFFE, 0xE000, 9),
     struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF), b"\xfe\xff\x00\xe0"],
)  # fmt: skip
def test_native_pixels_that_begin_like_an_item_stay_native(value: bytes) -> None:
    layout = walk(pixel_data(value))
    assert layout.pixels is not None
    assert (layout.pixels.length, layout.pixels.fragments) == (len(value), None)
