"""Deletions in the index: marks on instances, each of which can be taken back.

Invariant: a deletion hides exactly the instances it marked, and taking it back shows exactly
those again that nothing has taken the place of; counts are right after either.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, exists, func, select, update

from storage import counting, schema
from storage.auditlog import Entry, append
from storage.database import Engine, reading, writing
from storage.index import VARIABLES_AT_ONCE
from storage.records import StoredInstance

_instances, _series, _studies = schema.instances.c, schema.series.c, schema.studies.c
_deletions = schema.deletions
_FROM = schema.instances.join(schema.series).join(schema.studies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """What somebody deleted, and who took it back."""

    id: str
    """A ULID, which orders deletions by time."""
    study_uid: str
    series_uid: str | None
    """None: the whole study."""
    sop_instance_uid: str | None
    number_of_instances: int
    """What it hid when it was made."""
    reason: str
    deleted_by: str
    deleted_at: datetime
    restored_by: str | None = None
    restored_at: datetime | None = None


class _Study(NamedTuple):
    id: int
    patient_id: int


class Deletions:
    """The deletions of one index; safe to use from many threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def mark(self, deletion: Deletion, object_keys: Collection[str], entry: Entry | None) -> int:
        """Hide the current instances of a study whose objects have these keys, and note who did it.

        The audit trail gets `entry`, if there is one. Returns how many that were. If none is left to hide, nothing is noted.
        """
        with writing(self._engine) as connection:
            studies = _take_turns(connection, {deletion.study_uid})
            shown = connection.execute(
                select(_instances.id, _instances.series_id, _instances.object_key)
                .select_from(_FROM)
                .where(_studies.StudyInstanceUID == deletion.study_uid, _instances.current)
            )
            # By their numbers: there is no index of keys, and thousands may be deleted at once.
            marked = [row for row in shown if row.object_key in object_keys]
            if not marked:
                return 0
            noted = {**_row_of(deletion), "number_of_instances": len(marked)}
            (study,) = studies
            connection.execute(_deletions.insert().values(patient_id=study.patient_id, **noted))
            for start in range(0, len(marked), VARIABLES_AT_ONCE):
                some = [row.id for row in marked[start : start + VARIABLES_AT_ONCE]]
                connection.execute(
                    update(schema.instances)
                    .where(_instances.id.in_(some))
                    .values(current=False, deletion_id=deletion.id)
                )
            _recount(connection, {row.series_id for row in marked}, studies)
            if entry is not None:
                append(connection, entry)
            return len(marked)

    def take_back(self, deletion_id: str, *, by: str, at: datetime, entry: Entry | None) -> int:
        """Show what a deletion still hides; return how many it hid, 0 if there is no such.

        The audit trail gets `entry`, if there is one.
        """
        found = self.one(deletion_id)
        if found is None:
            return 0
        with writing(self._engine) as connection:
            studies = _take_turns(connection, {found.study_uid})
            hidden = _show(connection, studies, [_instances.deletion_id == deletion_id])
            connection.execute(
                update(_deletions)
                .where(_deletions.c.id == deletion_id, _deletions.c.restored_at.is_(None))
                .values(restored_by=by, restored_at=at)
            )
            if hidden and entry is not None:
                append(connection, entry)
            return hidden

    def revive(self, versions: Collection[StoredInstance]) -> int:
        """Show versions again whose place is empty; return how many were hidden."""
        with writing(self._engine) as connection:
            studies = _take_turns(connection, {each.study_uid for each in versions})
            return sum(
                _show(
                    connection,
                    studies,
                    [
                        _instances.SOPInstanceUID == each.sop_instance_uid,
                        _instances.object_key == each.object_key,
                    ],
                )
                for each in versions
            )

    def keys(self, deletion_id: str) -> Sequence[str]:
        """Return the keys of the objects that a deletion hides now."""
        query = select(_instances.object_key).where(_instances.deletion_id == deletion_id)
        with reading(self._engine) as connection:
            return connection.scalars(query.order_by(_instances.id)).all()

    def one(self, deletion_id: str) -> Deletion | None:
        """Return one deletion."""
        with reading(self._engine) as connection:
            row = connection.execute(
                select(_deletions).where(_deletions.c.id == deletion_id)
            ).first()
        return _deletion_of(row) if row is not None else None

    def listed(self, *, limit: int, offset: int) -> Sequence[Deletion]:
        """Return deletions, the newest first."""
        query = select(_deletions).order_by(_deletions.c.id.desc()).limit(limit).offset(offset)
        with reading(self._engine) as connection:
            return [_deletion_of(row) for row in connection.execute(query)]

    def count(self) -> int:
        """Return how many deletions there have been."""
        with reading(self._engine) as connection:
            return int(connection.execute(select(func.count(_deletions.c.id))).scalar_one())

    def hides(
        self, study_uid: str, series_uid: str | None = None, sop_instance_uid: str | None = None
    ) -> bool:
        """Return whether something of a study, series or instance is hidden now."""
        wanted = [_studies.StudyInstanceUID == study_uid, _instances.deletion_id.is_not(None)]
        if series_uid is not None:
            wanted.append(_series.SeriesInstanceUID == series_uid)
        if sop_instance_uid is not None:
            wanted.append(_instances.SOPInstanceUID == sop_instance_uid)
        query = select(_instances.id).select_from(_FROM).where(*wanted).limit(1)
        with reading(self._engine) as connection:
            return connection.execute(query).first() is not None


def _take_turns(connection: Connection, study_uids: Collection[str]) -> Sequence[_Study]:
    """Wait until nobody else changes these studies, and return them.

    Committers wait here too, in the same order (storage/indexing.py): before anything is read,
    or two versions could become current at once.
    """
    query = (
        select(_studies.id, _studies.patient_id)
        .where(_studies.StudyInstanceUID.in_(study_uids))
        .order_by(_studies.StudyInstanceUID)
        .with_for_update()
    )
    return [_Study(*row) for row in connection.execute(query)]


def _show(
    connection: Connection, studies: Sequence[_Study], which: Sequence[ColumnElement[bool]]
) -> int:
    """Show instances that are hidden; return how many were.

    At most one of a place may be among them. One whose place is taken by now stays a further
    version, and the study is to be looked at; so is one whose patient is another by now.
    """
    hidden = connection.execute(
        select(_instances.id, _instances.series_id, _deletions.c.patient_id, _series.study_id)
        .select_from(_FROM.outerjoin(_deletions, _deletions.c.id == _instances.deletion_id))
        .where(*which, ~_instances.current)
    ).all()
    other = schema.instances.alias()
    taken = exists().where(
        other.c.series_id == _instances.series_id,
        other.c.SOPInstanceUID == _instances.SOPInstanceUID,
        other.c.current,
    )
    shown = connection.execute(
        update(schema.instances)
        .where(*which, ~_instances.current, ~taken)
        .values(current=True, deletion_id=None)
    ).rowcount
    marked = (*which, _instances.deletion_id.is_not(None))
    left = connection.execute(
        update(schema.instances).where(*marked).values(deletion_id=None)
    ).rowcount
    patients = {study.id: study.patient_id for study in studies}
    doubtful = {
        row.study_id
        for row in hidden
        if left or row.patient_id not in (None, patients[row.study_id])
    }
    if doubtful:
        connection.execute(
            update(schema.studies).where(_studies.id.in_(doubtful)).values(conflict=True)
        )
    concerned = {row.study_id for row in hidden}
    _recount(
        connection,
        {row.series_id for row in hidden},
        [study for study in studies if study.id in concerned],
    )
    return int(shown + left)


def _recount(
    connection: Connection, series_ids: Collection[int], studies: Sequence[_Study]
) -> None:
    counting.count_series(connection, series_ids)
    for study in studies:
        counting.count_study(connection, study.id)
        counting.name_contents(connection, study.id)


def _row_of(deletion: Deletion) -> dict[str, Any]:
    return {
        "id": deletion.id,
        "StudyInstanceUID": deletion.study_uid,
        "SeriesInstanceUID": deletion.series_uid,
        "SOPInstanceUID": deletion.sop_instance_uid,
        "number_of_instances": deletion.number_of_instances,
        "reason": deletion.reason,
        "deleted_by": deletion.deleted_by,
        "deleted_at": deletion.deleted_at,
    }


def _deletion_of(row: Row[Any]) -> Deletion:
    return Deletion(
        id=row.id,
        study_uid=row.StudyInstanceUID,
        series_uid=row.SeriesInstanceUID,
        sop_instance_uid=row.SOPInstanceUID,
        number_of_instances=row.number_of_instances,
        reason=row.reason,
        deleted_by=row.deleted_by,
        deleted_at=row.deleted_at,
        restored_by=row.restored_by,
        restored_at=row.restored_at,
    )
