"""Names of attributes as queries write them: tags, keywords and paths (PS3.18 8.3.4.1)."""

import re

from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword

_TAG = re.compile(r"[0-9A-Fa-f]{8}")
REQUEST_ATTRIBUTES_SEQUENCE = "RequestAttributesSequence"


def keyword_of(name: str) -> str:
    """Return the keyword of an attribute given as tag, keyword or path; empty if it is none.

    The only path with a keyword of its own is that into Request Attributes Sequence, whose
    attributes are matched as if they stood in the series.
    """
    outer, dot, inner = name.partition(".")
    if dot:
        return _keyword(inner) if _keyword(outer) == REQUEST_ATTRIBUTES_SEQUENCE else ""
    return _keyword(name)


def vr_of(keyword: str) -> str:
    """Return the value representation of a standard attribute."""
    return dictionary_VR(keyword)


def _keyword(name: str) -> str:
    if _TAG.fullmatch(name):
        return keyword_for_tag(int(name, 16))
    return name if tag_for_keyword(name) is not None else ""
