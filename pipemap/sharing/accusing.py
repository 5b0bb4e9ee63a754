"""`whose`: names the package, and so the recipient, that a file comes from."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from psycopg.rows import DictRow
from pyogrio import raw
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError as ProjError

from pipemap.confined import confined
from pipemap.db import Connection, fetch_all
from pipemap.errors import SourceError
from pipemap.projects import read_project
from pipemap.sharing.watermark import Floats, Pattern, find_moves, threshold
from pipemap.sql import queries

# How a file of each kind begins; None: as text.
_BEGINNINGS = {
    ".gpkg": b"SQLite format 3\0", ".shp": b"\x00\x00\x27\x0a", ".fgb": b"fgb", ".geojson": b"{", ".json": b"{",
    ".geojsonl": b"{", ".csv": None, ".dxf": None,
}  # fmt: skip
# A file with this in it has GDAL open whatever else it names, our database too.
_REFERRING = (b"<OGRVRT", b"<VRTDataset", b"<GDAL_WMS")
_LOOKED_AT = 1 << 16
_MOST_VERTICES = 500_000


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
    project = read_project(connection).srid
    packages = fetch_all(connection, queries("watermark")["packages"])
    best: tuple[float, DictRow | None, int] = (0.0, None, 0)
    for out_srid in sorted({int(package["srid"]) for package in packages}):
        in_crs = _in_crs(xy, srid or told or project, out_srid)
        moves = find_moves(in_crs, _originals(connection, in_crs, out_srid), out_srid)
        for package in packages:
            if package["srid"] == out_srid:
                score = moves.score(Pattern.of(secret, package["mark"], out_srid))
                best = max(best, (score, package, len(moves.places)), key=lambda one: one[0])
    score, likeliest, vertices = best
    limit = threshold(len(packages))
    accused = _recipient(likeliest) if likeliest is not None and score > limit else None
    return Verdict(accused, vertices, len(packages), score, limit)


def read_vertices(path: Path) -> tuple[Floats, int | None]:
    """Plan coordinates of a file's vertices, as many as are looked at, and its EPSG code where it has one."""
    _check_kind(path)
    with closing(confined(path, lambda: _vertices(path))) as told:
        content, srid = next(told)
    return np.frombuffer(content).reshape(-1, 2), srid


def _vertices(path: Path) -> Iterator[tuple[bytes, int | None]]:
    try:
        read = [raw.read(path, layer=name, columns=[]) for name, _ in pyogrio.list_layers(path)]
        found = [shapely.get_coordinates(shapely.from_wkb(geometry)) for _, _, geometry, _ in read]
        srid = next((CRS(meta["crs"]).to_epsg() for meta, *_ in read if meta["crs"]), None)
    except (DataSourceError, DataLayerError, shapely.errors.ShapelyError, ProjError, ValueError) as error:
        raise SourceError(f"{path.name} cannot be read as {path.suffix}.") from error
    xy = np.vstack([np.empty((0, 2)), *found])
    yield xy[np.isfinite(xy).all(axis=1)][:_MOST_VERTICES].tobytes(), srid


def _check_kind(path: Path) -> None:
    """Refuse what is not the kind of file that it calls itself."""
    kind = path.suffix.lower()
    if kind not in _BEGINNINGS:
        raise SourceError(f"{path.name}: files of these kinds can be told: {', '.join(_BEGINNINGS)}.")
    try:
        with path.open("rb") as file:
            head = file.read(_LOOKED_AT)
    except OSError as error:
        raise SourceError(f"{path.name}: {error.strerror}.") from error
    if not head.lstrip().startswith(_BEGINNINGS[kind] or b"") or any(mark in head for mark in _REFERRING):
        raise SourceError(f"{path.name} is not a {kind} file.")


def _in_crs(xy: Floats, srid: int, out_srid: int) -> Floats:
    if srid == out_srid:
        return xy
    change = Transformer.from_crs(srid, out_srid, always_xy=True).transform
    return np.column_stack(change(xy[:, 0], xy[:, 1]))


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
