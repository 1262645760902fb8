"""Deletions as marks.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "deletions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("StudyInstanceUID", KEY, nullable=False),
        sa.Column("SeriesInstanceUID", KEY, nullable=True),
        sa.Column("SOPInstanceUID", KEY, nullable=True),
        sa.Column("patient_id", ID, nullable=False),
        sa.Column("number_of_instances", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("deleted_by", KEY, nullable=False),
        sa.Column("deleted_at", TIME, nullable=False),
        sa.Column("restored_by", KEY, nullable=True),
        sa.Column("restored_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patients.id"], name=op.f("fk_deletions_patient_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deletions")),
    )
    # No foreign key: SQLite would have to copy the whole table to add one.
    op.add_column("instances", sa.Column("deletion_id", KEY, nullable=True))
    op.create_index(
        op.f("ix_instances_deletion_id"),
        "instances",
        ["deletion_id"],
        sqlite_where=sa.text("deletion_id IS NOT NULL"),
        postgresql_where=sa.text("deletion_id IS NOT NULL"),
    )


def downgrade() -> None:
    """Take the schema back; what was deleted stays hidden, as a version that is not current."""
    op.drop_index(op.f("ix_instances_deletion_id"), "instances")
    op.drop_column("instances", "deletion_id")
    op.drop_table("deletions")
