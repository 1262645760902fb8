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
    # `utf8` or `ascii`; empty: as the settings say.
    Column("worklist_charset", Key, nullable=False, server_default=""),
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

persons = Table(
    "persons",
    metadata,
    Column("id", Id, primary_key=True),
    # As a DICOM person name, with its marks.
    Column("name", Key, nullable=False),
    Column("name_folded", Key, nullable=False, index=True),
    Column("birth_date", Key, nullable=False),
    Column("sex", Key, nullable=False),
    # No foreign key: whole tables are copied in any order of rows.
    Column("merged_into", Id, index=True),
    # When whoever told it said it: what is older does not replace it.
    Column("told_at", Time),
    Column("created_at", Time, nullable=False),
)
"""People whom orders tell of; `patients` is what images say (docs/design/0023-orders.md)."""

person_identifiers = Table(
    "person_identifiers",
    metadata,
    Column("kind", Key, primary_key=True),
    # The state's numbers have no issuer of their own.
    Column("issuer", Key, primary_key=True),
    Column("value", Key, primary_key=True),
    Column("person_id", Id, ForeignKey("persons.id"), nullable=False, index=True),
    Index(None, "value"),
)

person_merges = Table(
    "person_merges",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kept_id", Id, ForeignKey("persons.id"), nullable=False),
    Column("merged_id", Id, ForeignKey("persons.id"), nullable=False, index=True),
    Column("cause", Key, nullable=False),
    Column("merged_at", Time, nullable=False),
    Column("undone_by", Key),
    Column("undone_at", Time),
)

orders = Table(
    "orders",
    metadata,
    Column("id", Key, primary_key=True),
    # Empty for those that a page made; NULL would be a third kind of none.
    Column("placer_number", Key, nullable=False),
    Column("placer_issuer", Key, nullable=False),
    Column("filler_number", Key, nullable=False),
    Column("accession_number", Key, nullable=False),
    Column("accession_issuer", Key, nullable=False),
    Column("StudyInstanceUID", Key, nullable=False, unique=True),
    # None: a cancellation came before its order.
    Column("person_id", Id, ForeignKey("persons.id"), index=True),
    Column("state", Key, nullable=False),
    Column("priority", Key, nullable=False),
    Column("procedure_code", Key, nullable=False),
    Column("procedure_scheme", Key, nullable=False),
    Column("procedure_text", Text, nullable=False),
    Column("body_part", Key, nullable=False),
    Column("reason", Text, nullable=False),
    Column("doctor", Key, nullable=False),
    Column("ward", Key, nullable=False),
    Column("comment", Text, nullable=False),
    Column("source", Key, nullable=False),
    Column("told_at", Time),
    Column("created_at", Time, nullable=False),
    Column("changed_at", Time, nullable=False),
    # Not unique: some systems give one number to all that is done on one visit.
    Index(None, "accession_number"),
    Index(None, "state", "changed_at"),
    Index(None, "created_at"),
)
Index(
    "uq_orders_placer",
    orders.c.placer_issuer,
    orders.c.placer_number,
    unique=True,
    sqlite_where=orders.c.placer_number != "",
    postgresql_where=orders.c.placer_number != "",
)

order_steps = Table(
    "order_steps",
    metadata,
    Column("order_id", Key, ForeignKey("orders.id"), primary_key=True),
    # Scheduled Procedure Step ID.
    Column("step_id", Key, primary_key=True),
    Column("state", Key, nullable=False),
    Column("modality", Key, nullable=False),
    Column("station_ae", Key, nullable=False),
    Column("room", Key, nullable=False),
    # Local time of the hospital, as DICOM writes it.
    Column("date", Key, nullable=False),
    Column("time", Key, nullable=False),
    Column("description", Text, nullable=False),
    Column("performer", Key, nullable=False),
    Index(None, "state", "date", "time"),
)

order_events = Table(
    "order_events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("order_id", Key, ForeignKey("orders.id"), nullable=False, index=True),
    Column("at", Time, nullable=False),
    Column("what", Key, nullable=False),
    Column("state", Key, nullable=False),
    Column("who", Key, nullable=False),
    Column("detail", Text, nullable=False),
)

order_studies = Table(
    "order_studies",
    metadata,
    Column("id", Id, primary_key=True),
    Column("order_id", Key, ForeignKey("orders.id"), nullable=False, index=True),
    Column("StudyInstanceUID", Key, nullable=False, index=True),
    Column("how", Key, nullable=False),
    Column("linked_by", Key, nullable=False),
    Column("linked_at", Time, nullable=False),
    Column("undone_by", Key),
    Column("undone_at", Time),
)
"""Which images answer which order; a link that was wrong is ended and stays."""

unmatched_studies = Table(
    "unmatched_studies",
    metadata,
    Column("StudyInstanceUID", Key, primary_key=True),
    Column("arrived_at", Time, nullable=False),
    # Why no order was found, as the page says it.
    Column("reason", Key, nullable=False),
    # Set once a person or a late order has settled it.
    Column("settled_by", Key),
    Column("settled_at", Time),
    Index(None, "settled_at", "arrived_at"),
)

performed_steps = Table(
    "performed_steps",
    metadata,
    Column("SOPInstanceUID", Key, primary_key=True),
    Column("state", Key, nullable=False),
    Column("ae_title", Key, nullable=False),
    Column("StudyInstanceUID", Key, nullable=False, index=True),
    # The data set in the DICOM JSON model, as it stands after the last N-SET.
    Column("attributes", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("changed_at", Time, nullable=False, index=True),
)
"""What modalities report by MPPS (PS3.4 F)."""

performed_orders = Table(
    "performed_orders",
    metadata,
    Column("SOPInstanceUID", Key, ForeignKey("performed_steps.SOPInstanceUID"), primary_key=True),
    Column("order_id", Key, ForeignKey("orders.id"), primary_key=True, index=True),
    Column("step_id", Key, primary_key=True),
)

hl7_messages = Table(
    "hl7_messages",
    metadata,
    Column("id", Id, primary_key=True),
    Column("sender", Key, nullable=False),
    Column("control_id", Key, nullable=False),
    Column("digest", Key, nullable=False),
    Column("kind", Key, nullable=False),
    Column("code", Key, nullable=False),
    Column("reason", Text, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("address", Key, nullable=False),
    Column("received_at", Time, nullable=False, index=True),
    Index(None, "sender", "control_id"),
)

hl7_senders = Table(
    "hl7_senders",
    metadata,
    Column("name", Key, primary_key=True),
    Column("host", Key, nullable=False),
    Column("certificate_sha256", Key, nullable=False),
    Column("charset", Key, nullable=False),
    # Of the hospital numbers it sends without one.
    Column("issuer", Key, nullable=False),
    Column("comment", Text, nullable=False),
)

host_findings = Table(
    "host_findings",
    metadata,
    Column("host", Key, primary_key=True),
    Column("examined_at", Time, nullable=False),
    # JSON, as pacs_gateway.doctor.findings writes it.
    Column("findings", Text, nullable=False),
)
"""What was last found on each host (docs/design/0022-guard.md)."""

disk_samples = Table(
    "disk_samples",
    metadata,
    Column("host", Key, primary_key=True),
    Column("place", Key, primary_key=True),
    Column("at", Time, primary_key=True),
    Column("used_bytes", BigInteger, nullable=False),
)

last_done = Table(
    "last_done",
    metadata,
    Column("what", Key, primary_key=True),
    Column("at", Time, nullable=False),
    Column("passed", Boolean, nullable=False),
)
"""When operators last did what must be done again and again."""

study_lacks = Table(
    "study_lacks",
    metadata,
    # `mpps UID` or `commitment NUMBER`.
    Column("cause", Key, primary_key=True),
    # Empty where nothing that came tells which study it is.
    Column("StudyInstanceUID", Key, nullable=False, index=True),
    Column("ae_title", Key, nullable=False),
    Column("missing", Integer, nullable=False),
    Column("looked_at", Time, nullable=False),
)
"""Images that a device says it has made or sent, and that are not here."""

digests = Table(
    "digests",
    metadata,
    # The morning, as the hospital writes the day: `2026-11-23`.
    Column("day", Key, primary_key=True),
    Column("made_at", Time, nullable=False),
    # JSON, as pacs_gateway.doctor.digest writes it.
    Column("content", Text, nullable=False),
)
