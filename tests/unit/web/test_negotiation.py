"""Invariant: media types are understood as the clients of the field write them, and the choice
between representations never serves what the client did not accept."""

import pytest

from pacs_gateway.errors import BadRequestError, NotAcceptableError
from pacs_gateway.web.negotiation import JSON_TYPES, accepted, choose, parse_media_type
from pacs_gateway.web.representations import choose_frames, choose_objects

EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
JPEG = "1.2.840.10008.1.2.4.50"
PROGRESSIVE = "1.2.840.10008.1.2.4.55"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPX = "1.2.840.10008.1.2.4.92"
MPEG2 = "1.2.840.10008.1.2.4.100"
VIDEO = "1.2.840.10008.1.2.4.102"
JPEG_XL = "1.2.840.10008.1.2.4.110"
RLE = "1.2.840.10008.1.2.5"
OCTETS = "application/octet-stream"
DICOM_PARTS = 'multipart/related; type="application/dicom"'


@pytest.mark.parametrize(
    "text",
    [
        'multipart/related; type="application/dicom"; boundary="a,b;c"',
        'Multipart/Related;boundary="a,b;c";TYPE=application/dicom',
        'multipart/related ; type = "application/dicom" ; boundary = "a,b\\;c"',
    ],
)
def test_parameters_quoted_or_not(text: str) -> None:
    found = parse_media_type(text)
    assert found.name == "multipart/related"
    assert found.parameters == {"type": "application/dicom", "boundary": "a,b;c"}


@pytest.mark.parametrize("text", ["", "dicom", "a/b/c", ";type=x", "a b/c", "*", '"a/b"'])
def test_what_is_no_media_type(text: str) -> None:
    with pytest.raises(BadRequestError):
        parse_media_type(text)


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "application/dicom+json"),
        ("*/*", "application/dicom+json"),
        ("application/*", "application/dicom+json"),
        ("application/json", "application/json"),
        ("application/dicom json", "application/dicom+json"),
        ("application/dicom+json;q=0.1, application/json", "application/json"),
        ("text/html, application/json;q=0.2, */*;q=0.1", "application/json"),
        ("application/dicom+json;q=0, */*", "application/json"),
        ("*/*, application/dicom+json;q=0.1", "application/json"),
        ("*/*;q=0.1, application/dicom+json;q=0.2", "application/dicom+json"),
        ("application/json;q=nan, application/*", "application/dicom+json"),
    ],
)
def test_json(accept: str, chosen: str) -> None:
    assert choose(accept, JSON_TYPES) == chosen


@pytest.mark.parametrize(
    "accept", ['multipart/related; type="application/dicom+xml"', "text/html", "*/*;q=0"]
)
def test_json_to_nobody_who_does_not_want_it(accept: str) -> None:
    with pytest.raises(NotAcceptableError):
        choose(accept, JSON_TYPES)


def test_an_accept_header_is_bounded() -> None:
    with pytest.raises(BadRequestError, match="too long"):
        accepted("a/b," * 3000)


@pytest.mark.parametrize(
    ("accept", "stored", "multipart", "served"),
    [
        ("", EXPLICIT, True, EXPLICIT),
        ("*/*", JPEG, True, JPEG),
        ("", IMPLICIT, True, EXPLICIT),
        (DICOM_PARTS, IMPLICIT, True, EXPLICIT),
        (f"{DICOM_PARTS}; transfer-syntax=*", IMPLICIT, True, EXPLICIT),
        (f"{DICOM_PARTS}; transfer-syntax=*", BIG_ENDIAN, True, EXPLICIT),
        ("", BIG_ENDIAN, True, EXPLICIT),
        # The default, unless there was loss or nothing can decode it (PS3.18 8.7.3.4).
        ("", JPEG_LS, True, EXPLICIT),
        ("application/dicom", JPEG_LS, False, EXPLICIT),
        ("application/dicom; transfer-syntax=*", JPEG_LS, False, JPEG_LS),
        (f"application/dicom; transfer-syntax={JPEG_LS}", JPEG_LS, False, JPEG_LS),
        (f"application/dicom; transfer-syntax={EXPLICIT}", JPEG, False, EXPLICIT),
        (
            f"application/dicom; transfer-syntax={JPEG}, application/dicom;q=0.9",
            JPEG_LS,
            False,
            EXPLICIT,
        ),
        ("", DEFLATED, True, EXPLICIT),
        ("", VIDEO, True, VIDEO),
        (f"{DICOM_PARTS}; transfer-syntax={EXPLICIT}", IMPLICIT, True, EXPLICIT),
        ("multipart/related; type=application/dicom; transfer-syntax=*", JPEG, True, JPEG),
        (f"{DICOM_PARTS};transfer-syntax={EXPLICIT}, {DICOM_PARTS};q=0.5", JPEG, True, EXPLICIT),
        (f"{DICOM_PARTS};transfer-syntax={EXPLICIT};q=0.5, {DICOM_PARTS}", JPEG, True, JPEG),
        ("application/dicom", JPEG, False, JPEG),
        (f"application/dicom; transfer-syntax={JPEG_LS}", IMPLICIT, False, JPEG_LS),
        (f"{DICOM_PARTS}; transfer-syntax={JPEG_LS}, {DICOM_PARTS}", EXPLICIT, True, EXPLICIT),
        (f"{DICOM_PARTS}; transfer-syntax=*", PROGRESSIVE, True, PROGRESSIVE),
        ("application/dicom;q=0.1, multipart/related", JPEG, True, JPEG),
        ("application/dicom, */*;q=0.8", JPEG, False, JPEG),
    ],
)
def test_objects(accept: str, stored: str, multipart: bool, served: str) -> None:
    choice = choose_objects(accept, {stored}, single=True)
    assert choice.multipart is multipart
    assert choice.syntaxes == {stored: served}


@pytest.mark.parametrize(
    ("accept", "stored", "single"),
    [
        (f"{DICOM_PARTS}; transfer-syntax={EXPLICIT}", VIDEO, True),
        (f"{DICOM_PARTS}; transfer-syntax={IMPLICIT}", IMPLICIT, True),
        (f"{DICOM_PARTS}; transfer-syntax={BIG_ENDIAN}", BIG_ENDIAN, True),
        (f"{DICOM_PARTS}; transfer-syntax={JPEG_LS}", JPEG, True),
        ("*/*, multipart/related;q=0", JPEG, True),
        (f"{DICOM_PARTS}; transfer-syntax={JPEG}", EXPLICIT, True),
        ("application/dicom", EXPLICIT, False),
        ('multipart/related; type="image/jpeg"', JPEG, True),
        ("image/jpeg", JPEG, True),
    ],
)
def test_objects_that_cannot_be_served(accept: str, stored: str, single: bool) -> None:
    with pytest.raises(NotAcceptableError):
        choose_objects(accept, {stored}, single=single)


def test_one_object_that_cannot_be_served_refuses_all() -> None:
    accept = f"{DICOM_PARTS}; transfer-syntax={EXPLICIT}"
    assert choose_objects(accept, {EXPLICIT, IMPLICIT, JPEG}, single=False)
    with pytest.raises(NotAcceptableError):
        choose_objects(accept, {EXPLICIT, VIDEO}, single=False)


@pytest.mark.parametrize(
    ("accept", "stored", "multipart", "content_type"),
    [
        ("", EXPLICIT, True, f"{OCTETS}; transfer-syntax={EXPLICIT}"),
        ("", JPEG_LS, True, f"{OCTETS}; transfer-syntax={EXPLICIT}"),
        (f"multipart/related; type={OCTETS}", JPEG, True, f"{OCTETS}; transfer-syntax={EXPLICIT}"),
        # What OHIF sends.
        (
            f"multipart/related; type={OCTETS}; transfer-syntax=*",
            JPEG,
            True,
            f"{OCTETS}; transfer-syntax={JPEG}",
        ),
        (
            f"multipart/related; type={OCTETS}; transfer-syntax={EXPLICIT}",
            JPEG,
            True,
            f"{OCTETS}; transfer-syntax={EXPLICIT}",
        ),
        (OCTETS, EXPLICIT, False, f"{OCTETS}; transfer-syntax={EXPLICIT}"),
        ('multipart/related; type="image/jpeg"', JPEG, True, f"image/jpeg; transfer-syntax={JPEG}"),
        ("image/jpeg", JPEG, False, f"image/jpeg; transfer-syntax={JPEG}"),
        ("image/jpg", JPEG, False, f"image/jpeg; transfer-syntax={JPEG}"),
        ("image/*", JPEG_LS, False, f"image/jls; transfer-syntax={JPEG_LS}"),
        ("image/x-jls", JPEG_LS, False, f"image/x-jls; transfer-syntax={JPEG_LS}"),
        ("image/x-dicom-rle", RLE, False, f"image/x-dicom-rle; transfer-syntax={RLE}"),
        ("image/jxl", JPEG_XL, False, f"image/jxl; transfer-syntax={JPEG_XL}"),
        ("image/jpx", JPX, False, f"image/jpx; transfer-syntax={JPX}"),
        ("video/mp4", VIDEO, False, f"video/mp4; transfer-syntax={VIDEO}"),
        ("video/mpeg2", MPEG2, False, f"video/mpeg2; transfer-syntax={MPEG2}"),
        ("", VIDEO, True, f"{OCTETS}; transfer-syntax={VIDEO}"),
        # What the client wants more counts before what we would rather give.
        (
            f"{OCTETS}; transfer-syntax={EXPLICIT}, image/jls;q=0.5",
            JPEG_LS,
            False,
            f"{OCTETS}; transfer-syntax={EXPLICIT}",
        ),
        (
            f"{OCTETS}; transfer-syntax={EXPLICIT}; q=0.5, image/jls",
            JPEG_LS,
            False,
            f"image/jls; transfer-syntax={JPEG_LS}",
        ),
        (f"image/jls, {OCTETS}", JPEG_LS, False, f"image/jls; transfer-syntax={JPEG_LS}"),
        (f"image/jls, {OCTETS}", EXPLICIT, False, f"{OCTETS}; transfer-syntax={EXPLICIT}"),
        # Frames without loss are compressed for who wants nothing else as much.
        (f"image/jls, {OCTETS};q=0.9", EXPLICIT, False, f"image/jls; transfer-syntax={JPEG_LS}"),
        ("image/jls", EXPLICIT, False, f"image/jls; transfer-syntax={JPEG_LS}"),
        ("image/dicom-rle", JPEG_LS, False, f"image/dicom-rle; transfer-syntax={RLE}"),
        (
            f"multipart/related; type={OCTETS}; transfer-syntax={RLE}",
            EXPLICIT,
            True,
            f"{OCTETS}; transfer-syntax={RLE}",
        ),
        # No viewer decodes this one, so that who takes anything does not get it.
        (
            f"multipart/related; type={OCTETS}; transfer-syntax=*",
            PROGRESSIVE,
            True,
            f"{OCTETS}; transfer-syntax={EXPLICIT}",
        ),
        ("image/jpeg", PROGRESSIVE, False, f"image/jpeg; transfer-syntax={PROGRESSIVE}"),
    ],
)
def test_frames(accept: str, stored: str, multipart: bool, content_type: str) -> None:
    choice = choose_frames(accept, stored, single=True)
    assert choice.multipart is multipart
    assert choice.content_type == content_type


@pytest.mark.parametrize(
    ("accept", "syntax", "single"),
    [
        ("application/octet-stream", EXPLICIT, False),
        ('multipart/related; type="image/jpeg"', VIDEO, True),
        # Compressing anew what lost something would hide what happened to it.
        ("image/jls", JPEG, True),
        (f"multipart/related; type=image/jpeg; transfer-syntax={EXPLICIT}", JPEG, True),
        ("text/plain", EXPLICIT, True),
    ],
)
def test_frames_that_cannot_be_served(accept: str, syntax: str, single: bool) -> None:
    with pytest.raises(NotAcceptableError):
        choose_frames(accept, syntax, single=single)
