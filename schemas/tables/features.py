"""Feature tables: each kind with its history and its deltas.

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
    PrimaryKeyConstraint,
    Sequence,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import (
    BIGINT,
    BOOLEAN,
    DATE,
    DOUBLE_PRECISION,
    INTEGER,
    JSONB,
    REAL,
    TEXT,
)
from sqlalchemy.schema import SchemaItem

from schemas.tables.base import SCHEMA, metadata

FEATURE_KINDS = ("node", "pipe_segment", "consumer", "structure")
# What other agencies can be shown.
SHARED_KINDS = ("node", "pipe_segment")

# What its column can hold.
LARGEST_ID = 2**63 - 1
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
        Column("casing_mm", REAL, comment="Diameter of a casing round it 套管尺寸: outer where known, else as stated."),
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
    return tuple(str(column.name) for column in _COLUMNS[kind]())


@cache
def state_names(kind: str) -> tuple[str, ...]:
    """Every column of `<kind>` but the version ones, in table order."""
    columns = [*_identity_columns(), *_COLUMNS[kind](), *_source_columns()]
    return tuple(str(column.name) for column in columns)


@cache
def number_names() -> frozenset[str]:
    """Columns of any kind that hold numbers."""
    numbers = (BIGINT, DOUBLE_PRECISION, INTEGER, REAL)
    columns = (column for kind in FEATURE_KINDS for column in metadata.tables[f"{SCHEMA}.{kind}"].columns)
    return frozenset(column.name for column in columns if isinstance(column.type, numbers))


# The larger side of a box around a feature.
_SIDE_M = "greatest(ST_XMax(geom::box3d) - ST_XMin(geom::box3d), ST_YMax(geom::box3d) - ST_YMin(geom::box3d))"


def _feature_table(name: str, kind: str, *own: SchemaItem) -> Table:
    columns = [*_identity_columns(), *_COLUMNS[kind](), *_source_columns()]
    axis_is_a_line: list[SchemaItem] = []
    if kind == "pipe_segment":
        axis_is_a_line = [CheckConstraint("GeometryType(geom) = 'LINESTRING'", name=f"{name}_axis_is_a_line")]
    return Table(name, metadata, *columns, *own, *axis_is_a_line)


def _declare_feature(kind: str) -> None:
    links = {"pipe_segment": ("from_node_id", "to_node_id"), "consumer": ("node_id",)}.get(kind, ())
    particular: list[SchemaItem] = []
    if kind == "node":
        known = text("appurtenance_code IS NOT NULL")
        particular = [Index("node_appurtenance_idx", "appurtenance_code", "class_code", postgresql_where=known)]
    if kind == "pipe_segment":
        particular = [Index("pipe_segment_long_idx", text(_SIDE_M), postgresql_where=text(f"{_SIDE_M} > 500"))]
    _feature_table(
        kind,
        kind,
        Column("valid_from_version", INTEGER, nullable=False),
        PrimaryKeyConstraint("feature_id", name=f"{kind}_pkey"),
        UniqueConstraint("dataset_id", "source_key", name=f"{kind}_dataset_key"),
        Index(f"{kind}_geom_idx", "geom", postgresql_using="gist"),
        Index(f"{kind}_valid_from_idx", "valid_from_version"),
        *(Index(f"{kind}_{link}_idx", link) for link in links),
        *particular,
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


def _declare_desensitised(kind: str) -> None:
    """Every state of a kind in every desensitised store; none of its provenance."""
    name = f"{kind}_desensitised"
    Table(
        name,
        metadata,
        Column("store_id", INTEGER, nullable=False),
        *(column for column in _identity_columns() if column.name != "dataset_id"),
        *_COLUMNS[kind](),
        Column("valid_from_version", INTEGER, nullable=False),
        Column("valid_to_version", INTEGER, comment="Null while the state is the current one."),
        PrimaryKeyConstraint("store_id", "feature_id", "valid_from_version", name=f"{name}_pkey"),
        Index(
            f"{name}_life_idx",
            text("geom"),
            text("int4range(valid_from_version, valid_to_version)"),
            postgresql_using="gist",
        ),
        Index(f"{name}_valid_from_idx", "store_id", "valid_from_version"),
        Index(f"{name}_valid_to_idx", "store_id", "valid_to_version"),
    )


for _kind in FEATURE_KINDS:
    _declare_feature(_kind)
for _kind in SHARED_KINDS:
    _declare_desensitised(_kind)
