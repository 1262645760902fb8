"""The tables of the index and of the registry (docs/design/0005-index.md)."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

from storage.records import MATCHING_KEYS, Level

# In the C collation a btree serves LIKE 'prefix%', and order is the same on every machine.
Key = Text().with_variant(Text(collation="C"), "postgresql")
# SQLite numbers its rows only in a column declared INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")


class Time(TypeDecorator[datetime]):
    """A moment in UTC; SQLite has no zones and gives back what it was given."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store UTC."""
        del dialect
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware value, whatever the database made of it."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


NEVER_NULL = frozenset({"StudyDate", "StudyTime"})
"""Empty when missing: the databases order NULL differently, and one index must give the order."""
MAX_INTEGER = 2**31 - 1
MAX_KEY_CHARACTERS = 256
"""A PostgreSQL index takes 2704 bytes; no value of the standard's is longer than a name's 194."""
_INTEGER_VRS = frozenset({"IS", "US"})
_COMPUTED = frozenset({"ModalitiesInStudy", "SOPClassesInStudy"})
_IDENTIFIERS = frozenset({"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID"})

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _key_columns(level: Level) -> list[Column[Any]]:
    """Return one column per matching key of a level, named by its DICOM keyword."""
    return [
        Column(keyword, Key, nullable=False, server_default="")
        if keyword in NEVER_NULL
        else Column(keyword, Integer if vr in _INTEGER_VRS else Key)
        for keyword, (key_level, vr) in MATCHING_KEYS.items()
        if key_level is level and keyword not in _COMPUTED and keyword not in _IDENTIFIERS
    ]


def _parent(column: str, table: str) -> Column[int]:
    return Column(column, Id, ForeignKey(f"{table}.id"), nullable=False, index=True)


patients = Table(
    "patients",
    metadata,
    Column("id", Id, primary_key=True),
    Column("patient_key", Key, nullable=False, unique=True),
    *_key_columns(Level.PATIENT),
    Column("patient_name_folded", Key, nullable=False, server_default=""),
    Column("attributes", Text, nullable=False),
    Index(None, "PatientID"),
    Index(None, "patient_name_folded"),
)

name_words = Table(
    "name_words",
    metadata,
    Column("patient_id", Id, ForeignKey("patients.id"), primary_key=True),
    Column("word", Key, primary_key=True),
    Index(None, "word", "patient_id"),
)
"""The words of every patient's folded name: found by prefix, in any order."""

studies = Table(
    "studies",
    metadata,
    Column("id", Id, primary_key=True),
    Column("StudyInstanceUID", Key, nullable=False, unique=True),
    _parent("patient_id", "patients"),
    *_key_columns(Level.STUDY),
    Column("study_description_folded", Key, nullable=False, server_default=""),
    Column("referring_physician_name_folded", Key, nullable=False, server_default=""),
    # Each value between backslashes, so that one LIKE finds it whole.
    Column("modalities", Key, nullable=False, server_default=""),
    Column("sop_classes", Key, nullable=False, server_default=""),
    Column("number_of_series", Integer, nullable=False, server_default="0"),
    Column("number_of_instances", Integer, nullable=False, server_default="0"),
    Column("conflict", Boolean, nullable=False),
    Column("first_received", Time, nullable=False),
    Column("last_received", Time, nullable=False),
    Column("attributes", Text, nullable=False),
    Index(None, "StudyDate", "StudyTime", "id"),
    Index(None, "AccessionNumber"),
    Index(None, "last_received"),
)

series = Table(
    "series",
    metadata,
    Column("id", Id, primary_key=True),
    _parent("study_id", "studies"),
    Column("SeriesInstanceUID", Key, nullable=False),
    *_key_columns(Level.SERIES),
    Column("number_of_instances", Integer, nullable=False, server_default="0"),
    Column("attributes", Text, nullable=False),
    UniqueConstraint("study_id", "SeriesInstanceUID"),
    Index(None, "SeriesInstanceUID"),
    Index(None, "Modality", "study_id"),
)

instances = Table(
    "instances",
    metadata,
    Column("id", Id, primary_key=True),
    Column("series_id", Id, ForeignKey("series.id"), nullable=False),
    Column("SOPInstanceUID", Key, nullable=False),
    Column("version", Integer, nullable=False),
    Column("current", Boolean, nullable=False),
    Column("SOPClassUID", Key, nullable=False),
    Column("transfer_syntax_uid", Key, nullable=False),
    *_key_columns(Level.IMAGE),
    Column("object_key", Key, nullable=False),
    Column("sha256", Key, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("data_set_offset", Integer, nullable=False),
    Column("origin_source", Key, nullable=False),
    Column("origin_peer", Key, nullable=False),
    Column("origin_address", Key, nullable=False),
    Column("received_at", Time, nullable=False),
    Column("attributes", Text, nullable=False),
    # The deletion that hides the instance, which is not current then (docs/design/0010-deletion.md).
    Column("deletion_id", Key),
    Column("pixels", LargeBinary),
    # Last, so that reading the columns before it never touches its overflow pages in SQLite.
    Column("metadata", LargeBinary, nullable=False),
    UniqueConstraint("series_id", "SOPInstanceUID", "version"),
    UniqueConstraint("series_id", "SOPInstanceUID", "sha256"),
    Index(None, "SOPInstanceUID"),
)
# Of marked instances only: nearly all have no mark, and each new one would pay for an entry.
Index(
    None,
    instances.c.deletion_id,
    sqlite_where=instances.c.deletion_id.is_not(None),
    postgresql_where=instances.c.deletion_id.is_not(None),
)

deletions = Table(
    "deletions",
    metadata,
    Column("id", Key, primary_key=True),
    Column("StudyInstanceUID", Key, nullable=False),
    Column("SeriesInstanceUID", Key),
    Column("SOPInstanceUID", Key),
    # Whose the study was: by the time it is shown again it may be another's.
    Column("patient_id", Id, ForeignKey("patients.id"), nullable=False),
    Column("number_of_instances", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("deleted_by", Key, nullable=False),
    Column("deleted_at", Time, nullable=False),
    Column("restored_by", Key),
    Column("restored_at", Time),
)

users = Table(
    "users",
    metadata,
    Column("username", Key, primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("role", Key, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", Time, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_sha256", Key, primary_key=True),
    Column("username", Key, ForeignKey("users.username"), nullable=False),
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time, nullable=False, index=True),
)

tokens = Table(
    "tokens",
    metadata,
    Column("token_sha256", Key, primary_key=True),
    Column("name", Key, nullable=False),
    Column("username", Key, ForeignKey("users.username"), nullable=False),
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time),
)

peers = Table(
    "peers",
    metadata,
    Column("ae_title", Key, primary_key=True),
    Column("host", Key, nullable=False),
    Column("port", Integer, nullable=False),
    Column("comment", Text, nullable=False),
)

held_peers = Table(
    "held_peers",
    metadata,
    Column("ae_title", Key, primary_key=True),
    Column("address", Key, primary_key=True),
    Column("first_seen", Time, nullable=False),
    Column("last_seen", Time, nullable=False),
    Column("attempts", Integer, nullable=False),
)
