"""A file inside of an object is found without reading it, byte for byte, and nothing else is
mistaken for it."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from pacs_gateway.documents.embedded import (
    Fragments,
    locate,
    video_type,
    without_padding,
)
from pacs_gateway.documents.kinds import Kind
from pacs_gateway.errors import UnrenderableError

DOCUMENT = b"%PDF-1.4 not really"
DOCUMENT_ELEMENT = b"\x42\x00\x11\x00OB\0\0"


def encoded(data_set: Dataset, *, implicit: bool = False, big_endian: bool = False) -> bytes:
    stream = DicomBytesIO()
    stream.is_implicit_VR = implicit
    stream.is_little_endian = not big_endian
    write_dataset(stream, data_set)
    return stream.getvalue()


def object_with_document(*, undefined_length: bool) -> Dataset:
    inner = Dataset()
    inner.CodeMeaning = "inside"
    # Bytes that look like the element sought, where it is none.
    inner.TextValue = "B\x00\x11\x00OB"
    outer = Dataset()
    outer.ConceptCodeSequence = [inner, inner]
    data_set = Dataset()
    data_set.PatientName = "Test"
    data_set.SourceInstanceSequence = []
    data_set.ContentSequence = [outer]
    data_set["ContentSequence"].is_undefined_length = undefined_length
    outer.is_undefined_length_sequence_item = undefined_length
    outer["ConceptCodeSequence"].is_undefined_length = undefined_length
    data_set.DocumentTitle = "Title"
    data_set.EncapsulatedDocument = DOCUMENT + b"\x00"
    data_set.MIMETypeOfEncapsulatedDocument = "application/pdf"
    return data_set


@pytest.mark.parametrize("undefined_length", [True, False])
@pytest.mark.parametrize(("implicit", "big_endian"), [(False, False), (True, False), (False, True)])
def test_the_document_is_found_in_every_encoding(
    undefined_length: bool, implicit: bool, big_endian: bool
) -> None:
    data = encoded(
        object_with_document(undefined_length=undefined_length),
        implicit=implicit,
        big_endian=big_endian,
    )
    span = locate(data, implicit=implicit, big_endian=big_endian)
    assert span is not None
    offset, length = span
    assert data[offset : offset + length] == DOCUMENT + b"\x00"
    # Most of the value needs not be there, what stands before it does.
    assert locate(data[: offset + 4], implicit=implicit, big_endian=big_endian) == span
    assert locate(data[: offset - 20], implicit=implicit, big_endian=big_endian) is None


def test_an_object_without_a_document_is_refused() -> None:
    data_set = Dataset()
    data_set.PatientName = "Test"
    data_set.MIMETypeOfEncapsulatedDocument = "application/pdf"
    with pytest.raises(UnrenderableError, match="no document"):
        locate(encoded(data_set), implicit=False, big_endian=False)


def test_unknown_vr_of_undefined_length_holds_implicit_elements() -> None:
    inside = struct.pack("<HHI", 0x0010, 0x0010, 4) + b"Name"
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + inside
    item += struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    head = struct.pack("<HH2sHI", 0x0009, 0x1001, b"UN", 0, 0xFFFFFFFF) + item
    data = head + DOCUMENT_ELEMENT + struct.pack("<I", 4)
    assert locate(data + b"%PDF", implicit=False, big_endian=False) == (len(data), 4)


@given(st.binary(max_size=300), st.booleans(), st.booleans())
def test_any_bytes_end_in_a_span_or_a_refusal(data: bytes, implicit: bool, big: bool) -> None:
    try:
        span = locate(data, implicit=implicit, big_endian=big)
    except UnrenderableError:
        return
    assert span is None or span[0] <= len(data)


@pytest.mark.parametrize(
    ("announced", "last", "text_like", "length"),
    [
        (19, b"\x00", True, 19),
        (20, b"\x00", True, 20),
        (5, b"\x00", True, 19),
        (0, b"\x00", True, 19),
        (0, b"\n", True, 20),
        (0, b"\x00", False, 20),
        (10**9, b"\x00", True, 19),
    ],
)
def test_only_padding_is_taken_away(
    announced: int, last: bytes, text_like: bool, length: int
) -> None:
    assert without_padding((7, 20), announced, last, text_like=text_like) == (7, length)


def test_an_empty_document_stays_empty() -> None:
    assert without_padding((7, 0), 0, b"", text_like=True) == (7, 0)


@given(
    st.lists(st.integers(0, 9), max_size=8),
    st.integers(0, 80),
    st.integers(0, 80),
)
def test_fragments_read_like_one_file(lengths: list[int], offset: int, length: int) -> None:
    whole, stored, spans = b"", b"", []
    for number, size in enumerate(lengths):
        piece = bytes(range(number * 10, number * 10 + size))
        stored += b"head"
        spans.append((len(stored), size))
        stored += piece
        whole += piece
    fragments = Fragments(spans)
    found = b"".join(stored[at : at + size] for at, size in fragments.spans(offset, length))
    assert fragments.size == len(whole)
    assert found == whole[offset : offset + length]


@pytest.mark.parametrize(
    ("head", "kind", "syntax", "media_type"),
    [
        (b"\x00\x00\x00\x20ftypisom", Kind.VIDEO, "102", "video/mp4"),
        (b"\x00\x00\x00\x20ftypisom", Kind.MPEG2, "100", "video/mp4"),
        (b"\x47" + bytes(187) + b"\x47", Kind.VIDEO, "102", "video/mp2t"),
        (b"\x47" + bytes(187) + b"\x47", Kind.MPEG2, "100", "video/mp2t"),
        (b"\x00\x00\x01\xba", Kind.MPEG2, "101", "video/mpeg"),
        (b"\x00\x00\x01\xb3", Kind.MPEG2, "100.1", "video/mpeg"),
        (b"\x00\x00\x00\x01\x67", Kind.VIDEO, "103", "video/h264"),
        (b"\x00\x00\x01\x40", Kind.VIDEO, "107.1", "video/h265"),
        (b"", Kind.VIDEO, "102", "video/mp4"),
    ],
)
def test_a_stream_is_named_by_its_container(
    head: bytes, kind: Kind, syntax: str, media_type: str
) -> None:
    assert video_type(head, kind, f"1.2.840.10008.1.2.4.{syntax}") == media_type
