"""Roles, wards, second factors, guests, links, shares, rules of peers, the audit trail.

Revision ID: 0003
Revises: 0002
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)

ROLE_NAMES = (("admin", "administrator"), ("reader", "radiologist"))
"""Old names of roles and the ones that took their place."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Bring the schema forward."""
    _studies()
    _accounts()
    _guests()
    _shares()
    _peers()
    _audit()


def downgrade() -> None:
    """Take the schema back; accounts of roles that were unknown then may do nothing."""
    for table in (
        "audit_exports", "audit_head", "audit_log", "shared_studies", "shares", "links",
        "link_keys", "guests", "grants",
    ):  # fmt: skip
        op.drop_table(table)
    op.drop_index("ix_users_oidc_subject", "users")
    for table, columns in _added().items():
        for column in columns:
            op.drop_column(table, column.name)
    for index in (
        "ix_studies_referring_physician_name_folded_StudyDate",
        "ix_studies_ward_folded_StudyDate",
    ):
        op.drop_index(index, "studies")
    op.drop_column("studies", "ward_folded")
    for old, new in ROLE_NAMES:
        _rename_role(new, old)


def _text(name: str, kind: sa.types.TypeEngine[str] = KEY) -> sa.Column[str]:
    return sa.Column(name, kind, nullable=False, server_default="")


def _added() -> dict[str, tuple[sa.Column[Any], ...]]:
    """Return the columns that tables of earlier versions get."""
    return {
        "users": (
            _text("display_name"),
            _text("physician_name"),
            _text("physician_folded"),
            _text("ward"),
            _text("ward_folded"),
            sa.Column("totp_secret", sa.Text(), nullable=True),
            sa.Column("totp_step", sa.BigInteger(), nullable=False, server_default="0"),
            sa.Column("failed_logins", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("locked_until", TIME, nullable=True),
            sa.Column("oidc_subject", KEY, nullable=True),
        ),
        "sessions": (
            _text("id"),
            sa.Column("seen_at", TIME, nullable=True),
            sa.Column("second_factor", sa.Boolean(), nullable=False, server_default=sa.false()),
        ),
        "tokens": (
            _text("id"),
            _text("permissions", sa.Text()),
            sa.Column("last_used_at", TIME, nullable=True),
        ),
        "peers": (
            _text("services", sa.Text()),
            _text("sop_classes", sa.Text()),
            _text("certificate_sha256"),
            sa.Column("tls", sa.Boolean(), nullable=False, server_default=sa.false()),
            sa.Column("max_associations", sa.Integer(), nullable=True),
            sa.Column("max_instances_per_minute", sa.Integer(), nullable=True),
        ),
    }


def _studies() -> None:
    op.add_column("studies", _text("ward_folded"))
    for column in ("referring_physician_name_folded", "ward_folded"):
        op.create_index(f"ix_studies_{column}_StudyDate", "studies", [column, "StudyDate"])


def _accounts() -> None:
    _add("users", "sessions", "tokens")
    op.create_index("ix_users_oidc_subject", "users", ["oidc_subject"], unique=True)
    for old, new in ROLE_NAMES:
        _rename_role(old, new)


def _peers() -> None:
    _add("peers")


def _guests() -> None:
    op.create_table(
        "grants",
        sa.Column("holder", KEY, nullable=False),
        sa.Column("StudyInstanceUID", KEY, nullable=False),
        sa.Column("granted_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("holder", "StudyInstanceUID", name=op.f("pk_grants")),
    )
    op.create_table(
        "guests",
        sa.Column("id", KEY, nullable=False),
        sa.Column("token_sha256", KEY, nullable=False),
        sa.Column("source", KEY, nullable=False),
        sa.Column("source_id", KEY, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guests")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_guests_token_sha256")),
    )
    op.create_index(op.f("ix_guests_source_id"), "guests", ["source_id"])
    op.create_index(op.f("ix_guests_expires_at"), "guests", ["expires_at"])
    op.create_table(
        "link_keys",
        sa.Column("id", KEY, nullable=False),
        sa.Column("issuer", KEY, nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("retired_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_keys")),
    )
    op.create_table(
        "links",
        sa.Column("nonce", KEY, nullable=False),
        sa.Column("key_id", KEY, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("used_at", TIME, nullable=True),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.Column("revoked_by", KEY, nullable=True),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_links")),
    )
    op.create_index(op.f("ix_links_expires_at"), "links", ["expires_at"])


def _shares() -> None:
    op.create_table(
        "shares",
        sa.Column("id", KEY, nullable=False),
        sa.Column("token_sha256", KEY, nullable=False),
        sa.Column("patient_key", KEY, nullable=False),
        sa.Column("created_by", KEY, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.Column("question", KEY, nullable=False),
        sa.Column("answer_hash", sa.Text(), nullable=False),
        sa.Column("tries_left", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shares")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_shares_token_sha256")),
    )
    op.create_table(
        "shared_studies",
        sa.Column("share_id", KEY, nullable=False),
        sa.Column("StudyInstanceUID", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["share_id"], ["shares.id"], name=op.f("fk_shared_studies_share_id")
        ),
        sa.PrimaryKeyConstraint("share_id", "StudyInstanceUID", name=op.f("pk_shared_studies")),
    )
    op.create_index(
        op.f("ix_shared_studies_StudyInstanceUID"), "shared_studies", ["StudyInstanceUID"]
    )


def _audit() -> None:
    op.create_table(
        "audit_log",
        sa.Column("seq", ID, nullable=False, autoincrement=False),
        sa.Column("at", KEY, nullable=False),
        sa.Column("verb", KEY, nullable=False),
        sa.Column("outcome", KEY, nullable=False),
        sa.Column("actor", KEY, nullable=False),
        sa.Column("role", KEY, nullable=False),
        sa.Column("address", KEY, nullable=False),
        _text("study_uid"),
        _text("patient_id"),
        sa.Column("act", KEY, nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous", KEY, nullable=False),
        sa.Column("digest", KEY, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_log")),
    )
    op.create_index(op.f("ix_audit_log_at"), "audit_log", ["at"])
    op.create_index(op.f("ix_audit_log_act"), "audit_log", ["act"])
    op.create_index(op.f("ix_audit_log_study_uid_seq"), "audit_log", ["study_uid", "seq"])
    op.create_index(op.f("ix_audit_log_actor_seq"), "audit_log", ["actor", "seq"])
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("seq", ID, nullable=False),
        sa.Column("digest", KEY, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    head = sa.table("audit_head", sa.column("id"), sa.column("seq"), sa.column("digest"))
    op.execute(sa.insert(head).values(id=1, seq=0, digest="0" * 64))
    op.create_table(
        "audit_exports",
        sa.Column("destination", KEY, nullable=False),
        sa.Column("seq", ID, nullable=False),
        sa.PrimaryKeyConstraint("destination", name=op.f("pk_audit_exports")),
    )


def _add(*tables: str) -> None:
    for table in tables:
        for column in _added()[table]:
            op.add_column(table, column)


def _rename_role(old: str, new: str) -> None:
    users = sa.table("users", sa.column("role"))
    op.execute(sa.update(users).where(users.c.role == old).values(role=new))
