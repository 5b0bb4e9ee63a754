"""A synthetic city of any size: eight utilities in lanes along a street grid, built with numpy."""

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

_STREET_M = 200.0
_PIECES = 4
_ORIGIN_M = (500_000.0, 2_500_000.0)
# Letters as surveys write them, class, lane offset, depth to the datum, diameter.
_LANES = (
    ("JS", "water", 7.0, 3.1, 200),
    ("YS", "storm", -1.5, 4.4, 600),
    ("WS", "foul", 2.5, 5.1, 300),
    ("RQ", "gas", -8.6, 2.1, 160),
    ("RL", "heat", -6.5, 2.4, 200),
    ("DL", "power", -12.5, 1.6, 300),
    ("LD", "street_light", -11.2, 0.5, 50),
    ("TX", "telecom", 11.0, 1.1, 200),
)


@dataclass(frozen=True)
class City:
    """Point and line tables of a synthetic city, columns as in a survey's shapefiles."""

    points: gpd.GeoDataFrame
    lines: gpd.GeoDataFrame

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write both tables as shapefiles."""
        paths = folder / "city_point.shp", folder / "city_line.shp"
        for path, frame in zip(paths, (self.points, self.lines), strict=True):
            frame.to_file(path, driver="ESRI Shapefile", encoding="GBK", engine="pyogrio", use_arrow=True)
        return paths


def write_tables(city: City, folder: Path) -> tuple[Path, Path]:
    """The same city as text tables of points and lines, coordinates in columns."""
    paths = folder / "city_point.csv", folder / "city_line.csv"
    place = {"X坐标": city.points.geometry.y, "Y坐标": city.points.geometry.x}
    for path, frame in zip(paths, (city.points.assign(**place), city.lines), strict=True):
        frame.drop(columns="geometry").to_csv(path, index=False)
    return paths


def build_city(segment_count: int, seed: int = 20240601) -> City:
    """A city of about `segment_count` segments at constant density (0.64 km of street per 100 segments)."""
    side = max(2, round((segment_count / (len(_LANES) * 2 * _PIECES)) ** 0.5))
    rng = np.random.default_rng(seed)
    networks = [_network(side, *lane, rng) for lane in _LANES]
    points = pd.concat([points for points, _ in networks], ignore_index=True)
    lines = pd.concat([lines for _, lines in networks], ignore_index=True)
    return City(points.set_crs("EPSG:4547"), lines.set_crs("EPSG:4547"))


def _network(
    side: int, letters: str, class_code: str, offset_m: float, depth_m: float, mm: int, rng: np.random.Generator
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    xy, chains = _grid(side, offset_m)
    number = pd.Series([f"{letters}{k}" for k in range(len(xy))])
    ground_m = 20.0 + 5.0 * np.sin(xy[:, 0] / 900.0) * np.cos(xy[:, 1] / 700.0)
    crossing = np.arange(len(xy)) < side * side
    points = gpd.GeoDataFrame(
        {
            "EXP_NO": number, "CLASS": letters, "FEATURE": np.where(crossing, "四通", "直线点"),
            "SUBSID": _appurtenances(class_code, crossing, rng), "SUR_H": np.round(ground_m, 3),
            "geometry": shapely.points(np.round(xy + _ORIGIN_M, 3)),
        }
    )  # fmt: skip
    start, end = chains[:, :-1].ravel(), chains[:, 1:].ravel()
    place = np.round(xy + _ORIGIN_M, 3)
    lines = gpd.GeoDataFrame(
        {
            "S_POINT": number.to_numpy()[start], "E_POINT": number.to_numpy()[end], "CLASS": letters,
            "S_DEEP": depth_m, "E_DEEP": depth_m, "D_S": str(mm), "MATERIAL": "铸铁", "D_TYPE": "直埋",
            "geometry": shapely.linestrings(np.stack([place[start], place[end]], axis=1)),
        }
    )  # fmt: skip
    return points, lines


def _grid(side: int, offset_m: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Plan positions (n, 2) of a street grid's points, crossings first, and point chains (edges, pieces + 1)."""
    column, row = np.meshgrid(np.arange(side), np.arange(side))
    crossings = np.stack([column.ravel(), row.ravel()], axis=1) * _STREET_M + offset_m
    index = np.arange(side * side).reshape(side, side)
    edges = np.concatenate(
        [
            np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], axis=1),
            np.stack([index[:-1].ravel(), index[1:].ravel()], axis=1),
        ]
    )
    share = np.arange(1, _PIECES)[None, :, None] / _PIECES
    a, b = crossings[edges[:, 0]][:, None, :], crossings[edges[:, 1]][:, None, :]
    between = (a + share * (b - a)).reshape(-1, 2)
    middle = side * side + np.arange(len(edges) * (_PIECES - 1)).reshape(len(edges), -1)
    return np.concatenate([crossings, between]), np.hstack([edges[:, :1], middle, edges[:, 1:]])


def _appurtenances(class_code: str, crossing: npt.NDArray[np.bool_], rng: np.random.Generator) -> npt.NDArray[np.str_]:
    """Valves on a quarter of the points between crossings, a source at four crossings, for what has pressure."""
    words = np.full(len(crossing), "", dtype="U8")
    if class_code not in ("water", "gas", "heat"):
        return words
    words[~crossing & (rng.random(len(crossing)) < 0.25)] = "阀门"
    words[rng.choice(np.flatnonzero(crossing), size=4, replace=False)] = "水厂"
    return words
