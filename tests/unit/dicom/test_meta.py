"""Protects: what we write as file meta information every toolkit reads, and what others wrote,
whole or broken, is read or refused, never misread."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread

from pacs_gateway.dicom import meta
from pacs_gateway.errors import NotADataSetError
from storage.records import Origin, utc_now

ORIGIN = Origin(source="dimse", peer="CT_NGỰC", address="10.0.0.7", received_at=utc_now())


def encoded() -> bytes:
    return meta.encode(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid="1.2.3",
        transfer_syntax_uid=meta.EXPLICIT_VR_LITTLE_ENDIAN,
        origin=ORIGIN,
    )


def test_pydicom_reads_what_we_write() -> None:
    file_meta = dcmread(BytesIO(encoded())).file_meta
    assert file_meta.MediaStorageSOPInstanceUID == "1.2.3"
    assert file_meta.TransferSyntaxUID == meta.EXPLICIT_VR_LITTLE_ENDIAN
    assert file_meta.SourceApplicationEntityTitle == "CT_NG?C"
    assert file_meta.FileMetaInformationGroupLength == len(encoded()) - 128 - 4 - 12


def test_round_trip_keeps_the_sender() -> None:
    found = meta.decode(encoded() + b"\x08\0\x05\0CS\0\0" + bytes(8))
    assert found is not None
    assert found.length == len(encoded())
    assert found.sop_class_uid == "1.2.840.10008.5.1.4.1.1.2"
    assert found.sender == {"source": "dimse", "peer": "CT_NGỰC", "address": "10.0.0.7"}


def test_the_time_of_receipt_does_not_change_the_bytes() -> None:
    """The same data set sent twice must have one digest, so that it is stored once."""
    assert encoded() == encoded()


@given(cut=st.integers(0, 300))
def test_a_cut_head_waits_for_more(cut: int) -> None:
    head = encoded()[:cut]
    if len(head) >= meta.PREAMBLE_LENGTH + 4 or not head:
        assert meta.decode(head) is None


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"<html>", b"\x89PNG"])
def test_other_kinds_of_file_are_refused(start: bytes) -> None:
    with pytest.raises(NotADataSetError, match="Not a DICOM file"):
        meta.decode(start + bytes(200))


def test_endless_meta_information_is_refused() -> None:
    head = bytes(128) + b"DICM\x02\0\x02\x01OB\0\0\xff\xff\xff\x7f"
    with pytest.raises(NotADataSetError, match="longer than any real one"):
        meta.decode(head + bytes(100))


@pytest.mark.parametrize(
    ("start", "syntax"),
    [
        (b"\x08\0\x05\0CS\x0a\0", meta.EXPLICIT_VR_LITTLE_ENDIAN),
        (b"\x08\0\x05\0\x0a\0\0\0", meta.IMPLICIT_VR_LITTLE_ENDIAN),
        (b"\0\x08\0\x05CS\0\x0a", meta.EXPLICIT_VR_BIG_ENDIAN),
    ],
)
def test_a_bare_data_set_tells_its_encoding(start: bytes, syntax: str) -> None:
    assert meta.is_bare_data_set(start + bytes(200))
    assert meta.guess_transfer_syntax(start) == syntax
