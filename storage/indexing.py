"""How a batch of instances enters the index, inside one transaction.

Invariant: after any batch, committed once or many times, by one process or several at once, each
count equals the rows it counts, and each (series, instance) has one current version: the first
that is not deleted, or none.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, Table, cast, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage import counting, schema
from storage.pixel_map import pack_pixels
from storage.records import FOLDED_KEYS, MATCHING_KEYS, InstanceRecord, Level, Outcome
from storage.versions import Versions

_INTEGER_VRS = frozenset({"IS", "US"})
_LEVEL_OF_TABLE = {
    schema.patients: Level.PATIENT,
    schema.studies: Level.STUDY,
    schema.series: Level.SERIES,
    schema.instances: Level.IMAGE,
}
_FOLDED_COLUMNS = {
    "PatientName": "patient_name_folded",
    "ReferringPhysicianName": "referring_physician_name_folded",
    "StudyDescription": "study_description_folded",
}
_MADE_BY_READERS = frozenset({"SR", "KO", "PR"})
_NUMBER = re.compile(r"[+-]?[0-9]{1,12}")


def commit_batch(connection: Connection, records: Sequence[InstanceRecord]) -> list[Outcome]:
    """Add what is new and return what each record came to."""
    _take_turns(connection, records)
    patients = _ensure_patients(connection, records)
    studies = _ensure_studies(connection, records, patients)
    series = _ensure_series(connection, records, studies)
    versions = Versions(connection, records)
    emptied = _Emptied(connection, studies, series)
    outcomes, rows = [], []
    added: list[InstanceRecord] = []
    current: list[InstanceRecord] = []
    for record in records:
        study = studies[record.study_uid]
        series_id = series[record.study_uid, record.series_uid].id
        version, outcome, is_current = versions.next(study.id, series_id, record)
        if is_current:
            study = emptied.describe(record, patients, studies, series)
        if study.patient_id != patients[_patient_key(record)].id:
            outcome = Outcome.CONFLICT if outcome is Outcome.ADDED else outcome
        if version is not None:
            rows.append(_instance_row(record, series_id, version, current=is_current))
            added.append(record)
            if is_current:
                current.append(record)
        outcomes.append(outcome)
    if rows:
        emptied.fill_in(added)
        connection.execute(schema.instances.insert(), rows)
        _count(connection, added, current, studies, series)
    _flag_conflicts(connection, records, outcomes, studies, versions)
    return outcomes


def _take_turns(connection: Connection, records: Sequence[InstanceRecord]) -> None:
    """Let committers of one SOP instance wait for each other, whatever study they file it in.

    Two that file it in two studies at once would not see each other, and flag no conflict.
    """
    if connection.dialect.name != "postgresql":
        return  # SQLite has one writer.
    digests = [sha256(record.sop_instance_uid.encode()).digest() for record in records]
    numbers = sorted({int.from_bytes(digest[:8], "big", signed=True) for digest in digests})
    locked = func.pg_advisory_xact_lock(func.unnest(cast(numbers, postgresql.ARRAY(BigInteger))))
    connection.execute(select(locked)).all()


class _Emptied:
    """Studies and series of which all is deleted: what comes next says what they are.

    A study deleted for its wrong patient and sent again must not come back as the wrong patient's.
    """

    def __init__(
        self,
        connection: Connection,
        studies: Mapping[str, Row[Any]],
        series: Mapping[tuple[str, str], Row[Any]],
    ) -> None:
        self._connection = connection
        empty = [row.id for row in series.values() if not row.number_of_instances]
        some = schema.instances.c.series_id == schema.series.c.id
        hidden = (
            connection.execute(
                select(schema.series.c.id, schema.series.c.study_id).where(
                    schema.series.c.study_id.in_([row.id for row in studies.values()]),
                    schema.series.c.number_of_instances == 0,
                    select(schema.instances.c.id).where(some).exists(),
                )
            ).all()
            if empty
            else []
        )
        self._series = {row.id for row in hidden} & set(empty)
        self._studies = {row.study_id for row in hidden} & {
            row.id for row in studies.values() if not row.number_of_instances
        }
        self._described: dict[tuple[str, ...], Row[Any]] = {}

    def describe(
        self,
        record: InstanceRecord,
        patients: Mapping[str, Row[Any]],
        studies: dict[str, Row[Any]],
        series: Mapping[tuple[str, str], Row[Any]],
    ) -> Row[Any]:
        """Describe the study and series of a new instance anew if they are empty.

        Returns the row of the study, which is also put in its place.
        """
        study = studies[record.study_uid]
        uids = record.study_uid, record.series_uid
        if (series_id := series[uids].id) in self._series:
            self._series.remove(series_id)
            self._described[uids] = self._write(schema.series, series_id, record)
        if study.id in self._studies:
            self._studies.remove(study.id)
            patient_id = patients[_patient_key(record)].id
            study = self._write(
                schema.studies, study.id, record, patient_id=patient_id, conflict=False
            )
            studies[record.study_uid] = self._described[record.study_uid,] = study
        return study

    def fill_in(self, added: Sequence[InstanceRecord]) -> None:
        """Give what was described anew the values that only later instances have."""
        if not self._described:
            return
        found = self._described
        of_studies = [(found[r.study_uid,], r) for r in added if (r.study_uid,) in found]
        _fill_in(self._connection, schema.studies, of_studies)
        of_series = [
            (found[r.study_uid, r.series_uid], r)
            for r in added
            if (r.study_uid, r.series_uid) in found
        ]
        _fill_in(self._connection, schema.series, of_series)

    def _write(self, table: Table, row_id: int, record: InstanceRecord, **more: object) -> Row[Any]:
        changed = update(table).where(table.c.id == row_id)
        values = {**_level_row(table, record), **more}
        return self._connection.execute(changed.values(values).returning(table)).one()


def _ensure_patients(
    connection: Connection, records: Sequence[InstanceRecord]
) -> dict[str, Row[Any]]:
    first = {_patient_key(record): record for record in reversed(records)}
    table = schema.patients
    rows = [{"patient_key": key, **_level_row(table, first[key])} for key in sorted(first)]
    new = _insert_missing(connection, table, ["patient_key"], rows)
    query = (
        select(table)
        .where(table.c.patient_key.in_(first))
        .order_by(table.c.patient_key)
        .with_for_update(key_share=True)
    )
    found = {row.patient_key: row for row in connection.execute(query)}
    _fill_in(connection, table, [(found[_patient_key(r)], r) for r in records])
    nameless = {key for key, row in found.items() if key in new or not row.patient_name_folded}
    _add_name_words(connection, nameless, found, records)
    return found


def _add_name_words(
    connection: Connection,
    nameless: Collection[str],
    patients: Mapping[str, Row[Any]],
    records: Iterable[InstanceRecord],
) -> None:
    """Note the words of the first name that came for each patient who had none."""
    names: dict[str, str] = {}
    for record in records:
        name = _text(record.folded.get("PatientName", ""))
        if name and _patient_key(record) in nameless:
            names.setdefault(_patient_key(record), name)
    words = [
        {"patient_id": patients[key].id, "word": word}
        for key, name in names.items()
        for word in set(name.split())
    ]
    if words:
        connection.execute(schema.name_words.insert(), words)


def _ensure_studies(
    connection: Connection, records: Sequence[InstanceRecord], patients: Mapping[str, Row[Any]]
) -> dict[str, Row[Any]]:
    first = {record.study_uid: record for record in reversed(records)}
    table = schema.studies
    rows = [
        {
            "StudyInstanceUID": uid,
            "patient_id": patients[_patient_key(first[uid])].id,
            "conflict": False,
            "first_received": first[uid].origin.received_at,
            "last_received": first[uid].origin.received_at,
            **_level_row(table, first[uid]),
        }
        for uid in sorted(first)
    ]
    _insert_missing(connection, table, ["StudyInstanceUID"], rows)
    # Committers of the same study take turns here, always in the same order of UIDs.
    query = (
        select(table)
        .where(table.c.StudyInstanceUID.in_(first))
        .order_by(table.c.StudyInstanceUID)
        .with_for_update()
    )
    found = {row.StudyInstanceUID: row for row in connection.execute(query)}
    _fill_in(connection, table, [(found[r.study_uid], r) for r in records])
    return found


def _ensure_series(
    connection: Connection, records: Sequence[InstanceRecord], studies: Mapping[str, Row[Any]]
) -> dict[tuple[str, str], Row[Any]]:
    first = {(record.study_uid, record.series_uid): record for record in reversed(records)}
    table = schema.series
    rows = [
        {
            "study_id": studies[study_uid].id,
            "SeriesInstanceUID": series_uid,
            **_level_row(table, first[study_uid, series_uid]),
        }
        for study_uid, series_uid in sorted(first)
    ]
    _insert_missing(connection, table, ["study_id", "SeriesInstanceUID"], rows)
    uid_of = {row.id: uid for uid, row in studies.items()}
    query = select(table).where(
        table.c.study_id.in_(uid_of), table.c.SeriesInstanceUID.in_({uid for _, uid in first})
    )
    found = {
        (uid_of[row.study_id], row.SeriesInstanceUID): row for row in connection.execute(query)
    }
    _fill_in(connection, table, [(found[r.study_uid, r.series_uid], r) for r in records])
    return found


def _insert_missing(
    connection: Connection, table: Table, unique: list[str], rows: list[dict[str, Any]]
) -> list[str]:
    """Insert rows that are not there yet; return the first unique value of those inserted."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    inserted: list[str] = []
    for row in rows:
        statement = dialect.insert(table).values(row)
        statement = statement.on_conflict_do_nothing(index_elements=unique)
        # What was inserted is what comes back; a row count says so on SQLite only.
        inserted += connection.scalars(statement.returning(table.c[unique[0]]))
    return inserted


def _fill_in(
    connection: Connection, table: Table, pairs: Iterable[tuple[Row[Any], InstanceRecord]]
) -> None:
    """Give rows the values they lacked; a value that is there is never replaced.

    An accession number often comes only with the second image.
    """
    changes: dict[int, dict[str, Any]] = {}
    for row, record in pairs:
        known = {**row._mapping, **changes.get(row.id, {})}
        new = _level_row(table, record)
        attributes = json.loads(new.pop("attributes"))
        missing = {name: value for name, value in new.items() if value and not known[name]}
        merged = _merged(json.loads(known["attributes"]), attributes)
        if merged is not None:
            missing["attributes"] = _json(merged)
        if missing:
            changes.setdefault(row.id, {}).update(missing)
    for row_id, values in changes.items():
        connection.execute(update(table).where(table.c.id == row_id).values(values))


def _merged(known: dict[str, Any], new: dict[str, Any]) -> dict[str, Any] | None:
    """Return `known` with what only `new` has a value for, None if that is nothing."""
    added = {
        tag: value
        for tag, value in new.items()
        if tag not in known or (len(value) > 1 and len(known[tag]) == 1)
    }
    return known | added if added else None


def _count(
    connection: Connection,
    added: Sequence[InstanceRecord],
    current: Sequence[InstanceRecord],
    studies: Mapping[str, Row[Any]],
    series: Mapping[tuple[str, str], Row[Any]],
) -> None:
    """Bring the sums of series and studies up to date; versions not current do not count."""
    counting.count_series(connection, [row.id for row in series.values()])
    for uid in sorted({record.study_uid for record in added}):
        study = studies[uid]
        seen = [record for record in current if record.study_uid == uid]
        received = [r.origin.received_at for r in added if r.study_uid == uid]
        counting.count_study(connection, study.id)
        connection.execute(
            update(schema.studies)
            .where(schema.studies.c.id == study.id)
            .values(
                modalities=counting.united(
                    study.modalities, (r.keys.get("Modality", "") for r in seen)
                ),
                sop_classes=counting.united(study.sop_classes, (r.sop_class_uid for r in seen)),
                last_received=max(study.last_received, *received),
                # What readers themselves add is nothing that they have not seen.
                **({"read_at": None} if any(map(_is_seen_first, seen)) else {}),
            )
        )


def _is_seen_first(record: InstanceRecord) -> bool:
    """Return whether an instance came from a modality, and not from who reads the study."""
    return record.keys.get("Modality", "") not in _MADE_BY_READERS


def _flag_conflicts(
    connection: Connection,
    records: Sequence[InstanceRecord],
    outcomes: Sequence[Outcome],
    studies: Mapping[str, Row[Any]],
    versions: Versions,
) -> None:
    concerned: set[int] = set()
    for record, outcome in zip(records, outcomes, strict=True):
        if outcome is Outcome.CONFLICT:
            concerned.add(studies[record.study_uid].id)
            concerned |= versions.studies_of.get(record.sop_instance_uid, set())
    if concerned:
        table = schema.studies
        connection.execute(update(table).where(table.c.id.in_(concerned)).values(conflict=True))


def _level_row(table: Table, record: InstanceRecord) -> dict[str, Any]:
    """Return the values of one level: its keys, their folded forms, its attributes."""
    level = _LEVEL_OF_TABLE[table]
    row: dict[str, Any] = {"attributes": _json(record.attributes.get(level, {}))}
    for keyword, (key_level, vr) in MATCHING_KEYS.items():
        if key_level is level and keyword in table.c and vr != "UI":
            value = _value(record.keys.get(keyword), vr)
            row[keyword] = "" if value is None and keyword in schema.NEVER_NULL else value
    for keyword in FOLDED_KEYS:
        if MATCHING_KEYS[keyword][0] is level:
            row[_FOLDED_COLUMNS[keyword]] = _text(record.folded.get(keyword, ""))
    if table is schema.studies:
        row["ward_folded"] = _text(record.ward)
    return row


def _instance_row(
    record: InstanceRecord, series_id: int, version: int, *, current: bool
) -> dict[str, Any]:
    return {
        "series_id": series_id,
        "SOPInstanceUID": record.sop_instance_uid,
        "version": version,
        "current": current,
        "SOPClassUID": record.sop_class_uid,
        "transfer_syntax_uid": record.transfer_syntax_uid,
        "object_key": record.object_key,
        "sha256": record.sha256,
        "size": record.size,
        "data_set_offset": record.data_set_offset,
        "origin_source": record.origin.source,
        "origin_peer": _text(record.origin.peer),
        "origin_address": record.origin.address,
        "received_at": record.origin.received_at,
        "pixels": pack_pixels(record.pixels) if record.pixels else None,
        "metadata": record.metadata,
        **_level_row(schema.instances, record),
    }


def _value(text: str | None, vr: str) -> str | int | None:
    """Return a key as its column holds it; a number beyond the column's range is no key."""
    if not text:
        return None
    if vr not in _INTEGER_VRS:
        return _text(text)
    first = text.partition("\\")[0].strip()
    number = int(first) if _NUMBER.fullmatch(first) else None
    return number if number is not None and abs(number) <= schema.MAX_INTEGER else None


def _text(text: str) -> str:
    """Return what every database takes: PostgreSQL has no NUL and no endless index entries."""
    return text.replace("\0", "")[: schema.MAX_KEY_CHARACTERS]


def _patient_key(record: InstanceRecord) -> str:
    """Return the patient's identity; where its text cannot be kept, a digest tells it apart."""
    key = _text(record.patient_key)
    return key if key == record.patient_key else sha256(record.patient_key.encode()).hexdigest()


def _json(attributes: Mapping[str, Any]) -> str:
    return json.dumps(attributes, ensure_ascii=False, separators=(",", ":"))
