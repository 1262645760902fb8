"""Deleting as a marked, reversible act (docs/design/0010-deletion.md).

Invariant: no byte is ever removed. Each act is first written to the object store, beside the
objects it is about, and then marks the index; the index alone decides what is shown.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import structlog
from ulid import ULID

from pacs_gateway.archive.keeping import keep
from pacs_gateway.audit import acts
from pacs_gateway.audit.acts import Who
from pacs_gateway.errors import GoneError, UnknownError
from storage import deletions
from storage.index import Index
from storage.objects import ObjectStore
from storage.records import StoredInstance, utc_now

ACTS_PREFIX = "v1-deletions/"
"""Where acts are kept; their names are ULIDs, so they list in the order of time."""
DELETE, RESTORE, SENT_AGAIN = "delete", "restore", "sent again"

_NO_SUCH = "There has been no such deletion."

_log = structlog.get_logger(__name__)


class Deletion:
    """Hides studies, series and instances, and shows them again."""

    def __init__(
        self, index: Index, marks: deletions.Deletions, store: ObjectStore, *, scratch: Path
    ) -> None:
        self._index = index
        self._marks = marks
        self._store = store
        self._scratch = scratch

    def delete(
        self,
        study_uid: str,
        series_uid: str | None,
        sop_instance_uid: str | None,
        *,
        by: Who,
        reason: str,
    ) -> deletions.Deletion:
        """Hide what is kept now of a study, series or instance.

        Raises UnknownError if there is nothing, GoneError if it is deleted already.
        """
        found = self._index.instances(study_uid, series_uid, sop_instance_uid=sop_instance_uid)
        if not found:
            if self._marks.hides(study_uid, series_uid, sop_instance_uid):
                raise GoneError("This is deleted already.")
            raise UnknownError("No such study, series or instance is kept here.")
        deletion = deletions.Deletion(
            id=str(ULID()),
            study_uid=study_uid,
            series_uid=series_uid,
            sop_instance_uid=sop_instance_uid,
            number_of_instances=len(found),
            reason=reason,
            deleted_by=by.name,
            deleted_at=utc_now(),
        )
        keys = [instance.object_key for instance in found]
        self._write(
            deletion.id,
            DELETE,
            keys,
            at=deletion.deleted_at,
            by=by.name,
            reason=reason,
            study=study_uid,
            series=series_uid,
            instance=sop_instance_uid,
        )
        entry = acts.deleted(
            by,
            study_uid=study_uid,
            patient_id=self._index.patient_id(study_uid),
            instances=len(found),
            deletion=deletion.id,
            reason=reason,
        )
        marked = self._marks.mark(deletion, set(keys), entry)
        if not marked:
            raise GoneError("This was deleted by somebody else just now.")
        _log.info("deleted", deletion=deletion.id, instances=marked)
        return replace(deletion, number_of_instances=marked)

    def restore(self, deletion_id: str, *, by: Who) -> deletions.Deletion:
        """Show again what a deletion hides; doing it twice does no harm.

        Raises UnknownError if there has been no such deletion.
        """
        found = self._marks.one(_number_of(deletion_id))
        if found is None:
            raise UnknownError(_NO_SUCH)
        keys = self._marks.keys(found.id)
        if not keys:
            return found
        at = utc_now()
        self._write(str(ULID()), RESTORE, keys, at=at, by=by.name, deletion=found.id)
        entry = acts.restored(
            by,
            study_uid=found.study_uid,
            patient_id=self._index.patient_id(found.study_uid),
            instances=len(keys),
            deletion=found.id,
        )
        shown = self._marks.take_back(found.id, by=by.name, at=at, entry=entry)
        _log.info("restored", deletion=found.id, instances=shown)
        return self._marks.one(found.id) or found

    def revive(self, sent_again: Sequence[StoredInstance]) -> None:
        """Show deleted instances that a sender has just been told are stored."""
        if not sent_again:
            return
        keys = [instance.object_key for instance in sent_again]
        self._write(str(ULID()), SENT_AGAIN, keys, at=utc_now())
        shown = self._marks.revive(sent_again)
        _log.warning("deleted instances were sent again and are shown", instances=shown)

    def listed(self, *, limit: int, offset: int) -> tuple[Sequence[deletions.Deletion], int]:
        """Return deletions, the newest first, and how many there are."""
        return self._marks.listed(limit=limit, offset=offset), self._marks.count()

    def _write(
        self, name: str, act: str, objects: Sequence[str], *, at: datetime, **more: str | None
    ) -> None:
        """Keep an act durably: of each object, the last act that names it says if it is shown."""
        record = {"act": act, "at": at.isoformat(), **more, "objects": objects}
        content = json.dumps(record, ensure_ascii=False).encode("utf-8")
        keep(self._store, f"{ACTS_PREFIX}{name}.json", content, scratch=self._scratch)


def _number_of(deletion_id: str) -> str:
    """Return the number if it can be one: PostgreSQL does not take every text."""
    try:
        return str(ULID.from_str(deletion_id))
    except ValueError as error:
        raise UnknownError(_NO_SUCH) from error
