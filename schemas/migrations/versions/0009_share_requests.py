"""Keep requests for data, what has been read under each agreement, and the telephone numbers of owners."""

import geoalchemy2
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def _area(name: str, comment: str | None = None) -> sa.Column:
    kind = geoalchemy2.Geometry("MULTIPOLYGON", srid=-1, spatial_index=False)
    return sa.Column(name, kind, nullable=False, comment=comment)


def _text(name: str, comment: str | None = None, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.TEXT(), nullable=nullable, comment=comment)


def _moment(name: str) -> sa.Column:
    return sa.Column(name, sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.text("now()"))


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "share_request",
        sa.Column("request_id", sa.INTEGER(), autoincrement=True, nullable=False),
        _text("agency"),
        _text("applicant", "The person, with a way to reach them."),
        _text("purpose_code", "Code of request_purpose."),
        _text("work_type", nullable=True),
        _text("reason"),
        _area("area"),
        sa.Column("class_codes", ARRAY(sa.TEXT()), nullable=False),
        sa.Column("attributes", ARRAY(sa.TEXT()), nullable=False),
        sa.Column("starts_on", sa.DATE(), nullable=False),
        sa.Column("ends_on", sa.DATE(), nullable=False, comment="Last day, included."),
        _text("author", "Who wrote it in: staff, the agency under its key, or the form."),
        _moment("created_at"),
        sa.Column(
            "state",
            sa.TEXT(),
            nullable=False,
            server_default=sa.text("'open'"),
            comment="open, approved, narrowed, refused.",
        ),
        _text("decided_by", nullable=True),
        sa.Column("decided_at", sa.TIMESTAMP(timezone=True)),
        _text("decision_reason", nullable=True),
        sa.Column("agreement_id", sa.INTEGER(), comment="The agreement that was made of it."),
        sa.PrimaryKeyConstraint("request_id"),
        schema="pipemap",
    )
    op.create_table(
        "area_read",
        sa.Column("agreement_id", sa.INTEGER(), autoincrement=False, nullable=False),
        _area("area", "Read of the area."),
        _area("outside", "Windows asked for that hold nothing of the agreement's area."),
        sa.PrimaryKeyConstraint("agreement_id"),
        schema="pipemap",
    )
    op.create_table(
        "area_allowance",
        _text("agency"),
        sa.Column(
            "km2",
            sa.DOUBLE_PRECISION(),
            nullable=False,
            comment="Most full-feature data it may hold, all agreements.",
        ),
        _text("reason"),
        _text("allowed_by"),
        _moment("allowed_at"),
        sa.PrimaryKeyConstraint("agency"),
        schema="pipemap",
    )
    op.create_table(
        "owner_contact",
        _text("owner", "As the map writes it."),
        _text("telephone"),
        sa.PrimaryKeyConstraint("owner"),
        schema="pipemap",
    )
