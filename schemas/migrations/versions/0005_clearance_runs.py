"""Keep what the city-wide clearance run of each version finds."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_PLACES = (("", "Midway."), ("near_", "On the segment."), ("far_", "On the other side."))


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "clearance_run",
        sa.Column("run_id", sa.INTEGER(), autoincrement=True, nullable=False),
        sa.Column("version", sa.INTEGER(), nullable=False, comment="Version of the map that was judged."),
        sa.Column("rules", sa.TEXT(), nullable=False, comment="Digest of the limits it was judged by."),
        sa.Column("started_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True), comment="Null while tiles are left."),
        sa.Column("segments", sa.BIGINT(), comment="Segments that were judged."),
        sa.Column("pairs", sa.BIGINT(), comment="Rows that were found."),
        sa.PrimaryKeyConstraint("run_id"),
        sa.UniqueConstraint("version"),
        schema="pipemap",
    )
    op.create_table(
        "clearance_tile",
        sa.Column("run_id", sa.INTEGER(), nullable=False),
        sa.Column("tile", sa.INTEGER(), nullable=False),
        sa.Column("pairs", sa.BIGINT(), nullable=False, comment="Rows that were found in this tile."),
        sa.PrimaryKeyConstraint("run_id", "tile", name="clearance_tile_pkey"),
        schema="pipemap",
    )
    op.create_table("clearance_found", *_found_columns(), schema="pipemap")
    op.create_index(
        "clearance_found_pair_idx", "clearance_found", ["run_id", "segment_id", "other_id"], schema="pipemap"
    )


def _found_columns() -> list[sa.Column]:
    double = sa.DOUBLE_PRECISION
    return [
        sa.Column("run_id", sa.INTEGER(), nullable=False),
        sa.Column("kind", sa.TEXT(), nullable=False, comment="What it is about, as in the answer to a clearance question."),
        sa.Column("state", sa.TEXT(), nullable=False, comment="conflict, cannot_tell, same_trench or slant."),
        sa.Column("segment_id", sa.BIGINT(), nullable=False),
        sa.Column("other_kind", sa.TEXT(), comment="pipe_segment or structure; null for cover."),
        sa.Column("other_id", sa.BIGINT()),
        sa.Column("measured_m", double(), comment="Between outer walls; negative when the bodies intersect."),
        sa.Column("limit_m", double()),
        sa.Column("rule_id", sa.TEXT()),
        sa.Column("is_at_most", sa.BOOLEAN(), comment="The measure is an upper bound, as a size is not known."),
        sa.Column("accuracy_m", double(), comment="Survey accuracy of both sides together."),
        sa.Column("within_accuracy", sa.BOOLEAN(), nullable=False),
        sa.Column("to_be_confirmed", sa.BOOLEAN(), nullable=False),
        sa.Column("crossing_deg", double(), comment="Angle in plan where the axes cross."),
        *(
            sa.Column(f"{place}{axis}_m", double(), comment=comment)
            for place, comment in _PLACES
            for axis in ("x", "y", "z")
        ),
    ]
