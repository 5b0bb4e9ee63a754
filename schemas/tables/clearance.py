"""What the city-wide clearance run of each version found."""

from sqlalchemy import Column, Index, PrimaryKeyConstraint, Table
from sqlalchemy.dialects.postgresql import BIGINT, BOOLEAN, DOUBLE_PRECISION, INTEGER, TEXT, TIMESTAMP

from schemas.tables.base import metadata

clearance_run = Table(
    "clearance_run",
    metadata,
    Column("run_id", INTEGER, primary_key=True, autoincrement=True),
    Column("version", INTEGER, nullable=False, unique=True, comment="Version of the map that was judged."),
    Column("rules", TEXT, nullable=False, comment="Digest of the limits it was judged by."),
    *(Column(name, TIMESTAMP(timezone=True)) for name in ("started_at", "finished_at")),
    *(Column(name, BIGINT) for name in ("segments", "pairs")),
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
