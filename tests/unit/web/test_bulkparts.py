"""Invariant: a URI means a part of the same request or nothing, and pixel data gets the transfer
syntax that its bytes are in or none."""

import pytest

from pacs_gateway.dicom.jsonencode import Span
from pacs_gateway.errors import (
    BadRequestError,
    GatewayError,
    NotADataSetError,
    TooLargeError,
    TransferSyntaxError,
)
from pacs_gateway.web.bulkparts import BulkParts

BASE = "http://pacs/dicom-web/studies"
NATIVE = "1.2.840.10008.1.2.1"
EXIF = b"\xff\xd8\xff\xe1\x00\x06abcd"
OCTETS = "application/octet-stream"


def parts(content: bytes = b"") -> BulkParts:
    return BulkParts(
        BASE, lambda span: content[span.offset : span.offset + span.length], max_bytes=1000
    )


@pytest.mark.parametrize(
    ("location", "uri"),
    [
        ("bulk/1", "bulk/1"),
        (" <bulk/1> ", "bulk/1"),
        ("http://pacs/dicom-web/bulk/1", "bulk/1"),
        ("/dicom-web/bulk/1", "http://pacs/dicom-web/bulk/1"),
        ("http://elsewhere/1", "http://elsewhere/1"),
        ("urn:uuid:5", "urn:uuid:5"),
        ("1?a=b", "1?a=b"),
    ],
)
def test_locations_that_are_the_same(location: str, uri: str) -> None:
    found = parts()
    found.add(location, OCTETS, Span(5, 10))
    assert found.unused == 1
    assert found.spans(uri) == [Span(5, 10)]
    assert found.unused == 0


@pytest.mark.parametrize(
    "uri", ["other", "http://elsewhere/bulk/1", "file:///etc/passwd", "", "bulk/1/frames/1"]
)
def test_nothing_else_is_fetched(uri: str) -> None:
    found = parts()
    found.add("bulk/1", OCTETS, Span(0, 1))
    with pytest.raises(NotADataSetError, match="no other is fetched"):
        found.spans(uri)


def test_what_is_no_uri() -> None:
    with pytest.raises(BadRequestError, match="no URI"):
        parts().spans("http://[")


def test_frames_come_in_order() -> None:
    found = parts()
    found.add("a/frames/2", OCTETS, Span(0, 1))
    found.add("a/frames/10", OCTETS, Span(1, 1))
    found.add("a/frames/1", OCTETS, Span(2, 1))
    assert found.spans("a") == [Span(2, 1), Span(0, 1), Span(1, 1)]
    assert found.spans("a/frames/2") == [Span(0, 1)]


def test_repeated_locations_are_frames_as_sent() -> None:
    found = parts()
    for offset in (4, 2, 0):
        found.add("a", OCTETS, Span(offset, 1))
    assert [span.offset for span in found.spans("a")] == [4, 2, 0]


def test_copies_are_bounded() -> None:
    found = parts()
    found.add("a", OCTETS, Span(0, 400))
    found.spans("a")
    found.spans("a")
    with pytest.raises(TooLargeError):
        found.spans("a")


@pytest.mark.parametrize(
    ("content_type", "content", "syntax"),
    [
        (OCTETS, b"", NATIVE),
        (f"{OCTETS}; transfer-syntax={NATIVE}", b"", NATIVE),
        (f'{OCTETS}; transfer-syntax="1.2.840.10008.1.2.5"', b"", "1.2.840.10008.1.2.5"),
        ("image/jp2", b"", "1.2.840.10008.1.2.4.90"),
        ("Image/JP2; Transfer-Syntax=1.2.840.10008.1.2.4.91", b"", "1.2.840.10008.1.2.4.91"),
        ("video/mp4", b"", "1.2.840.10008.1.2.4.102"),
        ("image/jpeg", EXIF + b"\xff\xc0\x00\x0b", "1.2.840.10008.1.2.4.50"),
        ("image/jpeg", EXIF + b"\xff\xc1\x00\x0b", "1.2.840.10008.1.2.4.51"),
        ("image/jpeg", EXIF + b"\xff\xc3\x00\x0b", "1.2.840.10008.1.2.4.57"),
        ("image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.70", EXIF, "1.2.840.10008.1.2.4.70"),
    ],
)
def test_transfer_syntaxes(content_type: str, content: bytes, syntax: str) -> None:
    found = parts(content)
    found.add("a", content_type, Span(0, len(content)))
    assert found.transfer_syntax("a") == syntax


@pytest.mark.parametrize(
    "content_type",
    [
        "image/png",
        "image/gif",
        "image/jpeg",
        f"image/jpeg; transfer-syntax={NATIVE}",
        f"{OCTETS}; transfer-syntax=1.2.840.10008.1.2.2",
        f"{OCTETS}; transfer-syntax=*",
        "text/plain",
    ],
)
def test_pixels_of_no_known_syntax(content_type: str) -> None:
    found = parts(EXIF)
    found.add("a", content_type, Span(0, len(EXIF)))
    with pytest.raises(TransferSyntaxError) as caught:
        found.transfer_syntax("a")
    assert caught.value.dimse_status == 0xC122


def test_frames_of_several_syntaxes() -> None:
    found = parts()
    found.add("a", "image/jp2", Span(0, 1))
    found.add("a", "image/jls", Span(1, 1))
    with pytest.raises(TransferSyntaxError, match="several"):
        found.transfer_syntax("a")


@pytest.mark.parametrize("stream", [b"", b"\xff", b"\xff\xd8", b"\xff\xd8" + b"\xff" * 9, b"abc"])
def test_streams_that_are_no_jpeg(stream: bytes) -> None:
    found = parts(stream)
    found.add("a", "image/jpeg", Span(0, len(stream)))
    with pytest.raises(GatewayError):
        found.transfer_syntax("a")
