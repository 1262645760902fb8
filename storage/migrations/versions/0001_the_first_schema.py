"""The first schema.

Revision ID: 0001
Revises: nothing
"""

import sqlalchemy as sa
from alembic import op

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "held_peers",
        sa.Column("ae_title", KEY, nullable=False),
        sa.Column("address", KEY, nullable=False),
        sa.Column("first_seen", TIME, nullable=False),
        sa.Column("last_seen", TIME, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("ae_title", "address", name=op.f("pk_held_peers")),
    )
    op.create_table(
        "patients",
        sa.Column("id", ID, nullable=False),
        sa.Column("patient_key", KEY, nullable=False),
        sa.Column("PatientID", KEY, nullable=True),
        sa.Column("IssuerOfPatientID", KEY, nullable=True),
        sa.Column("PatientName", KEY, nullable=True),
        sa.Column("PatientBirthDate", KEY, nullable=True),
        sa.Column("PatientSex", KEY, nullable=True),
        sa.Column("patient_name_folded", KEY, server_default="", nullable=False),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patients")),
        sa.UniqueConstraint("patient_key", name=op.f("uq_patients_patient_key")),
    )
    op.create_index(op.f("ix_patients_PatientID"), "patients", ["PatientID"], unique=False)
    op.create_index(
        op.f("ix_patients_patient_name_folded"), "patients", ["patient_name_folded"], unique=False
    )
    op.create_table(
        "peers",
        sa.Column("ae_title", KEY, nullable=False),
        sa.Column("host", KEY, nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("ae_title", name=op.f("pk_peers")),
    )
    op.create_table(
        "users",
        sa.Column("username", KEY, nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", KEY, nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("username", name=op.f("pk_users")),
    )
    op.create_table(
        "name_words",
        sa.Column("patient_id", ID, nullable=False),
        sa.Column("word", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patients.id"], name=op.f("fk_name_words_patient_id")
        ),
        sa.PrimaryKeyConstraint("patient_id", "word", name=op.f("pk_name_words")),
    )
    op.create_index(
        op.f("ix_name_words_word_patient_id"), "name_words", ["word", "patient_id"], unique=False
    )
    op.create_table(
        "sessions",
        sa.Column("token_sha256", KEY, nullable=False),
        sa.Column("username", KEY, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["username"], ["users.username"], name=op.f("fk_sessions_username")
        ),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_expires_at"), "sessions", ["expires_at"], unique=False)
    op.create_table(
        "studies",
        sa.Column("id", ID, nullable=False),
        sa.Column("StudyInstanceUID", KEY, nullable=False),
        sa.Column("patient_id", ID, nullable=False),
        sa.Column("StudyDate", KEY, server_default="", nullable=False),
        sa.Column("StudyTime", KEY, server_default="", nullable=False),
        sa.Column("AccessionNumber", KEY, nullable=True),
        sa.Column("StudyID", KEY, nullable=True),
        sa.Column("StudyDescription", KEY, nullable=True),
        sa.Column("ReferringPhysicianName", KEY, nullable=True),
        sa.Column("study_description_folded", KEY, server_default="", nullable=False),
        sa.Column("referring_physician_name_folded", KEY, server_default="", nullable=False),
        sa.Column("modalities", KEY, server_default="", nullable=False),
        sa.Column("sop_classes", KEY, server_default="", nullable=False),
        sa.Column("number_of_series", sa.Integer(), server_default="0", nullable=False),
        sa.Column("number_of_instances", sa.Integer(), server_default="0", nullable=False),
        sa.Column("conflict", sa.Boolean(), nullable=False),
        sa.Column("first_received", TIME, nullable=False),
        sa.Column("last_received", TIME, nullable=False),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patients.id"], name=op.f("fk_studies_patient_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studies")),
        sa.UniqueConstraint("StudyInstanceUID", name=op.f("uq_studies_StudyInstanceUID")),
    )
    op.create_index(
        op.f("ix_studies_AccessionNumber"), "studies", ["AccessionNumber"], unique=False
    )
    op.create_index(
        op.f("ix_studies_StudyDate_StudyTime_id"),
        "studies",
        ["StudyDate", "StudyTime", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_studies_last_received"), "studies", ["last_received"], unique=False)
    op.create_index(op.f("ix_studies_patient_id"), "studies", ["patient_id"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("token_sha256", KEY, nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("username", KEY, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["username"], ["users.username"], name=op.f("fk_tokens_username")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_tokens")),
    )
    op.create_table(
        "series",
        sa.Column("id", ID, nullable=False),
        sa.Column("study_id", ID, nullable=False),
        sa.Column("SeriesInstanceUID", KEY, nullable=False),
        sa.Column("Modality", KEY, nullable=True),
        sa.Column("SeriesNumber", sa.Integer(), nullable=True),
        sa.Column("SeriesDescription", KEY, nullable=True),
        sa.Column("SeriesDate", KEY, nullable=True),
        sa.Column("SeriesTime", KEY, nullable=True),
        sa.Column("BodyPartExamined", KEY, nullable=True),
        sa.Column("ProtocolName", KEY, nullable=True),
        sa.Column("StationName", KEY, nullable=True),
        sa.Column("InstitutionName", KEY, nullable=True),
        sa.Column("PerformedProcedureStepStartDate", KEY, nullable=True),
        sa.Column("PerformedProcedureStepStartTime", KEY, nullable=True),
        sa.Column("RequestedProcedureID", KEY, nullable=True),
        sa.Column("ScheduledProcedureStepID", KEY, nullable=True),
        sa.Column("number_of_instances", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name=op.f("fk_series_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint(
            "study_id", "SeriesInstanceUID", name=op.f("uq_series_study_id_SeriesInstanceUID")
        ),
    )
    op.create_index(
        op.f("ix_series_Modality_study_id"), "series", ["Modality", "study_id"], unique=False
    )
    op.create_index(
        op.f("ix_series_SeriesInstanceUID"), "series", ["SeriesInstanceUID"], unique=False
    )
    op.create_index(op.f("ix_series_study_id"), "series", ["study_id"], unique=False)
    op.create_table(
        "instances",
        sa.Column("id", ID, nullable=False),
        sa.Column("series_id", ID, nullable=False),
        sa.Column("SOPInstanceUID", KEY, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("SOPClassUID", KEY, nullable=False),
        sa.Column("transfer_syntax_uid", KEY, nullable=False),
        sa.Column("InstanceNumber", sa.Integer(), nullable=True),
        sa.Column("ContentDate", KEY, nullable=True),
        sa.Column("ContentTime", KEY, nullable=True),
        sa.Column("AcquisitionNumber", sa.Integer(), nullable=True),
        sa.Column("Rows", sa.Integer(), nullable=True),
        sa.Column("Columns", sa.Integer(), nullable=True),
        sa.Column("NumberOfFrames", sa.Integer(), nullable=True),
        sa.Column("object_key", KEY, nullable=False),
        sa.Column("sha256", KEY, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("data_set_offset", sa.Integer(), nullable=False),
        sa.Column("origin_source", KEY, nullable=False),
        sa.Column("origin_peer", KEY, nullable=False),
        sa.Column("origin_address", KEY, nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("pixels", sa.LargeBinary(), nullable=True),
        sa.Column("metadata", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_instances_series_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instances")),
        sa.UniqueConstraint(
            "series_id",
            "SOPInstanceUID",
            "sha256",
            name=op.f("uq_instances_series_id_SOPInstanceUID_sha256"),
        ),
        sa.UniqueConstraint(
            "series_id",
            "SOPInstanceUID",
            "version",
            name=op.f("uq_instances_series_id_SOPInstanceUID_version"),
        ),
    )
    op.create_index(
        op.f("ix_instances_SOPInstanceUID"), "instances", ["SOPInstanceUID"], unique=False
    )


def downgrade() -> None:
    """Take the schema back to nothing, children before parents."""
    for table in (
        "instances",
        "series",
        "studies",
        "name_words",
        "patients",
        "tokens",
        "sessions",
        "users",
        "peers",
        "held_peers",
    ):
        op.drop_table(table)
