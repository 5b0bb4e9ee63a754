"""Clearance against PostGIS and DuckDB: one limit over many pipes, the whole city, a drawn line, a changeset."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import duckdb_extension_spatial
import httpx
import numpy as np
import pandas as pd
import psycopg
import shapely

from bench.cases import _served
from bench.mains import _hex, _write
from bench.measure import Line, in_child, median_s
from bench.pipes import LANES, STREET_M, ground_m, streets_for, synthetic_pipes
from bench.serving import own_server
from pipemap.changesets import create_edit
from pipemap.clearance.candidates import pairs_within
from pipemap.clearance.core import Pipes
from pipemap.clearance.running import run_city
from pipemap.clearance.stored import changeset_clearance
from pipemap.cluster import Cluster
from pipemap.db import Database
from pipemap.ground.grid import Grid
from pipemap.ground.storing import Origin, remove_model, store_model
from pipemap.projects import create_database, init_project

LIMIT_M = 0.15
_CHANGED = 1000
_MODEL, _POST_M = "rolling", 2.0


def clearance_lines(size: int) -> Iterator[Line]:
    """Every clearance case on a city of about `size` segments."""
    with own_server() as (cluster, _):
        yield from _lines(cluster, size)


def _lines(cluster: Cluster, size: int) -> Iterator[Line]:
    side = streets_for(size)
    yield from _limit_lines(cluster, side)
    url = cluster.url(f"clearance{size}")
    create_database(url)
    with Database(url) as database:
        init_project(database, "bench", 4547)
        plant_pipes(database, side)
    yield from _city_lines(url)
    with Database(url) as database:
        yield _changeset_line(database)
    yield _drawn_line(url, side)
    yield _section_line(url, side)


def _limit_lines(cluster: Cluster, side: int) -> Iterator[Line]:
    pipes = synthetic_pipes(side)
    pipes = replace(pipes, is_round=np.full(len(pipes), True), half_height_m=pipes.half_width_m)
    ours_s = median_s(lambda: pairs_within(pipes, LIMIT_M), 5)
    left, right, _ = pairs_within(pipes, LIMIT_M)
    found = set(zip(pipes.feature_id[left].tolist(), pipes.feature_id[right].tolist(), strict=True))
    name = f"one limit of {LIMIT_M} m over {len(pipes):,} segments, from arrays"
    for other, ask in (("PostGIS self-join", _by_postgis(cluster, pipes)), ("DuckDB spatial", _by_duckdb(pipes))):
        start = time.perf_counter()
        theirs = ask()
        other_s = time.perf_counter() - start
        yield Line(name, ours_s, other_s, other, f"{len(found):,} pairs, {'the same' if theirs == found else 'OTHERS'}")


def _by_postgis(cluster: Cluster, pipes: Pipes) -> Any:
    url = cluster.url(f"limit{len(pipes)}")
    create_database(url)
    frame = _plain_frame(pipes)
    frame["geom"] = shapely.to_wkb(shapely.linestrings(np.stack([pipes.start, pipes.end], axis=1)), hex=True)
    connection = psycopg.connect(url, autocommit=True)
    connection.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    connection.execute("CREATE TABLE p (id bigint, a bigint, b bigint, r float8, geom geometry)")
    with connection.cursor().copy("COPY p FROM STDIN CSV") as copy:
        copy.write(frame[["id", "a", "b", "r", "geom"]].to_csv(index=False, header=False))
    connection.execute("CREATE TABLE pipe AS SELECT * FROM p ORDER BY geom")
    connection.execute("CREATE INDEX ON pipe USING gist (geom)")
    connection.execute("ANALYZE pipe")
    widest_m = float(frame["r"].max())

    def ask() -> set[tuple[int, int]]:
        rows = connection.execute(
            "SELECT least(p.id, q.id), greatest(p.id, q.id) FROM pipe AS p JOIN pipe AS q"
            f" ON ST_3DDWithin(p.geom, q.geom, p.r + {widest_m + LIMIT_M}) AND p.id < q.id"
            " AND p.a <> q.a AND p.a <> q.b AND p.b <> q.a AND p.b <> q.b"
            f" AND ST_3DDistance(p.geom, q.geom) < p.r + q.r + {LIMIT_M}"
        )
        return set(rows.fetchall())

    return ask


# As `geometry3d.nearest_of`, a step a stage, so that nothing is worked out twice.
_DUCK_QUERY = """
CREATE OR REPLACE TEMP TABLE met AS
    SELECT a.id AS here, b.id AS there FROM pipe AS a JOIN pipe AS b ON ST_Intersects(a.box, b.box);
WITH near AS MATERIALIZED (
    SELECT a.id AS one, b.id AS other, a.r + b.r + {limit} AS within,
           a.x1 - a.x0 AS ux, a.y1 - a.y0 AS uy, a.z1 - a.z0 AS uz,
           b.x1 - b.x0 AS vx, b.y1 - b.y0 AS vy, b.z1 - b.z0 AS vz,
           a.x0 - b.x0 AS wx, a.y0 - b.y0 AS wy, a.z0 - b.z0 AS wz
    FROM met JOIN pipe AS a ON a.id = here JOIN pipe AS b ON b.id = there
    WHERE here < there AND a.a <> b.a AND a.a <> b.b AND a.b <> b.a AND a.b <> b.b
      AND least(a.z0, a.z1) - greatest(b.z0, b.z1) <= a.r + b.r + {limit}
      AND least(b.z0, b.z1) - greatest(a.z0, a.z1) <= a.r + b.r + {limit}),
products AS MATERIALIZED (
    SELECT *, ux * ux + uy * uy + uz * uz AS uu, ux * vx + uy * vy + uz * vz AS uv, vx * vx + vy * vy + vz * vz AS vv,
           ux * wx + uy * wy + uz * wz AS uw, vx * wx + vy * wy + vz * wz AS vw FROM near),
inside AS MATERIALIZED (
    SELECT *, CASE WHEN uu * vv - uv * uv > 0 THEN clamp((uv * vw - vv * uw) / (uu * vv - uv * uv)) ELSE 0.0 END AS si
    FROM products),
shares AS MATERIALIZED (
    SELECT *, clamp(vw / vv) AS t0, clamp((vw + uv) / vv) AS t1, clamp((vw + si * uv) / vv) AS ti,
           clamp(-uw / uu) AS s0, clamp((uv - uw) / uu) AS s1 FROM inside)
SELECT one, other FROM shares
WHERE least({gaps}) < within
"""
_DUCK_GAP = "sqrt((wx + {s} * ux - {t} * vx) ** 2 + (wy + {s} * uy - {t} * vy) ** 2 + (wz + {s} * uz - {t} * vz) ** 2)"
_DUCK_SHARES = (("0.0", "t0"), ("1.0", "t1"), ("si", "ti"), ("s0", "0.0"), ("s1", "1.0"))


def _by_duckdb(pipes: Pipes) -> Any:
    folder = Path(duckdb_extension_spatial.__file__).parent / "extensions"
    connection = duckdb.connect(config={"allow_unsigned_extensions": True})
    connection.execute(f"LOAD '{next(folder.rglob('spatial.duckdb_extension'))}'")
    frame = _plain_frame(pipes)
    for axis, letter in enumerate("xyz"):
        frame[f"{letter}0"], frame[f"{letter}1"] = pipes.start[:, axis], pipes.end[:, axis]
    connection.register("frame", frame)
    grown = f"r + {LIMIT_M / 2}"
    connection.execute(
        f"CREATE TABLE pipe AS SELECT *, ST_MakeEnvelope(least(x0, x1) - ({grown}), least(y0, y1) - ({grown}),"
        f" greatest(x0, x1) + ({grown}), greatest(y0, y1) + ({grown})) AS box FROM frame"
    )
    connection.execute("CREATE MACRO clamp(x) AS least(1.0, greatest(0.0, x))")
    gaps = ", ".join(_DUCK_GAP.format(s=s, t=t) for s, t in _DUCK_SHARES)
    return lambda: set(connection.execute(_DUCK_QUERY.format(limit=LIMIT_M, gaps=gaps)).fetchall())


def _plain_frame(pipes: Pipes) -> pd.DataFrame:
    return pd.DataFrame(
        {"id": pipes.feature_id, "a": pipes.nodes[:, 0], "b": pipes.nodes[:, 1], "r": pipes.half_width_m}
    )


def plant_pipes(database: Database, side: int) -> None:
    """Version 1 of a map with the synthetic pipes, written with the indexes built at the end."""
    pipes = synthetic_pipes(side)
    code = np.array([lane[0] for lane in LANES])[pipes.class_index]
    is_gas = code == "gas"
    height_mm = np.where(pipes.is_round, np.nan, pipes.half_height_m * 2000)
    segments = pd.DataFrame(
        {
            "feature_id": pipes.feature_id, "source_key": [f"S{k}" for k in pipes.feature_id],
            "class_code": code, "from_node_id": pipes.nodes[:, 0], "to_node_id": pipes.nodes[:, 1],
            "shape_code": np.where(pipes.is_round, "circle", "rect"), "width_mm": pipes.half_width_m * 2000,
            "height_mm": height_mm, "burial_code": np.array([lane[6] for lane in LANES])[pipes.class_index],
            "pressure_code": np.where(is_gas, "medium_a", None), "voltage_kv": np.where(code == "power", 10.0, np.nan),
            "depth_datum_code": "axis", "elevation_source_code": "measured",
            "geom": _hex(shapely.linestrings(np.stack([pipes.start, pipes.end], axis=1))),
        }
    )  # fmt: skip
    place, first = np.unique(pipes.nodes.ravel(), return_index=True)
    ends = np.stack([pipes.start, pipes.end], axis=1).reshape(-1, 3)[first]
    nodes = pd.DataFrame(
        {
            "feature_id": place, "source_key": [f"N{k}" for k in place], "class_code": code.repeat(2)[first],
            "ground_elevation_m": ground_m(ends[:, :2]), "geom": _hex(shapely.points(ends[:, :2])),
        }
    )  # fmt: skip
    with database.transaction() as connection:
        connection.execute("INSERT INTO pipemap.dataset (dataset_id, name) VALUES (1, 'city')")
        connection.execute(
            "INSERT INTO pipemap.version (version, changeset_id, author, message, counts) VALUES (1, 0, 'a', 'm', '{}')"
        )
        _write(connection, "node", nodes)
        _write(connection, "pipe_segment", segments)
        connection.execute("SELECT setval('pipemap.feature_id_seq', %s)", [int(pipes.feature_id.max())])


def _city_lines(url: str) -> Iterator[Line]:
    (bare_s, found), peak_mib = in_child(_run_in_child, url)
    note = f"{found:,} rows stored, peak {peak_mib} MiB"
    yield Line("whole city, all rules, from database to stored results", bare_s, None, "", note)
    with Database(url) as database:
        _load_model(database)
        (seconds, found), peak_mib = in_child(_run_in_child, url)
        note = f"{found:,} rows stored, peak {peak_mib} MiB; a post every {_POST_M:g} m"
        yield Line("whole city over a ground model", seconds, bare_s, "without a model", note)
        with database.transaction() as connection:
            remove_model(connection, _MODEL)


def _load_model(database: Database) -> None:
    """A ground model over the whole city that says what the surveyed ground says."""
    with database.transaction(read_only=True) as connection:
        query = (
            "SELECT ST_XMin(e) AS w, ST_YMin(e) AS s, ST_XMax(e) AS e, ST_YMax(e) AS n"
            " FROM (SELECT ST_Extent(geom) AS e FROM pipemap.node) AS extent"
        )
        box = connection.execute(query).fetchone()
    assert box is not None
    columns, rows = (int((box[far] - box[near]) / _POST_M) + 2 for near, far in (("w", "e"), ("s", "n")))
    grid = Grid(box["w"], box["n"], _POST_M, _POST_M, columns, rows)
    x, y = np.meshgrid(box["w"] + np.arange(columns) * _POST_M, box["n"] - np.arange(rows) * _POST_M)
    z_m = ground_m(np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape).astype(np.float32)
    parts = ((w, z_m[w.row : w.row + w.height, w.column : w.column + w.width]) for w in grid.windows())
    store_model(database, Origin(_MODEL, "dem.tif", "0" * 64, "EPSG:4547", "bench"), grid, parts)


def _run_in_child(url: str) -> tuple[float, int]:
    """Seconds of a run when all is compiled, and rows found."""
    with Database(url) as database:
        times = []
        for _ in range(2):
            with database.transaction() as connection:
                connection.execute("TRUNCATE pipemap.clearance_run, pipemap.clearance_tile, pipemap.clearance_found")
            start = time.perf_counter()
            run_city(database)
            times.append(time.perf_counter() - start)
        with database.transaction() as connection:
            row = connection.execute("SELECT count(*) AS n FROM pipemap.clearance_found").fetchone()
    assert row is not None
    return times[1], row["n"]


def _changeset_line(database: Database) -> Line:
    with database.transaction(read_only=True) as connection:
        rows = connection.execute(
            "SELECT feature_id, ST_AsBinary(ST_Translate(geom, 0, 0, -0.3)) AS g FROM pipemap.pipe_segment"
            " WHERE class_code = 'gas' ORDER BY geom LIMIT %s",
            [_CHANGED],
        ).fetchall()
    changes = [
        {
            "kind": "pipe_segment",
            "op": "update",
            "feature_id": row["feature_id"],
            "values": {"geom": shapely.from_wkb(bytes(row["g"]))},
        }
        for row in rows
    ]
    changeset = create_edit(database, title="lower", author="b", changes=changes)

    def ask() -> int:
        with database.transaction(read_only=True) as connection:
            return len(changeset_clearance(connection, changeset).conflicts)

    return Line(f"changeset of {len(changes):,} segments", median_s(ask, 5), None, "", f"{ask():,} conflicts")


def _drawn_line(url: str, side: int) -> Line:
    middle, way, across = _middle_street(side)

    def question(number: int) -> dict[str, Any]:
        start = middle + way * 37.0 * (number % 20) + across * (number % 7)
        line = [[*start.tolist()], [*(start + way * 1000.0).tolist()]]
        pipe = {"line": line, "class_code": "gas", "width_mm": 200, "cover_depth_m": 1.2}
        return {"method": "POST", "url": "/api/clearance/line", "json": {"pipe": pipe}}

    times, answer = _asked(url, question)
    met = f"{answer['checked_pairs']} neighbours, {len(answer['conflicts'])} conflicts"
    return _p95("a drawn line of 1 km over HTTP, p95", times, met)


def _section_line(url: str, side: int) -> Line:
    middle, way, across = _middle_street(side)

    def question(number: int) -> dict[str, Any]:
        start = middle + way * (37.0 * (number % 20) + 20) - across * 30
        end = start + across * 60
        line = ",".join(f"{x} {y}" for x, y in (start.tolist(), end.tolist()))
        return {"method": "GET", "url": "/api/section", "params": {"line": line}}

    times, answer = _asked(url, question)
    return _p95("a cross-section of 60 m over HTTP, p95", times, f"{len(answer['cuts'])} pipes cut")


def _middle_street(side: int) -> tuple[Any, Any, Any]:
    """A place in the middle of the city, and the directions along its street and across it."""
    pipes = synthetic_pipes(2)
    way = pipes.end[0, :2] - pipes.start[0, :2]
    way = way / np.linalg.norm(way)
    across = np.array([-way[1], way[0]])
    return pipes.start[0, :2] + way * STREET_M * side / 2 + across * STREET_M * (side // 2), way, across


def _asked(url: str, question: Callable[[int], dict[str, Any]]) -> tuple[list[float], Any]:
    """Seconds of 50 questions, after ten to warm up, and the last answer.

    A service reads the network of traces when it starts; the questions wait until it has.
    """
    times = []
    with _served(url) as base, httpx.Client(base_url=base, timeout=60) as client:
        client.get("/api/trace/criticality", params={"class_code": "water", "limit": 1}).raise_for_status()
        for number in range(60):
            began = time.perf_counter()
            answer = client.request(**question(number)).raise_for_status().json()
            times.append(time.perf_counter() - began)
    return times[10:], answer


def _p95(name: str, times: list[float], met: str) -> Line:
    note = f"median {np.median(times) * 1000:.0f} ms; {met}"
    return Line(name, float(np.quantile(times, 0.95)), None, "", note)
