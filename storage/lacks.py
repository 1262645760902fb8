"""Images that devices say they have made or sent, and that are not here.

Invariant: a row says what was missing at `looked_at`; once its study has got something since, it
is looked at again, and is gone when nothing is missing any more.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from storage import schema
from storage.database import Connection, Engine, reading, writing
from storage.records import DicomJson

NO_SUCH_INSTANCE = 0x0112
"""Failure Reason of a commitment (PS3.3 C.14.1.1)."""
MPPS, COMMITMENT = "mpps", "commitment"
"""Kinds of causes."""
_AT_ONCE = 500

_lacks, _steps, _studies = schema.study_lacks, schema.performed_steps, schema.studies
_requests, _items = schema.commitments, schema.commitment_items
_ENDED = ("COMPLETED", "DISCONTINUED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """Images that one device tells of and that are not here."""

    cause: str
    """`mpps UID` or `commitment NUMBER`."""
    study_uid: str
    """Empty: nothing that came tells."""
    ae_title: str
    missing: int
    looked_at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """What a device told of: in the attributes of an MPPS, or as a list of SOP Instance UIDs."""

    study_uid: str
    ae_title: str
    instances: Sequence[str]
    attributes: DicomJson


class Lacks:
    """The missing images of one database; every method may raise UnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, study_uids: Collection[str]) -> Mapping[str, Sequence[Lack]]:
        """Return what is missing of studies, by Study Instance UID."""
        found: dict[str, list[Lack]] = {}
        query = select(_lacks).where(_lacks.c.StudyInstanceUID.in_(study_uids))
        with reading(self._engine) as connection:
            for row in connection.execute(query.order_by(_lacks.c.cause)):
                found.setdefault(row.StudyInstanceUID, []).append(
                    Lack(
                        cause=row.cause,
                        study_uid=row.StudyInstanceUID,
                        ae_title=row.ae_title,
                        missing=row.missing,
                        looked_at=row.looked_at,
                    )
                )
        return found

    def causes(self, *, since: datetime, stale: datetime, limit: int) -> Sequence[str]:
        """Return what is to be looked at: what ended since some moment, and what may be mended.

        Rows without a study are looked at again once they are older than `stale`.
        """
        steps = (
            select(_steps.c.SOPInstanceUID)
            .where(_steps.c.state.in_(_ENDED), _steps.c.changed_at >= since)
            .order_by(_steps.c.changed_at)
        )
        failed = select(_items.c.commitment_id).where(_items.c.outcome == NO_SUCH_INSTANCE)
        requests = (
            select(_requests.c.id)
            .where(_requests.c.decided_at >= since, _requests.c.id.in_(failed))
            .order_by(_requests.c.decided_at)
        )
        mended = (
            select(_lacks.c.cause)
            .outerjoin_from(
                _lacks, _studies, _studies.c.StudyInstanceUID == _lacks.c.StudyInstanceUID
            )
            .where(or_(_studies.c.last_received > _lacks.c.looked_at, _lacks.c.looked_at < stale))
            .order_by(_lacks.c.looked_at)
        )
        with reading(self._engine) as connection:
            found = [f"{MPPS} {uid}" for uid in connection.scalars(steps.limit(limit))]
            found += [f"{COMMITMENT} {each}" for each in connection.scalars(requests.limit(limit))]
            found += connection.scalars(mended.limit(limit))
        return list(dict.fromkeys(found))

    def told(self, cause: str) -> Told | None:
        """Return what a device told of, None if that is forgotten by now."""
        kind, _, name = cause.partition(" ")
        with reading(self._engine) as connection:
            if kind == MPPS:
                this = select(_steps).where(_steps.c.SOPInstanceUID == name)
                step = connection.execute(this).first()
                if step is None:
                    return None
                attributes = json.loads(step.attributes)
                return Told(step.StudyInstanceUID, step.ae_title, (), attributes)
            number = int(name)
            requester = connection.execute(
                select(_requests.c.requester).where(_requests.c.id == number)
            ).scalar()
            if requester is None:
                return None
            named = select(_items.c.SOPInstanceUID).where(_items.c.commitment_id == number)
            uids = list(connection.scalars(named))
            return Told("", requester.partition(":")[2], uids, {})

    def here(self, uids: Sequence[str]) -> Mapping[str, str]:
        """Return those of the instances that are here or were deleted, with their studies."""
        columns = schema.instances.c.SOPInstanceUID, _studies.c.StudyInstanceUID
        of_all = schema.instances.join(schema.series).join(_studies)
        found: dict[str, str] = {}
        with reading(self._engine) as connection:
            for start in range(0, len(uids), _AT_ONCE):
                these = columns[0].in_(uids[start : start + _AT_ONCE])
                query = select(*columns).select_from(of_all).where(these)
                found |= {row[0]: row[1] for row in connection.execute(query)}
        return found

    def keep(self, lack: Lack) -> None:
        """Write what is missing; nothing missing is no row."""
        with writing(self._engine) as connection:
            if not lack.missing:
                connection.execute(delete(_lacks).where(_lacks.c.cause == lack.cause))
                return
            _write(connection, lack)

    def forget(self, cause: str) -> None:
        """Remove what nobody tells of any more."""
        with writing(self._engine) as connection:
            connection.execute(delete(_lacks).where(_lacks.c.cause == cause))


def _write(connection: Connection, lack: Lack) -> None:
    row = {
        "cause": lack.cause,
        "StudyInstanceUID": lack.study_uid,
        "ae_title": lack.ae_title,
        "missing": lack.missing,
        "looked_at": lack.looked_at,
    }
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(_lacks).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=["cause"], set_=row))
