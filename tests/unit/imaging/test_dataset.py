"""Protects: a value of a header is found where pydicom finds it, however the header is encoded and
nested; and no bytes make the search fail, recurse or leave the buffer."""

import struct
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from pacs_gateway.dicom import deflate, meta
from pacs_gateway.dicom.elements import MAX_DEPTH
from pacs_gateway.imaging import attributes, dataset
from pacs_gateway.imaging.dataset import DataSet, Elements, Items

FILES = [
    "CT_small.dcm",
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "liver_1frame.dcm",
    "image_dfl.dcm",
    "test-SR.dcm",
    "rtplan.dcm",
    "SC_rgb_small_odd_big_endian.dcm",
]
NUMBERS = {"US", "SS", "UL", "SL", "FL", "FD"}
TEXTS = {"CS", "UI", "SH", "LO", "DA", "TM", "AE"}


def element(group: int, number: int, vr: str, value: bytes) -> bytes:
    start = struct.pack("<HH2s", group, number, vr.encode())
    if vr in ("SQ", "UN", "OB", "OW"):
        return start + struct.pack("<HI", 0, len(value)) + value
    return start + struct.pack("<H", len(value)) + value


def item(value: bytes, *, delimited: bool = False) -> bytes:
    if delimited:
        end = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
        return struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + value + end
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(value)) + value


def sequence(*items: bytes, delimited: bool = False) -> bytes:
    content = b"".join(items)
    if not delimited:
        return element(0x0040, 0xA730, "SQ", content)
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF) + content + end


def read(data: bytes, *, implicit: bool = False, big_endian: bool = False) -> DataSet:
    return dataset.read(data, 0, implicit=implicit, big_endian=big_endian)


def both(name: str) -> tuple[DataSet, Dataset]:
    """Return one of pydicom's files as it is read here and there."""
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str), f"pydicom no longer ships {name}"
    data = Path(path).read_bytes()
    head = meta.decode(data)
    assert head is not None
    body = data[head.length :]
    if meta.is_deflated(head.transfer_syntax_uid):
        body = deflate.inflate([body], max_bytes=10**8, max_ratio=None)
    implicit, big_endian = meta.byte_encoding(head.transfer_syntax_uid)
    ours = read(body, implicit=implicit, big_endian=big_endian)
    return ours, read_dataset(BytesIO(body), implicit, not big_endian)


@pytest.mark.parametrize("name", FILES)
def test_values_are_those_that_pydicom_finds(name: str) -> None:
    ours, theirs = both(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert compare(ours, theirs) > 10


def compare(ours: Elements, theirs: Dataset) -> int:
    compared = 0
    for expected in theirs:
        tag = int(expected.tag)
        if tag >= 0x7FE00008:
            break
        if expected.VR == "SQ":
            items = attributes.items(ours, tag)
            assert len(items) == len(expected.value)
            compared += sum(map(compare, items, expected.value))
        elif expected.VR in NUMBERS:
            assert list(attributes.values(ours, tag)) == listed(expected.value)
        elif expected.VR in ("DS", "IS"):
            found = [float(number) for number in listed(expected.value)]
            assert list(attributes.decimals(ours, tag)) == found
        elif expected.VR in TEXTS:
            assert list(map(str, attributes.values(ours, tag))) == [
                str(text).strip() for text in listed(expected.value)
            ]
        compared += 1
    return compared


def listed(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, (list, tuple)) or hasattr(value, "append") else [value]


@pytest.mark.parametrize("delimited", [False, True])
def test_deep_nesting_is_stepped_over_and_into(delimited: bool) -> None:
    innermost = element(0x0010, 0x0020, "LO", b"ID")
    for _ in range(3000 if delimited else MAX_DEPTH):
        innermost = sequence(item(innermost, delimited=delimited), delimited=delimited)
    found: Elements | None = read(innermost + element(0x0028, 0x0010, "US", b"\x07\x00"))
    assert found is not None
    assert attributes.integer(found, "Rows") == 7
    for _ in range(MAX_DEPTH):
        assert found is not None
        found = attributes.item(found, "ContentSequence")
    assert found is not None
    assert attributes.text(found, "PatientID") == ("" if delimited else "ID")


def test_items_of_any_length_are_found() -> None:
    first, second = element(0x0028, 0x0010, "US", b"\1\0"), element(0x0028, 0x0010, "US", b"\2\0")
    for delimited in (False, True):
        data = sequence(item(first, delimited=True), item(second), delimited=delimited)
        items = attributes.items(read(data), "ContentSequence")
        assert [attributes.integer(each, "Rows") for each in items] == [1, 2]
        assert [attributes.integer(each, "Rows") for each in items[1:]] == [2]
    assert attributes.item(read(data), "ContentSequence", 2) is None
    assert attributes.item(read(data), "ContentSequence", -1) is None


def test_sequences_without_a_vr_are_in_implicit_vr() -> None:
    rows = struct.pack("<HHIH", 0x0028, 0x0010, 2, 9)
    for data in (
        element(0x0040, 0xA730, "UN", item(rows)),
        struct.pack("<HH2sHI", 0x0040, 0xA730, b"UN", 0, 0xFFFFFFFF) + item(rows, delimited=True)
        + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0),
    ):  # fmt: skip
        found = attributes.item(read(data), "ContentSequence")
        assert found is not None
        assert attributes.integer(found, "Rows") == 9


@pytest.mark.parametrize(
    ("declared", "value", "text"),
    [
        (b"ISO_IR 192", "Nguyễn Văn Ánh".encode(), "Nguyễn Văn Ánh"),
        (b"ISO_IR 100", "Müller".encode("latin-1"), "Müller"),
        (b"", "Nguyễn".encode(), "Nguyễn"),
    ],
)
def test_texts_of_nested_items_are_in_the_character_set_around_them(
    declared: bytes, value: bytes, text: str
) -> None:
    data = element(0x0008, 0x0005, "CS", declared) + sequence(
        item(element(0x0008, 0x103E, "LO", value))
    )
    found = attributes.item(read(data), "ContentSequence")
    assert found is not None
    assert attributes.first(found, "SeriesDescription") == text


def test_a_value_that_is_none_counts_as_absent() -> None:
    found = read(element(0x0028, 0x1050, "DS", b"many\\40") + element(0x0028, 0x1051, "DS", b""))
    assert attributes.decimal(found, "WindowCenter") is None
    assert attributes.decimal(found, "WindowWidth") is None
    assert attributes.decimals(found, "WindowCenter") == ()
    assert attributes.decimal(read(element(0x0028, 0x1050, "DS", b"nan")), "WindowCenter") is None
    assert (
        attributes.integer(read(element(0x0028, 0x0008, "IS", b"inf ")), "NumberOfFrames") is None
    )


def test_what_comes_before_a_broken_element_is_kept() -> None:
    whole = element(0x0028, 0x0010, "US", b"\x07\x00")
    found = read(whole + struct.pack("<HH2sH", 0x0028, 0x0011, b"US", 500) + b"\1")
    assert attributes.integer(found, "Rows") == 7
    assert found.get("Columns") is None


@given(st.binary(max_size=300), st.booleans(), st.booleans())
def test_no_bytes_make_it_fail(data: bytes, implicit: bool, big_endian: bool) -> None:
    found = read(data, implicit=implicit, big_endian=big_endian)
    for tag, (_, start, stop) in found.spans.items():
        assert 0 <= start <= stop <= len(data)
        value = found.get(tag)
        if isinstance(value, Items):
            assert len(list(value)) == len(value)
