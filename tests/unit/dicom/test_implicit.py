"""Protects: a receiver of Implicit VR alone gets every element with the value that was stored, in
bounded memory; part of a data set is never passed off as the whole."""

import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from pacs_gateway.dicom import meta
from pacs_gateway.dicom.implicit import implicit_little_endian
from pacs_gateway.errors import NotADataSetError, UnrenderableError

MIB = 1024 * 1024
SHIPPED = [
    "CT_small.dcm",
    "MR_small.dcm",
    "MR_small_padded.dcm",
    "SC_rgb_small_odd.dcm",
    "examples_overlay.dcm",
    "liver_1frame.dcm",
    "reportsi.dcm",
    "test-SR.dcm",
    "waveform_ecg.dcm",
]


def shipped(name: str) -> bytes:
    path = get_testdata_file(name, download=False)
    assert path is not None
    return Path(str(path)).read_bytes()


def data_set_of(file: bytes) -> bytes:
    head = meta.decode(file)
    assert head is not None
    return file[head.length :]


def in_pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def converted(data: bytes, size: int = 4096) -> bytes:
    return b"".join(implicit_little_endian(in_pieces(data, size)))


def read_implicit(data: bytes) -> Dataset:
    return read_dataset(BytesIO(data), is_implicit_VR=True, is_little_endian=True)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_element_keeps_its_value(name: str) -> None:
    with warnings.catch_warnings():
        # Some of the shipped files are odd on purpose, and pydicom says so.
        warnings.simplefilter("ignore")
        original = dcmread(BytesIO(shipped(name)))
        assert original.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        found = read_implicit(converted(data_set_of(shipped(name))))
        original.walk(drop_group_lengths)
        assert texts(found) == texts(original)


def drop_group_lengths(data_set: Dataset, element: object) -> None:
    tag = getattr(element, "tag", None)
    if tag is not None and tag.element == 0:
        del data_set[tag]


def texts(data_set: Dataset) -> list[tuple[int, object]]:
    """Return every element's value; Implicit VR does not tell the VR of private elements."""
    found: list[tuple[int, object]] = []
    for element in data_set:
        if element.VR == "SQ":
            found.append((element.tag, [texts(item) for item in element.value]))
        elif not element.tag.is_private:
            found.append((element.tag, element.value))
    return found


@given(size=st.integers(1, 700))
def test_how_the_input_is_cut_does_not_matter(size: int) -> None:
    data = data_set_of(shipped("reportsi.dcm"))
    assert converted(data, size) == converted(data)


def encoded(data_set: Dataset) -> bytes:
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, False
    write_dataset(stream, data_set)
    return stream.getvalue()


@pytest.mark.parametrize("undefined", [False, True])
def test_sequences_of_both_kinds_of_length(*, undefined: bool) -> None:
    inner = Dataset()
    inner.CodeValue = "A"
    outer = Dataset()
    outer.ProcedureCodeSequence = Sequence([inner, Dataset()])
    outer.is_undefined_length_sequence_item = undefined
    outer["ProcedureCodeSequence"].is_undefined_length = undefined
    whole = Dataset()
    whole.RequestAttributesSequence = Sequence([outer])
    whole["RequestAttributesSequence"].is_undefined_length = undefined
    whole.Rows = 512
    found = read_implicit(converted(encoded(whole)))
    assert found.Rows == 512
    item = found.RequestAttributesSequence[0]
    assert [each.get("CodeValue") for each in item.ProcedureCodeSequence] == ["A", None]


def test_a_sequence_inside_un_is_implicit_already() -> None:
    inner = b"\x08\x00\x00\x01\x02\x00\x00\x00A "
    item = b"\xfe\xff\x00\xe0" + len(inner).to_bytes(4, "little") + inner
    end = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
    data = b"\x40\x00\x75\x02UN\x00\x00\xff\xff\xff\xff" + item + end
    found = read_implicit(converted(data))
    assert found.RequestAttributesSequence[0].CodeValue == "A"


def test_group_lengths_are_left_out() -> None:
    data = b"\x08\x00\x00\x00UL\x04\x00\x0a\x00\x00\x00" + b"\x08\x00\x60\x00CS\x02\x00CT"
    assert converted(data) == b"\x08\x00\x60\x00\x02\x00\x00\x00CT"


def test_compressed_pixels_are_refused() -> None:
    with pytest.raises(UnrenderableError):
        converted(data_set_of(shipped("MR_small_RLE.dcm")))


@pytest.mark.parametrize("missing", [1, 5, 5000])
def test_a_data_set_cut_short_is_noticed(missing: int) -> None:
    with pytest.raises(NotADataSetError):
        converted(data_set_of(shipped("CT_small.dcm"))[:-missing])


def test_a_long_value_passes_through_piece_by_piece() -> None:
    header = b"\xe0\x7f\x10\x00OW\x00\x00" + (64 * MIB).to_bytes(4, "little")
    pieces = (header, *(bytes(MIB),) * 64)
    longest = max(map(len, implicit_little_endian(iter(pieces))))
    assert longest == MIB
