"""Counts of what came, what is incomplete and what nobody has looked at: for people in charge."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select

from storage import schema
from storage.database import Engine, reading
from storage.outbox import State

_studies, _completions, _lacks = schema.studies.c, schema.completions.c, schema.study_lacks.c
_waiting, _outbox = schema.unmatched_studies.c, schema.outbox.c
NO_GAPS = "{}"


@dataclass(frozen=True, slots=True)
class OutboxState:
    """What has yet to happen."""

    numbers: Mapping[tuple[str, str], int]
    """By kind and state; of unfinished work only."""
    oldest_due: datetime | None
    """Since when the first of what is due waits; None if nothing is."""

    def stuck(self) -> int:
        """Return how much waits for a person."""
        return sum(n for (_, state), n in self.numbers.items() if state == State.STUCK)


class Overdue:
    """Counts over one database; every method may raise UnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def unread(self, *, since: datetime, before: datetime) -> int:
        """Count the studies that came within a time and that no radiologist has opened."""
        return self._count(
            _studies.read_at.is_(None),
            _studies.last_received >= since,
            _studies.last_received < before,
            _studies.number_of_instances > 0,
        )

    def unmatched(self, *, before: datetime) -> int:
        """Count the studies that have waited for an order since before some moment."""
        query = (
            select(func.count())
            .select_from(schema.unmatched_studies)
            .where(_waiting.settled_at.is_(None), _waiting.arrived_at < before)
        )
        with reading(self._engine) as connection:
            return int(connection.execute(query).scalar_one())

    def incomplete(self, *, since: datetime, before: datetime) -> int:
        """Count the studies that came within a time and in which images seem to be missing."""
        with_gaps = select(_completions.StudyInstanceUID).where(
            _completions.gaps != NO_GAPS, _completions.completed_at >= _studies.last_received
        )
        lacking = select(_lacks.StudyInstanceUID)
        return self._count(
            _studies.last_received >= since,
            _studies.last_received < before,
            _studies.number_of_instances > 0,
            or_(_studies.StudyInstanceUID.in_(with_gaps), _studies.StudyInstanceUID.in_(lacking)),
        )

    def lost(self) -> int:
        """Count the images that devices wanted kept, of studies of which nothing ever came."""
        query = select(func.coalesce(func.sum(_lacks.missing), 0)).where(
            _lacks.StudyInstanceUID == ""
        )
        with reading(self._engine) as connection:
            return int(connection.execute(query).scalar_one())

    def arrived(self, *, since: datetime, before: datetime) -> Mapping[str, int]:
        """Count the studies that first came within a time, by modality."""
        query = select(_studies.modalities).where(
            _studies.first_received >= since,
            _studies.first_received < before,
            _studies.number_of_instances > 0,
        )
        found: Counter[str] = Counter()
        with reading(self._engine) as connection:
            for joined in connection.scalars(query):
                found.update(value for value in joined.split("\\") if value)
        return dict(found)

    def studies(self, *, since: datetime, before: datetime) -> int:
        """Count the studies that first came within a time."""
        return self._count(
            _studies.first_received >= since,
            _studies.first_received < before,
            _studies.number_of_instances > 0,
        )

    def outbox(self, now: datetime) -> OutboxState:
        """Return what has yet to happen, and since when it is due."""
        unfinished = (State.WAITING, State.HANDED, State.STUCK)
        counted = (
            select(_outbox.kind, _outbox.state, func.count())
            .where(_outbox.state.in_(unfinished))
            .group_by(_outbox.kind, _outbox.state)
        )
        oldest = select(func.min(_outbox.due_at)).where(
            _outbox.state == State.WAITING, _outbox.due_at <= now
        )
        with reading(self._engine) as connection:
            numbers = {(kind, state): n for kind, state, n in connection.execute(counted)}
            return OutboxState(numbers, connection.execute(oldest).scalar())

    def _count(self, *conditions: ColumnElement[bool]) -> int:
        query = select(func.count()).select_from(schema.studies).where(*conditions)
        with reading(self._engine) as connection:
            return int(connection.execute(query).scalar_one())
