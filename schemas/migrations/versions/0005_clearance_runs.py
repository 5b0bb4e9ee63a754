"""Keep what the city-wide clearance run of each version finds."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "clearance_run",
        sa.Column("run_id", sa.INTEGER(), autoincrement=True, nullable=False),
        sa.Column("version", sa.INTEGER(), nullable=False, comment="Version of the map that was judged."),
        sa.Column("rules", sa.TEXT(), nullable=False, comment="Digest of the limits it was judged by."),
        sa.Column("started_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("segments", sa.BIGINT()),
        sa.Column("pairs", sa.BIGINT()),
        sa.PrimaryKeyConstraint("run_id"),
        sa.UniqueConstraint("version"),
        schema="pipemap",
    )
    op.create_table(
        "clearance_tile",
        sa.Column("run_id", sa.INTEGER(), nullable=False),
        sa.Column("tile", sa.INTEGER(), nullable=False),
        sa.Column("pairs", sa.BIGINT(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "tile", name="clearance_tile_pkey"),
        schema="pipemap",
    )
    doubles = ["measured_m", "limit_m", "accuracy_m", "crossing_deg"]
    doubles += [f"{place}{axis}_m" for place in ("", "near_", "far_") for axis in "xyz"]
    op.create_table(
        "clearance_found",
        sa.Column("run_id", sa.INTEGER(), nullable=False),
        sa.Column("kind", sa.TEXT(), nullable=False),
        sa.Column("state", sa.TEXT(), nullable=False),
        sa.Column("segment_id", sa.BIGINT(), nullable=False),
        sa.Column("other_kind", sa.TEXT()),
        sa.Column("other_id", sa.BIGINT()),
        sa.Column("rule_id", sa.TEXT()),
        sa.Column("is_at_most", sa.BOOLEAN(), nullable=False),
        sa.Column("within_accuracy", sa.BOOLEAN(), nullable=False),
        sa.Column("to_be_confirmed", sa.BOOLEAN(), nullable=False),
        *(sa.Column(name, sa.DOUBLE_PRECISION()) for name in doubles),
        schema="pipemap",
    )
    op.create_index(
        "clearance_found_pair_idx", "clearance_found", ["run_id", "segment_id", "other_id"], schema="pipemap"
    )
