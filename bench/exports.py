"""Export to GeoPackage, as staff and under an agreement, against ogr2ogr of the same columns; memory of our process."""

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import shapely

from bench.measure import Line, in_child
from bench.serving import granted_key, own_server
from pipemap.cluster import Cluster
from pipemap.db import Database
from pipemap.projects import create_database, init_project
from pipemap.sharing import agreements
from pipemap.sharing.exchange import ExportRequest, export_package
from pipemap.sharing.item_statements import granted_columns

_SIDE = 1_000
_CITY = """
INSERT INTO pipemap.node (
    feature_id, dataset_id, source_key, class_code, ground_elevation_m, geom, valid_from_version
)
SELECT n + 1, 1, 'J' || n, 'water', 20, ST_SetSRID(ST_MakePoint(x, y), 4547), 1
FROM (SELECT n, 5e5 + 30 * (n % {side}) AS x, 25e5 + 30 * (n / {side}) AS y FROM generate_series(0, {last}) AS n) AS p;
INSERT INTO pipemap.pipe_segment (
    feature_id, dataset_id, source_key, class_code, from_node_id, to_node_id, shape_code, width_mm, material_code,
    owner, from_depth_m, to_depth_m, depth_datum_code, elevation_source_code, geom, valid_from_version
)
SELECT {last} + n + 2, 1, 'S' || n, 'water', n + 1, n + 2, 'circle', 300, 'ductile_iron', '供水公司', 1.5, 1.6, 'crown',
    'measured', ST_SetSRID(ST_MakeLine(ST_MakePoint(x, y, 18.1), ST_MakePoint(x + 30, y, 18.2)), 4547), 1
FROM (SELECT n, 5e5 + 30 * (n % {side}) AS x, 25e5 + 30 * (n / {side}) AS y FROM generate_series(0, {last}) AS n) AS p;
"""


def export_lines(segments: int) -> Iterator[Line]:
    with own_server() as (cluster, folder):
        url, key = shared_city(cluster, segments)
        peer_s = _timed(lambda: _ogr2ogr(url, folder / "peer.gpkg"))
        for name, key_sha256 in (("staff", None), ("an agreement", key)):
            ours_s, peak_mib = in_child(_export, url, key_sha256, str(folder))
            note = f"{peak_mib} MiB; zip and checksums counted"
            yield Line(f"export to GeoPackage, {name}", ours_s, peer_s, "ogr2ogr PostGIS to GPKG", note)


def shared_city(cluster: Cluster, segments: int) -> tuple[str, str]:
    """A city of so many nodes and segments at version 1, all of it granted: the database, and the hash of a key."""
    url = cluster.url("bench")
    create_database(url)
    with Database(url) as database:
        init_project(database, "bench")
        with database.transaction() as connection:
            connection.execute("INSERT INTO pipemap.dataset (dataset_id, name) VALUES (1, 'survey')")
            for statement in _CITY.format(last=segments - 1, side=_SIDE).split(";\n"):
                if statement.strip():
                    connection.execute(statement)
            area = shapely.box(499_000, 2_400_000, 600_000, 2_900_000)
            key = granted_key(connection, area)
        with database.transaction() as connection:
            connection.execute("ANALYZE")
    return url, agreements.hash_key(key)


def _export(url: str, key_sha256: str | None, folder: str) -> float:
    with Database(url) as database, tempfile.TemporaryDirectory(dir=folder) as inside:
        return _timed(lambda: export_package(database, key_sha256, ExportRequest("gpkg"), Path(inside)))


def _ogr2ogr(url: str, path: Path) -> None:
    for kind in ("node", "pipe_segment"):
        columns = ", ".join(("feature_id", *granted_columns(None, kind)))
        shape = "geom" if kind == "node" else "ST_Multi(geom) AS geom"
        select = f"SELECT {columns}, {shape} FROM pipemap.{kind} ORDER BY feature_id"
        words = [
            "ogr2ogr",
            "-f",
            "GPKG",
            str(path),
            f"PG:{url}",
            "-sql",
            select,
            "-nln",
            kind,
            "-update" if path.exists() else "-overwrite",
        ]
        subprocess.run(words, check=True, capture_output=True)


def _timed(work: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
