"""Invariant: re-encoding into Explicit VR Little Endian changes how a data set is written, never
what it says, however its bytes are cut into pieces."""

import struct
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.pixels.utils import pixel_array

from pacs_gateway.dicom import elements, meta, part10, pixels, transcode
from storage.records import Origin, StoredInstance, utc_now

# pydicom's test files hold values that pydicom warns about when the tests compare them.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

FILES = [
    "ExplVR_BigEnd.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_expb.dcm",
    "SC_rgb_small_odd_big_endian.dcm",
    "liver_expb_1frame.dcm",
    "MR_small_implicit.dcm",
    "rtdose.dcm",
    "rtplan.dcm",
    "CT_small.dcm",
    "test-SR.dcm",
]
PIECES = [1, 2, 3, 7, 4096, 10**9]


def stored(data: bytes) -> StoredInstance:
    head = meta.decode(data)
    assert head is not None
    implicit, big_endian = meta.byte_encoding(head.transfer_syntax_uid)
    limits = part10.WalkLimits(max_depth=256, max_elements=100_000, max_header_bytes=10**8)
    layout = part10.walk(data, head.length, implicit=implicit, big_endian=big_endian, limits=limits)
    return StoredInstance(
        study_uid="1.2",
        series_uid="1.3",
        sop_instance_uid=head.sop_instance_uid,
        sop_class_uid=head.sop_class_uid,
        transfer_syntax_uid=head.transfer_syntax_uid,
        object_key="",
        sha256="",
        size=len(data),
        data_set_offset=head.length,
        pixels=pixels.locate(layout, data),
        instance_number=None,
        version=1,
        origin=Origin(source="import", received_at=utc_now()),
    )


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def reencoded(data: bytes, size: int = 10**9) -> bytes:
    instance = stored(data)
    data_set = data[instance.data_set_offset :]
    return b"".join(transcode.explicit_little_endian(cut(data_set, size), instance))


def sample(name: str) -> bytes:
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str), f"pydicom no longer ships {name}"
    return Path(path).read_bytes()


def header(data_set: Dataset) -> dict[str, object]:
    """Return what must not change; group lengths are retired and do (PS3.5 7.2)."""
    return {
        element.tag.json_key: element.value
        for element in data_set
        if element.tag.json_key not in ("7FE00010", "FFFCFFFC") and element.tag.element != 0
    }


@pytest.mark.parametrize("name", FILES)
def test_the_same_data_set_in_another_encoding(name: str) -> None:
    original = sample(name)
    before, after = dcmread(BytesIO(original)), dcmread(BytesIO(reencoded(original)))
    assert after.file_meta.TransferSyntaxUID == meta.EXPLICIT_VR_LITTLE_ENDIAN
    assert not after.is_implicit_VR
    assert header(after) == header(before)
    meta_before = before.file_meta.MediaStorageSOPInstanceUID
    assert after.file_meta.MediaStorageSOPInstanceUID == meta_before
    if "PixelData" in before and before.file_meta.TransferSyntaxUID in transcode.NEVER_ON_THE_WEB:
        assert (pixel_array(after) == pixel_array(before)).all()


@pytest.mark.parametrize("name", ["MR_small_bigendian.dcm", "MR_small_implicit.dcm"])
def test_pieces_of_any_size_give_the_same(name: str) -> None:
    original = sample(name)
    assert len({reencoded(original, size) for size in PIECES}) == 1


def test_what_stands_behind_the_pixels_stays() -> None:
    original = sample("MR_small_implicit.dcm")
    padded = original + b"\xfc\xff\xfc\xff\x04\x00\x00\x00\x00\x00\x00\x00"
    assert dcmread(BytesIO(reencoded(padded))).DataSetTrailingPadding == bytes(4)


def test_other_values_of_words_are_swapped_too() -> None:
    data_set = dcmread(BytesIO(sample("MR_small_bigendian.dcm")))
    data_set.add_new(0x60003000, "OW", b"\x01\x02\x03\x04")
    stream = BytesIO()
    data_set.save_as(stream)
    after = dcmread(BytesIO(reencoded(stream.getvalue())))
    assert after[0x60003000].value == b"\x02\x01\x04\x03"


def test_pixels_of_32_bits_are_words_the_lower_one_first() -> None:
    """As in DCMTK and GDCM; the file itself was written as if OW had words of four bytes."""
    original = sample("rtdose_expb_1frame.dcm")
    before, after = dcmread(BytesIO(original)), dcmread(BytesIO(reencoded(original)))
    assert header(after) == header(before)
    assert after.PixelData == transcode.swapped(before.PixelData, 2)


@pytest.mark.parametrize(
    ("word", "expected"),
    [(1, b"abcdefgh!"), (2, b"badcfehg!"), (4, b"dcbahgfe!"), (8, b"hgfedcba!")],
)
def test_swapping_keeps_what_is_no_whole_word(word: int, expected: bytes) -> None:
    assert transcode.swapped(b"abcdefgh!", word) == expected


def test_a_value_too_long_for_its_vr_becomes_unknown() -> None:
    data_set = dcmread(BytesIO(sample("MR_small_implicit.dcm")))
    data_set.ImageComments = "x" * 70_000
    stream = BytesIO()
    data_set.save_as(stream)
    after = reencoded(stream.getvalue())
    assert after[after.index(b"\x20\x00\x00\x40") :][4:6] == b"UN"
    assert dcmread(BytesIO(after))[0x00204000].value == b"x" * 70_000


def test_values_that_make_no_sense_stay_as_they_are() -> None:
    original = sample("MR_small_implicit.dcm").replace(b"1.3.6.1.4.1.5962", b"1.3.x.1.y.1.5962")
    assert b"1.3.x.1.y.1.5962" in reencoded(original)


def test_the_deepest_nesting_is_written_anew() -> None:
    nested = b""
    for _ in range(elements.MAX_DEPTH):
        item = struct.pack("<HHI", 0xFFFE, 0xE000, len(nested)) + nested
        nested = struct.pack("<HHI", 0x0040, 0xA730, len(item)) + item
    head = meta.encode(
        sop_class_uid="1.2",
        sop_instance_uid="1.2.3",
        transfer_syntax_uid=meta.IMPLICIT_VR_LITTLE_ENDIAN,
    )
    written = reencoded(head + nested)
    found = meta.decode(written)
    assert found is not None
    inside = elements.read(written, found.length, implicit=False, big_endian=False)
    for _ in range(elements.MAX_DEPTH):
        items = inside[0x0040A730].items
        assert items is not None
        (inside,) = items
    assert inside == {}
