"""`whose`: names the package, and so the recipient, that a file comes from."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import shapely
from psycopg.rows import DictRow
from pyproj import Transformer

from pipemap.db import Connection, fetch_all, fetch_one
from pipemap.projects import read_project
from pipemap.sharing.vertices import read_vertices
from pipemap.sharing.watermark import Floats, Pattern, find_moves, threshold
from pipemap.sql import queries


@dataclass(frozen=True)
class Recipient:
    """A package that a file comes from, as it stands on record."""

    agency: str
    agreement_id: int
    at: datetime
    mark: str
    format: str
    package_sha256: str


@dataclass(frozen=True)
class Verdict:
    """Whom a file points to, None when to nobody: vertices known to the map, T of the best package and its limit."""

    recipient: Recipient | None
    vertices: int
    packages: int
    score: float
    threshold: float


def whose(connection: Connection, secret: bytes, path: Path, srid: int | None = None) -> Verdict:
    """Hold a file against every marked package; `srid` is for a file that does not say its CRS."""
    xy, told = read_vertices(path)
    project, extent = read_project(connection).srid, fetch_one(connection, queries("watermark")["extent"])
    packages = fetch_all(connection, queries("watermark")["packages"])
    best: tuple[float, DictRow | None, int] = (0.0, None, 0)
    for out_srid in sorted({int(package["srid"]) for package in packages}):
        in_crs = _near_the_map(_in_crs(xy, srid or told or project, out_srid), extent, project, out_srid)
        moves = find_moves(in_crs, _originals(connection, in_crs, out_srid), out_srid)
        for package in packages:
            if package["srid"] == out_srid:
                score = moves.score(Pattern.of(secret, package["mark"], out_srid))
                best = max(best, (score, package, len(moves.places)), key=lambda one: one[0])
    score, likeliest, vertices = best
    limit = threshold(len(packages))
    accused = _recipient(likeliest) if likeliest is not None and score > limit else None
    return Verdict(accused, vertices, len(packages), score, limit)


def _in_crs(xy: Floats, srid: int, out_srid: int) -> Floats:
    if srid == out_srid:
        return xy
    change = Transformer.from_crs(srid, out_srid, always_xy=True).transform
    return np.column_stack(change(xy[:, 0], xy[:, 1]))


def _near_the_map(xy: Floats, extent: DictRow | None, project: int, out_srid: int) -> Floats:
    """Places where the map is: only they can be vertices of it."""
    if extent is None or extent["west"] is None:
        return np.empty((0, 2))
    bounds = extent["west"], extent["south"], extent["east"], extent["north"]
    if project != out_srid:
        bounds = Transformer.from_crs(project, out_srid, always_xy=True).transform_bounds(*bounds)
    low, high = np.array(bounds).reshape(2, 2)
    return xy[((xy >= low) & (xy <= high)).all(axis=1)]


def _originals(connection: Connection, xy: Floats, out_srid: int) -> Floats:
    if not len(xy):
        return np.empty((0, 2))
    low, high = xy.min(axis=0), xy.max(axis=0)
    box = {"min_x": low[0], "min_y": low[1], "max_x": high[0], "max_y": high[1], "srid": out_srid}
    rows = fetch_all(connection, queries("watermark")["originals"], box)
    return np.unique(shapely.get_coordinates(shapely.from_wkb([row["geom"] for row in rows])), axis=0)


def _recipient(package: DictRow) -> Recipient:
    names = ("agency", "agreement_id", "at", "mark", "format", "package_sha256")
    return Recipient(**{name: package[name] for name in names})
