"""Vector tiles: MVT made in the database from what the asker may see, with depth and size as whole numbers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, LiteralString

import numpy as np
from psycopg.rows import DictRow
from psycopg.sql import SQL, Composable, Identifier, Literal

from pipemap.crs import area_of_use, within_use
from pipemap.pages import Box
from pipemap.sharing import audit
from pipemap.sharing.granted import Place, View
from pipemap.sharing.tiles.cache import Made
from pipemap.sharing.tiles.grids import Tile
from pipemap.sql import queries
from pipemap.versions import SHARE_SCHEMA, relation

EXTENT = 4096
# Drawn beyond the edge so that wide strokes meet, in units of the extent: a sixty-fourth of a side.
_BUFFER = 64
_PIXELS = 256
MAX_FEATURES = 10_000
# By parameters, so that the server plans it once for all tiles; read once, not once a feature.
_BOX: LiteralString = "(SELECT ST_MakeEnvelope(%(x0)s::float8, %(y0)s::float8, %(x1)s::float8, %(y1)s::float8)::box2d)"
_IN_BOX: LiteralString = "v.geom && (SELECT nullif(current_setting('pipemap.wanted', true), '')::geometry)"
# Each number is read once; a join would go to its row again for every feature.
_STRAIGHT: LiteralString = (
    "ST_Affine(v.geom, (SELECT xx FROM straight), (SELECT xy FROM straight), (SELECT yx FROM straight), "
    "(SELECT yy FROM straight), (SELECT x FROM straight), (SELECT y FROM straight))"
)
# What was cut at the edge of an area may be in several parts; most is in one, whose end is found in half the time.
_END: LiteralString = "coalesce(ST_EndPoint(v.geom), ST_EndPoint(ST_GeometryN(v.geom, ST_NumGeometries(v.geom))))"
# From this level on the tile's system is as good as straight, which spares a tenth of the time to draw it.
_STRAIGHT_FROM_LEVEL = 15
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
    """What is drawn of a kind, in the project's CRS: what a view shows an agency of it, or the map at a version.

    The view looks into the wanted box alone; staff are shown what meets it, or everything.
    """

    kind: str
    columns: tuple[str, ...]
    srid: int
    view: View | None
    version: int | None = None
    is_everywhere: bool = False

    @property
    def relation(self) -> Composable:
        """Where it is read, as a FROM item."""
        return relation(self.kind, self.version) if self.view is None else Identifier(SHARE_SCHEMA, self.view.features)

    @property
    def grant(self) -> str:
        """The view of the grant it is shown under; any that is in force for staff, who are not asked for one."""
        return "granted" if self.view is None else self.view.grant

    @property
    def condition(self) -> Composable:
        """What it meets, over the alias `v`."""
        return SQL(_IN_BOX if self.view is None and not self.is_everywhere else "true")


@dataclass(frozen=True)
class Drawing:
    """How something is drawn: a statement with its values, and what the rows it finds make of a version.

    They make nothing when there is too much, which is then drawn `otherwise`. `grant` is the view in `pipemap_share` of
    the grant it is drawn under; staff have none.
    """

    statement: str
    values: Mapping[str, Any]
    make: Callable[[list[DictRow], int], Made | None]
    grant: str = "granted"
    otherwise: "Drawing | None" = None


_CLASS = TileAttribute("class_code", (), "v.class_code", "string", "Utility class 管线类别")
ATTRIBUTES: dict[str, tuple[TileAttribute, ...]] = {
    "pipe_segment": (
        _CLASS,
        TileAttribute(
            "z0_cm", (), "(ST_Z(ST_StartPoint(v.geom)) * 100)::int", "integer",
            "Elevation of the axis where its shown part starts, cm 起点中轴高程",
        ),
        TileAttribute(
            "z1_cm", (), f"(ST_Z({_END}) * 100)::int", "integer",
            "Elevation of the axis where its shown part ends, cm 终点中轴高程",
        ),
        TileAttribute(
            "d0_cm", ("from_depth_m",), "(v.from_depth_m * 100)::int", "integer",
            "Surveyed depth at the start, cm 起点埋深",
        ),
        TileAttribute(
            "d1_cm", ("to_depth_m",), "(v.to_depth_m * 100)::int", "integer",
            "Surveyed depth at the end, cm 终点埋深",
        ),
        TileAttribute(
            "dia_mm", ("width_mm",), "v.width_mm::int", "integer", "Width, diameter of a round one, mm 管径"
        ),
        TileAttribute(
            "height_mm", ("height_mm",), "nullif(v.height_mm::int, v.width_mm::int)", "integer",
            "Height where it is not the width, mm 断面高",
        ),
        TileAttribute("material_code", ("material_code",), "v.material_code", "string", "Material 材质"),
    ),
    "node": (
        _CLASS,
        TileAttribute(
            "ground_cm", ("ground_elevation_m",), "(v.ground_elevation_m * 100)::int", "integer",
            "Elevation of the ground, cm 地面高程",
        ),
        TileAttribute(
            "well_cm", ("well_depth_m",), "(v.well_depth_m * 100)::int", "integer", "Depth of the well, cm 井深"
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


def drawing(tile: Tile, source: Source) -> Drawing | None:
    """One tile of what may be seen, where there is anything; the wanted box is set beside it."""
    is_overview = tile.level < FEATURES_FROM_LEVEL
    if is_overview and source.kind != "pipe_segment":
        return None
    values: dict[str, Any] = {"extent": EXTENT, "buffer": _BUFFER, "cap": MAX_FEATURES}
    values |= {"layer": layer_of(source.kind, tile.level), "pixel": tile.grid.side_at(tile.level) / _PIXELS}
    values |= dict(zip(("x0", "y0", "x1", "y1"), tile.box, strict=True))
    how = tile.grid.srid, tile.level >= _STRAIGHT_FROM_LEVEL, source
    if is_overview:
        return Drawing(_statement("overview", *how), values, _made, source.grant)
    capped = Drawing(_statement("capped_features", *how), values, _made, source.grant)
    return Drawing(_statement("features", *how), values, _made, source.grant, capped)


def _made(rows: list[DictRow], _: int) -> Made | None:
    (row,) = rows
    if row["body"] is None and row["shown"] > 0:
        return None
    ids = None if row["ids"] is None else audit.digest_of(np.sort(row["ids"]).tolist())
    return Made(bytes(row["body"] or b""), int(row["shown"]), bool(row["is_capped"]), ids)


@lru_cache(256)
def _statement(name: str, srid: int, is_straight: bool, source: Source) -> str:
    granted = granted_attributes(source.kind, source.columns)
    of_features = {
        "attributes": SQL(", ").join(SQL("{} AS {}").format(SQL(one.sql), Identifier(one.name)) for one in granted),
        "box": SQL(_BOX),
        "relation": source.relation,
        "condition": source.condition,
        **_geometry(srid, is_straight, source),
    }
    drawn = SQL(queries("tiles")["feature_drawn"]).format(**of_features)
    names = SQL(", ").join(Identifier("f", one.name) for one in granted)
    return SQL(queries("tiles")[name]).format(**of_features, drawn=drawn, names=names).as_string(None)


def _geometry(srid: int, is_straight: bool, source: Source) -> dict[str, Composable]:
    """A feature's geometry in the tile's system, and what has to stand before it in a statement."""
    nothing = SQL("")
    if srid == source.srid:
        return {"geometry": Identifier("v", "geom"), "straight": nothing}
    if not is_straight:
        transformed = SQL("ST_Transform(v.geom, {})").format(Literal(srid))
        return {"geometry": transformed, "straight": nothing}
    straight = SQL(queries("tiles")["straight"]).format(srid=Literal(srid), own_srid=Literal(source.srid))
    return {"geometry": SQL(_STRAIGHT), "straight": straight}


def layer_of(kind: str, level: int) -> str:
    """Name of the layer that holds a kind at a level."""
    return kind if level >= FEATURES_FROM_LEVEL else f"{kind}_overview"


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
