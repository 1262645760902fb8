"""Single studies that somebody may see, beyond what their role and ward reach."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from storage import schema
from storage.database import Connection, Engine, reading, writing

_grants = schema.grants


class Grants:
    """The grants of one index; every method may raise UnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def give(self, holder: str, study_uids: Collection[str], at: datetime) -> None:
        """Let a holder (`user:NAME`, `guest:ID`) see studies, whether they are kept yet or not."""
        with writing(self._engine) as connection:
            give(connection, holder, study_uids, at)

    def of(self, holder: str) -> Sequence[str]:
        """Return the UIDs of the studies that were granted to a holder, ascending."""
        query = select(_grants.c.StudyInstanceUID).where(_grants.c.holder == holder)
        with reading(self._engine) as connection:
            return connection.scalars(query.order_by(_grants.c.StudyInstanceUID)).all()

    def take_back(self, holder: str, study_uids: Collection[str] | None = None) -> None:
        """Take back these studies, or without any named, all that were granted to a holder."""
        which = _grants.c.holder == holder
        if study_uids is not None:
            which &= _grants.c.StudyInstanceUID.in_(study_uids)
        with writing(self._engine) as connection:
            connection.execute(delete(_grants).where(which))


def give(connection: Connection, holder: str, study_uids: Collection[str], at: datetime) -> None:
    """Grant studies in the transaction of something else."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    for study_uid in study_uids:
        row = {"holder": holder, "StudyInstanceUID": study_uid, "granted_at": at}
        connection.execute(dialect.insert(_grants).values(row).on_conflict_do_nothing())
