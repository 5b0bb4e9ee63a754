"""Vector tiles: MVT made in the database from what the asker may see, with depth and size as whole numbers."""

from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from pipemap.crs import area_of_use, within_use
from pipemap.db import Connection, fetch_one
from pipemap.pages import Box
from pipemap.sharing.granted import Place
from pipemap.sharing.tiles.cache import Made
from pipemap.sharing.tiles.grids import Tile
from pipemap.sql import queries

EXTENT = 4096
# Drawn beyond the edge so that wide strokes meet, in units of the extent: a sixty-fourth of a side.
_BUFFER = 64
_PIXELS = 256
MAX_FEATURES = 10_000
# By parameters, so that the server plans it once for all tiles; read once, not once a feature.
_BOX: LiteralString = "(SELECT ST_MakeEnvelope(%(x0)s::float8, %(y0)s::float8, %(x1)s::float8, %(y1)s::float8))"
# From this level on every feature is there by its identity; below, segments are an overview and nodes are left out.
FEATURES_FROM_LEVEL = 14


@dataclass(frozen=True)
class TileAttribute:
    """An attribute of a tile's features: the granted columns it is made of (none: always shown) and how."""

    name: str
    columns: tuple[str, ...]
    sql: LiteralString
    json_type: str
    description: str


@dataclass(frozen=True)
class Source:
    """What may be seen of a kind: a relation in the project's CRS, a condition over its alias `v`, its columns."""

    relation: Composable
    condition: Composable
    columns: tuple[str, ...]
    srid: int


_CLASS = TileAttribute("class_code", (), "v.class_code", "string", "Utility class 管线类别")
ATTRIBUTES: dict[str, tuple[TileAttribute, ...]] = {
    "pipe_segment": (
        _CLASS,
        TileAttribute(
            "z0_cm", (), "round(ST_Z(ST_StartPoint(ST_GeometryN(v.geom, 1))) * 100)::int", "integer",
            "Elevation of the axis where its shown part starts, cm 起点中轴高程",
        ),
        TileAttribute(
            "z1_cm", (), "round(ST_Z(ST_EndPoint(ST_GeometryN(v.geom, ST_NumGeometries(v.geom)))) * 100)::int",
            "integer", "Elevation of the axis where its shown part ends, cm 终点中轴高程",
        ),
        TileAttribute(
            "d0_cm", ("from_depth_m",), "round(v.from_depth_m * 100)::int", "integer",
            "Surveyed depth at the start, cm 起点埋深",
        ),
        TileAttribute(
            "d1_cm", ("to_depth_m",), "round(v.to_depth_m * 100)::int", "integer",
            "Surveyed depth at the end, cm 终点埋深",
        ),
        TileAttribute(
            "dia_mm", ("width_mm",), "round(v.width_mm)::int", "integer", "Width, diameter of a round one, mm 管径"
        ),
        TileAttribute(
            "height_mm", ("height_mm",), "nullif(round(v.height_mm), round(v.width_mm))::int", "integer",
            "Height where it is not the width, mm 断面高",
        ),
        TileAttribute("material_code", ("material_code",), "v.material_code", "string", "Material 材质"),
    ),
    "node": (
        _CLASS,
        TileAttribute(
            "ground_cm", ("ground_elevation_m",), "round(v.ground_elevation_m * 100)::int", "integer",
            "Elevation of the ground, cm 地面高程",
        ),
        TileAttribute(
            "well_cm", ("well_depth_m",), "round(v.well_depth_m * 100)::int", "integer", "Depth of the well, cm 井深"
        ),
        TileAttribute("feature_code", ("feature_code",), "v.feature_code", "string", "Feature 特征"),
        TileAttribute(
            "appurtenance_code", ("appurtenance_code",), "v.appurtenance_code", "string", "Appurtenance 附属物"
        ),
    ),
}  # fmt: skip


def granted_attributes(kind: str, columns: tuple[str, ...]) -> list[TileAttribute]:
    """The attributes of a kind's tiles that some granted columns allow."""
    return [attribute for attribute in ATTRIBUTES[kind] if set(attribute.columns) <= set(columns)]


def overview_attributes() -> list[TileAttribute]:
    """The attributes of what stands for many segments at low levels."""
    return [_CLASS, TileAttribute("segments", (), "", "integer", "How many segments it stands for 概化的管段数")]


def place_of(tile: Tile, project_srid: int) -> Place | None:
    """Where to look for what a tile draws; None when the project's system does not reach there.

    The tile is brought to the map's system, never the map to the tile's, so that it meets the spatial index.
    """
    box, srid = drawn_box(tile), tile.grid.srid
    area = area_of_use(srid, project_srid)
    if area is not None and not _meet(box, area):
        return None
    return Place(within_use(box, srid, project_srid), srid)


def drawn_box(tile: Tile) -> Box:
    """The tile with what is drawn beyond its edge."""
    edge = tile.grid.side_at(tile.level) * _BUFFER / EXTENT
    min_x, min_y, max_x, max_y = tile.box
    return min_x - edge, min_y - edge, max_x + edge, max_y + edge


def draw(connection: Connection, kind: str, tile: Tile, source: Source) -> Made:
    """Draw one tile of what may be seen; the wanted box is set already."""
    is_overview = tile.level < FEATURES_FROM_LEVEL
    if is_overview and kind != "pipe_segment":
        return Made(b"")
    values: dict[str, Any] = {"extent": EXTENT, "buffer": _BUFFER, "cap": MAX_FEATURES}
    values |= {"layer": layer_of(kind, tile.level), "pixel": tile.grid.side_at(tile.level) / _PIXELS}
    values |= dict(zip(("x0", "y0", "x1", "y1"), tile.box, strict=True))
    row = fetch_one(connection, _statement("overview" if is_overview else "features", kind, tile, source), values)
    assert row is not None
    body = bytes(row["body"] or b"")
    if row["is_capped"]:
        capped = fetch_one(connection, _statement("capped", kind, tile, source), values)
        body += bytes(capped["body"]) if capped else b""
    return Made(body, int(row["shown"]), bool(row["is_capped"]), row["ids_sha256"])


def _statement(name: str, kind: str, tile: Tile, source: Source) -> Composed:
    attributes = [
        SQL("{} AS {}").format(SQL(attribute.sql), Identifier(attribute.name))
        for attribute in granted_attributes(kind, source.columns)
    ]
    return SQL(queries("tiles")[name]).format(
        attributes=SQL(", ").join(attributes),
        geometry=_geometry(tile, source.srid),
        box=SQL(_BOX),
        relation=source.relation,
        condition=source.condition,
    )


def layer_of(kind: str, level: int) -> str:
    """Name of the layer that holds a kind at a level."""
    return kind if level >= FEATURES_FROM_LEVEL else f"{kind}_overview"


def _geometry(tile: Tile, project_srid: int) -> Composable:
    column = Identifier("v", "geom")
    if tile.grid.srid == project_srid:
        return column
    return SQL("ST_Transform({}, {})").format(column, Literal(tile.grid.srid))


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
