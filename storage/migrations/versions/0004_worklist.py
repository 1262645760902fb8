"""Which studies a radiologist has opened (docs/design/0017-worklist.md).

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Bring the schema forward; what the audit trail has looks of counts as read."""
    op.add_column("studies", sa.Column("read_at", sa.DateTime(timezone=True), nullable=True))
    op.execute(
        """
        UPDATE studies SET read_at = last_received WHERE "StudyInstanceUID" IN (
            SELECT study_uid FROM audit_log
            WHERE verb = 'study viewed' AND role = 'radiologist' AND outcome = 'success'
        )
        """
    )


def downgrade() -> None:
    """Take the schema back."""
    op.drop_column("studies", "read_at")
