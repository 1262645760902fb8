"""Which version of its SOP instance each object becomes.

Invariant: each (series, instance) has one current version, the first that is not deleted, or none
if all are.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select

from storage import schema
from storage.records import InstanceRecord, Outcome


class _Known(NamedTuple):
    series_id: int
    sha256: str
    current: bool
    deleted: bool


class Next(NamedTuple):
    """What becomes of a record."""

    version: int | None
    """The number to give to the record, None if it is there already."""
    outcome: Outcome
    current: bool


class Versions:
    """The versions known of every SOP instance in the batch, the batch's own included."""

    def __init__(self, connection: Connection, records: Sequence[InstanceRecord]) -> None:
        instances, series = schema.instances.c, schema.series.c
        query = (
            select(
                instances.SOPInstanceUID,
                instances.sha256,
                instances.series_id,
                instances.current,
                instances.deletion_id,
                series.study_id,
            )
            .join_from(schema.instances, schema.series)
            .where(instances.SOPInstanceUID.in_({record.sop_instance_uid for record in records}))
        )
        self._known: dict[str, list[_Known]] = {}
        self.studies_of: dict[str, set[int]] = {}
        for row in connection.execute(query):
            known = _Known(row.series_id, row.sha256, row.current, row.deletion_id is not None)
            self._known.setdefault(row.SOPInstanceUID, []).append(known)
            if not known.deleted:
                self.studies_of.setdefault(row.SOPInstanceUID, set()).add(row.study_id)

    def next(self, study_id: int, series_id: int, record: InstanceRecord) -> Next:
        """Return what becomes of a record."""
        known = self._known.setdefault(record.sop_instance_uid, [])
        if any((each.series_id, each.sha256) == (series_id, record.sha256) for each in known):
            return Next(None, Outcome.SAME, current=False)
        # What was deleted is no reason to doubt what comes in its place.
        outcome = Outcome.ADDED if all(each.deleted for each in known) else Outcome.CONFLICT
        here = [each for each in known if each.series_id == series_id]
        current = not any(each.current for each in here)
        known.append(_Known(series_id, record.sha256, current, deleted=False))
        self.studies_of.setdefault(record.sop_instance_uid, set()).add(study_id)
        return Next(1 + len(here), outcome, current)
