"""From the bytes of a header to the record the index keeps of an instance.

Invariant: for a header that starts like a Part 10 file, `describe` returns a record whatever the
data set holds. What makes no sense is no matching key, but it stays in the attributes and in the
metadata as it was sent.
"""

import json
import zlib
from dataclasses import dataclass

from pacs_gateway.dicom import elements, jsonmodel, keys, levels, meta
from pacs_gateway.dicom.elements import DataSet, Element
from pacs_gateway.dicom.transcode import available_syntax
from pacs_gateway.errors import NotADataSetError
from storage.records import DicomJson, InstanceRecord, Origin, PixelLocation

INLINE_BINARY_BYTES = 1024
"""Opaque values up to this stand in the metadata; longer ones are fetched when they are wanted."""
MAX_TRAILER_BYTES = 64 * 1024
"""Elements behind the pixel data are read up to this; digital signatures take a few kilobytes."""
METADATA_COMPRESSION = 6
"""zlib level: for a CT header of 11 kB, 2.1 kB after 0.08 ms; level 1 gives 2.6 kB after 0.03 ms.
The metadata of every instance stays in the database and its backups, so the bytes count."""

_PIXEL_VRS = {"7FE00008": "OF", "7FE00009": "OD"}
_PIXEL_DATA = 0x7FE00010
_TRAILING_PADDING = 0xFFFCFFFC
_OF_ALL_ELEMENTS = (0x00080005, 0x00280103)
"""Specific Character Set and Pixel Representation decide how other elements are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectFacts:
    """What is known of an object besides its header; the fields are those of InstanceRecord."""

    study_uid: str
    series_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    pixels: PixelLocation | None
    object_key: str
    sha256: str
    size: int
    data_set_offset: int
    origin: Origin


def describe(header: bytes, facts: ObjectFacts, trailer: bytes = b"") -> InstanceRecord:
    """Return the index record of an instance.

    `header` is a Part 10 file that ends where the value of its pixel data would begin, inflated if
    the object is deflated; `trailer` is what follows that value. UIDs come from `facts`, which
    knows those that had to be derived.

    Raises NotADataSetError if `header` is no Part 10 file, if there is no data element after its
    file meta information, or if its nesting or size exhausts the interpreter.
    """
    try:
        return _record(_model(header, facts, trailer), facts)
    except (MemoryError, RecursionError) as error:
        raise NotADataSetError("The header is too large or too deep to be described.") from error


def _record(model: DicomJson, facts: ObjectFacts) -> InstanceRecord:
    matching = keys.matching_keys(model)
    text = json.dumps(model, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return InstanceRecord(
        study_uid=facts.study_uid,
        series_uid=facts.series_uid,
        sop_instance_uid=facts.sop_instance_uid,
        sop_class_uid=facts.sop_class_uid,
        transfer_syntax_uid=facts.transfer_syntax_uid,
        patient_key=keys.patient_key(model, facts.study_uid),
        keys=matching,
        folded=keys.folded_keys(matching),
        ward=keys.ward(model),
        attributes=levels.attributes(model),
        metadata=zlib.compress(text.encode("utf-8"), METADATA_COMPRESSION),
        pixels=facts.pixels,
        object_key=facts.object_key,
        sha256=facts.sha256,
        size=facts.size,
        data_set_offset=facts.data_set_offset,
        origin=facts.origin,
    )


def _model(header: bytes, facts: ObjectFacts, trailer: bytes) -> DicomJson:
    data_set = _elements(header)
    behind = _behind_pixels(trailer, data_set, facts)
    uids = {
        0x00080016: facts.sop_class_uid,
        0x00080018: facts.sop_instance_uid,
        0x0020000D: facts.study_uid,
        0x0020000E: facts.series_uid,
        # Metadata has no file meta information: viewers look here whether pixels are video.
        0x00083002: available_syntax(facts.transfer_syntax_uid),
    }
    for tag, uid in uids.items():
        data_set[tag] = Element(tag, "UI", uid.encode("ascii"), None, False)
    if facts.pixels is not None:
        tag = int(facts.pixels.tag, 16)
        vr = _PIXEL_VRS.get(facts.pixels.tag, "OB" if facts.pixels.encapsulated else "OW")
        data_set.setdefault(tag, Element(tag, vr, None, None, False))
    return jsonmodel.to_json(data_set, inline_limit=INLINE_BINARY_BYTES) | behind


def _elements(header: bytes) -> DataSet:
    file_meta = meta.decode(header)
    if file_meta is None:
        # Nothing but meta information: what is left of an object whose data set is unreadable.
        if meta.meta_start(header) is None:
            raise NotADataSetError("These bytes are too few to be a DICOM file.")
        return {}
    implicit, big_endian = meta.byte_encoding(file_meta.transfer_syntax_uid)
    data_set = elements.read(header, file_meta.length, implicit=implicit, big_endian=big_endian)
    if not data_set:
        raise NotADataSetError("There is no data element after the file meta information.")
    return data_set


def _behind_pixels(trailer: bytes, data_set: DataSet, facts: ObjectFacts) -> DicomJson:
    """Return the model of the elements behind the pixel data, such as digital signatures.

    All of it stands inline, because bulk values are looked for in the header alone.
    """
    if not trailer or len(trailer) > MAX_TRAILER_BYTES:
        return {}
    implicit, big_endian = meta.byte_encoding(meta.inflated_syntax(facts.transfer_syntax_uid))
    found = elements.read(trailer, 0, implicit=implicit, big_endian=big_endian)
    found |= {tag: data_set[tag] for tag in _OF_ALL_ELEMENTS if tag in data_set}
    model = jsonmodel.to_json(found, inline_limit=MAX_TRAILER_BYTES)
    return {
        name: attribute
        for name, attribute in model.items()
        if _PIXEL_DATA < int(name, 16) != _TRAILING_PADDING
    }
