"""Finding features of one version of the map: by box, height, attribute, radius, corridor, identity or name.

GeoJSON text is built in the database and passed through. Coordinates are in the CRS asked for,
easting before northing and longitude before latitude; z is always metres in the project's vertical datum.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, LiteralString

import shapely
from psycopg.sql import SQL, Composable, Composed, Literal

from pipemap.crs import drawn_line_in_project
from pipemap.db import Connection, fetch_all
from pipemap.errors import NotFoundError, UsageError
from pipemap.pages import Box, Page, PageMaker, Version, all_of, check_finite
from pipemap.sql import queries
from pipemap.versions import relation, resolve_version
from schemas.tables import FEATURE_KINDS, state_names

MAX_FEATURES = 10_000
# Measured: pieces of 50 m answer a 2 km corridor four times faster than the whole line.
_PIECE_M = 50.0
_LONGEST_M = 100_000.0
# Places that differ by less are as near as one another: surveys are written to the millimetre.
_SAME_M = 0.001
# The nearest are looked for ever farther away.
_FIRST_RADIUS_M, _FARTHEST_M = 10.0, 20_000.0

_IN_SPACE: dict[str, LiteralString] = {
    "node": "ST_MakePoint(ST_X(f.geom), ST_Y(f.geom), f.ground_elevation_m)",
    "pipe_segment": "CASE WHEN ST_NDims(f.geom) = 3 THEN ST_SetSRID(f.geom, 0) END",
}


@dataclass(frozen=True)
class Query:
    """What to look for; every condition given must hold.

    Attributes
    ----------
    bbox
        min x, min y, max x, max y in `bbox_srid` (the project CRS when None); a feature counts when it meets the box.
    z_min_m, z_max_m
        Range of elevation: a segment's axis, a node's ground, a structure from base to top.
    equals
        Attribute to value, None for "is not known"; `filterable_names` lists the attributes of a kind.
    after
        Identity of the last feature of the page before.
    out_srid
        EPSG code of the answer's coordinates, the project CRS when None.
    version
        A version, an instant, or None for the current state.
    """

    bbox: Box | None = None
    bbox_srid: int | None = None
    z_min_m: float | None = None
    z_max_m: float | None = None
    class_codes: Sequence[str] = ()
    equals: Mapping[str, str | float | bool | None] = field(default_factory=dict)
    limit: int = 1000
    after: int | None = None
    out_srid: int | None = None
    version: Version = None


def find_features(connection: Connection, kind: str, query: Query) -> Page:
    """Features that meet every condition of a query, by identity.

    Raises UsageError for a condition that cannot be met and NotFoundError for a version that is not there.
    """
    _check_limit(query.limit)
    maker = PageMaker(connection, kind, query.version, query.out_srid, query.limit)
    conditions = [
        *maker.box_conditions(query.bbox, query.bbox_srid),
        *maker.class_conditions(query.class_codes),
        *maker.attribute_conditions(query.equals),
    ]
    by_height = query.z_min_m is not None or query.z_max_m is not None
    unknown = maker.count_unknown_elevation(conditions) if by_height else None
    conditions += maker.height_conditions(query.z_min_m, query.z_max_m)
    if query.after is not None:
        maker.params["after"] = query.after
        conditions.append(SQL("f.feature_id > %(after)s"))
    matched = maker.compose("filtered", conditions=all_of(conditions))
    return maker.page(matched, order="feature_id", unknown_elevation=unknown, keyset=True)


def get_feature(
    connection: Connection, kind: str, feature_id: int, version: Version = None, out_srid: int | None = None
) -> bytes:
    """One feature as GeoJSON text; NotFoundError when that version does not have it."""
    maker = PageMaker(connection, kind, version, out_srid, limit=1)
    maker.params["feature_id"] = feature_id
    matched = maker.compose("filtered", conditions=SQL("f.feature_id = %(feature_id)s"))
    page = maker.page(matched, order="feature_id")
    if not page.count:
        raise NotFoundError(f"There is no {kind} {feature_id} in this version of the map.")
    return page.features[1:-1]


def near(
    connection: Connection,
    x: float,
    y: float,
    z_m: float | None,
    radius_m: float,
    *,
    kind: str = "pipe_segment",
    point_srid: int | None = None,
    class_codes: Sequence[str] = (),
    version: Version = None,
    out_srid: int | None = None,
    limit: int = 1000,
) -> Page:
    """Features within a radius of a point, nearest first, each with `distance_m` to its axis or place.

    With a z the distance is in space and features of unknown elevation are counted, not judged; without, in plan.
    """
    _check_limit(limit)
    _check_positive("radius_m", radius_m)
    check_finite(x, y, *([] if z_m is None else [z_m]))
    maker = PageMaker(connection, kind, version, out_srid, limit)
    maker.params |= {"x": x, "y": y, "z_m": z_m, "radius_m": radius_m}
    maker.params["point_srid"] = maker.place_srid(point_srid, (x, y, x, y))
    point = maker.in_project(SQL(queries("lookup")["point"]), "point_srid")
    conditions = maker.class_conditions(class_codes)
    distance: Composable = SQL("ST_Distance(f.geom, {point})").format(point=point)
    unknown = None
    if z_m is not None:
        distance = _distance_in_space(kind, point)
        inside = SQL("ST_DWithin(f.geom, {point}, %(radius_m)s)").format(point=point)
        unknown = maker.count_unknown_elevation([inside, *conditions])
    matched = maker.compose("near", distance=distance, point=point, conditions=all_of(conditions))
    return maker.page(matched, order="distance_m, feature_id", computed=["distance_m"], unknown_elevation=unknown)


def nearest(connection: Connection, x: float, y: float, z_m: float | None, count: int, **options: Any) -> Page:
    """The `count` features nearest to a point, as `near` measures them, within 20 km; options as those of `near`."""
    radius_m = _FIRST_RADIUS_M
    while True:
        page = near(connection, x, y, z_m, radius_m, limit=count, **options)
        if page.count >= count or radius_m >= _FARTHEST_M:
            return replace(page, more=False)
        radius_m = min(radius_m * 4, _FARTHEST_M)


def corridor(
    connection: Connection,
    line: Sequence[tuple[float, float]],
    half_width_m: float,
    *,
    kind: str = "pipe_segment",
    line_srid: int | None = None,
    class_codes: Sequence[str] = (),
    version: Version = None,
    out_srid: int | None = None,
    limit: int = 1000,
) -> Page:
    """Features within half a width of a drawn line, in plan, in the order the line meets them.

    Each has `distance_m` to the line and `station_m` along it where it is nearest, the first place of several as near.
    """
    _check_limit(limit)
    _check_positive("half_width_m", half_width_m)
    check_finite(*(value for point in line for value in point))
    if len(set(line)) < 2:
        raise UsageError("A corridor needs a line of at least two different points.")
    maker = PageMaker(connection, kind, version, out_srid, limit)
    srid = maker.place_srid(line_srid, _bounds(line))
    drawn_line_in_project(shapely.LineString(line), srid, maker.project_srid, _LONGEST_M)
    maker.params |= {
        "line": "LINESTRING(" + ", ".join(f"{float(x)!r} {float(y)!r}" for x, y in line) + ")",
        "line_srid": srid,
        "half_width_m": half_width_m,
        "piece_m": _PIECE_M,
        "same_m": _SAME_M,
    }
    drawn = maker.in_project(SQL("ST_GeomFromText(%(line)s, %(line_srid)s::int)"), "line_srid")
    matched = maker.compose("corridor", line=drawn, conditions=all_of(maker.class_conditions(class_codes)))
    return maker.page(matched, order="station_m, feature_id", computed=["distance_m", "station_m"])


def search(connection: Connection, text: str, limit: int = 20, version: Version = None) -> list[dict[str, Any]]:
    """Features of every kind whose key or name is the text, or starts with it, the exact ones first.

    Each is {kind, feature_id, source_key, name, class_code, x_m, y_m} with a place in the project CRS.
    """
    _check_limit(limit)
    wanted = text.strip()
    if not wanted:
        raise UsageError("Give at least one character to search for.")
    escaped = wanted.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    params = {"text": wanted, "prefix": f"{escaped}%", "contained": f"%{escaped}%", "limit": limit}
    resolved = resolve_version(connection, version)
    rows = [row for kind in FEATURE_KINDS for row in fetch_all(connection, _search_query(kind, resolved), params)]
    rows.sort(key=lambda row: (row["rank"], len(row["source_key"]), row["source_key"], row["feature_id"]))
    return [{name: value for name, value in row.items() if name != "rank"} for row in rows[:limit]]


def _search_query(kind: str, version: int | None) -> Composed:
    names = state_names(kind)
    title: LiteralString = "f.name" if "name" in names else "NULL::text"
    class_code: LiteralString = "f.class_code" if "class_code" in names else "NULL::text"
    place: LiteralString = (
        "ST_LineInterpolatePoint(f.geom, 0.5)" if kind == "pipe_segment" else "ST_PointOnSurface(f.geom)"
    )
    return SQL(queries("lookup")["search"]).format(
        kind=Literal(kind),
        title=SQL(title),
        class_code=SQL(class_code),
        place=SQL(place),
        relation=relation(kind, version),
    )


def _bounds(line: Sequence[tuple[float, float]]) -> Box:
    eastings, northings = zip(*line, strict=True)
    return min(eastings), min(northings), max(eastings), max(northings)


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_FEATURES:
        raise UsageError(f"A page holds 1 to {MAX_FEATURES} features; {limit} were asked for.")


def _check_positive(name: str, value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise UsageError(f"{name} must be above 0.")


def _distance_in_space(kind: str, point: Composable) -> Composed:
    if kind not in _IN_SPACE:
        raise UsageError(f"A {kind} has no elevation of its own; leave z out to measure in plan.")
    there = SQL("ST_MakePoint(ST_X({point}), ST_Y({point}), %(z_m)s)").format(point=point)
    return SQL("ST_3DDistance({here}, {there})").format(here=SQL(_IN_SPACE[kind]), there=there)
