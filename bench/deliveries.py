"""A city in shapefiles, imported, checked and delivered once more: time against ogr2ogr, memory of all processes."""

import shutil
import subprocess
import time
from pathlib import Path

from bench.measure import Line, watched
from importers.delivery import read_delivery
from pipemap.checks import Proposed, run_checks
from pipemap.cluster import Cluster
from pipemap.db import Database, fetch_all
from pipemap.ingest import create_import
from pipemap.projects import create_database, init_project
from pipemap.publishing import publish

SRID = 4547
_MOST_MIB = 1536


def delivered(cluster: Cluster, name: str, files: tuple[Path, Path]) -> tuple[str, list[Line]]:
    """Import, check and publish a city in a new database: its URL, and the times against ogr2ogr of the same rows."""
    url = cluster.url(name)
    create_database(url)
    with Database(url) as database:
        init_project(database, "bench", SRID)
    before_s = _ogr2ogr_s(cluster, files)
    (changeset, read_s, store_s, check_s), peak = watched(_import_and_check, url, files)
    again_s, again_peak = watched(_check, url, changeset)
    # Before and after, so that a machine that others use as well meets both alike.
    after_s = _ogr2ogr_s(cluster, files)
    other = (before_s + after_s) / 2 if before_s and after_s else None
    published = time.perf_counter()
    _publish(url, changeset)
    publish_s = time.perf_counter() - published
    return url, [
        Line("import: read, normalise, store a draft", read_s + store_s, other, "ogr2ogr", f"read {read_s:.1f} s"),
        Line("checks of the whole city, right behind it", check_s, other, "ogr2ogr"),
        Line("import and checks", read_s + store_s + check_s, other, "ogr2ogr", "at most 2.5"),
        Line("peak memory of both", None, None, "-", f"{peak}; at most {_MOST_MIB}"),
        Line("checks of the whole city on their own, read from the draft", again_s, other, "ogr2ogr"),
        Line("peak memory of these", None, None, "-", f"{again_peak}; at most {_MOST_MIB}"),
        Line("publish", publish_s, other, "ogr2ogr"),
    ]


def delivered_again(url: str, files: tuple[Path, Path]) -> list[Line]:
    """The same delivery once more, against the map that holds all of it."""
    (changeset, read_s, store_s), peak = watched(_import, url, files)
    with Database(url) as database, database.transaction(read_only=True) as connection:
        statement = "SELECT count(*) AS n FROM pipemap.pipe_segment_delta WHERE changeset_id = %(id)s"
        changes = fetch_all(connection, statement, {"id": changeset})[0]["n"]
    note = f"read {read_s:.1f} s, {changes} segments changed, {peak}"
    return [Line("the same delivery again: read, match, compare", read_s + store_s, None, "-", note)]


def delivered_as_tables(cluster: Cluster, name: str, files: tuple[Path, Path]) -> list[Line]:
    """The same rows from text tables, imported into a new database."""
    url = cluster.url(name)
    create_database(url)
    with Database(url) as database:
        init_project(database, "bench", SRID)
    (_, read_s, store_s), peak = watched(_import, url, files)
    note = f"read {read_s:.1f} s, {peak}; at most {_MOST_MIB}"
    return [Line("the same rows from csv: read, normalise, store a draft", read_s + store_s, None, "-", note)]


def _import(url: str, files: tuple[Path, Path]) -> tuple[int, float, float]:
    """The draft's number, and the seconds it took to read the files and to store what is in them."""
    start = time.perf_counter()
    with Database(url) as database:
        delivery = read_delivery(list(files), srid=SRID, dataset="city")
        read = time.perf_counter()
        changeset = create_import(database, delivery, title="city", author="bench")
        return changeset, read - start, time.perf_counter() - read


def _import_and_check(url: str, files: tuple[Path, Path]) -> tuple[int, float, float, float]:
    """The draft's number, and the seconds it took to read the files, to store what is in them and to check that."""
    start = time.perf_counter()
    proposed = Proposed()
    with Database(url) as database:
        delivery = read_delivery(list(files), srid=SRID, dataset="city")
        read = time.perf_counter()
        changeset = create_import(database, delivery, title="city", author="bench", follower=proposed)
        stored = time.perf_counter()
        del delivery
        run_checks(database, changeset, proposed=proposed)
        return changeset, read - start, stored - read, time.perf_counter() - stored


def _check(url: str, changeset: int) -> float:
    start = time.perf_counter()
    with Database(url) as database:
        run_checks(database, changeset)
    return time.perf_counter() - start


def _publish(url: str, changeset: int) -> None:
    with Database(url) as database:
        with database.transaction(read_only=True) as connection:
            found = fetch_all(
                connection,
                "SELECT DISTINCT rule FROM pipemap.finding WHERE changeset_id = %(id)s AND severity = 'error'",
                {"id": changeset},
            )
        waivers = {str(row["rule"]): "synthetic" for row in found}
        publish(database, changeset, message="city", author="bench", waivers=waivers)


def _ogr2ogr_s(cluster: Cluster, files: tuple[Path, Path]) -> float | None:
    program = shutil.which("ogr2ogr")
    if program is None:
        return None
    # Whatever an earlier size left there.
    subprocess.run(["psql", cluster.url("postgres"), "-qc", "DROP DATABASE IF EXISTS peer"], check=True)
    create_database(cluster.url("peer"))
    Database(cluster.url("peer")).close()
    subprocess.run(["psql", cluster.url("peer"), "-qc", "CREATE EXTENSION IF NOT EXISTS postgis"], check=True)
    start = time.perf_counter()
    for path in files:
        target = f"PG:host={cluster.socket_dir} dbname=peer user={_user(cluster)}"
        options = ["-nln", path.stem, "-overwrite", "-lco", "GEOMETRY_NAME=geom", "--config", "PG_USE_COPY", "YES"]
        subprocess.run([program, "-f", "PostgreSQL", target, str(path), *options], check=True, capture_output=True)
    return time.perf_counter() - start


def _user(cluster: Cluster) -> str:
    return cluster.url("x").removeprefix("postgresql://").partition("@")[0]
