"""Bulk values that the metadata only refers to (PS3.18 F.2.6), found again by their path."""

import re

from pacs_gateway.dicom import elements, meta
from pacs_gateway.dicom.elements import DataSet
from pacs_gateway.dicom.transcode import WORDS, swapped
from pacs_gateway.errors import UnknownError

_TAG = re.compile(r"[0-9A-F]{8}")
_ITEM = re.compile(r"[0-9]{1,9}")


def bulk_value(header: bytes, path: str) -> bytes:
    """Return the value at `path` in a Part 10 header, as it stands in little endian.

    `path` is made as in `jsonmodel.to_json`: tags and item numbers (from 0) with slashes between.

    Raises UnknownError if there is no such value.
    """
    head = meta.decode(header)
    if head is None:
        raise UnknownError("There is no such value.")
    implicit, big_endian = meta.byte_encoding(head.transfer_syntax_uid)
    data_set = elements.read(header, head.length, implicit=implicit, big_endian=big_endian)
    *items, tag = path.rsplit("/", 1)
    element = _inside(data_set, items[0] if items else "").get(_number(_TAG, tag, 16))
    if element is None or element.value is None:
        raise UnknownError("There is no such value.")
    if not element.big_endian:
        return element.value
    return swapped(element.value, WORDS.get(element.vr, 1))


def _inside(data_set: DataSet, path: str) -> DataSet:
    steps = path.split("/") if path else []
    for tag, item in zip(steps[::2], steps[1::2], strict=False):
        element = data_set.get(_number(_TAG, tag, 16))
        number = _number(_ITEM, item, 10)
        if element is None or element.items is None or number >= len(element.items):
            raise UnknownError("There is no such value.")
        data_set = element.items[number]
    return data_set


def _number(pattern: re.Pattern[str], text: str, base: int) -> int:
    if pattern.fullmatch(text) is None:
        raise UnknownError("There is no such value.")
    return int(text, base)
