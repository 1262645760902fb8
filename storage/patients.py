"""People whom orders tell of: their identifiers, and who was found to be whom.

Invariant: an identifier belongs to one person; merging two people is a row that can be ended, and
moves nothing. The functions work within a transaction of the caller's.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, or_, select, tuple_, update

from storage import schema
from storage.database import Connection
from storage.errors import NotFoundError

MAX_MERGES_IN_A_ROW = 20
"""People merged into one who was merged into another ...; more is a ring made by hand."""

_persons, _numbers, _merges = schema.persons, schema.person_identifiers, schema.person_merges


class NumberKind(StrEnum):
    """What number an identifier is."""

    MRN = "mrn"
    """Of a hospital, which is its issuer."""
    CITIZEN = "cccd"
    INSURANCE = "insurance"
    OTHER = "other"


BY_THE_STATE = frozenset({NumberKind.CITIZEN, NumberKind.INSURANCE})
"""Kinds that have one issuer everywhere, whatever a message calls it."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """One number of a person."""

    kind: NumberKind
    value: str
    issuer: str = ""

    def plain(self) -> "Identifier":
        """Return the identifier as it is kept and compared."""
        issuer = "" if self.kind in BY_THE_STATE else self.issuer.strip()
        return Identifier(self.kind, self.value.strip(), issuer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demographics:
    """What is told of a person; empty texts are not known."""

    name: str = ""
    """A DICOM person name, `NGUYỄN^VĂN ÁNH`."""
    name_folded: str = ""
    birth_date: str = ""
    """YYYYMMDD."""
    sex: str = ""
    """`M`, `F`, `O` or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person."""

    id: int
    told: Demographics
    identifiers: tuple[Identifier, ...]
    merged_into: int | None
    told_at: datetime | None

    @property
    def number(self) -> Identifier | None:
        """The number that images carry: the hospital's, else any."""
        ranked = sorted(self.identifiers, key=lambda each: list(NumberKind).index(each.kind))
        return ranked[0] if ranked else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """Two people who were found to be one."""

    id: int
    kept_id: int
    merged_id: int
    cause: str
    merged_at: datetime
    undone_at: datetime | None


def add(
    connection: Connection, told: Demographics, *, told_at: datetime | None, now: datetime
) -> int:
    """Add a person without identifiers; return the number of the row."""
    row = {
        "name": told.name,
        "name_folded": told.name_folded,
        "birth_date": told.birth_date,
        "sex": told.sex,
        "told_at": told_at,
        "created_at": now,
    }
    added = connection.execute(_persons.insert().values(row).returning(_persons.c.id))
    return int(added.scalar_one())


def describe(
    connection: Connection, person_id: int, told: Demographics, told_at: datetime | None
) -> None:
    """Replace what is told of a person."""
    connection.execute(
        update(_persons)
        .where(_persons.c.id == person_id)
        .values(
            name=told.name,
            name_folded=told.name_folded,
            birth_date=told.birth_date,
            sex=told.sex,
            told_at=told_at,
        )
    )


def identify(connection: Connection, person_id: int, identifiers: Collection[Identifier]) -> bool:
    """Give a person further identifiers; return whether there was one that nobody had."""
    taken = owners(connection, identifiers)
    new = dict.fromkeys(each.plain() for each in identifiers if each.plain() not in taken)
    for each in new:
        row = {"kind": each.kind, "issuer": each.issuer, "value": each.value}
        connection.execute(_numbers.insert().values(row | {"person_id": person_id}))
    return bool(new)


def owners(connection: Connection, identifiers: Collection[Identifier]) -> dict[Identifier, int]:
    """Return whose each identifier is, without those that are nobody's."""
    wanted = [(each.kind, each.issuer, each.value) for each in (i.plain() for i in identifiers)]
    if not wanted:
        return {}
    key = tuple_(_numbers.c.kind, _numbers.c.issuer, _numbers.c.value)
    found = connection.execute(select(_numbers).where(key.in_(wanted)))
    return {_identifier(row): int(row.person_id) for row in found}


def with_number(connection: Connection, value: str, issuer: str = "") -> Sequence[int]:
    """Return who has a number of any kind, as images name it: without kind, often without issuer.

    An issuer that is told must fit where the person's number has one.
    """
    query = select(_numbers).where(_numbers.c.value == value.strip())
    return sorted(
        {
            int(row.person_id)
            for row in connection.execute(query)
            if not issuer or not row.issuer or row.issuer == issuer
        }
    )


def get(connection: Connection, person_id: int) -> Person:
    """Return a person as told, merged or not. Raises NotFoundError."""
    found = get_all(connection, [person_id])
    if not found:
        raise NotFoundError("There is no such person.")
    return found[person_id]


def get_all(connection: Connection, person_ids: Collection[int]) -> dict[int, Person]:
    """Return people by number."""
    if not person_ids:
        return {}
    numbers: dict[int, list[Identifier]] = {}
    of_these = _numbers.c.person_id.in_(person_ids)
    for row in connection.execute(select(_numbers).where(of_these).order_by(*_numbers.primary_key)):
        numbers.setdefault(row.person_id, []).append(_identifier(row))
    rows = connection.execute(select(_persons).where(_persons.c.id.in_(person_ids)))
    return {row.id: _person(row, tuple(numbers.get(row.id, ()))) for row in rows}


def kept(connection: Connection, person_id: int) -> int:
    """Return who a person was found to be, themselves if nobody else."""
    for _ in range(MAX_MERGES_IN_A_ROW):
        query = select(_persons.c.merged_into).where(_persons.c.id == person_id)
        further = connection.execute(query).scalar()
        if further is None:
            break
        person_id = int(further)
    return person_id


def kept_all(connection: Connection, person_ids: Collection[int]) -> dict[int, int]:
    """Return who each of some people was found to be."""
    found = {each: each for each in person_ids}
    for _ in range(MAX_MERGES_IN_A_ROW):
        query = select(_persons.c.id, _persons.c.merged_into).where(
            _persons.c.id.in_(set(found.values())), _persons.c.merged_into.is_not(None)
        )
        further = {row.id: int(row.merged_into) for row in connection.execute(query)}
        if not further:
            break
        found = {each: further.get(now, now) for each, now in found.items()}
    return found


def same(connection: Connection, person_id: int) -> frozenset[int]:
    """Return all who were found to be the same as a person, with themselves."""
    known = {kept(connection, person_id)}
    for _ in range(MAX_MERGES_IN_A_ROW):
        query = select(_persons.c.id).where(_persons.c.merged_into.in_(known))
        more = set(connection.scalars(query)) - known
        if not more:
            break
        known |= more
    return frozenset(known)


def merge(
    connection: Connection, *, kept_id: int, merged_id: int, cause: str, now: datetime
) -> None:
    """Note that two people are one; the caller has seen to it that they are not yet."""
    connection.execute(
        update(_persons).where(_persons.c.id == merged_id).values(merged_into=kept_id)
    )
    row = {"kept_id": kept_id, "merged_id": merged_id, "cause": cause, "merged_at": now}
    connection.execute(_merges.insert().values(row))


def unmerge(connection: Connection, merge_id: int, *, who: str, now: datetime) -> Merge:
    """End a merge. Raises NotFoundError if it is none, or ended."""
    this = _merges.c.id == merge_id, _merges.c.undone_at.is_(None)
    row = connection.execute(select(_merges).where(*this)).first()
    if row is None:
        raise NotFoundError("There is no such merge, or it was taken back before.")
    connection.execute(update(_merges).where(*this).values(undone_by=who, undone_at=now))
    connection.execute(
        update(_persons).where(_persons.c.id == row.merged_id).values(merged_into=None)
    )
    return _merge(row)


def merges(connection: Connection, person_id: int) -> Sequence[Merge]:
    """Return the merges that a person was part of, the newest first."""
    of_person = or_(_merges.c.kept_id == person_id, _merges.c.merged_id == person_id)
    query = select(_merges).where(of_person).order_by(_merges.c.id.desc())
    return [_merge(row) for row in connection.execute(query)]


def alike(connection: Connection, told: Demographics, *, limit: int) -> Iterator[Person]:
    """Yield people whose name is the same without marks, merged ones left out."""
    query = (
        select(_persons.c.id)
        .where(
            _persons.c.name_folded == told.name_folded,
            _persons.c.name_folded != "",
            _persons.c.merged_into.is_(None),
        )
        .order_by(_persons.c.id.desc())
        .limit(limit)
    )
    yield from get_all(connection, list(connection.scalars(query))).values()


def _identifier(row: Row[Any]) -> Identifier:
    return Identifier(NumberKind(row.kind), row.value, row.issuer)


def _person(row: Row[Any], identifiers: tuple[Identifier, ...]) -> Person:
    told = Demographics(
        name=row.name, name_folded=row.name_folded, birth_date=row.birth_date, sex=row.sex
    )
    return Person(
        id=row.id,
        told=told,
        identifiers=identifiers,
        merged_into=row.merged_into,
        told_at=row.told_at,
    )


def _merge(row: Row[Any]) -> Merge:
    return Merge(
        id=row.id,
        kept_id=row.kept_id,
        merged_id=row.merged_id,
        cause=row.cause,
        merged_at=row.merged_at,
        undone_at=row.undone_at,
    )
