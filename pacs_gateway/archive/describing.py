"""From an object to its row of the index: the one way, at ingest and when the index is made anew.

The object may lie in a mapped file or in a store that sends ranges of it; only its header and what
stands behind its pixel data are read.
"""

from collections.abc import Mapping
from datetime import datetime

import structlog

from pacs_gateway.archive.examine import Examined, Examiner
from pacs_gateway.dicom import meta, pixels
from pacs_gateway.dicom.describe import MAX_TRAILER_BYTES, ObjectFacts, describe
from pacs_gateway.dicom.identity import identify
from pacs_gateway.dicom.meta import FileMeta
from pacs_gateway.dicom.part10 import Buffer
from pacs_gateway.errors import NotADataSetError
from storage.records import InstanceRecord, Origin, PixelLocation, object_key

_META_BYTES_AT_FIRST = 64 * 1024
"""What file meta information fits into, whoever wrote it."""

_log = structlog.get_logger(__name__)


def describe_object(
    buffer: Buffer, examiner: Examiner, *, sha256: str, received_at: datetime
) -> InstanceRecord:
    """Return the row of an object whose digest is known.

    Raises NotADataSetError or IdentityError for bytes that were never acknowledged like this, and
    whatever reading `buffer` raises.
    """
    head = _file_meta(buffer)
    with examiner.examine(
        buffer, data_set_offset=head.length, transfer_syntax_uid=head.transfer_syntax_uid
    ) as examined:
        location = pixels.locate(examined.layout, examined.plain)
        facts = _facts(
            examined,
            head,
            location,
            sha256=sha256,
            size=len(buffer),
            received_at=received_at,
        )
        end = location.offset if location else len(examined.plain)
        data_set = examined.plain[examined.data_set_offset : end]
        behind = end + location.length if location else end
        trailer = examined.plain[behind : behind + MAX_TRAILER_BYTES + 1]
    return _described(data_set, facts, trailer)


def _file_meta(buffer: Buffer) -> FileMeta:
    for most in (_META_BYTES_AT_FIRST, meta.MAX_META_BYTES):
        head = meta.decode(buffer[:most])
        if head is not None:
            return head
    raise NotADataSetError("It is cut off within its file meta information.")


def _facts(
    examined: Examined,
    head: FileMeta,
    location: PixelLocation | None,
    *,
    sha256: str,
    size: int,
    received_at: datetime,
) -> ObjectFacts:
    identity = identify(
        examined.layout,
        sop_class_uid=head.sop_class_uid,
        sop_instance_uid=head.sop_instance_uid,
    )
    return ObjectFacts(
        study_uid=identity.study_uid,
        series_uid=identity.series_uid,
        sop_instance_uid=identity.sop_instance_uid,
        sop_class_uid=identity.sop_class_uid,
        transfer_syntax_uid=head.transfer_syntax_uid,
        pixels=location,
        object_key=object_key(
            identity.study_uid, identity.series_uid, identity.sop_instance_uid, sha256
        ),
        sha256=sha256,
        size=size,
        data_set_offset=head.length,
        origin=_origin(head.sender, received_at),
    )


def _described(data_set: bytes, facts: ObjectFacts, trailer: bytes) -> InstanceRecord:
    """Describe an acknowledged object, whatever its header: it must become visible."""
    head = meta.encode(
        sop_class_uid=facts.sop_class_uid,
        sop_instance_uid=facts.sop_instance_uid,
        transfer_syntax_uid=meta.inflated_syntax(facts.transfer_syntax_uid),
    )
    try:
        return describe(head + data_set, facts, trailer)
    except NotADataSetError as error:
        _log.warning("header unreadable; filed by its UIDs alone", reason=str(error))
        return describe(head, facts)


def _origin(sender: Mapping[str, str] | None, received_at: datetime) -> Origin:
    fields = sender or {"source": "import", "peer": "", "address": ""}
    return Origin(
        source=fields["source"],
        peer=fields["peer"],
        address=fields["address"],
        received_at=received_at,
    )
