"""A tile of the map in 3D: every segment of known height as the body it is, made when it is asked for.

Round ones are tubes, others boxes; a segment whose size is not known, or not granted, is a bare line along its axis. A
segment of unknown height is in no tile: the tileset counts it.
"""

from functools import lru_cache, partial
from typing import Any, LiteralString

import numpy as np
import shapely
from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier

from pipemap.sharing import audit
from pipemap.sharing.tiles.cache import Made
from pipemap.sharing.tiles.gltf import Part, Property, pack
from pipemap.sharing.tiles.grids import Tile
from pipemap.sharing.tiles.places import Frame, frame_at
from pipemap.sharing.tiles.prisms import Floats, Indices, Mesh, boxes, joined, pieces_of, tubes
from pipemap.sharing.tiles.vector import Drawing, Source
from pipemap.sql import queries
from schemas.codetables import code_table
from schemas.tables import metadata

# A segment lies on the level that its width puts it on, in squares of 4096, 1024 or 512 m: mains are seen from afar.
SOLID_LEVELS = (13, 15, 16)
LEVEL: LiteralString = "CASE WHEN v.width_mm >= 1000 THEN 13 WHEN v.width_mm >= 400 THEN 15 ELSE 16 END"
_IS_BOX: LiteralString = (
    "coalesce(coalesce(v.shape_code, 'unknown') NOT IN ('circle', 'unknown') OR v.height_mm <> v.width_mm, false)"
)
# How far a body reaches from its axis; null where its size is not known.
REACH: LiteralString = (
    f"(CASE WHEN {_IS_BOX} THEN sqrt(v.width_mm * v.width_mm + v.height_mm * v.height_mm) ELSE v.width_mm END / 2000)"
)
_KINDS = {
    "TEXT": "STRING",
    "DATE": "STRING",
    "BIGINT": "INT64",
    "INTEGER": "INT32",
    "REAL": "FLOAT32",
    "DOUBLE PRECISION": "FLOAT64",
}


def drawing(tile: Tile, source: Source) -> Drawing:
    """The bodies of one tile as GLB, in the frame of its middle; the wanted box is set beside it."""
    values = {"level": tile.level, "row": tile.row, "column": tile.column, "side": tile.grid.side_at(tile.level)}
    values |= {"top": tile.grid.top_m, "left": tile.grid.left_m}
    return Drawing(_statement(source), values, partial(_made, tile, source), source.grant)


def _made(tile: Tile, source: Source, rows: list[DictRow], _: int) -> Made:
    if not rows:
        return Made(b"")
    body = pack(_parts(rows, frame_of(tile)), len(rows), _properties(source.kind, rows, source.columns))
    return Made(body, len(rows), ids_sha256=audit.digest_of(row["feature_id"] for row in rows))


def frame_of(tile: Tile) -> Frame:
    """The frame that a tile's bodies are drawn in."""
    min_x, min_y, max_x, max_y = tile.box
    return frame_at(tile.grid.srid, (min_x + max_x) / 2, (min_y + max_y) / 2)


@lru_cache(256)
def _statement(source: Source) -> str:
    columns = SQL(", ").join(Identifier("v", name) for name in ("feature_id", *source.columns))
    drawn = SQL("{}, {} AS is_box, {} AS reach_m").format(columns, SQL(_IS_BOX), SQL(REACH))
    sized = SQL(", v.width_mm AS drawn_width_mm, v.height_mm AS drawn_height_mm")
    statement = SQL(queries("tiles")["solids"]).format(
        columns=drawn + sized, relation=source.relation, condition=source.condition, level=SQL(LEVEL)
    )
    return statement.as_string(None)


def _parts(rows: list[dict[str, Any]], frame: Frame) -> list[Part]:
    """The primitives: for each class what has a body, and what is a line."""
    axes, owner = shapely.get_parts(shapely.from_wkb([row["axis"] for row in rows]), return_index=True)
    places, line = shapely.get_coordinates(axes, include_z=True, return_index=True)
    points = frame.local(places)
    classes = np.array([row["class_code"] for row in rows])
    reach_m = np.array([row["reach_m"] for row in rows], float)
    found = []
    for code in np.unique(classes):
        sized, bare = ((classes == code) & mask for mask in (~np.isnan(reach_m), np.isnan(reach_m)))
        found += _bodies(rows, points, line, owner, code, sized) + _lines(points, line, owner, code, bare)
    return found


def _bodies(
    rows: list[dict[str, Any]], points: Floats, line: Indices, owner: Indices, code: str, chosen: Any
) -> list[Part]:
    is_box = np.array([row["is_box"] for row in rows])
    half_m = np.array([(row["drawn_width_mm"], row["drawn_height_mm"]) for row in rows], float) / 2000
    pieces = pieces_of(points, line)
    row = owner[pieces.line]
    meshes = []
    for boxed in (False, True):
        mask = chosen[row] & (is_box[row] == boxed)
        if mask.any():
            width_m, height_m = half_m[row[mask]].T
            taken = pieces.taken(mask)
            meshes.append(boxes(taken, width_m, height_m) if boxed else tubes(taken, width_m))
    return [_solid(code, joined(meshes), owner)] if meshes else []


def _solid(code: str, mesh: Mesh, owner: Indices) -> Part:
    return Part(code, _color(code), mesh.positions, owner[mesh.line], mesh.triangles, mesh.normals)


def _lines(points: Floats, line: Indices, owner: Indices, code: str, chosen: Any) -> list[Part]:
    pieces = pieces_of(points, line)
    pieces = pieces.taken(chosen[owner[pieces.line]])
    if not len(pieces.line):
        return []
    ends = np.stack([pieces.start, pieces.end], axis=1).reshape(-1, 3)
    return [Part(code, _color(code), ends, owner[np.repeat(pieces.line, 2)], np.arange(len(ends)).reshape(-1, 2))]


def _color(class_code: str) -> tuple[float, float, float]:
    fields = code_table("utility_class")[class_code].fields
    red, green, blue = (int(fields[name]) / 255 for name in ("red", "green", "blue"))
    return red, green, blue


def _properties(kind: str, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> list[Property]:
    declared = metadata.tables[f"pipemap.{kind}"].columns
    return [
        Property(name, _KINDS[str(declared[name].type)], [row[name] for row in rows], declared[name].comment or "")
        for name in ("feature_id", *columns)
    ]
