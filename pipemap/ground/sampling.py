"""The ground at places: bilinear between the posts of the best model that knows it, however many places there are."""

from collections.abc import Collection, Iterable
from functools import cached_property

import numpy as np

from pipemap.db import Connection
from pipemap.ground.bilinear import by_tile, cells_of, fill_heights
from pipemap.ground.grid import SIDE, TILE_POSTS, Floats, Heights, Ints
from pipemap.ground.storing import ground_models
from pipemap.sql import queries
from schemas.ground import GroundAnswer, GroundModel, GroundPlace

# A tile is 65 kB: so many are read at once, and so many kept between questions.
_TILES_AT_ONCE, _MOST_KEPT = 64, 256
_Key = tuple[int, int, int]


def ground_at(connection: Connection, x: Floats, y: Floats) -> Floats:
    """Ground elevation at places of the project CRS, NaN where no model knows it; shapes (n,) each.

    A height is bilinear between four posts of one model and unknown outside of all posts and beside an unknown one;
    where models overlap the first that knows it tells (`ground_models`). Only the tiles touched are read.
    """
    return Terrain(connection).at(np.column_stack([x, y]))


def ground_answer(connection: Connection, places: list[tuple[float, float]]) -> GroundAnswer:
    """The ground at some places of the project CRS with the model that tells it."""
    terrain = Terrain(connection)
    z_m, which = terrain.told(np.array(places, np.float64).reshape(-1, 2))
    found = zip(places, z_m.tolist(), which.tolist(), strict=True)
    told = [_told(place, z, None if number < 0 else terrain.models[number]) for place, z, number in found]
    return GroundAnswer(places=tuple(told), models=tuple(terrain.models))


def _told(place: tuple[float, float], z_m: float, model: GroundModel | None) -> GroundPlace:
    if model is None:
        return GroundPlace(x=place[0], y=place[1], z_m=None)
    return GroundPlace(x=place[0], y=place[1], z_m=z_m, model=model.name, accuracy_m=model.accuracy_m)


class Terrain:
    """The ground models of a map, asked as often as need be in one transaction; `used` names those that told.

    Those of the names `only` are read, every one when it is None.
    """

    def __init__(self, connection: Connection, *, only: Collection[str] | None = None) -> None:
        self._connection, self._only = connection, only
        self._kept: dict[_Key, Heights] = {}
        self._used: set[int] = set()

    @cached_property
    def models(self) -> list[GroundModel]:
        """In the order they are asked."""
        if self._only is not None and not self._only:
            return []
        found = ground_models(self._connection)
        return [model for model in found if self._only is None or model.name in self._only]

    @property
    def used(self) -> tuple[str, ...]:
        """Names of the models that have told a height so far."""
        return tuple(model.name for number, model in enumerate(self.models) if number in self._used)

    def at(self, xy: Floats) -> Floats:
        """Ground elevation at places (n, 2), NaN where unknown."""
        return self.told(xy)[0]

    def told(self, xy: Floats) -> tuple[Floats, Ints]:
        """Ground elevation at places (n, 2), and the number of the model in `models` that tells it, -1 for none."""
        z_m, which = np.full(len(xy), np.nan), np.full(len(xy), -1)
        for number, model in enumerate(self.models):
            if (which >= 0).all():
                break
            self._fill(z_m, which, number, model, xy)
            if (which == number).any():
                self._used.add(number)
        return z_m, which

    def accuracy_m(self, which: Ints) -> Floats:
        """Standard errors of heights by the numbers of the models that tell them; 0 where no model or maker says."""
        known = np.array([*(model.accuracy_m or 0.0 for model in self.models), 0.0])
        return np.asarray(known[which])

    def _fill(self, z_m: Floats, which: Ints, number: int, model: GroundModel, xy: Floats) -> None:
        """Fill in what a model knows of places that are still open."""
        cells = cells_of(xy, model.west_m, model.north_m, model.step_x_m, model.step_y_m)
        size = model.columns, model.rows
        wanted, first, order = by_tile(cells, which, *size)
        across = model.columns // TILE_POSTS + 1
        for begin in range(0, len(wanted), _TILES_AT_ONCE):
            tiles = wanted[begin : begin + _TILES_AT_ONCE]
            posts = self._tiles(model.ground_model_id, tiles, across)
            fill_heights(z_m, which, number, cells, order, first[begin : begin + len(tiles) + 1], posts, *size)

    def _tiles(self, model_id: int, wanted: Ints, across: int) -> Heights:
        """Posts of some tiles, shape (m, side, side)."""
        keys = [(model_id, *divmod(number, across)) for number in wanted.tolist()]
        missing = [key for key in keys if key not in self._kept]
        if len(self._kept) + len(missing) > _MOST_KEPT:
            self._kept.clear()
            missing = keys
        self._kept.update(self._read(model_id, missing))
        return np.stack([self._kept[key] for key in keys])

    def _read(self, model_id: int, keys: list[_Key]) -> Iterable[tuple[_Key, Heights]]:
        """The tiles of some keys; what is not stored is known nowhere."""
        found = dict.fromkeys(keys, _UNKNOWN)
        if keys:
            asked = {"ground_model_id": model_id, "rows": [key[1] for key in keys], "columns": [key[2] for key in keys]}
            rows = self._connection.execute(queries("ground")["tiles"], asked, binary=True).fetchall()
            for row in rows:
                tile = np.frombuffer(row["z_m"], "<f4").reshape(SIDE, SIDE)
                found[model_id, row["tile_row"], row["tile_column"]] = tile
        return found.items()


_UNKNOWN: Heights = np.full((SIDE, SIDE), np.nan, np.float32)
