"""Invariant: whatever mixture of JSON and XML a client accepts, it gets the one it wants most."""

import pytest

from pacs_gateway.errors import NotAcceptableError
from pacs_gateway.web.datasets import Form, choose_form

XML_PARTS = 'multipart/related; type="application/dicom+xml"'


@pytest.mark.parametrize(
    ("accept", "single", "form"),
    [
        ("", False, Form.DICOM_JSON),
        ("*/*", True, Form.DICOM_JSON),
        ("application/*", False, Form.DICOM_JSON),
        ("application/json", False, Form.JSON),
        (XML_PARTS, False, Form.XML_PARTS),
        (XML_PARTS, True, Form.XML_PARTS),
        ("multipart/related; type=application/dicom+xml", False, Form.XML_PARTS),
        ("multipart/related", False, Form.XML_PARTS),
        ("application/dicom+xml", False, Form.XML_PARTS),
        ("application/dicom+xml", True, Form.XML_ALONE),
        # As it arrives in the `accept` parameter.
        ("application/dicom xml", True, Form.XML_ALONE),
        (f"{XML_PARTS};q=0.5, application/json", False, Form.JSON),
        (f"application/dicom+json;q=0.5, {XML_PARTS}", False, Form.XML_PARTS),
        (f"{XML_PARTS}, */*;q=0.1", False, Form.XML_PARTS),
    ],
)
def test_forms(accept: str, single: bool, form: Form) -> None:
    assert choose_form(accept, single=single) is form


@pytest.mark.parametrize(
    "accept", ["text/xml", 'multipart/related; type="application/dicom"', "*/*;q=0"]
)
def test_nothing_for_who_wants_neither(accept: str) -> None:
    with pytest.raises(NotAcceptableError):
        choose_form(accept, single=False)
