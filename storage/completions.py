"""Studies to which nothing more came, and what was seen then.

Invariant: a completion counts only while it is newer than the study's last image, so that a late
one opens the study again without a second write.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from storage import schema
from storage.database import Engine, reading, writing
from storage.outbox import Work, put

Gaps = Mapping[str, Sequence[tuple[int, int]]]
"""First and last of the missing instance numbers, by Series Instance UID."""

_completions, _studies = schema.completions, schema.studies


@dataclass(frozen=True, slots=True)
class Completion:
    """One study as it was when nothing more came."""

    study_uid: str
    completed_at: datetime
    number_of_instances: int
    gaps: Gaps


class Completions:
    """The complete studies of one database; every method may raise UnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note(self, completion: Completion, followers: Collection[str]) -> None:
        """Note that a study is complete, and that work of each of these kinds follows from it."""
        study_uid, at = completion.study_uid, completion.completed_at
        row = {
            "StudyInstanceUID": study_uid,
            "completed_at": at,
            "number_of_instances": completion.number_of_instances,
            "gaps": json.dumps(completion.gaps),
        }
        with writing(self._engine) as connection:
            same = _completions.c.StudyInstanceUID == study_uid
            connection.execute(delete(_completions).where(same))
            connection.execute(_completions.insert(), row)
            for kind in followers:
                payload = {"study": study_uid, "completed_at": at.isoformat()}
                key = f"{kind} {study_uid}"
                work = Work(kind=kind, about=study_uid, due_at=at, payload=payload, key=key)
                put(connection, work, now=at)

    def gaps(self, study_uids: Collection[str]) -> Mapping[str, Gaps]:
        """Return the gaps of those of the studies that are complete but for these."""
        query = (
            select(_completions.c.StudyInstanceUID, _completions.c.gaps)
            .join_from(
                _completions,
                _studies,
                _studies.c.StudyInstanceUID == _completions.c.StudyInstanceUID,
            )
            .where(
                _completions.c.StudyInstanceUID.in_(study_uids),
                _completions.c.completed_at >= _studies.c.last_received,
                _completions.c.gaps != "{}",
            )
        )
        with reading(self._engine) as connection:
            return {uid: json.loads(gaps) for uid, gaps in connection.execute(query)}

    def of(self, study_uid: str) -> Completion | None:
        """Return what was seen of a study, None if it is not known or images came since."""
        query = (
            select(_completions)
            .join_from(
                _completions,
                _studies,
                _studies.c.StudyInstanceUID == _completions.c.StudyInstanceUID,
            )
            .where(
                _completions.c.StudyInstanceUID == study_uid,
                _completions.c.completed_at >= _studies.c.last_received,
            )
        )
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        gaps = {
            series: [(first, last) for first, last in ranges]
            for series, ranges in json.loads(row.gaps).items()
        }
        return Completion(row.StudyInstanceUID, row.completed_at, row.number_of_instances, gaps)
