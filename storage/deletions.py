"""Deletions in the index: marks on instances, each of which can be taken back.

Invariant: a deletion hides exactly the instances it marked, and taking it back shows exactly
those again that nothing has taken the place of; counts are right after either.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, and_, exists, func, select, update

from storage import counting, schema
from storage.database import Engine, reading, writing
from storage.index import VARIABLES_AT_ONCE

_instances, _series, _studies = schema.instances.c, schema.series.c, schema.studies.c
_deletions = schema.deletions


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
    """Marked when it was made."""
    reason: str
    deleted_by: str
    deleted_at: datetime
    restored_by: str | None = None
    restored_at: datetime | None = None


class Deletions:
    """The deletions of one index."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def mark(self, deletion: Deletion, object_keys: Collection[str]) -> None:
        """Hide the current instances whose objects have these keys, and note who did it."""
        keys = sorted(object_keys)
        with writing(self._engine) as connection:
            connection.execute(_deletions.insert(), [_row_of(deletion)])
            for start in range(0, len(keys), VARIABLES_AT_ONCE):
                some = _instances.object_key.in_(keys[start : start + VARIABLES_AT_ONCE])
                connection.execute(
                    update(schema.instances)
                    .where(some, _instances.current)
                    .values(current=False, deletion_id=deletion.id)
                )
            _recount(connection, _instances.deletion_id == deletion.id)

    def take_back(self, deletion_id: str, *, by: str, at: datetime) -> int | None:
        """Show what a deletion still hides; return how many that were, None if there is no such."""
        with writing(self._engine) as connection:
            if connection.execute(_one(deletion_id)).first() is None:
                return None
            concerned = _series_of(connection, _instances.deletion_id == deletion_id)
            shown = _show(connection, lambda instances: instances.deletion_id == deletion_id)
            _recount_series(connection, concerned)
            connection.execute(
                update(_deletions)
                .where(_deletions.c.id == deletion_id, _deletions.c.restored_at.is_(None))
                .values(restored_by=by, restored_at=at)
            )
            return shown

    def revive(self, object_keys: Collection[str]) -> int:
        """Show instances again whose objects have these keys; return how many were hidden."""
        keys = sorted(object_keys)
        shown = 0
        with writing(self._engine) as connection:
            for start in range(0, len(keys), VARIABLES_AT_ONCE):
                some = keys[start : start + VARIABLES_AT_ONCE]
                concerned = _series_of(connection, _instances.object_key.in_(some))
                shown += _show(connection, partial(_among, some))
                _recount_series(connection, concerned)
        return shown

    def one(self, deletion_id: str) -> Deletion | None:
        """Return one deletion."""
        with reading(self._engine) as connection:
            row = connection.execute(_one(deletion_id)).first()
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
        source = schema.instances.join(schema.series).join(schema.studies)
        query = select(_instances.id).select_from(source).where(*wanted).limit(1)
        with reading(self._engine) as connection:
            return connection.execute(query).first() is not None


def _among(keys: Sequence[str], instances: Any) -> Any:
    return instances.object_key.in_(keys)


def _show(connection: Connection, which: Callable[[Any], Any]) -> int:
    """Take the mark from instances; those whose place is taken stay a further version."""
    other, lower = schema.instances.alias(), schema.instances.alias()
    taken = exists().where(_same_place(other.c), other.c.current)
    # Of several versions that come back together only the lowest becomes current.
    behind = exists().where(
        _same_place(lower.c),
        which(lower.c),
        lower.c.deletion_id.is_not(None),
        lower.c.version < _instances.version,
    )
    marked = (which(_instances), _instances.deletion_id.is_not(None))
    connection.execute(
        update(schema.instances).where(*marked, ~taken, ~behind).values(current=True)
    )
    return int(
        connection.execute(
            update(schema.instances).where(*marked).values(deletion_id=None)
        ).rowcount
    )


def _same_place(other: Any) -> Any:
    return and_(
        other.series_id == _instances.series_id,
        other.SOPInstanceUID == _instances.SOPInstanceUID,
    )


def _series_of(connection: Connection, which: Any) -> Sequence[Any]:
    query = select(_series.id, _series.study_id).distinct()
    return connection.execute(query.join_from(schema.instances, schema.series).where(which)).all()


def _recount(connection: Connection, which: Any) -> None:
    _recount_series(connection, _series_of(connection, which))


def _recount_series(connection: Connection, concerned: Sequence[Any]) -> None:
    studies = sorted({row.study_id for row in concerned})
    # Committers of the same study take turns, always in the same order (storage/indexing.py).
    connection.execute(
        select(_studies.id)
        .where(_studies.id.in_(studies))
        .order_by(_studies.StudyInstanceUID)
        .with_for_update()
    ).all()
    counting.count_series(connection, [row.id for row in concerned])
    for study_id in studies:
        counting.count_study(connection, study_id)
        counting.name_contents(connection, study_id)


def _one(deletion_id: str) -> Any:
    return select(_deletions).where(_deletions.c.id == deletion_id)


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
