"""OGC API of one agreement over a large city, against tipg and against PostGIS bytes passed on, asked in turn by wrk.

Peers run where the folder of a Python environment with tipg in it is named by TIPG_VENV. Our service is asked under a
key, with links, paging, ledger and record; and as staff, which is what permissions cost.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from urllib.parse import quote

import httpx
import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from bench.measure import Line, cpu_s
from bench.serving import granted_key, own_server
from pipemap.cluster import SYSTEM_USER, Cluster
from pipemap.db import Database
from pipemap.projects import create_database, init_project
from pipemap.sharing import stores
from pipemap.sharing.item_statements import granted_columns
from pipemap.sharing.tiles.grids import grids, limits

_CONNECTIONS, _ROUNDS, _ROUND_S = 8, 3, 3
_ORIGIN_M, _STEP_M = (500_000, 2_500_000), 30
_PLACES = 4_000
_TO_DEGREES = Transformer.from_crs(4547, 4326, always_xy=True)
_HERE = Path(__file__).parent
_OURS = "key, permission view, limits, area ledger, look on record before the answer; links, pages in order of identity"
_STAFF = "ours without key, permissions, limits, ledger and record; links, pages in order of identity"
_TIPG = "no permissions, no record; links of the page and of each feature, count of all that match"
_BARE = "bytes of PostGIS passed on: no permissions, no record, no links, no pages"
# A net of streets: every node has a pipe to the east and one to the north, numbered along a Hilbert curve.
_CITY = """
INSERT INTO pipemap.dataset (dataset_id, name) VALUES (1, 'survey');
INSERT INTO pipemap.version (version, changeset_id, author, message, counts) VALUES (1, 1, 'bench', 'bench', '{{}}');
INSERT INTO pipemap.node (
    feature_id, dataset_id, source_key, class_code, ground_elevation_m, geom, valid_from_version
)
SELECT i * {side} + j + 1, 1, 'J' || i || '_' || j, 'water', 20,
       ST_SetSRID(ST_MakePoint({x} + {step} * i, {y} + {step} * j), 4547), 1
FROM generate_series(0, {last}) AS i, generate_series(0, {last}) AS j;
INSERT INTO pipemap.pipe_segment (
    feature_id, dataset_id, source_key, class_code, from_node_id, to_node_id, shape_code, width_mm, height_mm,
    material_code, pressure_code, owner, from_depth_m, to_depth_m, depth_datum_code, elevation_source_code,
    installed_on, lifecycle_code, geom, valid_from_version
)
SELECT 10000000 + row_number() OVER (ORDER BY geom), 1, 'S' || i || '_' || j || '_' || along,
       (ARRAY['water', 'storm', 'foul', 'gas', 'heat', 'power', 'street_light', 'telecom'])[1 + (i + 3 * j) % 8],
       i * {side} + j + 1, (i + 1 - along) * {side} + j + along + 1, 'circle', 200 + (i % 5) * 100, 200 + (i % 5) * 100,
       'ductile_iron', NULL, '供水公司', 1.5 + (j % 7) * 0.1, 1.6 + (i % 7) * 0.1, 'crown', 'measured',
       date '2001-01-01' + (i + j) % 5000, 'in_service', geom, 1
FROM (
    SELECT i, j, along, ST_SetSRID(ST_MakeLine(
        ST_MakePoint({x} + {step} * i, {y} + {step} * j, 18.1),
        ST_MakePoint({x} + {step} * (i + 1 - along), {y} + {step} * (j + along), 18.2)
    ), 4547) AS geom
    FROM generate_series(0, {last} - 1) AS i, generate_series(0, {last} - 1) AS j, generate_series(0, 1) AS along
) AS pipes
ORDER BY geom;
CREATE SCHEMA peer;
CREATE TABLE peer.pipes AS SELECT feature_id, {columns}, geom FROM pipemap.pipe_segment ORDER BY feature_id;
ALTER TABLE peer.pipes ADD PRIMARY KEY (feature_id);
ALTER TABLE peer.pipes ALTER COLUMN geom TYPE geometry(LineStringZ, 4547);
CREATE INDEX ON peer.pipes USING gist (geom);
ANALYZE
"""


@dataclass(frozen=True)
class _Asked:
    """A service under test and how it is asked: under a key or none, features and tiles at these addresses.

    `does` tells what is behind its answers.
    """

    name: str
    does: str
    port: int
    pid: int
    items: str
    tile: Callable[[int, int, int], str]
    key: str = ""


@dataclass
class _Taken:
    """What the rounds of one case gave: requests a second, p95, processor time a request of service and database.

    `record_ms` is how much of that goes into writing looks down at the database; `answer` tells what an answer holds.
    """

    answer: str
    rates: list[float] = field(default_factory=list)
    p95_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    record_ms: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{median(self.rates):.0f}/s, p95 {median(self.p95_ms):.0f} ms, {median(self.cpu_ms):.2f} ms of processor, "
            f"{self.answer}"
        )


@dataclass
class _City:
    """A city of streets with an agreement over all of it, one over a ragged area, and places to ask about."""

    cluster: Cluster
    folder: Path
    segments: int

    def __post_init__(self) -> None:
        self.url = self.cluster.url("bench")
        self.server_pid = int((self.cluster.data_dir / "pgdata" / "postmaster.pid").read_text().split()[0])
        self.columns = granted_columns(None, "pipe_segment")
        self.side = round((self.segments / 2) ** 0.5) + 1
        self.middle = np.add(_ORIGIN_M, self.side * _STEP_M / 2)
        create_database(self.url)
        with Database(self.url) as database:
            init_project(database, "bench", 4547)
            self._fill(database)
            with database.transaction() as connection:
                self.key = granted_key(connection, shapely.box(499_000, 2_400_000, 600_000, 2_900_000))
                self.ragged_key = granted_key(connection, _ragged(self.middle, self.side * _STEP_M))

    def paths(self, case: str, asked: _Asked) -> list[str]:
        """What is asked in a case, the same places of every service."""
        if case.startswith("MVT"):
            return [asked.tile(*tile) for tile in self._tiles(int(case.split()[1][1:]))]
        rng = np.random.default_rng(5)
        places = np.add(_ORIGIN_M, rng.integers(0, self.side - 1, (_PLACES, 2)) * _STEP_M)
        if case.startswith("by id"):
            ids = 10_000_001 + rng.integers(0, 2 * (self.side - 1) ** 2, _PLACES)
            return [f"{asked.items}/{feature_id}" for feature_id in ids]
        return [f"{asked.items}?limit=1000&bbox={_box(*place, float(case.split()[1]) / 2)}" for place in places]

    def _tiles(self, level: int) -> list[tuple[int, int, int]]:
        whole = _degrees(*_ORIGIN_M, *np.add(_ORIGIN_M, self.side * _STEP_M))
        rows_columns = limits(grids(4547)["WebMercatorQuad"], whole, level)
        rows, columns = range(rows_columns[0], rows_columns[1] + 1), range(rows_columns[2], rows_columns[3] + 1)
        return [(level, row, column) for row in rows for column in columns]

    def _fill(self, database: Database) -> None:
        names = {"side": self.side, "last": self.side - 1, "step": _STEP_M, "columns": ", ".join(self.columns)}
        with database.transaction() as connection:
            for statement in _CITY.format(**names, x=_ORIGIN_M[0], y=_ORIGIN_M[1]).split(";\n"):
                connection.execute(statement.encode())


def sharing_lines(segments: int) -> Iterator[Line]:
    """Requests a second and processor time a request, case by case."""
    if shutil.which("wrk") is None:
        raise SystemExit("This bench needs wrk (apt-get install wrk).")
    with own_server() as (cluster, folder):
        city = _City(cluster, folder, segments)
        with ExitStack() as stack:
            ours, ragged, staff, uncached = _ours(stack, city)
            peers = _peers(stack, city)
            yield from (
                Line(f"behind the answers of {one.name}", None, None, one.does) for one in (ours, staff, *peers)
            )
            for case in ("items 500 m", "items 100 m", "by id"):
                yield from _lines(city, case, [ours, staff, *peers])
            yield from _lines(city, "by id under an area of 1,450 vertices", [ragged, ours])
            yield _hidden_line(city, ours)
            yield from _lines(
                city, "MVT z16 uncached", [uncached, replace(uncached, name="staff", key="", does=_STAFF), *peers]
            )
            yield from _lines(city, "MVT z14 cached", [ours, *peers])
        yield _store_line(city)


def _lines(city: _City, case: str, asked: list[_Asked]) -> Iterator[Line]:
    """The first of the services asked, held against each of the others."""
    ours, *others = _in_turn(city, case, asked)
    for one, other in zip(asked[1:], others, strict=True):
        yield Line(case, 1 / median(ours.rates), 1 / median(other.rates), one.name, f"{ours} against {other}")
        if one.name == "staff":
            record_s, ours_s, other_s = (median(ms) / 1e3 for ms in (ours.record_ms, ours.cpu_ms, other.cpu_ms))
            note = f"the record, {record_s * 1e3:.3f} ms, apart"
            yield Line(f"{case}, processor time of permissions", ours_s - record_s, other_s, "staff", note)


def _hidden_line(city: _City, asked: _Asked) -> Line:
    """How long one waits for 404: for segments beside an area within the box around it, and for none, by turns."""
    size_m = city.side * _STEP_M
    area = _ragged(city.middle, 0.4 * size_m)
    corner = shapely.Point(city.middle + 0.28 * size_m).buffer(300).difference(area)
    with Database(city.url) as database, database.transaction() as connection:
        key = granted_key(connection, area)
        statement = "SELECT feature_id FROM pipemap.pipe_segment WHERE ST_Contains(ST_GeomFromWKB(%s, 4547), geom)"
        rows = connection.execute(statement, [corner.wkb]).fetchall()
    waited: dict[str, list[float]] = {"hidden": [], "absent": []}
    with httpx.Client(headers={"X-API-Key": key}, timeout=60, trust_env=False) as client:
        for place, row in enumerate(rows):
            for name, feature_id in (("hidden", row["feature_id"]), ("absent", 900_000_000 + place)):
                begin = time.perf_counter()
                status = client.get(f"http://127.0.0.1:{asked.port}{asked.items}/{feature_id}").status_code
                waited[name].append(time.perf_counter() - begin)
                if status != 404:
                    raise SystemExit(f"Segment {feature_id} was answered with {status}.")
    hidden_s, absent_s = median(waited["hidden"]), median(waited["absent"])
    return Line(
        "by id of a hidden segment", hidden_s, absent_s, "absent", f"{len(rows)} each; an area of 1,450 vertices"
    )


def _in_turn(city: _City, case: str, asked: list[_Asked]) -> list[_Taken]:
    taken = [_Taken(_answer(city, case, one)) for one in asked]
    for place, one in enumerate(asked):
        (city.folder / f"paths{place}.txt").write_text("\n".join(city.paths(case, one)))
    for number in range(_ROUNDS + 1):
        for place, (one, given) in enumerate(zip(asked, taken, strict=True)):
            _take(city, case, one, city.folder / f"paths{place}.txt", number, given)
    for given in taken:
        # The first round warms caches and plans.
        for measured in (given.rates, given.p95_ms, given.cpu_ms, given.record_ms):
            del measured[0]
    return taken


def _answer(city: _City, case: str, asked: _Asked) -> str:
    """What the answer to the middle one of a case's questions holds."""
    paths = city.paths(case, asked)
    address = f"http://127.0.0.1:{asked.port}{paths[len(paths) // 2]}"
    got = httpx.get(address, headers={"X-API-Key": asked.key} if asked.key else {}, timeout=60, trust_env=False)
    got.raise_for_status()
    if case.startswith("MVT"):
        tile = city.folder / "answer.mvt"
        tile.write_bytes(got.content)
        layers = [name for name, _ in pyogrio.list_layers(tile)]
        count = sum(pyogrio.read_info(tile, layer=name, force_feature_count=True)["features"] for name in layers)
    else:
        count = len(got.json().get("features", [None]))
    return f"{count} features in {len(got.content) / 1e3:.1f} kB"


def _take(city: _City, case: str, asked: _Asked, listed: Path, number: int, taken: _Taken) -> None:
    before_s, record_before_s = _spent_s(city, asked), _record_s(city)
    words = ["wrk", "-t1", "--timeout", "30s", f"-c{_CONNECTIONS}", f"-d{_ROUND_S}s", "-s", str(_HERE / "wrk.lua")]
    words += [f"http://127.0.0.1:{asked.port}", "--", str(listed), str(1_000 * number), *filter(None, [asked.key])]
    told = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    if told["errors"]:
        raise SystemExit(f"{asked.name} failed {told['errors']} of {told['requests']} requests of {case}.")
    taken.rates.append(told["requests"] / told["seconds"])
    taken.p95_ms.append(told["p95_ms"])
    requests = max(told["requests"], 1)
    taken.cpu_ms.append((_spent_s(city, asked) - before_s) * 1e3 / requests)
    taken.record_ms.append((_record_s(city) - record_before_s) * 1e3 / requests)


def _spent_s(city: _City, asked: _Asked) -> float:
    return cpu_s(asked.pid) + cpu_s(city.server_pid)


def _record_s(city: _City) -> float:
    """Processor time of the connections that looks are written by."""
    statement = "SELECT pid FROM pg_stat_activity WHERE query LIKE '%audit_append(%' AND pid <> pg_backend_pid()"
    with Database(city.url) as database, database.transaction() as connection:
        return sum(cpu_s(row["pid"]) for row in connection.execute(statement).fetchall())


def _ours(stack: ExitStack, city: _City) -> tuple[_Asked, _Asked, _Asked, _Asked]:
    def serve(port: int, cache_mb: int) -> _Asked:
        limits = {"PIPEMAP_REQUESTS_PER_MINUTE": "100000000", "PIPEMAP_CONCURRENT_REQUESTS": "64"}
        folders = {"PIPEMAP_DATA_DIR": str(city.folder / "data"), "PIPEMAP_TILE_CACHE_MB": str(cache_mb)}
        program = str(Path(sys.executable).with_name("pipemap"))
        given = limits | folders | {"PIPEMAP_DATABASE_URL": city.url}
        pid = stack.enter_context(_running([program, "serve", "--port", str(port)], given, port))
        here = "/ogc/collections/pipe_segment"
        return _Asked("ours", _OURS, port, pid, f"{here}/items", _tile_path(f"{here}/tiles/WebMercatorQuad"), city.key)

    ours = serve(8901, 256)
    ragged, staff = replace(ours, key=city.ragged_key), replace(ours, key="", name="staff", does=_STAFF)
    return ours, replace(ragged, name="ragged"), staff, serve(8904, 0)


def _tile_path(here: str, column_first: bool = False) -> Callable[[int, int, int], str]:
    if column_first:
        return lambda level, row, column: f"{here}/{level}/{column}/{row}"
    return lambda level, row, column: f"{here}/{level}/{row}/{column}"


def _peers(stack: ExitStack, city: _City) -> list[_Asked]:
    """What TIPG_VENV has: tipg, and the bare application."""
    if "TIPG_VENV" not in os.environ:
        return []
    program = str(Path(os.environ["TIPG_VENV"]) / "bin" / "uvicorn")
    url = f"postgresql://{SYSTEM_USER}@{quote(str(city.cluster.socket_dir), safe='')}/bench"
    given = {"DATABASE_URL": url, "TIPG_DB_SCHEMAS": '["peer"]', "BARE_COLUMNS": ",".join(city.columns)}
    apps = (("tipg", 8902, ["tipg.main:app"]), ("bare", 8903, ["--app-dir", str(_HERE), "bare_app:app"]))
    pids = {
        name: stack.enter_context(_running([program, *app, "--port", str(port), "--log-level", "warning"], given, port))
        for name, port, app in apps
    }
    here = "/collections/peer.pipes"
    tipg_tile = _tile_path(f"{here}/tiles/WebMercatorQuad", column_first=True)
    return [
        _Asked("tipg", _TIPG, 8902, pids["tipg"], f"{here}/items", tipg_tile),
        _Asked("bare", _BARE, 8903, pids["bare"], "/items", _tile_path("/tiles", column_first=True)),
    ]


@contextmanager
def _running(words: list[str], given: dict[str, str], port: int) -> Iterator[int]:
    """A service for the time of a block, once it listens; its process number."""
    if _listens(port):
        raise SystemExit(f"Something listens on port {port} already.")
    process = subprocess.Popen(words, env=os.environ | given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not _listens(port):
            if process.poll() is not None:
                raise SystemExit(f"{words[0]} ended with {process.returncode}.")
            time.sleep(0.2)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def _store_line(city: _City) -> Line:
    """A desensitised store made from nothing."""
    with Database(city.url) as database:
        area = shapely.box(499_000, 2_400_000, 600_000, 2_900_000)
        begin = time.perf_counter()
        with database.transaction() as connection:
            granted_key(connection, area, position_precision="shifted")
        stores.refresh_stores(database, city.folder / "shift.key")
        return Line("a desensitised store made", time.perf_counter() - begin, None, "")


def _ragged(middle: NDArray[np.float64], size_m: float) -> BaseGeometry:
    """An area as a district's border draws it, around the whole city."""
    angle = np.linspace(0, 2 * np.pi, 1_450, endpoint=False)
    reach = size_m * (0.8 + 0.01 * np.sin(37 * angle))
    return shapely.Polygon(middle + np.column_stack([reach * np.cos(angle), reach * np.sin(angle)]))


def _box(x: float, y: float, half_m: float) -> str:
    return ",".join(f"{number:.7f}" for number in _degrees(x - half_m, y - half_m, x + half_m, y + half_m))


def _degrees(*box: float) -> tuple[float, float, float, float]:
    west, south, east, north = _TO_DEGREES.transform_bounds(*box)
    return west, south, east, north
