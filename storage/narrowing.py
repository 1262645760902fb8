"""Which index leads to few studies: what makes a search among a million as quick as among a hundred.

Invariant: no probe reads more than `NARROW` rows of an index and one; what leads to more studies
than that leads nowhere, and the list is walked in its own order instead.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, func, select

from storage import schema
from storage.comparisons import in_range, like
from storage.reach import Reach
from storage.records import Match

NARROW = 2000
"""Studies or patients that are fetched and sorted in one go; it takes about 20 ms."""

_studies, _patients, _words = schema.studies.c, schema.patients.c, schema.name_words.c


def narrow(
    connection: Connection,
    matches: Sequence[Match],
    *,
    arrived_after: datetime | None,
    reach: Reach,
    by_date: bool,
) -> ColumnElement[bool] | None:
    """Return a condition that few studies fulfil and that an index finds, None if there is none.

    Those it lets pass need not fulfil the others. `by_date`: whether a period may be one, which
    it need not where the list is walked in the order of dates.
    """
    for match in matches:
        if match.keyword != "StudyDate" or by_date:
            for column, ids in _of_match(connection, match):
                if (few := _few(connection, column, ids)) is not None:
                    return few
    if arrived_after is not None:
        arrived = select(_studies.id).where(_studies.last_received > arrived_after)
        if (few := _few(connection, _studies.id, arrived)) is not None:
            return few
    return None if reach.everything else _reached(connection, reach)


def name_fits(match: Match) -> list[ColumnElement[bool]]:
    """Return whether the patient of a study has words that begin as those of a name do.

    Asked of each study; storage.search asks for all patients with a word, which may be many.
    """
    of_patient = _words.patient_id == _studies.patient_id
    return [
        select(_words.word).where(of_patient, like(_words.word, f"{word}*")).exists()
        for word in match.values[0].split()
    ]


def rank_of(
    connection: Connection,
    few: ColumnElement[bool],
    marked_words: Sequence[str],
    *,
    ascending: bool,
) -> ColumnElement[int] | None:
    """Return what puts patients first whose names have words with just these marks."""
    query = select(_patients.id, _patients.PatientName).join_from(schema.patients, schema.studies)
    names = connection.execute(query.where(few).distinct()).all()
    exact = [row.id for row in names if _has_words(row.PatientName or "", marked_words)]
    if not exact or len(exact) == len(names):
        return None
    first = _patients.id.in_(exact)
    return case((first, 0), else_=1) if ascending else case((first, 1), else_=0)


def words_of(name: str) -> list[str]:
    """Return the words of a name with their marks, in one Unicode form and lower case."""
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFC", name).casefold())


def _has_words(name: str, wanted: Sequence[str]) -> bool:
    words = words_of(name)
    return all(any(word.startswith(each) for word in words) for each in wanted)


def _of_match(
    connection: Connection, match: Match
) -> Iterator[tuple[ColumnElement[int], Select[Any]]]:
    """Yield the column that is compared, and a SELECT of its values, which an index answers."""
    value = match.values[0]
    match match.keyword:
        case "PatientName":
            # The word that the fewest have leads on; the others are asked of each study.
            if (rarest := _rarest(connection, value.split())) is not None:
                with_word = select(_words.patient_id).where(like(_words.word, f"{rarest}*"))
                yield _studies.patient_id, with_word.distinct()
        case "PatientID":
            yield _studies.patient_id, select(_patients.id).where(like(_patients.PatientID, value))
        case "AccessionNumber":
            yield _studies.id, select(_studies.id).where(like(_studies.AccessionNumber, value))
        case "ModalitiesInStudy":
            of_modality = schema.series.c.Modality == value
            yield _studies.id, select(schema.series.c.study_id).where(of_modality)
        case "StudyDate":
            dated = in_range(_studies.StudyDate, match.values, "DA")
            yield _studies.id, select(_studies.id).where(dated)


def _rarest(connection: Connection, words: Sequence[str]) -> str | None:
    """Return the word that begins the fewest words of names, None if all begin many."""
    least, rarest = NARROW, None
    for word in words:
        some = select(_words.patient_id).where(like(_words.word, f"{word}*")).limit(least + 1)
        count = select(func.count()).select_from(some.subquery())
        number = connection.execute(count).scalar_one()
        if number <= least:
            least, rarest = number, word
    return rarest


def _reached(connection: Connection, reach: Reach) -> ColumnElement[bool] | None:
    """Return the studies within a reach if they are few; each way to them has an index."""
    grants = schema.grants.c
    granted = select(_studies.id).join(
        schema.grants, grants.StudyInstanceUID == _studies.StudyInstanceUID
    )
    ways = [granted.where(grants.holder.in_(reach.holders))]
    if reach.physician:
        named = _studies.referring_physician_name_folded == reach.physician
        ways.append(select(_studies.id).where(named))
    if reach.ward:
        ways.append(select(_studies.id).where(_studies.ward_folded == reach.ward))
    found: set[int] = set()
    for way in ways:
        found |= set(connection.scalars(way.limit(NARROW + 1)))
        if len(found) > NARROW:
            return None
    return _studies.id.in_(sorted(found))


def _few(
    connection: Connection, column: ColumnElement[int], ids: Select[Any]
) -> ColumnElement[bool] | None:
    found = set(connection.scalars(ids.limit(NARROW + 1)))
    return column.in_(sorted(found)) if len(found) <= NARROW else None
