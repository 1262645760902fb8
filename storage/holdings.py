"""What the index says is in the object store: keys, digests and sizes, a page at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select

from storage import schema
from storage.database import Engine, reading

ROWS_AT_ONCE = 500
_instances = schema.instances.c


@dataclass(frozen=True, slots=True)
class Holding:
    """One object that the index knows."""

    key: str
    sha256: str
    size: int
    sop_instance_uid: str


class Holdings:
    """Every version of every instance, deleted or not; no transaction is held between pages."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def count(self, study_uid: str | None = None) -> int:
        """Return how many objects there should be."""
        with reading(self._engine) as connection:
            query = _of_study(select(func.count(_instances.id)), study_uid)
            return int(connection.execute(query).scalar_one())

    def size(self) -> int:
        """Return how many bytes they should have."""
        with reading(self._engine) as connection:
            return int(connection.execute(select(func.sum(_instances.size))).scalar() or 0)

    def all(self, study_uid: str | None = None) -> Iterator[Sequence[Holding]]:
        """Yield pages in the order of SOP Instance UIDs."""
        after = ""
        while page := self.after(after, limit=ROWS_AT_ONCE, study_uid=study_uid):
            yield page
            after = page[-1].sop_instance_uid

    def after(
        self, sop_instance_uid: str, *, limit: int, study_uid: str | None = None
    ) -> Sequence[Holding]:
        """Return the next objects; all versions of an instance come together, beyond `limit` too."""
        uids = (
            _of_study(select(_instances.SOPInstanceUID), study_uid)
            .where(_instances.SOPInstanceUID > sop_instance_uid)
            .order_by(_instances.SOPInstanceUID)
            .limit(limit)
            .subquery()
        )
        last = select(func.max(uids.c.SOPInstanceUID)).scalar_subquery()
        query = _of_study(_COLUMNS, study_uid).where(
            _instances.SOPInstanceUID > sop_instance_uid, _instances.SOPInstanceUID <= last
        )
        return self._found(query.order_by(_instances.SOPInstanceUID, _instances.id))

    def named(self, sop_instance_uids: Sequence[str]) -> dict[str, Holding]:
        """Return the objects of instances by their keys; at most `ROWS_AT_ONCE` UIDs."""
        query = _COLUMNS.where(_instances.SOPInstanceUID.in_(sop_instance_uids))
        return {each.key: each for each in self._found(query)}

    def _found(self, query: Select[Any]) -> Sequence[Holding]:
        with reading(self._engine) as connection:
            return [Holding(*row) for row in connection.execute(query)]


_COLUMNS = select(
    _instances.object_key, _instances.sha256, _instances.size, _instances.SOPInstanceUID
)


def _of_study(query: Select[Any], study_uid: str | None) -> Select[Any]:
    if study_uid is None:
        return query
    return (
        query.join_from(schema.instances, schema.series)
        .join(schema.studies)
        .where(schema.studies.c.StudyInstanceUID == study_uid)
    )
