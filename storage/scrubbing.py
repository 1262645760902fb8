"""How far the round is in which every object is read again, and what it found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage import schema
from storage.database import Engine, reading, writing

_scrub, _faults = schema.scrub, schema.scrub_faults
_ROW = 1


@dataclass(frozen=True, slots=True)
class Round:
    """Where reading goes on."""

    after: str
    """SOP Instance UID of the last instance that was read; empty at the start."""
    checked: int


@dataclass(frozen=True, slots=True)
class Spoiled:
    """One object that is not as it was stored."""

    key: str
    fault: str
    found_at: datetime


@dataclass(frozen=True, slots=True)
class ScrubReport:
    """What a person should know about it."""

    started_at: datetime | None
    """None: no object was read yet."""
    checked: int
    """Objects read in the round that is going on."""
    finished_at: datetime | None
    """When the last whole round ended."""
    faults: int


class Scrub:
    """The state, in the database, so that any host may go on after a restart."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self, holder: str, *, now: datetime, until: datetime) -> Round | None:
        """Take or keep the right to read, one process at a time; None if another has it."""
        with writing(self._engine) as connection:
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            connection.execute(
                dialect.insert(_scrub)
                .values(id=_ROW, started_at=now, after_key="", checked=0, holder="", held_until=now)
                .on_conflict_do_nothing(index_elements=["id"])
            )
            row = connection.execute(
                update(_scrub)
                .where(
                    _scrub.c.id == _ROW,
                    or_(_scrub.c.holder == holder, _scrub.c.held_until <= now),
                )
                .values(holder=holder, held_until=until)
                .returning(_scrub.c.after_key, _scrub.c.checked)
            ).first()
        return Round(row.after_key, row.checked) if row is not None else None

    def advance(
        self, read: Sequence[str], spoiled: Iterable[Spoiled], *, after: str
    ) -> Sequence[Spoiled]:
        """Note that some objects were read; return those whose fault was not known before."""
        found = {each.key: each for each in spoiled}
        with writing(self._engine) as connection:
            known = set(
                connection.scalars(
                    select(_faults.c.object_key).where(_faults.c.object_key.in_(read))
                )
            )
            connection.execute(
                delete(_faults).where(_faults.c.object_key.in_(known - found.keys()))
            )
            new = [each for key, each in found.items() if key not in known]
            if new:
                rows = [
                    {"object_key": each.key, "fault": each.fault, "found_at": each.found_at}
                    for each in new
                ]
                connection.execute(_faults.insert(), rows)
            connection.execute(
                update(_scrub)
                .where(_scrub.c.id == _ROW)
                .values(after_key=after, checked=_scrub.c.checked + len(read))
            )
        return new

    def finish(self, now: datetime) -> None:
        """Begin the next round."""
        with writing(self._engine) as connection:
            connection.execute(
                update(_scrub)
                .where(_scrub.c.id == _ROW)
                .values(after_key="", checked=0, started_at=now, finished_at=now)
            )

    def report(self) -> ScrubReport:
        """Return how far it is."""
        with reading(self._engine) as connection:
            row = connection.execute(select(_scrub).where(_scrub.c.id == _ROW)).first()
            faults = connection.execute(select(func.count(_faults.c.object_key))).scalar_one()
        if row is None:
            return ScrubReport(None, 0, None, int(faults))
        return ScrubReport(row.started_at, row.checked, row.finished_at, int(faults))

    def spoiled(self, limit: int) -> Sequence[Spoiled]:
        """Return the faults that are known, the newest first."""
        query = select(_faults).order_by(_faults.c.found_at.desc(), _faults.c.object_key)
        with reading(self._engine) as connection:
            return [Spoiled(*row) for row in connection.execute(query.limit(limit))]
