"""Health of hosts, fullness of disks, what operators did last, missing images, morning digests.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "host_findings",
        sa.Column("host", KEY, primary_key=True),
        sa.Column("examined_at", TIME, nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
    )
    op.create_table(
        "disk_samples",
        sa.Column("host", KEY, primary_key=True),
        sa.Column("place", KEY, primary_key=True),
        sa.Column("at", TIME, primary_key=True),
        sa.Column("used_bytes", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "last_done",
        sa.Column("what", KEY, primary_key=True),
        sa.Column("at", TIME, nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "study_lacks",
        sa.Column("cause", KEY, primary_key=True),
        sa.Column("StudyInstanceUID", KEY, nullable=False),
        sa.Column("ae_title", KEY, nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("looked_at", TIME, nullable=False),
    )
    op.create_index("ix_study_lacks_StudyInstanceUID", "study_lacks", ["StudyInstanceUID"])
    op.create_index("ix_performed_steps_changed_at", "performed_steps", ["changed_at"])
    op.create_table(
        "digests",
        sa.Column("day", KEY, primary_key=True),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    """Take the schema back."""
    op.drop_index("ix_performed_steps_changed_at", "performed_steps")
    for table in ("digests", "study_lacks", "last_done", "disk_samples", "host_findings"):
        op.drop_table(table)
