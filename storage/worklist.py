"""The worklist: some studies in a chosen order, without ever reading the whole index.

Invariant: however many studies are kept, no question here looks at more than `WALK` of them in the
order of the list, or at those few that another index leads to (storage.narrowing). What was not
looked at is named: the study to go on from. Places in the list are studies, not numbers, so that
nothing is shown twice or left out while it grows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, func, literal, select, tuple_

from storage import schema, search
from storage.narrowing import NARROW, name_fits, narrow, rank_of
from storage.reach import EVERYTHING, Reach
from storage.records import Found, Level, Match

WALK = 10_000
"""Studies that are looked at for those that fit; it takes about 50 ms."""
COUNTED = 1000
"""Nobody turns further pages than these; beyond them there are simply more."""

_studies = schema.studies.c


class Sort(StrEnum):
    """What a list may be in the order of."""

    DATE = "date"
    RECEIVED = "received"
    NAME = "name"
    MODALITY = "modality"


class Status(StrEnum):
    """How far studies have come."""

    RECEIVING = "receiving"
    """Something arrived a moment ago, so more may follow."""
    COMPLETE = "complete"
    UNREAD = "unread"
    READ = "read"
    """A radiologist has opened it, and no image came since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which studies a list has, and in which order."""

    matches: tuple[Match, ...] = ()
    marked_words: tuple[str, ...] = ()
    """Words of a name with their marks, in lower case: whoever has just these comes first."""
    status: Status | None = None
    quiet_since: datetime
    """A study to which something was added later is still arriving."""
    sort: Sort = Sort.DATE
    reverse: bool = False
    """The oldest first, or Z before A."""

    @property
    def ascending(self) -> bool:
        """Whether values grow down the list; the newest comes first, and so does A."""
        return (self.sort in (Sort.NAME, Sort.MODALITY)) is not self.reverse


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a part of the list is; at its top if neither study is given."""

    after: str = ""
    """Study Instance UID of what comes just before the part."""
    before: str = ""
    """Study Instance UID of what comes just after the part."""


@dataclass(frozen=True, slots=True)
class Total:
    """How many studies a list has; at least so many if that is not exact."""

    number: int
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Studies that follow each other in a list."""

    studies: tuple[Found, ...]
    more_before: bool
    more_after: bool
    looked_to: str = ""
    """The study up to which was looked, if there may be others beyond it; else empty."""
    newest_only: bool = False
    """Whether only the newest studies were put in the order that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """What stands around one study of a list, whether it is still in it or not."""

    previous: str
    """Study Instance UID, empty if there is none."""
    next: str
    place: int | None
    """Number of the study in the list, from 1; None far down, or if it is unknown."""
    total: int | None
    """None if there are more than anybody counts."""


class _Walk(NamedTuple):
    query: Select[Any]
    looked_to: str = ""
    newest_only: bool = False


class Worklist:
    """One list within a reach, as one transaction sees it."""

    def __init__(self, connection: Connection, wanted: Wanted, reach: Reach) -> None:
        self._connection = connection
        self._wanted = wanted
        self._reach = reach
        receiving = wanted.status is Status.RECEIVING
        self._few = narrow(
            connection,
            wanted.matches,
            arrived_after=wanted.quiet_since if receiving else None,
            reach=reach,
            by_date=wanted.sort is not Sort.DATE,
        )
        rank = None
        if self._few is not None and wanted.marked_words:
            rank = rank_of(connection, self._few, wanted.marked_words, ascending=wanted.ascending)
        self._keys = _keys(wanted.sort, rank)

    def part(
        self, columns: Sequence[Any], found: Callable[[Row[Any]], Found], *, place: Place, size: int
    ) -> Part:
        """Return up to `size` studies at a place."""
        backwards = bool(place.before)
        start = self._standing(place.before or place.after)
        walk = self._walk(columns, start, backwards=backwards)
        rows = self._connection.execute(walk.query.limit(size + 1)).all()
        more, rows = len(rows) > size, rows[:size]
        return Part(
            studies=tuple(map(found, reversed(rows) if backwards else rows)),
            more_before=more if backwards else start is not None,
            more_after=backwards or more,
            looked_to="" if more or backwards else walk.looked_to,
            newest_only=walk.newest_only,
        )

    def next_uid(self, place: Place) -> str:
        """Return the UID of the one study at a place, empty if there is none, or no such place."""
        backwards = bool(place.before)
        start = self._standing(place.before or place.after)
        if start is None:
            return ""
        walk = self._walk([_studies.StudyInstanceUID], start, backwards=backwards)
        return self._connection.execute(walk.query.limit(1)).scalar() or ""

    def total(self) -> Total:
        """Return how many studies there are, counted up to `COUNTED`."""
        return self._count(None, backwards=False)

    def place_of(self, study_uid: str) -> int | None:
        """Return the number of a study in the list, from 1; None far down, or if it is unknown."""
        start = self._standing(study_uid)
        if start is None:
            return None
        before = self._count(start, backwards=True)
        return before.number + 1 if before.exact else None

    def _count(self, start: Sequence[Any] | None, *, backwards: bool) -> Total:
        walk = self._walk([_studies.id], start, backwards=backwards)
        some = walk.query.limit(COUNTED + 1).subquery()
        number = self._connection.execute(select(func.count()).select_from(some)).scalar_one()
        exact = number <= COUNTED and not walk.looked_to and not walk.newest_only
        return Total(min(number, COUNTED), exact=exact)

    def _standing(self, study_uid: str) -> Sequence[Any] | None:
        """Return where a study stands in the order, whether it is in the list or not."""
        if not study_uid:
            return None
        query = select(*self._keys).join_from(schema.studies, schema.patients)
        return self._connection.execute(query.where(_studies.StudyInstanceUID == study_uid)).first()

    def _walk(
        self, columns: Sequence[Any], start: Sequence[Any] | None, *, backwards: bool
    ) -> _Walk:
        ascending = self._wanted.ascending is not backwards
        query = self._fitting(columns)
        looked_to, newest_only = "", False
        if self._few is None and self._wanted.sort in (Sort.NAME, Sort.MODALITY):
            newest, newest_only = self._newest()
            query = query.where(_studies.id.in_(newest))
        elif self._few is None and self._is_filtered():
            looked_to, end = self._end(start, ascending=ascending)
            if end is not None:
                query = query.where(_beyond(self._keys, end, ascending=not ascending, same=True))
        if start is not None:
            query = query.where(_beyond(self._keys, start, ascending=ascending))
        return _Walk(query.order_by(*_ordered(self._keys, ascending)), looked_to, newest_only)

    def _fitting(self, columns: Sequence[Any]) -> Select[Any]:
        names = [each for each in self._wanted.matches if each.keyword == "PatientName"]
        others = [each for each in self._wanted.matches if each.keyword != "PatientName"]
        query = search.conditions(select(*columns), Level.STUDY, others, self._reach)
        for name in names:
            query = query.where(*name_fits(name))
        if self._wanted.status is not None:
            query = query.where(_has_status(self._wanted.status, self._wanted.quiet_since))
        return query if self._few is None else query.where(self._few)

    def _is_filtered(self) -> bool:
        """Return whether the walk meets studies that do not fit."""
        dates = self._dates()
        others = len(self._wanted.matches) > len(dates)
        dated = bool(dates) and self._wanted.sort is not Sort.DATE
        status = self._wanted.status is not None
        return others or dated or status or not self._reach.everything

    def _dates(self) -> list[Match]:
        return [each for each in self._wanted.matches if each.keyword == "StudyDate"]

    def _end(
        self, start: Sequence[Any] | None, *, ascending: bool
    ) -> tuple[str, Sequence[Any] | None]:
        """Return the UID and the standing of the last study that is looked at; None: all are."""
        query = select(_studies.id).order_by(*_ordered(self._keys, ascending))
        if self._wanted.sort is Sort.DATE:
            # Dates bound the walk itself, as they are what the index begins with.
            query = search.conditions(query, Level.STUDY, self._dates(), EVERYTHING)
        if start is not None:
            query = query.where(_beyond(self._keys, start, ascending=ascending))
        last = self._connection.execute(query.limit(1).offset(WALK - 1)).scalar()
        if last is None:
            return "", None
        uid = select(_studies.StudyInstanceUID).where(_studies.id == last)
        study_uid = self._connection.execute(uid).scalar_one()
        return study_uid, self._standing(study_uid)

    def _newest(self) -> tuple[list[int], bool]:
        """Return the newest studies of the list, and whether there are more of them."""
        by_date = replace(self._wanted, sort=Sort.DATE, reverse=False, marked_words=())
        walk = Worklist(self._connection, by_date, self._reach)._walk(
            [_studies.id], None, backwards=False
        )
        ids = list(self._connection.scalars(walk.query.limit(NARROW + 1)))
        return ids[:NARROW], len(ids) > NARROW or bool(walk.looked_to)


def neighbours(worklist: Worklist, study_uid: str) -> Neighbours:
    """Return what stands before and after a study; a search has found no more than it shows."""
    place, total = worklist.place_of(study_uid), worklist.total()
    return Neighbours(
        previous=worklist.next_uid(Place(before=study_uid)),
        next=worklist.next_uid(Place(after=study_uid)),
        place=place,
        total=total.number if total.exact else None,
    )


def _has_status(status: Status, quiet_since: datetime) -> ColumnElement[bool]:
    return {
        Status.RECEIVING: _studies.last_received > quiet_since,
        Status.COMPLETE: _studies.last_received <= quiet_since,
        Status.UNREAD: _studies.read_at.is_(None),
        Status.READ: _studies.read_at.is_not(None),
    }[status]


def _keys(sort: Sort, rank: ColumnElement[int] | None) -> tuple[Any, ...]:
    """Return what a list is in the order of; the row's own number makes each place one study's."""
    by: dict[Sort, tuple[Any, ...]] = {
        Sort.DATE: (_studies.StudyDate, _studies.StudyTime),
        Sort.RECEIVED: (_studies.last_received,),
        Sort.NAME: (schema.patients.c.patient_name_folded,),
        Sort.MODALITY: (_studies.modalities,),
    }
    return (*(() if rank is None else (rank,)), *by[sort], _studies.id)


def _ordered(keys: Sequence[Any], ascending: bool) -> list[Any]:
    return [key.asc() if ascending else key.desc() for key in keys]


def _beyond(
    keys: Sequence[Any], values: Sequence[Any], *, ascending: bool, same: bool = False
) -> ColumnElement[bool]:
    """Return whether a study comes after a standing (or is `same`) where values grow, or fall."""
    here = tuple_(*keys)
    there = tuple_(*(literal(value, key.type) for key, value in zip(keys, values, strict=True)))
    if ascending:
        return here >= there if same else here > there
    return here <= there if same else here < there
