"""Orders, the people they are for, worklist and MPPS (docs/design/0023-orders.md).

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("peers", sa.Column("worklist_charset", KEY, nullable=False, server_default=""))
    _people()
    _orders()
    _parts_of_orders()
    _performed()
    _messages()


def downgrade() -> None:
    """Take the schema back."""
    for table in (
        "hl7_senders",
        "hl7_messages",
        "performed_orders",
        "performed_steps",
        "unmatched_studies",
        "order_studies",
        "order_events",
        "order_steps",
        "orders",
        "person_merges",
        "person_identifiers",
        "persons",
    ):
        op.drop_table(table)
    op.drop_column("peers", "worklist_charset")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, KEY, nullable=False)


def _words(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _refers(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    there, key = other.split(".")
    return sa.ForeignKeyConstraint(
        [column], [f"{there}.{key}"], name=f"fk_{table}_{column}_{there}"
    )


def _people() -> None:
    op.create_table(
        "persons",
        sa.Column("id", ID, primary_key=True),
        _text("name"),
        _text("name_folded"),
        _text("birth_date"),
        _text("sex"),
        sa.Column("merged_into", ID),
        sa.Column("told_at", TIME),
        sa.Column("created_at", TIME, nullable=False),
    )
    op.create_index("ix_persons_name_folded", "persons", ["name_folded"])
    op.create_index("ix_persons_merged_into", "persons", ["merged_into"])
    op.create_table(
        "person_identifiers",
        sa.Column("kind", KEY, primary_key=True),
        sa.Column("issuer", KEY, primary_key=True),
        sa.Column("value", KEY, primary_key=True),
        sa.Column("person_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["persons.id"], name="fk_person_identifiers_person_id"
        ),
    )
    op.create_index("ix_person_identifiers_person_id", "person_identifiers", ["person_id"])
    op.create_index("ix_person_identifiers_value", "person_identifiers", ["value"])
    op.create_table(
        "person_merges",
        sa.Column("id", ID, primary_key=True),
        sa.Column("kept_id", ID, nullable=False),
        sa.Column("merged_id", ID, nullable=False),
        _text("cause"),
        sa.Column("merged_at", TIME, nullable=False),
        sa.Column("undone_by", KEY),
        sa.Column("undone_at", TIME),
        sa.ForeignKeyConstraint(["kept_id"], ["persons.id"], name="fk_person_merges_kept_id"),
        sa.ForeignKeyConstraint(["merged_id"], ["persons.id"], name="fk_person_merges_merged_id"),
    )
    op.create_index("ix_person_merges_merged_id", "person_merges", ["merged_id"])


def _orders() -> None:
    op.create_table(
        "orders",
        sa.Column("id", KEY, primary_key=True),
        _text("placer_number"),
        _text("placer_issuer"),
        _text("filler_number"),
        _text("accession_number"),
        _text("accession_issuer"),
        _text("StudyInstanceUID"),
        sa.Column("person_id", ID),
        _text("state"),
        _text("priority"),
        _text("procedure_code"),
        _text("procedure_scheme"),
        _words("procedure_text"),
        _text("body_part"),
        _words("reason"),
        _text("doctor"),
        _text("ward"),
        _words("comment"),
        _text("source"),
        sa.Column("told_at", TIME),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name="fk_orders_person_id"),
        sa.UniqueConstraint("StudyInstanceUID", name="uq_orders_StudyInstanceUID"),
    )
    op.create_index("ix_orders_accession_number", "orders", ["accession_number"])
    op.create_index("ix_orders_person_id", "orders", ["person_id"])
    op.create_index("ix_orders_state_changed_at", "orders", ["state", "changed_at"])
    op.create_index("ix_orders_created_at", "orders", ["created_at"])
    op.create_index(
        "uq_orders_placer",
        "orders",
        ["placer_issuer", "placer_number"],
        unique=True,
        sqlite_where=sa.text("placer_number != ''"),
        postgresql_where=sa.text("placer_number != ''"),
    )


def _parts_of_orders() -> None:
    op.create_table(
        "order_steps",
        sa.Column("order_id", KEY, primary_key=True),
        sa.Column("step_id", KEY, primary_key=True),
        _text("state"),
        _text("modality"),
        _text("station_ae"),
        _text("room"),
        _text("date"),
        _text("time"),
        _words("description"),
        _text("performer"),
        _refers("order_steps", "order_id", "orders.id"),
    )
    op.create_index("ix_order_steps_state_date_time", "order_steps", ["state", "date", "time"])
    op.create_table(
        "order_events",
        sa.Column("id", ID, primary_key=True),
        _text("order_id"),
        sa.Column("at", TIME, nullable=False),
        _text("what"),
        _text("state"),
        _text("who"),
        _words("detail"),
        _refers("order_events", "order_id", "orders.id"),
    )
    op.create_index("ix_order_events_order_id", "order_events", ["order_id"])
    op.create_table(
        "order_studies",
        sa.Column("id", ID, primary_key=True),
        _text("order_id"),
        _text("StudyInstanceUID"),
        _text("how"),
        _text("linked_by"),
        sa.Column("linked_at", TIME, nullable=False),
        sa.Column("undone_by", KEY),
        sa.Column("undone_at", TIME),
        _refers("order_studies", "order_id", "orders.id"),
    )
    op.create_index("ix_order_studies_order_id", "order_studies", ["order_id"])
    op.create_index("ix_order_studies_StudyInstanceUID", "order_studies", ["StudyInstanceUID"])
    op.create_table(
        "unmatched_studies",
        sa.Column("StudyInstanceUID", KEY, primary_key=True),
        sa.Column("arrived_at", TIME, nullable=False),
        _text("reason"),
        sa.Column("settled_by", KEY),
        sa.Column("settled_at", TIME),
    )
    op.create_index(
        "ix_unmatched_studies_settled_at_arrived_at",
        "unmatched_studies",
        ["settled_at", "arrived_at"],
    )


def _performed() -> None:
    op.create_table(
        "performed_steps",
        sa.Column("SOPInstanceUID", KEY, primary_key=True),
        _text("state"),
        _text("ae_title"),
        _text("StudyInstanceUID"),
        _words("attributes"),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
    )
    op.create_index("ix_performed_steps_StudyInstanceUID", "performed_steps", ["StudyInstanceUID"])
    op.create_table(
        "performed_orders",
        sa.Column("SOPInstanceUID", KEY, primary_key=True),
        sa.Column("order_id", KEY, primary_key=True),
        sa.Column("step_id", KEY, primary_key=True),
        _refers("performed_orders", "SOPInstanceUID", "performed_steps.SOPInstanceUID"),
        _refers("performed_orders", "order_id", "orders.id"),
    )
    op.create_index("ix_performed_orders_order_id", "performed_orders", ["order_id"])


def _messages() -> None:
    op.create_table(
        "hl7_messages",
        sa.Column("id", ID, primary_key=True),
        _text("sender"),
        _text("control_id"),
        _text("digest"),
        _text("kind"),
        _text("code"),
        _words("reason"),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        _text("address"),
        sa.Column("received_at", TIME, nullable=False),
    )
    op.create_index("ix_hl7_messages_received_at", "hl7_messages", ["received_at"])
    op.create_index("ix_hl7_messages_sender_control_id", "hl7_messages", ["sender", "control_id"])
    op.create_table(
        "hl7_senders",
        sa.Column("name", KEY, primary_key=True),
        _text("host"),
        _text("certificate_sha256"),
        _text("charset"),
        _text("issuer"),
        _words("comment"),
    )
