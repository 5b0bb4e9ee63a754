"""Keep by which ground models each city-wide clearance run was judged, and how many sizes it took as outer."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    for column in (
        sa.Column(
            "ground",
            sa.TEXT(),
            nullable=False,
            server_default=sa.text("''"),
            comment="Digest of the ground models it was judged by; empty for the surveyed ground alone.",
        ),
        sa.Column(
            "ground_models", ARRAY(sa.TEXT()), nullable=False, server_default=sa.text("'{}'"), comment="Their names."
        ),
        sa.Column(
            "sizes_taken_as_outer",
            sa.BIGINT(),
            comment="Pipes whose size measures something else than the outer wall.",
        ),
    ):
        op.add_column("clearance_run", column, schema="pipemap")
    op.drop_constraint("clearance_run_version_rules_key", "clearance_run", schema="pipemap", type_="unique")
    op.create_unique_constraint(
        "clearance_run_version_rules_ground_key", "clearance_run", ["version", "rules", "ground"], schema="pipemap"
    )
