"""Identifiers of C-FIND, C-MOVE and C-GET: from bytes to keys, and from answers to data sets."""

from collections.abc import Iterator
from io import BytesIO

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode
from pynetdicom.presentation import PresentationContext

from pacs_gateway.errors import QueryError
from storage.records import Level

REQUEST_ATTRIBUTES = "RequestAttributesSequence"


def decoded(identifier: BytesIO | None, context: PresentationContext) -> Dataset:
    """Return the identifier of a request.

    Raises QueryError if there is none, or its bytes are no data set.
    """
    if identifier is None:
        raise QueryError("The request came without an identifier.")
    syntax = context.transfer_syntax[0]
    try:
        found = decode(
            identifier, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated
        )
        # Elements are parsed on access only; a broken one should show here and not later.
        list(found.iterall())
    except (ValueError, KeyError, NotImplementedError, EOFError, OSError, RecursionError) as error:
        raise QueryError(f"The identifier cannot be read: {type(error).__name__}.") from error
    return found


def level_of(identifier: Dataset) -> Level:
    """Return the Query/Retrieve Level.

    Raises QueryError if it is missing or unknown.
    """
    value = str(identifier.get("QueryRetrieveLevel", "") or "").strip()
    try:
        return Level(value)
    except ValueError as error:
        raise QueryError("QueryRetrieveLevel must be PATIENT, STUDY, SERIES or IMAGE.") from error


def keys_of(identifier: Dataset) -> dict[str, str]:
    """Return the matching keys as text by keyword; a sequence gives those of its item."""
    return dict(_keys(identifier))


def _keys(data_set: Dataset) -> Iterator[tuple[str, str]]:
    for element in data_set:
        if element.VR == "SQ":
            if element.keyword == REQUEST_ATTRIBUTES and element.value:
                yield from _keys(element.value[0])
            continue
        # Group lengths and private keys ask for nothing that we could match.
        if element.keyword and element.tag.element != 0:
            yield element.keyword, _text(element)


def _text(element: DataElement) -> str:
    value = element.value
    if value is None:
        return ""
    if element.VM > 1:
        return "\\".join(str(each) for each in value)
    return str(value)
