"""The index: what is kept, found by its attributes without opening an object."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, Row, and_, func, select, update

from storage import schema, search
from storage.auditlog import Entry, append
from storage.database import DeadlockError, Engine, reading, writing
from storage.indexing import commit_batch
from storage.outbox import Work, put
from storage.pixel_map import unpack_pixels
from storage.reach import EVERYTHING, Reach
from storage.records import (
    DicomJson,
    Found,
    InstanceRecord,
    KeptMatch,
    Level,
    Match,
    MatchKind,
    Origin,
    Outcome,
    QuerySpec,
    StoredInstance,
    utc_now,
)
from storage.worklist import Neighbours, Part, Place, Total, Wanted, Worklist, neighbours

ROWS_AT_ONCE = 200
"""Rows fetched at a time when many are streamed."""
VARIABLES_AT_ONCE = 500
"""UIDs in one IN list; every database takes as many."""
_DEADLOCKS_SUFFERED = 5
"""PostgreSQL ends one of the transactions that wait for each other; it may simply start again."""

STORED_COLUMNS = (
    schema.studies.c.StudyInstanceUID,
    schema.series.c.SeriesInstanceUID,
    schema.instances.c.SOPInstanceUID,
    schema.instances.c.SOPClassUID,
    schema.instances.c.transfer_syntax_uid,
    schema.instances.c.object_key,
    schema.instances.c.sha256,
    schema.instances.c.size,
    schema.instances.c.data_set_offset,
    schema.instances.c.pixels,
    schema.instances.c.InstanceNumber,
    schema.instances.c.version,
    schema.instances.c.deletion_id,
    schema.instances.c.origin_source,
    schema.instances.c.origin_peer,
    schema.instances.c.origin_address,
    schema.instances.c.received_at,
)
_LEVELS = tuple(search.TABLES)


@dataclass(frozen=True, slots=True)
class Totals:
    """How much is kept; current versions only, but the bytes of all."""

    patients: int
    studies: int
    series: int
    instances: int
    bytes: int


class Index:
    """Studies, series and instances in SQL, for SQLite and PostgreSQL alike."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def commit(
        self,
        records: Sequence[InstanceRecord],
        entries: Sequence[Entry] = (),
        *,
        works: Sequence[Work] = (),
    ) -> list[Outcome]:
        """Make a batch visible in one transaction; committing again changes nothing.

        The audit trail gets `entries` and the outbox `works` in the same transaction.

        Raises UnavailableError or FullError, and then nothing of the batch is visible.
        """
        if not records:
            return []
        for _ in range(_DEADLOCKS_SUFFERED):
            try:
                return self._commit(records, entries, works)
            except DeadlockError:
                continue
        return self._commit(records, entries, works)

    def search(self, spec: QuerySpec, *, reach: Reach) -> list[Found]:
        """Return the answers to a query among the studies within reach, in a stable order."""
        with reading(self._engine) as connection:
            rows = connection.execute(search.statement(spec, _answer_columns(spec.level), reach))
            return [_found(row, spec.level) for row in rows]

    def count(self, spec: QuerySpec, *, reach: Reach) -> int:
        """Return how many answers there are, whatever limit and offset say."""
        table = search.TABLES[spec.level]
        query = search.conditions(select(func.count(table.c.id)), spec.level, spec.matches, reach)
        with reading(self._engine) as connection:
            return int(connection.execute(query).scalar_one())

    def list_part(self, wanted: Wanted, *, place: Place, size: int, reach: Reach) -> Part:
        """Return some studies of a worklist."""
        with reading(self._engine) as connection:
            return Worklist(connection, wanted, reach).part(
                _answer_columns(Level.STUDY), _found_study, place=place, size=size
            )

    def list_total(self, wanted: Wanted, *, reach: Reach) -> Total:
        """Return how many studies a worklist has, as far as anybody counts."""
        with reading(self._engine) as connection:
            return Worklist(connection, wanted, reach).total()

    def list_neighbours(self, wanted: Wanted, study_uid: str, *, reach: Reach) -> Neighbours:
        """Return what stands before and after a study in a worklist."""
        with reading(self._engine) as connection:
            return neighbours(Worklist(connection, wanted, reach), study_uid)

    def latest_arrival(self) -> datetime | None:
        """Return when something was last added to a study, None if there is none."""
        with reading(self._engine) as connection:
            return connection.execute(select(func.max(schema.studies.c.last_received))).scalar()

    def mark_read(self, study_uid: str, at: datetime) -> None:
        """Note that a radiologist has opened a study, if that is not noted yet."""
        studies = schema.studies
        unread = studies.c.StudyInstanceUID == study_uid, studies.c.read_at.is_(None)
        with reading(self._engine) as connection:
            if connection.execute(select(studies.c.id).where(*unread)).first() is None:
                return
        with writing(self._engine) as connection:
            connection.execute(update(studies).where(*unread).values(read_at=at))

    def within(self, study_uid: str, reach: Reach) -> bool:
        """Return whether a study is known, shown or deleted, and within reach."""
        studies = schema.studies.c
        query = select(studies.id).where(
            studies.StudyInstanceUID == study_uid, search.study_condition(reach)
        )
        with reading(self._engine) as connection:
            return connection.execute(query).first() is not None

    def patient_id(self, study_uid: str) -> str:
        """Return the Patient ID of a study, empty if there is none."""
        query = (
            select(schema.patients.c.PatientID)
            .join_from(schema.patients, schema.studies)
            .where(schema.studies.c.StudyInstanceUID == study_uid)
        )
        with reading(self._engine) as connection:
            return connection.execute(query).scalar() or ""

    def instances(
        self,
        study_uid: str | None,
        series_uid: str | None = None,
        *,
        sop_instance_uid: str | None = None,
    ) -> list[StoredInstance]:
        """Return current instances, by series number, then instance number."""
        return list(self.instances_of(_by_uid(study_uid, series_uid, sop_instance_uid)))

    def instances_of(self, matches: Sequence[Match | KeptMatch]) -> Iterator[StoredInstance]:
        """Yield the current instances that match keys of any level."""
        for row in self._stream(STORED_COLUMNS, matches):
            yield stored_instance(row)

    def versions(
        self, study_uid: str, series_uid: str, sop_instance_uid: str
    ) -> list[StoredInstance]:
        """Return every version of one instance, the first seen first."""
        found = self.known([sop_instance_uid]).get(sop_instance_uid, [])
        return [
            version
            for version in found
            if (version.study_uid, version.series_uid) == (study_uid, series_uid)
        ]

    def known(self, sop_instance_uids: Collection[str]) -> dict[str, list[StoredInstance]]:
        """Return every version under these UIDs, wherever they are filed, by UID."""
        uids = list(sop_instance_uids)
        found: dict[str, list[StoredInstance]] = {}
        source = schema.instances.join(schema.series).join(schema.studies)
        query = select(*STORED_COLUMNS).select_from(source).order_by(schema.instances.c.id)
        with reading(self._engine) as connection:
            for start in range(0, len(uids), VARIABLES_AT_ONCE):
                some = uids[start : start + VARIABLES_AT_ONCE]
                rows: Any = connection.execute(
                    query.where(schema.instances.c.SOPInstanceUID.in_(some))
                )
                for row in rows:
                    found.setdefault(row.SOPInstanceUID, []).append(stored_instance(row))
        return found

    def metadata(
        self,
        study_uid: str | None,
        series_uid: str | None = None,
        *,
        sop_instance_uid: str | None = None,
    ) -> Iterator[bytes]:
        """Yield the zlib-compressed DICOM JSON of each current instance, ordered as they are."""
        matches = _by_uid(study_uid, series_uid, sop_instance_uid)
        for row in self._stream((schema.instances.c.metadata,), matches):
            yield row.metadata

    def headers(self, spec: QuerySpec, *, reach: Reach) -> Iterator[bytes]:
        """Yield the zlib-compressed DICOM JSON of each answer to a query of the IMAGE level."""
        with reading(self._engine) as connection:
            options = connection.execution_options(yield_per=ROWS_AT_ONCE)
            columns = (schema.instances.c.metadata,)
            with options.execute(search.statement(spec, columns, reach)) as rows:
                for row in rows:
                    yield row.metadata

    def totals(self) -> Totals:
        """Return how much is kept."""
        instances = schema.instances.c
        with reading(self._engine) as connection:

            def counted(query: Any) -> int:
                return int(connection.execute(query).scalar() or 0)

            return Totals(
                # A patient may have rows of conflicting instances only, and no study.
                patients=counted(
                    select(func.count(schema.studies.c.patient_id.distinct())).where(
                        search.SHOWN[Level.STUDY]
                    )
                ),
                studies=counted(
                    select(func.count(schema.studies.c.id)).where(search.SHOWN[Level.STUDY])
                ),
                series=counted(
                    select(func.count(schema.series.c.id)).where(search.SHOWN[Level.SERIES])
                ),
                instances=counted(select(func.sum(schema.studies.c.number_of_instances))),
                bytes=counted(select(func.sum(instances.size))),
            )

    def ping(self) -> None:
        """Raise UnavailableError if the database does not answer."""
        with reading(self._engine) as connection:
            connection.execute(select(1))

    def _commit(
        self,
        records: Sequence[InstanceRecord],
        entries: Sequence[Entry],
        works: Sequence[Work],
    ) -> list[Outcome]:
        with writing(self._engine) as connection:
            outcomes = commit_batch(connection, records)
            for entry in entries:
                append(connection, entry)
            for work in works:
                put(connection, work, now=utc_now())
            return outcomes

    def _stream(
        self, columns: Sequence[Any], matches: Sequence[Match | KeptMatch]
    ) -> Iterator[Row[Any]]:
        spec = QuerySpec(level=Level.IMAGE, matches=tuple(matches))
        with reading(self._engine) as connection:
            options = connection.execution_options(yield_per=ROWS_AT_ONCE)
            # A reader that stops half-way must not leave a cursor open in the server.
            with options.execute(search.statement(spec, columns, EVERYTHING)) as rows:
                yield from rows


def _by_uid(
    study_uid: str | None, series_uid: str | None, sop_instance_uid: str | None
) -> Sequence[Match]:
    given = {
        "StudyInstanceUID": study_uid,
        "SeriesInstanceUID": series_uid,
        "SOPInstanceUID": sop_instance_uid,
    }
    return [
        Match(keyword, MatchKind.EQUAL, (uid,)) for keyword, uid in given.items() if uid is not None
    ]


def _answer_columns(level: Level) -> Sequence[Any]:
    above = _LEVELS[: _LEVELS.index(level) + 1]
    attributes = [search.TABLES[each].c.attributes.label(each.value) for each in above]
    studies, found = schema.studies.c, schema.series.c
    if level is Level.PATIENT:
        of_patient = and_(studies.patient_id == schema.patients.c.id, search.SHOWN[Level.STUDY])
        totals = [
            func.count(studies.id).label("studies"),
            func.sum(studies.number_of_series).label("series"),
            func.sum(studies.number_of_instances).label("instances"),
            func.max(studies.last_received).label("last_received"),
            func.max(studies.conflict.cast(Integer)).label("conflict"),
        ]
        return [
            *attributes,
            *(
                select(total).where(of_patient).scalar_subquery().label(total.name)
                for total in totals
            ),
        ]
    columns = [
        *attributes,
        studies.modalities,
        studies.sop_classes,
        studies.number_of_series.label("series"),
        studies.number_of_instances.label("instances"),
        studies.conflict,
        studies.last_received,
        studies.read_at,
    ]
    return columns if level is Level.STUDY else [*columns, found.number_of_instances.label("own")]


def _found(row: Row[Any], level: Level) -> Found:
    attributes: DicomJson = {}
    for each in _LEVELS[: _LEVELS.index(level) + 1]:
        attributes |= json.loads(row._mapping[each.value])
    attributes |= _computed(row, level)
    return Found(
        attributes=dict(sorted(attributes.items())),
        last_received=row.last_received,
        conflict=bool(row.conflict),
        read=level is not Level.PATIENT and row.read_at is not None,
    )


def _found_study(row: Row[Any]) -> Found:
    return _found(row, Level.STUDY)


def _computed(row: Row[Any], level: Level) -> DicomJson:
    if level is Level.PATIENT:
        return {
            "00201200": _number(row.studies),
            "00201202": _number(row.series),
            "00201204": _number(row.instances),
        }
    computed = {
        "00080061": _texts("CS", row.modalities),
        "00080062": _texts("UI", row.sop_classes),
        "00201206": _number(row.series),
        "00201208": _number(row.instances),
    }
    if level is not Level.STUDY:
        computed["00201209"] = _number(row.own)
    return computed


def _number(value: int | None) -> DicomJson:
    return {"vr": "IS", "Value": [int(value or 0)]}


def _texts(vr: str, joined: str) -> DicomJson:
    values = [value for value in joined.split("\\") if value]
    return {"vr": vr, "Value": values} if values else {"vr": vr}


def stored_instance(row: Any) -> StoredInstance:
    """Return what a row of `STORED_COLUMNS`, its columns being attributes, says."""
    return StoredInstance(
        study_uid=row.StudyInstanceUID,
        series_uid=row.SeriesInstanceUID,
        sop_instance_uid=row.SOPInstanceUID,
        sop_class_uid=row.SOPClassUID,
        transfer_syntax_uid=row.transfer_syntax_uid,
        object_key=row.object_key,
        sha256=row.sha256,
        size=row.size,
        data_set_offset=row.data_set_offset,
        pixels=unpack_pixels(row.pixels) if row.pixels is not None else None,
        instance_number=row.InstanceNumber,
        version=row.version,
        deleted=row.deletion_id is not None,
        origin=Origin(
            source=row.origin_source,
            peer=row.origin_peer,
            address=row.origin_address,
            received_at=row.received_at,
        ),
    )
