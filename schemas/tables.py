"""The database tables, declared once: features with their history and deltas, versions, sharing.

Every feature kind has three tables with the same attribute columns: `<kind>` holds the current
state, `<kind>_history` the states that were superseded (append-only), and `<kind>_delta` the
proposed states of changesets that are not yet published. A state's life is the half-open range
`valid_from_version <= v < valid_to_version`.

Geometries are in the project CRS (x easting, y northing, metres). A segment's geometry is its
axis: a LineString with z where the elevation is known, without z where it is not, so that no
made-up height can leak into an answer. Its column has no type modifier, as PostGIS would refuse one of
the two forms.
"""

from collections.abc import Callable
from functools import cache

from geoalchemy2 import Geometry
from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import (
    ARRAY,
    BIGINT,
    BOOLEAN,
    BYTEA,
    DATE,
    DOUBLE_PRECISION,
    INTEGER,
    JSONB,
    REAL,
    TEXT,
    TIMESTAMP,
)
from sqlalchemy.schema import SchemaItem

SCHEMA = "pipemap"
FEATURE_KINDS = ("node", "pipe_segment", "consumer", "structure")

metadata = MetaData(schema=SCHEMA)
# One sequence for every kind, so that an identity alone names a feature.
feature_id_sequence = Sequence("feature_id_seq", metadata=metadata)


def _identity_columns() -> list[Column[object]]:
    return [
        Column("feature_id", BIGINT, nullable=False, comment="Identity of the feature for its whole life."),
        Column("dataset_id", INTEGER, nullable=False, comment="Delivery series the feature is kept up by."),
        Column("source_key", TEXT, nullable=False, comment="The dataset's own key, for example the point number."),
    ]


def _source_columns() -> list[Column[object]]:
    return [
        Column("source_file_id", INTEGER, comment="File this state was read from."),
        Column("source_sheet", TEXT, comment="Sheet, layer or table in that file."),
        Column("source_row", INTEGER, comment="Row as a person counts it in that file."),
        Column("extra", JSONB, comment="Source columns that no attribute of the model takes."),
    ]


def _node_columns() -> list[Column[object]]:
    return [
        Column("class_code", TEXT, nullable=False, comment="Utility class, code table utility_class."),
        Column("feature_code", TEXT, comment="Feature 特征, code table feature."),
        Column("appurtenance_code", TEXT, comment="Appurtenance 附属物, code table appurtenance."),
        Column("ground_elevation_m", DOUBLE_PRECISION, comment="Ground elevation 地面高程, project vertical datum."),
        Column("well_depth_m", REAL, comment="Depth of the well 井深 below ground."),
        Column("valve_state_code", TEXT, comment="open, closed or unknown; only for valves and switches."),
        Column("operability_code", TEXT, comment="operable, inoperable, inaccessible or unknown."),
        Column("name", TEXT, comment="Proper name, for example of a waterworks."),
        Column("address", TEXT, comment="Address or road 所在道路."),
        Column("owner", TEXT, comment="Owner 权属单位."),
        Column("lifecycle_code", TEXT, comment="Code table lifecycle."),
        Column("installed_on", DATE, comment="Date built 建成年月."),
        Column("horizontal_accuracy_m", REAL, comment="Mean error of the plan position."),
        Column("vertical_accuracy_m", REAL, comment="Mean error of the elevation."),
        Column("geom", Geometry("POINT", srid=-1, spatial_index=False), nullable=False, comment="Plan position."),
    ]


def _segment_columns() -> list[Column[object]]:
    return [
        Column("class_code", TEXT, nullable=False, comment="Utility class, code table utility_class."),
        Column("from_node_id", BIGINT, nullable=False, comment="Start node in digitised direction."),
        Column("to_node_id", BIGINT, nullable=False, comment="End node in digitised direction."),
        Column("shape_code", TEXT, nullable=False, comment="Code table section_shape."),
        Column("width_mm", REAL, comment="Width, diameter when circular: outer where known, else as stated."),
        Column("height_mm", REAL, comment="Height, diameter when circular: outer where known, else as stated."),
        Column("size_basis_code", TEXT, comment="What width and height measure: outer, inner, nominal or unknown."),
        Column("nominal_mm", REAL, comment="Nominal size where the survey states one."),
        Column("inner_width_mm", REAL, comment="Inner width, where stated or known by the wall."),
        Column("inner_height_mm", REAL, comment="Inner height, where stated or known by the wall."),
        Column("section_text", TEXT, comment="Section as the survey wrote it 管径或断面."),
        Column("material_code", TEXT, comment="Code table material."),
        Column("burial_code", TEXT, comment="Code table burial 敷设方式."),
        Column("pressure_code", TEXT, comment="Gas pressure class, code table pressure."),
        Column("pressure_mpa", REAL, comment="Design pressure."),
        Column("voltage_kv", REAL, comment="Nominal voltage."),
        Column("hole_count", INTEGER, comment="Duct holes 总孔数."),
        Column("used_hole_count", INTEGER, comment="Duct holes in use 已用孔数."),
        Column("cable_count", INTEGER, comment="Cables 线缆条数."),
        Column("flow_direction_code", TEXT, comment="forward, backward or unknown, against digitised direction."),
        Column("circuit", TEXT, comment="Circuit, line name, or supply/return of a heat pair."),
        Column("container_id", BIGINT, comment="Segment (duct, tunnel) that contains this one."),
        Column("owner", TEXT, comment="Owner 权属单位."),
        Column("lifecycle_code", TEXT, comment="Code table lifecycle."),
        Column("installed_on", DATE, comment="Date built 建成年月."),
        Column("from_depth_m", REAL, comment="Surveyed depth at the start node, below its ground, to the datum."),
        Column("to_depth_m", REAL, comment="Surveyed depth at the end node, below its ground, to the datum."),
        Column("from_elevation_m", DOUBLE_PRECISION, comment="Surveyed pipe elevation at the start, to the datum."),
        Column("to_elevation_m", DOUBLE_PRECISION, comment="Surveyed pipe elevation at the end, to the datum."),
        Column("depth_datum_code", TEXT, nullable=False, comment="What depth and elevation refer to."),
        Column("elevation_source_code", TEXT, nullable=False, comment="measured, inferred or unknown."),
        Column("horizontal_accuracy_m", REAL, comment="Mean error of the plan position."),
        Column("vertical_accuracy_m", REAL, comment="Mean error of the axis elevation."),
        Column(
            "geom",
            Geometry(None, srid=-1, spatial_index=False),
            nullable=False,
            comment="Axis from start to end node; z where known, no z where unknown.",
        ),
    ]


def _consumer_columns() -> list[Column[object]]:
    return [
        Column("class_code", TEXT, nullable=False, comment="Utility class that serves the consumer."),
        Column("node_id", BIGINT, comment="Node the consumer is served from; null when unknown."),
        Column("kind_code", TEXT, nullable=False, comment="Code table consumer_kind."),
        Column("name", TEXT, comment="Proper name."),
        Column("address", TEXT, comment="Address."),
        Column("people", INTEGER, comment="People served; unknown is null."),
        Column("is_critical", BOOLEAN, nullable=False, comment="Must be warned by name: hospital, school."),
        Column("demand_m3_per_d", REAL, comment="Mean demand."),
        Column("geom", Geometry("POINT", srid=-1, spatial_index=False), nullable=False, comment="Plan position."),
    ]


def _structure_columns() -> list[Column[object]]:
    return [
        Column("kind_code", TEXT, nullable=False, comment="Code table structure_kind."),
        Column("name", TEXT, comment="Proper name."),
        Column("base_elevation_m", DOUBLE_PRECISION, comment="Lowest point below ground, foundation included."),
        Column("top_elevation_m", DOUBLE_PRECISION, comment="Highest point."),
        Column("geom", Geometry(None, srid=-1, spatial_index=False), nullable=False, comment="Outline or place."),
    ]


_COLUMNS: dict[str, Callable[[], list[Column[object]]]] = {
    "node": _node_columns,
    "pipe_segment": _segment_columns,
    "consumer": _consumer_columns,
    "structure": _structure_columns,
}


@cache
def attribute_names(kind: str) -> tuple[str, ...]:
    """Column names of a kind that make up its state: identity and provenance left out, geometry last."""
    return tuple(column.name for column in _COLUMNS[kind]())


@cache
def state_names(kind: str) -> tuple[str, ...]:
    """Every column of `<kind>` but the version ones, in table order."""
    columns = [*_identity_columns(), *_COLUMNS[kind](), *_source_columns()]
    return tuple(column.name for column in columns)


def _feature_table(name: str, kind: str, *own: SchemaItem) -> Table:
    columns = [*_identity_columns(), *_COLUMNS[kind](), *_source_columns()]
    axis_is_a_line: list[SchemaItem] = []
    if kind == "pipe_segment":
        axis_is_a_line = [CheckConstraint("GeometryType(geom) = 'LINESTRING'", name=f"{name}_axis_is_a_line")]
    return Table(name, metadata, *columns, *own, *axis_is_a_line)


def _declare_feature(kind: str) -> None:
    links = {"pipe_segment": ("from_node_id", "to_node_id"), "consumer": ("node_id",)}.get(kind, ())
    stations: list[SchemaItem] = []
    if kind == "node":
        known = text("appurtenance_code IS NOT NULL")
        stations = [Index("node_appurtenance_idx", "appurtenance_code", "class_code", postgresql_where=known)]
    _feature_table(
        kind,
        kind,
        Column("valid_from_version", INTEGER, nullable=False),
        PrimaryKeyConstraint("feature_id", name=f"{kind}_pkey"),
        UniqueConstraint("dataset_id", "source_key", name=f"{kind}_dataset_key"),
        Index(f"{kind}_geom_idx", "geom", postgresql_using="gist"),
        Index(f"{kind}_valid_from_idx", "valid_from_version"),
        *(Index(f"{kind}_{link}_idx", link) for link in links),
        *stations,
    )
    _feature_table(
        f"{kind}_history",
        kind,
        Column("valid_from_version", INTEGER, nullable=False),
        Column("valid_to_version", INTEGER, nullable=False),
        PrimaryKeyConstraint("feature_id", "valid_from_version", name=f"{kind}_history_pkey"),
        Index(
            f"{kind}_history_life_idx",
            text("geom"),
            text("int4range(valid_from_version, valid_to_version)"),
            postgresql_using="gist",
        ),
        Index(f"{kind}_history_valid_from_idx", "valid_from_version"),
        Index(f"{kind}_history_valid_to_idx", "valid_to_version"),
    )
    _feature_table(
        f"{kind}_delta",
        kind,
        Column("changeset_id", INTEGER, nullable=False),
        Column("op", TEXT, nullable=False, comment="insert, update or delete; a delete carries the old state."),
        Column("base_version", INTEGER, comment="valid_from_version of the state this one replaces."),
        PrimaryKeyConstraint("changeset_id", "feature_id", name=f"{kind}_delta_pkey"),
        CheckConstraint("op IN ('insert', 'update', 'delete')", name=f"{kind}_delta_op"),
        CheckConstraint("(op = 'insert') = (base_version IS NULL)", name=f"{kind}_delta_base"),
    )


for _kind in FEATURE_KINDS:
    _declare_feature(_kind)

project = Table(
    "project",
    metadata,
    Column("one_row", BOOLEAN, primary_key=True, server_default=text("true")),
    Column("name", TEXT, nullable=False),
    Column("srid", INTEGER, nullable=False, comment="EPSG code of the project CRS; 0 when it is a local pipeline."),
    Column("vertical_datum", TEXT, nullable=False),
    CheckConstraint("one_row", name="project_one_row"),
)

dataset = Table(
    "dataset",
    metadata,
    Column("dataset_id", INTEGER, primary_key=True, autoincrement=True),
    Column("name", TEXT, nullable=False, unique=True),
)

source_file = Table(
    "source_file",
    metadata,
    Column("source_file_id", INTEGER, primary_key=True, autoincrement=True),
    Column("name", TEXT, nullable=False),
    Column("sha256", TEXT, nullable=False),
    Column("importer", TEXT, nullable=False),
    Column("profile", TEXT, nullable=False),
    UniqueConstraint("name", "sha256", "importer", "profile", name="source_file_same"),
)

version = Table(
    "version",
    metadata,
    Column("version", INTEGER, primary_key=True, autoincrement=False, comment="Grows by one at each publish."),
    Column("changeset_id", INTEGER, nullable=False, unique=True),
    Column("published_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("now()")),
    Column("author", TEXT, nullable=False),
    Column("message", TEXT, nullable=False),
    Column("counts", JSONB, nullable=False, comment="Inserted, updated and deleted features by kind."),
)

changeset = Table(
    "changeset",
    metadata,
    Column("changeset_id", INTEGER, primary_key=True, autoincrement=True),
    Column("title", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False, comment="import, edit, design or revert."),
    Column("state", TEXT, nullable=False, server_default=text("'draft'")),
    Column("base_version", INTEGER, nullable=False, comment="Version the deltas were made against."),
    Column("author", TEXT, nullable=False),
    Column("reviewer", TEXT),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("now()")),
    Column("checked_at", TIMESTAMP(timezone=True)),
    Column("dataset_id", INTEGER),
    Column("reverts_changeset_id", INTEGER),
    Column("counts", JSONB, nullable=False, server_default=text("'[]'"), comment="Row account of an import."),
    CheckConstraint(
        "state IN ('draft', 'checked', 'submitted', 'approved', 'published', 'rejected')", name="changeset_state"
    ),
    CheckConstraint("reviewer <> author", name="changeset_reviewed_by_another"),
)

finding = Table(
    "finding",
    metadata,
    Column("finding_id", BIGINT, primary_key=True, autoincrement=True),
    Column("changeset_id", INTEGER, nullable=False, index=True),
    Column("origin", TEXT, nullable=False, comment="import or check; a new check replaces its own findings."),
    Column("rule", TEXT, nullable=False),
    Column("severity", TEXT, nullable=False),
    Column("message_en", TEXT, nullable=False),
    Column("message_zh", TEXT, nullable=False),
    Column("feature_kind", TEXT),
    Column("feature_key", TEXT),
    Column("feature_id", BIGINT),
    Column("class_code", TEXT, comment="Utility class of the feature the finding is about."),
    Column("file", TEXT),
    Column("sheet", TEXT),
    Column("row", INTEGER),
    Column("column", TEXT),
    Column("value", TEXT),
    Column("limit", TEXT),
    Column("x_m", DOUBLE_PRECISION),
    Column("y_m", DOUBLE_PRECISION),
    Column("details", JSONB, nullable=False, server_default=text("'{}'")),
)

waiver = Table(
    "waiver",
    metadata,
    Column("changeset_id", INTEGER, nullable=False),
    Column("rule", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("waived_by", TEXT, nullable=False),
    PrimaryKeyConstraint("changeset_id", "rule", name="waiver_pkey"),
)

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

agreement = Table(
    "agreement",
    metadata,
    Column("agreement_id", INTEGER, primary_key=True, autoincrement=True),
    Column("agency", TEXT, nullable=False),
    Column("purpose", TEXT, nullable=False),
    Column("area", Geometry("MULTIPOLYGON", srid=-1, spatial_index=False), nullable=False),
    Column("class_codes", ARRAY(TEXT), nullable=False),
    Column("attributes", ARRAY(TEXT), nullable=False, comment="Columns shown; every other one is null."),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("now()")),
    Column("expires_at", TIMESTAMP(timezone=True), nullable=False),
    Column("revoked_at", TIMESTAMP(timezone=True)),
)

api_key = Table(
    "api_key",
    metadata,
    Column("key_sha256", BYTEA, primary_key=True),
    Column("agreement_id", INTEGER, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("now()")),
    Column("revoked_at", TIMESTAMP(timezone=True)),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("seq", BIGINT, primary_key=True, autoincrement=False),
    Column("at", TIMESTAMP(timezone=True), nullable=False),
    Column("actor", TEXT, nullable=False, comment="Agency or local user."),
    Column("action", TEXT, nullable=False),
    Column("details", TEXT, nullable=False, comment="Canonical JSON, exactly as hashed."),
    Column("prev_hash", BYTEA, nullable=False),
    Column("hash", BYTEA, nullable=False, comment="SHA-256 over seq, at, actor, action, details and prev_hash."),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("one_row", BOOLEAN, primary_key=True, server_default=text("true")),
    Column("seq", BIGINT, nullable=False, comment="Number of the last entry of the audit log."),
    Column("hash", BYTEA, nullable=False, comment="Hash of the last entry."),
    CheckConstraint("one_row", name="audit_head_one_row"),
)
