"""Keep ground models as tiles of posts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "ground_model",
        sa.Column("ground_model_id", sa.INTEGER(), nullable=False),
        sa.Column("name", sa.TEXT(), nullable=False),
        sa.Column("file_name", sa.TEXT(), nullable=False),
        sa.Column("file_sha256", sa.TEXT(), nullable=False),
        sa.Column("source", sa.TEXT(), comment="Who made it, and how."),
        sa.Column("surveyed_on", sa.DATE()),
        sa.Column(
            "accuracy_m", postgresql.DOUBLE_PRECISION(), comment="Standard error of a height as its maker states it."
        ),
        sa.Column(
            "crs_name", sa.TEXT(), nullable=False, comment="System of the file; the posts are in that of the project."
        ),
        sa.Column(
            "priority", sa.INTEGER(), server_default=sa.text("0"), nullable=False, comment="The greater is asked first."
        ),
        sa.Column("west_m", postgresql.DOUBLE_PRECISION(), nullable=False, comment="Easting of the first post."),
        sa.Column("north_m", postgresql.DOUBLE_PRECISION(), nullable=False, comment="Northing of the first post."),
        sa.Column("step_x_m", postgresql.DOUBLE_PRECISION(), nullable=False),
        sa.Column(
            "step_y_m", postgresql.DOUBLE_PRECISION(), nullable=False, comment="From one row to the next, southwards."
        ),
        sa.Column("columns", sa.INTEGER(), nullable=False),
        sa.Column("rows", sa.INTEGER(), nullable=False),
        sa.Column("known_posts", sa.BIGINT(), server_default=sa.text("0"), nullable=False),
        sa.Column("least_z_m", postgresql.DOUBLE_PRECISION()),
        sa.Column("greatest_z_m", postgresql.DOUBLE_PRECISION()),
        sa.Column("loaded_by", sa.TEXT(), nullable=False),
        sa.Column("loaded_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("ground_model_id"),
        sa.UniqueConstraint("name", name="ground_model_name_key"),
        sa.CheckConstraint(
            "columns >= 2 AND rows >= 2 AND step_x_m > 0 AND step_y_m > 0", name="ground_model_grid"
        ),
        schema="pipemap",
    )
    op.create_table(
        "ground_tile",
        sa.Column("ground_model_id", sa.INTEGER(), nullable=False),
        sa.Column("tile_row", sa.INTEGER(), nullable=False, comment="From the north."),
        sa.Column("tile_column", sa.INTEGER(), nullable=False, comment="From the west."),
        sa.Column(
            "z_m",
            postgresql.BYTEA(),
            nullable=False,
            comment="Rows of little-endian float32, the next tile's first posts included.",
        ),
        sa.PrimaryKeyConstraint("ground_model_id", "tile_row", "tile_column"),
        sa.ForeignKeyConstraint(
            ["ground_model_id"],
            ["pipemap.ground_model.ground_model_id"],
            name="ground_tile_ground_model_id_fkey",
            ondelete="CASCADE",
        ),
        schema="pipemap",
    )
