"""How far reading everything again is, and what it found (docs/design/0019-recovery.md).

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_Key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "scrub",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("after_key", _Key, nullable=False),
        sa.Column("checked", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("holder", _Key, nullable=False),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "scrub_faults",
        sa.Column("object_key", _Key, primary_key=True),
        sa.Column("fault", _Key, nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    """Take the schema back."""
    op.drop_table("scrub_faults")
    op.drop_table("scrub")
