"""The DICOM JSON model (PS3.18 F.2) to a data set in Explicit VR Little Endian; no I/O.

Invariant: what `encode` returns passes `part10.walk` and gives the same model again, or the model
is refused with one NotADataSetError that names the attribute and never its value. Memory grows
with the model only: bulk values are copied by the caller, from where it keeps them.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from pacs_gateway.dicom import charset, explicit, jsonvalues, meta, part10
from pacs_gateway.dicom.elements import KNOWN_VRS, dictionary_vr
from pacs_gateway.dicom.jsonmodel import SPECIFIC_CHARACTER_SET
from pacs_gateway.errors import NotADataSetError
from storage.records import DicomJson

OPAQUE_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_TAG_NAME = re.compile(r"[0-9A-Fa-f]{8}")
_COUNT = re.compile(r"\s*\+?([0-9]{1,10})\s*")
_CONTENTS = frozenset({"Value", "InlineBinary", "BulkDataURI"})
_COMMAND_AND_FILE_META = frozenset({0x0000, 0x0002})
"""Groups that are no part of a data set; file meta information is written anew."""
_DELIMITERS = 0xFFFE
_VIDEO_SYNTAXES = re.compile(r"1\.2\.840\.10008\.1\.2\.4\.10\d(\.1)?")
"""MPEG-2, MPEG-4 and HEVC, of which one stream holds all frames (PS3.5 A.4)."""
_UTF_8_DECLARED: DicomJson = {"vr": "CS", "Value": [charset.ISO_IR_192]}


class Span(NamedTuple):
    """A run of bytes that the caller keeps."""

    offset: int
    length: int


Piece = bytes | Span


class BulkData(Protocol):
    """What the URIs of a request mean; both raise GatewayError where they mean nothing."""

    def spans(self, uri: str) -> Sequence[Span]:
        """Return the value in one or, frame by frame, in several runs."""

    def transfer_syntax(self, uri: str) -> str:
        """Return the transfer syntax of pixel data; that of native ones is Explicit VR LE."""


@dataclass(frozen=True, slots=True)
class EncodedObject:
    """A data set in the order it is to be written."""

    transfer_syntax_uid: str
    pieces: Sequence[Piece]


def encode(model: object, bulk: BulkData, *, limits: part10.WalkLimits) -> EncodedObject:
    """Return the data set that `model` stands for.

    Raises NotADataSetError, or what `bulk` raises.
    """
    encoder = _Encoder(bulk, limits)
    encoder.data_set(model, depth=0)
    return EncodedObject(encoder.transfer_syntax_uid, encoder.pieces())


def text_of(model: Mapping[str, Any], tag: int) -> str:
    """Return the first value of an attribute, empty if it is no text."""
    attribute = model.get(f"{tag:08X}")
    values = attribute.get("Value") if isinstance(attribute, dict) else None
    return values[0] if isinstance(values, list) and values and isinstance(values[0], str) else ""


class _Encoder:
    """Writes one data set; a level of nesting costs two calls, so that the deepest allowed fits."""

    def __init__(self, bulk: BulkData, limits: part10.WalkLimits) -> None:
        self._bulk = bulk
        self._limits = limits
        self._elements = 0
        self._run = bytearray()
        self._pieces: list[Piece] = []
        self.transfer_syntax_uid = meta.EXPLICIT_VR_LITTLE_ENDIAN

    def pieces(self) -> Sequence[Piece]:
        """Return what was written."""
        self._end_run()
        return self._pieces

    def data_set(self, model: Any, *, depth: int) -> None:
        if depth > self._limits.max_depth:
            raise NotADataSetError(
                f"Sequences are nested deeper than {self._limits.max_depth} levels."
            )
        attributes = _by_tag(model)
        if not depth or SPECIFIC_CHARACTER_SET in attributes:
            attributes[SPECIFIC_CHARACTER_SET] = _UTF_8_DECLARED
        for tag in sorted(attributes):
            self._count()
            attribute = attributes[tag]
            vr = _vr(tag, attribute)
            if "BulkDataURI" in attribute:
                self._bulk_value(tag, vr, attributes, depth)
            elif vr == "SQ":
                self._sequence(tag, attribute, depth)
            else:
                self._value(tag, vr, attributes, depth)

    def _sequence(self, tag: int, attribute: DicomJson, depth: int) -> None:
        """Write a sequence of undefined length: bulk values inside it may be of any size."""
        if "InlineBinary" in attribute:
            raise _refusal(tag, "A sequence has no InlineBinary.")
        items = _values(tag, attribute)
        if not items:
            self._run += explicit.element_head(tag, "SQ", 0)
            return
        self._run += explicit.element_head(tag, "SQ", part10.UNDEFINED)
        for item in items:
            self._count()
            self._run += explicit.item_head(part10.UNDEFINED)
            self.data_set({} if item is None else item, depth=depth + 1)
            self._run += explicit.end_of_item()
        self._run += explicit.end_of_sequence()

    def _value(self, tag: int, vr: str, attributes: Mapping[int, DicomJson], depth: int) -> None:
        attribute = attributes[tag]
        if "InlineBinary" not in attribute:
            value = _plain(tag, vr, _values(tag, attribute))
        elif vr in OPAQUE_VRS:
            value = _inline(tag, attribute["InlineBinary"])
        else:
            raise _refusal(tag, f"InlineBinary does not stand for a value of {vr}.")
        if tag in part10.PIXEL_TAGS and not depth:
            vr = _native_vr(vr, attributes)
        self._head(tag, vr, len(value) + len(value) % 2)
        self._run += value + jsonvalues.padding(vr) * (len(value) % 2)

    def _bulk_value(
        self, tag: int, vr: str, attributes: Mapping[int, DicomJson], depth: int
    ) -> None:
        uri = attributes[tag]["BulkDataURI"]
        if not isinstance(uri, str) or vr == "SQ":
            raise _refusal(tag, "A BulkDataURI is a text, and no sequence has one.")
        spans = self._bulk.spans(uri)
        if tag in part10.PIXEL_TAGS and not depth:
            syntax = self._bulk.transfer_syntax(uri)
            if syntax != meta.EXPLICIT_VR_LITTLE_ENDIAN:
                self.transfer_syntax_uid = syntax
                self._encapsulated(tag, spans, _frames_expected(syntax, attributes))
                return
            vr = _native_vr(vr, attributes)
        length = sum(span.length for span in spans)
        self._head(tag, vr, length + length % 2)
        self._copy(spans)
        self._run += jsonvalues.padding(vr) * (length % 2)

    def _encapsulated(self, tag: int, spans: Sequence[Span], frames: int | None) -> None:
        """Write compressed pixel data, one fragment to a frame (PS3.5 A.4)."""
        if frames is not None and len(spans) != frames:
            raise _refusal(tag, f"{frames} frames came in {len(spans)} parts.")
        self._run += explicit.element_head(tag, "OB", part10.UNDEFINED)
        # The offset table may be empty; with one fragment to a frame it would say nothing new.
        self._run += explicit.item_head(0)
        for span in spans:
            padding = span.length % 2
            _check_length(tag, span.length + padding)
            self._run += explicit.item_head(span.length + padding)
            self._copy([span])
            self._run += b"\x00" * padding
        self._run += explicit.end_of_sequence()

    def _head(self, tag: int, vr: str, length: int) -> None:
        _check_length(tag, length)
        self._run += explicit.element_head(tag, vr, length)

    def _copy(self, spans: Sequence[Span]) -> None:
        self._end_run()
        self._pieces += spans

    def _end_run(self) -> None:
        if self._run:
            self._pieces.append(bytes(self._run))
            self._run.clear()

    def _count(self) -> None:
        self._elements += 1
        if self._elements > self._limits.max_elements:
            raise NotADataSetError(f"More than {self._limits.max_elements} data elements.")


def _by_tag(model: Any) -> dict[int, DicomJson]:
    """Return attributes by tag, without group lengths and file meta information."""
    if not isinstance(model, dict):
        raise NotADataSetError("A data set of the DICOM JSON model is an object (PS3.18 F.2.2).")
    attributes: dict[int, DicomJson] = {}
    for name, attribute in model.items():
        if _TAG_NAME.fullmatch(name) is None:
            raise NotADataSetError("An attribute's name is not eight hexadecimal digits.")
        tag = int(name, 16)
        if tag in attributes:
            raise _refusal(tag, "It is there twice.")
        if tag >> 16 == _DELIMITERS:
            raise _refusal(tag, "A delimiter is no attribute.")
        if not isinstance(attribute, dict):
            raise _refusal(tag, "It is no object.")
        if tag & 0xFFFF and tag >> 16 not in _COMMAND_AND_FILE_META:
            attributes[tag] = attribute
    return attributes


def _vr(tag: int, attribute: DicomJson) -> str:
    """Return the VR, that of the dictionary where none is given.

    Raises NotADataSetError if it is none, or if there is more than one form of the value.
    """
    if len(attribute.keys() & _CONTENTS) > 1:
        raise _refusal(tag, "It has more than one of Value, InlineBinary and BulkDataURI.")
    vr = attribute.get("vr", dictionary_vr(tag))
    if not isinstance(vr, str) or vr not in KNOWN_VRS:
        raise _refusal(tag, "Its vr is not one of PS3.5 6.2.")
    return vr


def _values(tag: int, attribute: DicomJson) -> list[Any]:
    values = attribute.get("Value", [])
    if not isinstance(values, list):
        raise _refusal(tag, "Its Value is no array.")
    return values


def _plain(tag: int, vr: str, values: Sequence[Any]) -> bytes:
    if not values:
        return b""
    if vr in OPAQUE_VRS:
        raise _refusal(tag, f"A value of {vr} stands in InlineBinary or BulkDataURI.")
    try:
        return jsonvalues.write(vr, values)
    except UnicodeEncodeError as error:
        raise _refusal(tag, "Its text has half of a surrogate pair.") from error
    except ValueError as error:
        raise _refusal(tag, str(error)) from error


def _inline(tag: int, text: Any) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise _refusal(tag, "Its InlineBinary is not base64 (RFC 4648).") from error


def _frames_expected(transfer_syntax_uid: str, attributes: Mapping[int, DicomJson]) -> int | None:
    """Return how many parts the pixel data must have come in, None for any number."""
    if _VIDEO_SYNTAXES.fullmatch(transfer_syntax_uid):
        return None
    return _first_integer(attributes, part10.NUMBER_OF_FRAMES) or 1


def _native_vr(vr: str, attributes: Mapping[int, DicomJson]) -> str:
    """Return the VR of pixel data; words of more than 8 bits are never OB (PS3.5 A.2)."""
    allocated = _first_integer(attributes, part10.BITS_ALLOCATED)
    return "OW" if vr in ("OB", "UN") and allocated > 8 else vr  # noqa: PLR2004 - bits of a byte


def _first_integer(attributes: Mapping[int, DicomJson], tag: int) -> int:
    values = attributes.get(tag, {}).get("Value")
    first = values[0] if isinstance(values, list) and values else ""
    match = _COUNT.fullmatch(str(first))
    return int(match[1]) if match else 0


def _check_length(tag: int, length: int) -> None:
    if length > explicit.LONGEST_VALUE:
        raise _refusal(tag, f"{length} bytes do not fit into one value (PS3.5 7.1.1).")


def _refusal(tag: int, reason: str) -> NotADataSetError:
    return NotADataSetError(f"({tag >> 16:04X},{tag & 0xFFFF:04X}): {reason}")
