"""The city-wide run: judges a version tile by tile, stores what it finds, and goes on where it was stopped."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import pandas as pd

from pipemap.clearance.city import City, load_city
from pipemap.clearance.tables import LimitTables, limits_in_force
from pipemap.clearance.tiles import TILE_PIPES, Tile, city_tiles, judge_tile
from pipemap.copy_in import copy_frames
from pipemap.db import Database, fetch_all, fetch_one
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
    is done is left as it is, unless the limits or the ground models have changed since. A run is judged by one set of
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


def _finish(database: Database, run_id: int, version: int, city: City) -> None:
    counted = {"segments": len(city.pipes), "sizes_taken_as_outer": city.sizes_taken_as_outer}
    with database.transaction() as connection:
        connection.execute(queries("clearance")["finish_run"], {"run_id": run_id} | counted)
        connection.execute(queries("clearance")["drop_other_runs"], {"run_id": run_id, "version": version})
