"""What the city-wide clearance run of each version found."""

from sqlalchemy import Column, Index, PrimaryKeyConstraint, Table, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, BOOLEAN, DOUBLE_PRECISION, INTEGER, JSONB, TEXT, TIMESTAMP

from schemas.tables.base import metadata

clearance_run = Table(
    "clearance_run",
    metadata,
    Column("run_id", INTEGER, primary_key=True, autoincrement=True),
    Column("version", INTEGER, nullable=False, comment="Version of the map that was judged."),
    Column("rules", TEXT, nullable=False, comment="Digest of the limits it was judged by."),
    Column(
        "limit_set_ids",
        ARRAY(INTEGER),
        nullable=False,
        server_default=text("'{}'"),
        comment="Local tables among them.",
    ),
    Column(
        "ground",
        TEXT,
        nullable=False,
        server_default=text("''"),
        comment="Digest of the ground models it was judged by; empty for the surveyed ground alone.",
    ),
    Column("ground_models", ARRAY(TEXT), nullable=False, server_default=text("'{}'"), comment="Their names."),
    Column("engine", TEXT, nullable=False, server_default=text("''"), comment="Digest of the code that judged."),
    Column("places", JSONB, comment="Places by kind: how many, and how many with a certain conflict."),
    Column("sizes_taken_as_outer", BIGINT, comment="Pipes whose size measures something else than the outer wall."),
    *(Column(name, TIMESTAMP(timezone=True)) for name in ("started_at", "finished_at")),
    *(Column(name, BIGINT) for name in ("segments", "pairs")),
    UniqueConstraint("version", "rules", "ground", "engine", name="clearance_run_judged_by_key"),
)

clearance_tile = Table(
    "clearance_tile",
    metadata,
    *(Column(name, kind, nullable=False) for name, kind in (("run_id", INTEGER), ("tile", INTEGER), ("pairs", BIGINT))),
    PrimaryKeyConstraint("run_id", "tile", name="clearance_tile_pkey"),
)

# State: conflict, cannot_tell, same_trench or slant. Places: midway, on the segment (near), on the other side (far).
clearance_found = Table(
    "clearance_found",
    metadata,
    Column("run_id", INTEGER, nullable=False),
    *(Column(name, kind, nullable=False) for name, kind in (("kind", TEXT), ("state", TEXT), ("segment_id", BIGINT))),
    *(Column(name, kind) for name, kind in (("other_kind", TEXT), ("other_id", BIGINT), ("rule_id", TEXT))),
    *(Column(name, BOOLEAN, nullable=False) for name in ("is_at_most", "within_accuracy", "to_be_confirmed")),
    *(Column(name, DOUBLE_PRECISION) for name in ("measured_m", "limit_m", "accuracy_m", "crossing_deg")),
    *(Column(f"{place}{axis}_m", DOUBLE_PRECISION) for place in ("", "near_", "far_") for axis in "xyz"),
    Index("clearance_found_pair_idx", "run_id", "segment_id", "other_id"),
)

# What a city adds to the limits of the standards; a row is never changed, only put out of force.
limit_set = Table(
    "limit_set",
    metadata,
    Column("set_id", INTEGER, primary_key=True, autoincrement=True),
    Column("table_name", TEXT, nullable=False, comment="clearance_horizontal, clearance_vertical or cover_depth."),
    Column("file_name", TEXT, nullable=False),
    Column("rows", JSONB, nullable=False, comment="The rows as they stand in the file."),
    Column("author", TEXT, nullable=False),
    Column("added_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("now()")),
    Column("removed_by", TEXT),
    Column("removed_at", TIMESTAMP(timezone=True), comment="When it was put out of force."),
)
