"""Data sets without their bulk data as clients want them: JSON or XML (PS3.18 8.7.3.1).

JSON is one array. XML is a document for each data set, and so a part for each: that is what the
standard names, `multipart/related; type="application/dicom+xml"`. A client that names only what is
inside means the same, and where one data set is asked for it gets that without the envelope.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from functools import partial

from pacs_gateway.dicom.xmlmodel import native_model
from pacs_gateway.errors import NotAcceptableError
from pacs_gateway.web.multipart import MultipartWriter
from pacs_gateway.web.negotiation import MULTIPART, MediaType, Specificity, Wish, ranges, wish
from storage.records import DicomJson

XML = "application/dicom+xml"


class Form(StrEnum):
    """How data sets are sent, by the media type of the answer."""

    DICOM_JSON = "application/dicom+json"
    JSON = "application/json"
    XML_PARTS = MULTIPART
    XML_ALONE = XML


_SEVERAL = (Form.DICOM_JSON, Form.JSON, Form.XML_PARTS)
_ONE = (*_SEVERAL, Form.XML_ALONE)


def choose_form(accept: str, *, single: bool) -> Form:
    """Return how data sets are sent; `single`: there is one, which may come alone.

    Raises NotAcceptableError if no form is accepted.
    """
    offered: Sequence[Form] = _ONE if single else _SEVERAL
    wishes: dict[Form, Wish] = {}
    for form in offered:
        found = wish(ranges(accept), partial(_narrowness, form=form, single=single))
        if found is not None:
            wishes[form] = found
    if not wishes:
        raise NotAcceptableError(
            f"This resource comes as {Form.DICOM_JSON}, {Form.JSON}"
            f' or {MULTIPART}; type="{XML}" only.'
        )
    return max(wishes, key=wishes.__getitem__)


def json_text(models: Iterable[DicomJson]) -> bytes:
    """Return data sets as one JSON array, attributes in ascending order."""
    ordered = [dict(sorted(model.items())) for model in models]
    return json.dumps(ordered, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def xml_parts(models: Iterable[DicomJson], writer: MultipartWriter) -> Iterator[bytes]:
    """Yield the pieces of a multipart body with one document for each data set."""
    for model in models:
        document = native_model(model)
        yield writer.part_head(XML, {"Content-Length": str(len(document))})
        yield document
    yield writer.end()


def _narrowness(wanted: MediaType, *, form: Form, single: bool) -> Specificity | None:
    if form is not Form.XML_PARTS:
        return (wanted.specificity,) if wanted.matches(form) else None
    if wanted.name == XML and not single:
        return (wanted.specificity,)
    if wanted.name == "*/*" or not wanted.matches(MULTIPART):
        # Who takes anything gets JSON, the default.
        return None
    inner = MediaType(wanted.parameters.get("type", "*/*").lower(), {})
    return (wanted.specificity,) if inner.matches(XML) else None
