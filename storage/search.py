"""From a QuerySpec to SQL: the matching rules of PS3.4 C.2.2.2 on columns that are indexed."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select, true

from storage import kept, schema
from storage.comparisons import in_range, like
from storage.reach import Reach
from storage.records import MATCHING_KEYS, KeptMatch, Level, Match, MatchKind, QuerySpec

TABLES = {
    Level.PATIENT: schema.patients,
    Level.STUDY: schema.studies,
    Level.SERIES: schema.series,
    Level.IMAGE: schema.instances,
}
_DEPTH = {level: depth for depth, level in enumerate(TABLES)}
_FOLDED = {
    "PatientName": schema.patients.c.patient_name_folded,
    "ReferringPhysicianName": schema.studies.c.referring_physician_name_folded,
    "StudyDescription": schema.studies.c.study_description_folded,
}
_MULTI_VALUED = {
    "ModalitiesInStudy": schema.studies.c.modalities,
    "SOPClassesInStudy": schema.studies.c.sop_classes,
}
_INTEGER_VRS = frozenset({"IS", "US"})

SHOWN: Mapping[Level, ColumnElement[bool]] = {
    Level.STUDY: schema.studies.c.number_of_instances > 0,
    Level.SERIES: schema.series.c.number_of_instances > 0,
    Level.IMAGE: schema.instances.c.current,
}
"""What readers see: not further versions, nothing deleted, and nothing that is empty without it."""


def statement(spec: QuerySpec, columns: Sequence[Any], reach: Reach) -> Select[Any]:
    """Return the SELECT that answers a query, in its stable order, cut to its page."""
    query = conditions(select(*columns), spec.level, spec.matches, reach)
    query = query.order_by(*_order(spec.level))
    return query.limit(spec.limit).offset(spec.offset or None)


def conditions(
    query: Select[Any], level: Level, matches: Sequence[Match | KeptMatch], reach: Reach
) -> Select[Any]:
    """Join the levels above `level` to the query and restrict it by all matches and a reach."""
    query = _restricted(_joined(query, level), level, reach)
    for match in matches:
        query = query.where(_condition(match, level))
    if level is Level.PATIENT:
        kept_studies = schema.studies.select().where(_belongs(Level.STUDY), SHOWN[Level.STUDY])
        query = query.where(kept_studies.exists())
    else:
        query = query.where(SHOWN[level])
    return query


def study_condition(reach: Reach) -> ColumnElement[bool]:
    """Return whether a row of `studies` is within reach."""
    if reach.everything:
        return true()
    studies = schema.studies.c
    ways: list[ColumnElement[bool]] = []
    if reach.physician:
        ways.append(studies.referring_physician_name_folded == reach.physician)
    if reach.ward:
        ways.append(studies.ward_folded == reach.ward)
    if reach.holders:
        grants = schema.grants.c
        ways.append(
            select(grants.holder)
            .where(
                grants.holder.in_(reach.holders),
                grants.StudyInstanceUID == studies.StudyInstanceUID,
            )
            .exists()
        )
    return or_(*ways) if ways else false()


def _restricted(query: Select[Any], level: Level, reach: Reach) -> Select[Any]:
    """Return a SELECT over `level`, joined up to its patient, restricted to a reach."""
    if reach.everything:
        return query
    condition = study_condition(reach)
    if level is not Level.PATIENT:
        return query.where(condition)
    of_patient = schema.studies.c.patient_id == schema.patients.c.id
    return query.where(select(schema.studies.c.id).where(of_patient, condition).exists())


def _joined(query: Select[Any], level: Level) -> Select[Any]:
    source: Any = TABLES[level]
    for child in list(TABLES)[_DEPTH[level] : 0 : -1]:
        source = source.join(_parent_table(child), _belongs(child))
    return query.select_from(source)


def _parent_table(level: Level) -> Any:
    return TABLES[list(TABLES)[_DEPTH[level] - 1]]


def _belongs(level: Level) -> ColumnElement[bool]:
    """Return the join of a level with the one above."""
    c = schema
    return {
        Level.STUDY: c.studies.c.patient_id == c.patients.c.id,
        Level.SERIES: c.series.c.study_id == c.studies.c.id,
        Level.IMAGE: c.instances.c.series_id == c.series.c.id,
    }[level]


def _condition(match: Match | KeptMatch, level: Level) -> ColumnElement[bool]:
    if isinstance(match, KeptMatch):
        key_level = match.level
        condition = kept.condition(TABLES[key_level].c.attributes, match)
    else:
        key_level, vr = MATCHING_KEYS[match.keyword]
        condition = _comparison(match, vr)
    # A key of a lower level than asked for restricts by existence (relational query, C.4.1.2.2).
    for lower in reversed(list(TABLES)[_DEPTH[level] + 1 : _DEPTH[key_level] + 1]):
        below = select(TABLES[lower].c.id).where(_belongs(lower), SHOWN[lower], condition)
        condition = below.exists()
    return condition


def _comparison(match: Match, vr: str) -> ColumnElement[bool]:
    keyword = match.keyword
    if match.kind is MatchKind.EMPTY:
        return _empty(keyword)
    if keyword in _MULTI_VALUED:
        return _any_value(_MULTI_VALUED[keyword], match)
    if match.kind in (MatchKind.NAME, MatchKind.FUZZY):
        return _name(match)
    column = TABLES[MATCHING_KEYS[keyword][0]].c[keyword]
    if match.kind is MatchKind.RANGE:
        return in_range(column, match.values, vr)
    if match.kind is MatchKind.WILDCARD:
        return like(column, match.values[0])
    return column.in_(_wanted(match, vr))


def _wanted(match: Match, vr: str) -> Sequence[str | int]:
    """Return the values as the column holds them."""
    if vr not in _INTEGER_VRS:
        return match.values
    return [number for number in map(int, match.values) if abs(number) <= schema.MAX_INTEGER]


def _empty(keyword: str) -> ColumnElement[bool]:
    """Return whether there is no value; numbers are NULL then, texts NULL or empty."""
    level, vr = MATCHING_KEYS[keyword]
    column = _MULTI_VALUED.get(keyword)
    if column is None:
        column = TABLES[level].c[keyword]
    return column.is_(None) if vr in _INTEGER_VRS else func.coalesce(column, "") == ""


def _any_value(column: ColumnElement[str], match: Match) -> ColumnElement[bool]:
    if match.kind is MatchKind.WILDCARD:
        # In the joined values a `*` would reach from one into the next.
        others = schema.series.alias()
        fits = like(others.c.Modality, match.values[0])
        return select(others.c.id).where(others.c.study_id == schema.studies.c.id, fits).exists()
    return or_(*(like(column, f"*\\{value}\\*") for value in match.values))


def _name(match: Match) -> ColumnElement[bool]:
    folded = _FOLDED[match.keyword]
    pattern = match.values[0]
    words = pattern.split()
    if match.kind is MatchKind.FUZZY:
        return and_(*(_has_word(match.keyword, folded, f"{word}*") for word in words))
    in_any_order = and_(*(_has_word(match.keyword, folded, word) for word in words))
    if "*" not in pattern and "?" not in pattern:
        # A whole name in another order has the same length, and nothing more than its words.
        same_length = func.length(folded) == len(pattern)
        return or_(folded == pattern, and_(same_length, in_any_order))
    as_written = like(folded, pattern)
    if len(words) == 1 or pattern.startswith("*"):
        return as_written
    return or_(as_written, in_any_order)


def _has_word(keyword: str, folded: ColumnElement[str], word: str) -> ColumnElement[bool]:
    """Return whether some word of the name is like `word`."""
    if keyword == "PatientName":
        words = schema.name_words.c
        found = select(words.patient_id).where(like(words.word, word))
        return schema.patients.c.id.in_(found)
    # Few words and no table of them: the name between spaces has the word between spaces.
    return like(" " + folded + " ", f"* {word} *")


def _order(level: Level) -> Sequence[Any]:
    studies, found = schema.studies.c, schema.series.c
    return {
        Level.PATIENT: (schema.patients.c.patient_name_folded, schema.patients.c.id),
        Level.STUDY: (
            studies.StudyDate.desc(),
            studies.StudyTime.desc(),
            studies.id.desc(),
        ),
        Level.SERIES: (found.study_id, found.SeriesNumber.nulls_last(), found.SeriesInstanceUID),
        Level.IMAGE: (
            found.study_id,
            found.SeriesNumber.nulls_last(),
            found.id,
            schema.instances.c.InstanceNumber.nulls_last(),
            schema.instances.c.SOPInstanceUID,
        ),
    }[level]
