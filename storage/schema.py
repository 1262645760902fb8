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
    false,
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
    Column("ward_folded", Key, nullable=False, server_default=""),
    # Each value between backslashes, so that one LIKE finds it whole.
    Column("modalities", Key, nullable=False, server_default=""),
    Column("sop_classes", Key, nullable=False, server_default=""),
    Column("number_of_series", Integer, nullable=False, server_default="0"),
    Column("number_of_instances", Integer, nullable=False, server_default="0"),
    Column("conflict", Boolean, nullable=False),
    Column("first_received", Time, nullable=False),
    Column("last_received", Time, nullable=False),
    # When a radiologist opened it; empty again once more images come.
    Column("read_at", Time),
    Column("attributes", Text, nullable=False),
    Index(None, "StudyDate", "StudyTime", "id"),
    Index(None, "AccessionNumber"),
    Index(None, "last_received"),
    Index(None, "referring_physician_name_folded", "StudyDate"),
    Index(None, "ward_folded", "StudyDate"),
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
    Column("display_name", Key, nullable=False, server_default=""),
    # Names as people wrote them, and folded as the studies they are compared with.
    Column("physician_name", Key, nullable=False, server_default=""),
    Column("physician_folded", Key, nullable=False, server_default=""),
    Column("ward", Key, nullable=False, server_default=""),
    Column("ward_folded", Key, nullable=False, server_default=""),
    Column("totp_secret", Text),
    # The time step of the last code that was used: no code counts twice (RFC 6238 5.2).
    Column("totp_step", BigInteger, nullable=False, server_default="0"),
    Column("failed_logins", Integer, nullable=False, server_default="0"),
    Column("locked_until", Time),
    Column("oidc_subject", Key),
    Index(None, "oidc_subject", unique=True),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_sha256", Key, primary_key=True),
    Column("username", Key, ForeignKey("users.username"), nullable=False),
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time, nullable=False, index=True),
    Column("id", Key, nullable=False, server_default=""),
    Column("seen_at", Time),
    Column("second_factor", Boolean, nullable=False, server_default=false()),
)

tokens = Table(
    "tokens",
    metadata,
    Column("token_sha256", Key, primary_key=True),
    Column("name", Key, nullable=False),
    Column("username", Key, ForeignKey("users.username"), nullable=False),
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time),
    Column("id", Key, nullable=False, server_default=""),
    # Separated by spaces; empty: all that the user's role may do.
    Column("permissions", Text, nullable=False, server_default=""),
    Column("last_used_at", Time),
)

grants = Table(
    "grants",
    metadata,
    Column("holder", Key, primary_key=True),
    Column("StudyInstanceUID", Key, primary_key=True),
    Column("granted_at", Time, nullable=False),
)
"""Single studies that somebody may see: `user:NAME`, or `guest:ID` of a link or share."""

guests = Table(
    "guests",
    metadata,
    Column("id", Key, primary_key=True),
    Column("token_sha256", Key, nullable=False, unique=True),
    Column("source", Key, nullable=False),
    Column("source_id", Key, nullable=False, index=True),
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time, nullable=False, index=True),
)
"""Sessions of people without an account, who came by a link (`link`) or a share (`share`)."""

link_keys = Table(
    "link_keys",
    metadata,
    Column("id", Key, primary_key=True),
    Column("issuer", Key, nullable=False),
    Column("secret", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("retired_at", Time),
)

links = Table(
    "links",
    metadata,
    Column("nonce", Key, primary_key=True),
    Column("key_id", Key, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time, nullable=False, index=True),
    Column("used_at", Time),
    Column("revoked_at", Time),
    Column("revoked_by", Key),
)
"""Links that were used or revoked; those that expired are refused without their row."""

shares = Table(
    "shares",
    metadata,
    Column("id", Key, primary_key=True),
    Column("token_sha256", Key, nullable=False, unique=True),
    Column("patient_key", Key, nullable=False),
    Column("created_by", Key, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time, nullable=False),
    Column("revoked_at", Time),
    Column("question", Key, nullable=False),
    Column("answer_hash", Text, nullable=False),
    Column("tries_left", Integer, nullable=False),
)

shared_studies = Table(
    "shared_studies",
    metadata,
    Column("share_id", Key, ForeignKey("shares.id"), primary_key=True),
    Column("StudyInstanceUID", Key, primary_key=True, index=True),
)

peers = Table(
    "peers",
    metadata,
    Column("ae_title", Key, primary_key=True),
    Column("host", Key, nullable=False),
    Column("port", Integer, nullable=False),
    Column("comment", Text, nullable=False),
    # Separated by spaces; no services: all of them, no SOP classes: every one.
    Column("services", Text, nullable=False, server_default=""),
    Column("sop_classes", Text, nullable=False, server_default=""),
    Column("certificate_sha256", Key, nullable=False, server_default=""),
    Column("tls", Boolean, nullable=False, server_default=false()),
    Column("max_associations", Integer),
    Column("max_instances_per_minute", Integer),
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

audit_log = Table(
    "audit_log",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=False),
    # Text, because the digest covers every character of it.
    Column("at", Key, nullable=False, index=True),
    Column("verb", Key, nullable=False),
    Column("outcome", Key, nullable=False),
    Column("actor", Key, nullable=False),
    Column("role", Key, nullable=False),
    Column("address", Key, nullable=False),
    Column("study_uid", Key, nullable=False, server_default=""),
    Column("patient_id", Key, nullable=False, server_default=""),
    # One row per act, however often it is tried or however many requests it takes.
    Column("act", Key, index=True),
    Column("detail", Text, nullable=False),
    Column("previous", Key, nullable=False),
    Column("digest", Key, nullable=False),
    Index(None, "study_uid", "seq"),
    Index(None, "actor", "seq"),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Id, nullable=False),
    Column("digest", Key, nullable=False),
)
"""One row: where the chain ends. Whoever adds to the chain holds it until the commit."""

audit_exports = Table(
    "audit_exports",
    metadata,
    Column("destination", Key, primary_key=True),
    Column("seq", Id, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("number", Id, primary_key=True),
    Column("id", Key, nullable=False, unique=True),
    Column("key", Key, unique=True),
    Column("kind", Key, nullable=False),
    Column("about", Key, nullable=False),
    Column("topic", Key, nullable=False),
    Column("payload", Text, nullable=False),
    Column("state", Key, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("armed_at", Time, nullable=False),
    Column("due_at", Time, nullable=False),
    Column("handed_at", Time),
    Column("finished_at", Time, index=True),
    Column("reason", Text, nullable=False),
    Index(None, "state", "due_at"),
)
"""What must happen later, written with its cause (docs/design/0018-outbox.md)."""
# Of the few rows that have a topic, those before a row are looked for.
Index(
    "ix_outbox_topic",
    outbox.c.topic,
    outbox.c.number,
    sqlite_where=outbox.c.topic != "",
    postgresql_where=outbox.c.topic != "",
)

commitments = Table(
    "commitments",
    metadata,
    Column("id", Id, primary_key=True),
    # Who asks: `dimse:AE TITLE` or `web:USER`. Others' transactions are none of theirs.
    Column("requester", Key, nullable=False),
    Column("transaction_uid", Key, nullable=False),
    # Of the references, so that a request made again is told from another one under its UID.
    Column("digest", Key, nullable=False),
    Column("requested_at", Time, nullable=False),
    Column("decided_at", Time),
    Column("reported_at", Time),
    UniqueConstraint("requester", "transaction_uid", "digest"),
)

commitment_items = Table(
    "commitment_items",
    metadata,
    Column("commitment_id", Id, ForeignKey("commitments.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("SOPClassUID", Key, nullable=False),
    Column("SOPInstanceUID", Key, nullable=False),
    # 0: committed; else the Failure Reason (PS3.3 C.14.1.1); NULL: not decided.
    Column("outcome", Integer),
)
"""Every instance that somebody asked to be kept for good, and what became of it."""

completions = Table(
    "completions",
    metadata,
    Column("StudyInstanceUID", Key, primary_key=True),
    Column("completed_at", Time, nullable=False),
    Column("number_of_instances", Integer, nullable=False),
    # JSON: missing instance numbers by Series Instance UID, [first, last] of each gap.
    Column("gaps", Text, nullable=False),
)
"""What was seen when nothing more came to a study; older than its last image: it is open again."""

scrub = Table(
    "scrub",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("started_at", Time, nullable=False),
    # The last object that was read in this round; the next come after it.
    Column("after_key", Key, nullable=False),
    Column("checked", BigInteger, nullable=False),
    Column("finished_at", Time),
    # One process reads at a time, whichever host it is on.
    Column("holder", Key, nullable=False),
    Column("held_until", Time, nullable=False),
)
"""One row: how far the round is in which every object is read again."""

scrub_faults = Table(
    "scrub_faults",
    metadata,
    Column("object_key", Key, primary_key=True),
    Column("fault", Key, nullable=False),
    Column("found_at", Time, nullable=False),
)
