"""The city-wide run: judges a version tile by tile, stores what it finds, and goes on where it was stopped."""

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from psycopg.sql import SQL

from pipemap.clearance.city import City, load_city
from pipemap.clearance.edition import engine_digest
from pipemap.clearance.numbers import Ints
from pipemap.clearance.places import KINDS, NOBODY, Sides, counted
from pipemap.clearance.tables import LimitTables, limits_in_force
from pipemap.clearance.tiles import TILE_PIPES, Tile, city_tiles, judge_tile
from pipemap.copy_in import copy_frames
from pipemap.copy_out import copy_blocks
from pipemap.db import Connection, Database, fetch_all, fetch_one
from pipemap.ground.storing import digest_of, ground_models
from pipemap.sql import queries
from pipemap.statements import table
from pipemap.versions import current_version, resolve_version
from schemas.ground import GroundModel
from schemas.tables import metadata

Progress: TypeAlias = Callable[[int, int], None]
_FOUND = metadata.tables["pipemap.clearance_found"].columns
_TYPES = {column.name: column.type for column in _FOUND}
_WORKERS = 2


@dataclass(frozen=True)
class Run:
    """The run of one version: its number, and how many tiles were judged now and before."""

    run_id: int
    version: int
    tiles_now: int
    tiles_before: int


def run_city(
    database: Database,
    version: int | None = None,
    *,
    executor: Executor | None = None,
    tile_pipes: int = TILE_PIPES,
    on_tile: Progress | None = None,
) -> Run:
    """Judge every pair, structure and cover of one version (the newest when None) and store what is too near.

    Each tile is stored as it is judged, so a run that was stopped goes on with the tiles that are left; one that
    is done is left as it is, unless limits, ground models or engine have changed since. A run is judged by one set of
    them to its end.
    `executor` judges the tiles: threads of this process when None; a process pool or a Dask client's executor run
    the same function. Raises NotFoundError for a version that is not there.
    """
    with database.transaction(read_only=True) as connection:
        resolved = resolve_version(connection, version)
        number = current_version(connection) if resolved is None else resolved
        run_id, is_done = _begin(database, number, limits_in_force(connection), ground_models(connection))
        city = None if is_done else load_city(connection, resolved)
    done = frozenset(_tiles_done(database, run_id))
    judged = 0
    if city is not None:
        total = -(-len(city.pipes) // tile_pipes)
        for tile, found in _judged(executor, city, tile_pipes, done):
            _store(database, run_id, tile, found)
            judged += 1
            if on_tile is not None:
                on_tile(len(done) + judged, max(total, len(done) + judged))
        _finish(database, run_id, number, city)
    return Run(run_id, number, judged, len(done))


def _judged(
    executor: Executor | None, city: City, tile_pipes: int, done: frozenset[int]
) -> Iterator[tuple[int, pd.DataFrame]]:
    tiles = city_tiles(city, tile_pipes, done)
    if executor is not None:
        yield from judge_in_turn(executor, judge_tile, tiles)
        return
    with ThreadPoolExecutor(_WORKERS) as threads:
        yield from judge_in_turn(threads, judge_tile, tiles)


def judge_in_turn(
    executor: Executor, judge: Callable[[Tile], pd.DataFrame], tiles: Iterator[Tile], ahead: int = 2 * _WORKERS
) -> Iterator[tuple[int, pd.DataFrame]]:
    """What is found in each tile, with few of them under way at a time so that memory stays bounded."""
    waiting: deque[tuple[int, Future[pd.DataFrame]]] = deque()
    for tile in tiles:
        waiting.append((tile.number, executor.submit(judge, tile)))
        if len(waiting) >= ahead:
            number, future = waiting.popleft()
            yield number, future.result()
    for number, future in waiting:
        yield number, future.result()


def _begin(database: Database, version: int, limits: LimitTables, models: Sequence[GroundModel]) -> tuple[int, bool]:
    begun = {
        "version": version,
        "rules": limits.digest,
        "limit_set_ids": [table.set_id for table in limits.local],
        "ground": digest_of(models),
        "ground_models": [model.name for model in models],
        "engine": engine_digest(),
    }
    with database.transaction() as connection:
        row = fetch_one(connection, queries("clearance")["begin_run"], begun)
    assert row is not None
    return int(row["run_id"]), bool(row["is_done"])


def _tiles_done(database: Database, run_id: int) -> Iterator[int]:
    with database.transaction(read_only=True) as connection:
        rows = fetch_all(connection, queries("clearance")["tiles_done"], {"run_id": run_id})
    return (row["tile"] for row in rows)


def _store(database: Database, run_id: int, tile: int, found: pd.DataFrame) -> None:
    with database.transaction() as connection:
        copy_frames(connection, table("clearance_found"), [found.assign(run_id=run_id)], _TYPES)
        connection.execute(queries("clearance")["tile_done"], {"run_id": run_id, "tile": tile, "pairs": len(found)})


def _places(connection: Connection, run_id: int, city: City) -> dict[str, tuple[int, int]]:
    """How many places the conflicts of a run are of."""
    query, wanted = SQL(queries("clearance")["conflict_sides"]), {"run_id": run_id, "kinds": KINDS, "nobody": NOBODY}
    rows = [
        (block.numbers(0, np.int32), block.numbers(1, np.int64), block.numbers(2, np.int64), block.numbers(3, np.bool_))
        for block in copy_blocks(connection, query, 4, wanted)
    ]
    if not rows:
        return {}
    kind, one, other, is_certain = (np.concatenate(columns) for columns in zip(*rows, strict=True))
    nodes = [_nodes_of(city, side) for side in (one, other)]
    return counted(Sides(kind.astype(np.int64), one, other, *nodes), is_certain)


def _nodes_of(city: City, feature_ids: Ints) -> Ints:
    """Nodes (n, 2) of pipes, which a city holds by identity; `NOBODY` for what is none."""
    known = city.pipes.feature_id
    at = np.minimum(np.searchsorted(known, feature_ids), len(known) - 1)
    return np.where((known[at] == feature_ids)[:, None], city.pipes.nodes[at], NOBODY)


def _finish(database: Database, run_id: int, version: int, city: City) -> None:
    told: dict[str, object] = {"segments": len(city.pipes), "sizes_taken_as_outer": city.sizes_taken_as_outer}
    with database.transaction() as connection:
        told["places"] = json.dumps(_places(connection, run_id, city))
        connection.execute(queries("clearance")["finish_run"], {"run_id": run_id} | told)
        connection.execute(queries("clearance")["drop_other_runs"], {"run_id": run_id, "version": version})
