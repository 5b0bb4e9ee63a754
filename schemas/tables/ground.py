"""Ground models: the height of the surface on a grid, kept as tiles of posts beside the map, not versioned with it."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Table, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import BIGINT, BYTEA, DATE, DOUBLE_PRECISION, INTEGER, TEXT, TIMESTAMP

from schemas.tables.base import metadata

ground_model = Table(
    "ground_model",
    metadata,
    Column("ground_model_id", INTEGER, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("file_name", TEXT, nullable=False),
    Column("file_sha256", TEXT, nullable=False),
    Column("source", TEXT, comment="Who made it, and how."),
    Column("surveyed_on", DATE),
    Column("accuracy_m", DOUBLE_PRECISION, comment="Standard error of a height as its maker states it."),
    Column("crs_name", TEXT, nullable=False, comment="System of the file; the posts are in that of the project."),
    Column("priority", INTEGER, nullable=False, server_default=text("0"), comment="The greater is asked first."),
    Column("west_m", DOUBLE_PRECISION, nullable=False, comment="Easting of the first post."),
    Column("north_m", DOUBLE_PRECISION, nullable=False, comment="Northing of the first post."),
    Column("step_x_m", DOUBLE_PRECISION, nullable=False),
    Column("step_y_m", DOUBLE_PRECISION, nullable=False, comment="From one row to the next, southwards."),
    Column("columns", INTEGER, nullable=False),
    Column("rows", INTEGER, nullable=False),
    Column("known_posts", BIGINT, nullable=False, server_default=text("0")),
    Column("least_z_m", DOUBLE_PRECISION),
    Column("greatest_z_m", DOUBLE_PRECISION),
    Column("loaded_by", TEXT, nullable=False),
    Column("loaded_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("now()")),
    UniqueConstraint("name", name="ground_model_name_key"),
    CheckConstraint("columns >= 2 AND rows >= 2 AND step_x_m > 0 AND step_y_m > 0", name="ground_model_grid"),
)

ground_tile = Table(
    "ground_tile",
    metadata,
    Column(
        "ground_model_id",
        INTEGER,
        ForeignKey(ground_model.c.ground_model_id, ondelete="CASCADE", name="ground_tile_ground_model_id_fkey"),
        primary_key=True,
    ),
    Column("tile_row", INTEGER, primary_key=True, comment="From the north."),
    Column("tile_column", INTEGER, primary_key=True, comment="From the west."),
    Column(
        "z_m", BYTEA, nullable=False, comment="Rows of little-endian float32, the next tile's first posts included."
    ),
)
