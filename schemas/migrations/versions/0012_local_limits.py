"""Keep a city's own limits, and which of them each city-wide clearance run was judged by."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "limit_set",
        sa.Column("set_id", sa.INTEGER(), autoincrement=True, nullable=False),
        sa.Column(
            "table_name", sa.TEXT(), nullable=False, comment="clearance_horizontal, clearance_vertical or cover_depth."
        ),
        sa.Column("file_name", sa.TEXT(), nullable=False),
        sa.Column("rows", JSONB(), nullable=False, comment="The rows as they stand in the file."),
        sa.Column("author", sa.TEXT(), nullable=False),
        sa.Column("added_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("removed_by", sa.TEXT()),
        sa.Column("removed_at", sa.TIMESTAMP(timezone=True), comment="When it was put out of force."),
        sa.PrimaryKeyConstraint("set_id"),
        schema="pipemap",
    )
    op.add_column(
        "clearance_run",
        sa.Column(
            "limit_set_ids",
            ARRAY(sa.INTEGER()),
            nullable=False,
            server_default=sa.text("'{}'"),
            comment="Local tables among them.",
        ),
        schema="pipemap",
    )
    op.drop_constraint("clearance_run_version_key", "clearance_run", schema="pipemap", type_="unique")
    op.create_unique_constraint(
        "clearance_run_version_rules_key", "clearance_run", ["version", "rules"], schema="pipemap"
    )
