"""The outbox, storage commitments and complete studies (docs/design/0018-outbox.md).

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Bring the schema forward."""
    _outbox()
    op.create_table(
        "commitments",
        sa.Column("id", ID, primary_key=True),
        sa.Column("requester", KEY, nullable=False),
        sa.Column("transaction_uid", KEY, nullable=False),
        sa.Column("digest", KEY, nullable=False),
        sa.Column("requested_at", TIME, nullable=False),
        sa.Column("decided_at", TIME),
        sa.Column("reported_at", TIME),
        sa.UniqueConstraint(
            "requester",
            "transaction_uid",
            "digest",
            name="uq_commitments_requester_transaction_uid_digest",
        ),
    )
    op.create_table(
        "commitment_items",
        sa.Column("commitment_id", ID, primary_key=True),
        sa.Column("position", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("SOPClassUID", KEY, nullable=False),
        sa.Column("SOPInstanceUID", KEY, nullable=False),
        sa.Column("outcome", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["commitment_id"], ["commitments.id"], name="fk_commitment_items_commitment_id"
        ),
    )
    op.create_table(
        "completions",
        sa.Column("StudyInstanceUID", KEY, primary_key=True),
        sa.Column("completed_at", TIME, nullable=False),
        sa.Column("number_of_instances", sa.Integer(), nullable=False),
        sa.Column("gaps", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    """Take the schema back."""
    for table in ("completions", "commitment_items", "commitments", "outbox"):
        op.drop_table(table)


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("number", ID, primary_key=True),
        sa.Column("id", KEY, nullable=False),
        sa.Column("key", KEY),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("about", KEY, nullable=False),
        sa.Column("topic", KEY, nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("state", KEY, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("armed_at", TIME, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("handed_at", TIME),
        sa.Column("finished_at", TIME),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.UniqueConstraint("id", name="uq_outbox_id"),
        sa.UniqueConstraint("key", name="uq_outbox_key"),
    )
    op.create_index("ix_outbox_finished_at", "outbox", ["finished_at"])
    op.create_index("ix_outbox_state_due_at", "outbox", ["state", "due_at"])
    op.create_index(
        "ix_outbox_topic",
        "outbox",
        ["topic", "number"],
        sqlite_where=sa.text("topic != ''"),
        postgresql_where=sa.text("topic != ''"),
    )
