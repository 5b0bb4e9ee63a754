"""Puts ground models into the database and takes them out again, whole or not at all."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256

import numpy as np

from pipemap.db import Connection, Database, fetch_all, fetch_one
from pipemap.errors import ConflictError, NotFoundError, SourceError
from pipemap.ground.grid import Grid, Heights, Window
from pipemap.sql import queries
from schemas.ground import GroundModel

_TILE_TYPES = ("int4", "int4", "int4", "bytea")


@dataclass(frozen=True)
class Origin:
    """Where a ground model comes from, and how much it is to be trusted."""

    name: str
    file_name: str
    file_sha256: str
    crs_name: str
    loaded_by: str
    source: str | None = None
    surveyed_on: date | None = None
    accuracy_m: float | None = None
    priority: int = 0


def ground_models(connection: Connection) -> list[GroundModel]:
    """Every ground model, in the order they are asked for a height."""
    return [GroundModel.model_validate(row) for row in fetch_all(connection, queries("ground")["models"])]


def digest_of(models: Iterable[GroundModel]) -> str:
    """What stands for some models in their order, alike as long as each is the one that was loaded; empty for none."""
    told = "\n".join(model.model_dump_json() for model in models)
    return sha256(told.encode()).hexdigest()[:16] if told else ""


def remove_model(connection: Connection, name: str) -> None:
    """Take a ground model away; NotFoundError when there is none of this name."""
    if fetch_one(connection, queries("ground")["remove"], {"name": name}) is None:
        raise NotFoundError(
            f"There is no ground model {name}; `pipemap ground show` lists them.",
            message_zh=f"没有名为 {name} 的地面模型；可用 `pipemap ground show` 查看。",
        )


def store_model(
    database: Database,
    origin: Origin,
    grid: Grid,
    parts: Iterable[tuple[Window, Heights]],
    *,
    replace: bool = False,
    on_posts: Callable[[int], None] | None = None,
) -> GroundModel:
    """Keep the heights of a grid, given part by part as `Grid.windows` has them, NaN where unknown.

    All in one transaction: a load that fails or is killed leaves nothing behind. `replace` puts it in the place of the
    model of the same name.

    Raises
    ------
    ConflictError
        When there is a model of this name and it is not to be replaced.
    SourceError
        When no height is known.
    """
    with database.transaction() as connection:
        if replace:
            connection.execute(queries("ground")["remove"], {"name": origin.name})
        created = fetch_one(connection, queries("ground")["create"], asdict(origin) | asdict(grid))
        if created is None:
            raise ConflictError(
                f"There is a ground model {origin.name} already; give another --name, or --replace.",
                message_zh=f"已有名为 {origin.name} 的地面模型；请用 --name 另起名称，或用 --replace 替换。",
            )
        known = _copy_tiles(connection, created["ground_model_id"], parts, on_posts or _quiet)
        if not known.posts:
            raise SourceError(
                f"{origin.file_name} holds no known height.", message_zh=f"{origin.file_name} 中没有任何有效高程。"
            )
        found = {"known_posts": known.posts, "least_z_m": known.least_m, "greatest_z_m": known.greatest_m}
        row = fetch_one(connection, queries("ground")["complete"], created | found)
        return GroundModel.model_validate(row)


@dataclass
class _Known:
    posts: int = 0
    least_m: float = np.inf
    greatest_m: float = -np.inf

    def add(self, z_m: Heights) -> None:
        known = z_m[np.isfinite(z_m)]
        if len(known):
            self.posts += len(known)
            self.least_m = min(self.least_m, float(known.min()))
            self.greatest_m = max(self.greatest_m, float(known.max()))


def _copy_tiles(
    connection: Connection, model_id: int, parts: Iterable[tuple[Window, Heights]], on_posts: Callable[[int], None]
) -> _Known:
    known = _Known()
    with connection.cursor().copy(queries("ground")["copy_tiles"]) as copy:
        copy.set_types(_TILE_TYPES)
        for window, z_m in parts:
            for row, column, tile in window.tiles(z_m):
                copy.write_row((model_id, row, column, tile.astype("<f4").tobytes()))
            known.add(window.own(z_m))
            on_posts(window.own_height * window.own_width)
    return known


def _quiet(_posts: int) -> None:
    pass
