"""Invariant: media types are understood as the clients of the field write them, and the choice
between representations never serves what the client did not accept."""

import pytest

from pacs_gateway.errors import BadRequestError, NotAcceptableError
from pacs_gateway.web.negotiation import JSON_TYPES, accepted, choose, parse_media_type
from pacs_gateway.web.representations import choose_frames, choose_objects

EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
JPEG = "1.2.840.10008.1.2.4.50"
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
        (f"{DICOM_PARTS}; transfer-syntax=*", IMPLICIT, True, IMPLICIT),
        (f"{DICOM_PARTS}; transfer-syntax={IMPLICIT}", IMPLICIT, True, IMPLICIT),
        (f"{DICOM_PARTS}; transfer-syntax={EXPLICIT}", IMPLICIT, True, EXPLICIT),
        ("multipart/related; type=application/dicom; transfer-syntax=*", JPEG, True, JPEG),
        (f"{DICOM_PARTS};transfer-syntax={EXPLICIT}, {DICOM_PARTS};q=0.5", JPEG, True, JPEG),
        ("application/dicom", JPEG, False, JPEG),
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
        (f"{DICOM_PARTS}; transfer-syntax={EXPLICIT}", JPEG, True),
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
    assert choose_objects(accept, {EXPLICIT, IMPLICIT}, single=False)
    with pytest.raises(NotAcceptableError):
        choose_objects(accept, {EXPLICIT, JPEG}, single=False)


@pytest.mark.parametrize(
    ("accept", "syntax", "multipart", "media_type"),
    [
        ("", EXPLICIT, True, "application/octet-stream"),
        (
            "multipart/related; type=application/octet-stream",
            JPEG,
            True,
            "application/octet-stream",
        ),
        (
            "multipart/related; type=application/octet-stream; transfer-syntax=*",
            JPEG,
            True,
            "application/octet-stream",
        ),
        ("application/octet-stream", EXPLICIT, False, "application/octet-stream"),
        ('multipart/related; type="image/jpeg"', JPEG, True, "image/jpeg"),
        ("image/jpeg", JPEG, False, "image/jpeg"),
    ],
)
def test_frames(accept: str, syntax: str, multipart: bool, media_type: str) -> None:
    choice = choose_frames(accept, syntax, single=True)
    assert choice.multipart is multipart
    assert choice.content_type == f"{media_type}; transfer-syntax={syntax}"


def test_compressed_frames_are_decoded_for_whoever_asks() -> None:
    accept = f"multipart/related; type=application/octet-stream; transfer-syntax={EXPLICIT}"
    assert choose_frames(accept, JPEG, single=True).syntax == EXPLICIT
    assert choose_frames("", JPEG, single=True).syntax == JPEG


@pytest.mark.parametrize(
    ("accept", "syntax", "single"),
    [
        ("application/octet-stream", EXPLICIT, False),
        ('multipart/related; type="image/jpeg"', EXPLICIT, True),
        (f"multipart/related; type=image/jpeg; transfer-syntax={EXPLICIT}", JPEG, True),
        ("text/plain", EXPLICIT, True),
    ],
)
def test_frames_that_cannot_be_served(accept: str, syntax: str, single: bool) -> None:
    with pytest.raises(NotAcceptableError):
        choose_frames(accept, syntax, single=single)
