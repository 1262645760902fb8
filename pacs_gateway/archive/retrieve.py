"""Reading back what is kept: whole data sets, headers and single frames."""

import itertools
from collections.abc import Iterator, Sequence

from pacs_gateway.dicom import deflate, frames, meta
from pacs_gateway.errors import GoneError, UnknownError, UnrenderableError
from storage.deletions import Deletions
from storage.errors import CorruptError
from storage.index import Index
from storage.lookup import Lookup, StoredHeader
from storage.objects import ObjectStore
from storage.records import StoredInstance


class Retrieval:
    """Finds instances in the index and reads their bytes from the object store."""

    def __init__(
        self,
        index: Index,
        lookup: Lookup,
        deletions: Deletions,
        store: ObjectStore,
        *,
        max_inflated_bytes: int,
    ) -> None:
        self._index = index
        self._lookup = lookup
        self._deletions = deletions
        self._store = store
        self._max_inflated_bytes = max_inflated_bytes

    def instances(
        self, study_uid: str, series_uid: str | None = None, sop_instance_uid: str | None = None
    ) -> Sequence[StoredInstance]:
        """Return the current version of every instance of a study, series or instance.

        Raises UnknownError if there is none, GoneError if it is deleted.
        """
        found = self._index.instances(study_uid, series_uid, sop_instance_uid=sop_instance_uid)
        if not found:
            raise self._not_found(study_uid, series_uid, sop_instance_uid)
        return found

    def instance(self, study_uid: str, series_uid: str, sop_instance_uid: str) -> StoredInstance:
        """Return the current version of one instance.

        Reports and links outlive series, which are split and corrected, while the UID of the
        instance is its own for ever. So it is also found under a series UID that nothing here has
        or has had, but never under that of another series, and never in another study.

        Raises UnknownError, GoneError.
        """
        found = [
            instance
            for instance in self._lookup.instances(sop_instance_uid)
            if instance.study_uid == study_uid
        ]
        for instance in found:
            if instance.series_uid == series_uid:
                return instance
        if not found or self._lookup.knows_series(series_uid):
            raise self._not_found(study_uid, series_uid, sop_instance_uid)
        return found[0]

    def of_study(self, study_uid: str, sop_instance_uid: str) -> StoredInstance:
        """Return an instance of a study, whichever series has it; raises UnknownError."""
        for instance in self._lookup.instances(sop_instance_uid):
            if instance.study_uid == study_uid:
                return instance
        raise self._not_found(study_uid, None, sop_instance_uid)

    def next_in_series(self, instance: StoredInstance, at_most: int) -> Sequence[StoredInstance]:
        """Return the instances that a reader of the series comes to after this one."""
        return self._lookup.next_in_series(instance, at_most)

    def revision(self, study_uid: str, series_uid: str | None = None) -> Sequence[int]:
        """Return numbers that change whenever the instances of a study or series do.

        Raises UnknownError if there is none, GoneError if it is deleted.
        """
        found = self._lookup.revision(study_uid, series_uid)
        if not found:
            raise self._not_found(study_uid, series_uid)
        return found

    def headers(
        self, study_uid: str, series_uid: str | None = None, sop_instance_uid: str | None = None
    ) -> Iterator[StoredHeader]:
        """Return the header of each instance as written at ingest; no object is opened."""
        if series_uid is None or sop_instance_uid is None:
            return self._lookup.headers(study_uid, series_uid)
        found = self._lookup.header(study_uid, series_uid, sop_instance_uid)
        return iter([found] if found is not None else [])

    def metadata(
        self, study_uid: str, series_uid: str | None = None, sop_instance_uid: str | None = None
    ) -> Iterator[bytes]:
        """Yield the zlib-compressed DICOM JSON object of each instance, as written at ingest.

        Raises UnknownError if there is none; no pixel object is opened.
        """
        found = self._index.metadata(study_uid, series_uid, sop_instance_uid=sop_instance_uid)
        first = next(found, None)
        if first is None:
            raise self._not_found(study_uid, series_uid, sop_instance_uid)
        return itertools.chain((first,), found)

    def data_set(self, instance: StoredInstance) -> Iterator[bytes]:
        """Return the data set byte for byte as it was received, without file meta information.

        Raises CorruptError at its end if the object is not as long as it was stored, so that a
        part is never taken for the whole.
        """
        start = instance.data_set_offset
        return self._whole(instance, start, instance.size - start)

    def part10(self, instance: StoredInstance) -> Iterator[bytes]:
        """Yield a Part 10 file (PS3.10 7.1): our file meta information, then the data set as sent."""
        return itertools.chain((_file_meta(instance),), self.data_set(instance))

    def part10_size(self, instance: StoredInstance) -> int:
        """Return the bytes of `part10`."""
        return len(_file_meta(instance)) + instance.size - instance.data_set_offset

    def part10_range(self, instance: StoredInstance, offset: int, length: int) -> Iterator[bytes]:
        """Yield `length` bytes from `offset` of `part10`."""
        head = _file_meta(instance)
        if offset < len(head):
            start = head[offset : offset + length]
            yield start
            offset, length = offset + len(start), length - len(start)
        if length:
            place = instance.data_set_offset + offset - len(head)
            yield from self._whole(instance, place, length)

    def header(self, instance: StoredInstance) -> bytes:
        """Return a Part 10 file that ends where the value of Pixel Data would begin.

        A deflated data set comes back inflated, in Explicit VR Little Endian.
        """
        head = meta.encode(
            sop_class_uid=instance.sop_class_uid,
            sop_instance_uid=instance.sop_instance_uid,
            transfer_syntax_uid=meta.inflated_syntax(instance.transfer_syntax_uid),
        )
        if meta.is_deflated(instance.transfer_syntax_uid):
            data_set = self.inflated(instance)
            end = instance.pixels.offset if instance.pixels else len(data_set)
            return head + data_set[:end]
        start = instance.data_set_offset
        length = instance.pixels.offset - start if instance.pixels else None
        return head + b"".join(self._store.read(instance.object_key, offset=start, length=length))

    def frame(self, instance: StoredInstance, number: int) -> bytes:
        """Return one frame, 1 being the first: native bytes, or its joined fragments.

        Raises UnrenderableError if the instance has no pixels, UnknownError for no such frame.
        """
        if instance.pixels is None:
            raise UnrenderableError("This instance has no pixels.")
        spans = frames.spans(instance.pixels, number)
        if meta.is_deflated(instance.transfer_syntax_uid):
            data_set = self.inflated(instance)
            raw = b"".join(data_set[offset : offset + length] for offset, length in spans)
        else:
            raw = b"".join(
                piece for offset, length in spans for piece in self._whole(instance, offset, length)
            )
        return frames.aligned(instance.pixels, number, raw)

    def _not_found(
        self, study_uid: str, series_uid: str | None, sop_instance_uid: str | None = None
    ) -> UnknownError:
        if self._deletions.hides(study_uid, series_uid, sop_instance_uid):
            return GoneError("This is deleted; an administrator can bring it back.")
        return UnknownError("No such study, series or instance is kept here.")

    def _whole(self, instance: StoredInstance, offset: int, length: int) -> Iterator[bytes]:
        missing = length
        for piece in self._store.read(instance.object_key, offset=offset, length=length):
            missing -= len(piece)
            yield piece
        if missing:
            raise CorruptError("A stored object is not as long as it was when it was stored.")

    def inflated(self, instance: StoredInstance) -> bytes:
        """Return a deflated data set in Explicit VR Little Endian (PS3.5 A.5)."""
        return deflate.inflate(
            self.data_set(instance), max_bytes=self._max_inflated_bytes, max_ratio=None
        )


def _file_meta(instance: StoredInstance) -> bytes:
    return meta.encode(
        sop_class_uid=instance.sop_class_uid,
        sop_instance_uid=instance.sop_instance_uid,
        transfer_syntax_uid=instance.transfer_syntax_uid,
    )
