"""What lies around a burst as PostGIS measures it, for tests of what is found in memory."""

from typing import Any

import pytest
from psycopg.sql import SQL

from pipemap.db import Connection, fetch_all
from schemas.isolation import BurstAnswer

WHOLE = "SELECT geom FROM pipemap.pipe_segment WHERE feature_id = ANY(%(segments)s)"
AT_NODES = (
    "SELECT CASE WHEN from_node_id = ANY(%(nodes)s) THEN ST_StartPoint(geom) ELSE ST_EndPoint(geom) END AS geom"
    " FROM pipemap.pipe_segment WHERE from_node_id = ANY(%(nodes)s) OR to_node_id = ANY(%(nodes)s)"
)
CLICKED = (
    "SELECT ST_LineInterpolatePoint(geom, ST_LineLocatePoint(geom, ST_SetSRID(ST_MakePoint(%(x)s, %(y)s), 4547)))"
    " AS geom FROM pipemap.pipe_segment WHERE feature_id = ANY(%(segments)s)"
)
# By every pair, with no index and no filter before the distance.
AROUND = """
SELECT DISTINCT ON (other.feature_id) other.feature_id, other.source_key, other.class_code, other.owner,
       other.lifecycle_code, other.material_code, other.pressure_code, other.voltage_kv, other.width_mm,
       away.in_space,
       greatest(away.distance_m - coalesce(greatest(other.width_mm, other.height_mm) / 2000, 0), 0) AS wall_m
FROM ({burst}) AS burst, pipemap.pipe_segment AS other,
     LATERAL (SELECT ST_NDims(other.geom) = 3 AND ST_NDims(burst.geom) = 3 AS in_space) AS kind,
     LATERAL (SELECT in_space, CASE WHEN in_space THEN ST_3DDistance(other.geom, burst.geom)
                                    ELSE ST_Distance(other.geom, burst.geom) END AS distance_m) AS away
WHERE other.class_code <> ALL(%(own)s) AND coalesce(other.lifecycle_code, '') NOT IN ('planned', 'removed')
ORDER BY other.feature_id, away.distance_m
"""
FROM_POINT = """
SELECT min(CASE WHEN %(z)s::float8 IS NULL THEN ST_Distance(geom, ST_SetSRID(ST_MakePoint(%(x)s, %(y)s), 4547))
                ELSE ST_3DDistance(geom, ST_SetSRID(ST_MakePoint(%(x)s, %(y)s, %(z)s), 4547)) END) AS away_m
FROM pipemap.pipe_segment WHERE feature_id = %(segment)s
"""


def assert_all_around(connection: Connection, answer: BurstAnswer, burst: str, asked: dict[str, Any]) -> None:
    assert answer.surroundings is not None
    own = {"own": sorted({place.class_code for place in answer.burst})}
    query = SQL(AROUND).format(burst=SQL(burst))
    rows = {row["feature_id"]: row for row in fetch_all(connection, query, asked | own)}
    radius_m, told = answer.surroundings.radius_m, answer.surroundings.neighbours
    near = {one for one, row in rows.items() if row["wall_m"] <= radius_m}
    at_limit = {one for one, row in rows.items() if abs(row["wall_m"] - radius_m) < 1e-6}
    assert {one.segment_id for one in told} ^ near <= at_limit
    assert [one.distance_m for one in told] == sorted(one.distance_m for one in told)
    for one in told:
        row = rows[one.segment_id]
        assert (one.distance_m, one.is_height_known) == (pytest.approx(row["wall_m"], abs=1e-6), row["in_space"])
        named = ("source_key", "class_code", "owner", "lifecycle_code", "material_code", "pressure_code", "width_mm")
        assert [getattr(one, name) for name in named] == [row[name] for name in named]
        # The point told lies on the neighbour.
        place = {"x": one.x_m, "y": one.y_m, "z": one.z_m, "segment": one.segment_id}
        assert fetch_all(connection, FROM_POINT, place)[0]["away_m"] == pytest.approx(0, abs=1e-6)
    owners = [one.owner or "" for one in told]
    assert answer.surroundings.owners == {owner: owners.count(owner) for owner in owners}
