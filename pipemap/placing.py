"""Whether what is delivered can lie where it says: against what the map holds already.

A delivery in the wrong zone, or off by a false easting, is no fault of any row; it shows only beside other data.
Three looks are taken, each by a robust vote over samples, so that points that really moved do not matter:
points of the same number, points of the same class that make the same pattern, and the distance from all there is.
Ground elevations are held against those of the nearest points.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Transformer

from pipemap.db import Connection, fetch_all, fetch_one
from pipemap.sql import queries
from schemas.findings import Finding, Severity

Bounds = tuple[float, float, float, float]
Floats = npt.NDArray[np.float64]

SHIFT_M, HEIGHT_M = 1.0, 0.5
# Points of the same number are held apart by less: two surveys of one place differ by this in 5 of 100 points,
# and by no such way in most of them.
SHIFT_OF_KEYS_M = 0.15
_FAR_M, _NEAR_M = 50_000.0, 5_000.0
_FEWEST_KEYS, _LEAST_SHARE_OF_KEYS = 8, 0.5
_FEWEST_ALIKE, _LEAST_SHARE_ALIKE = 15, 0.5
_FEWEST_HEIGHTS = 20
_CELL_M, _DISTINCT_M = 0.5, 3.0
# Rows of equal spacing fit upon themselves at many offsets: then none of them says anything.
_MOST_FOR_RUNNER_UP = 0.6
_SAMPLE_OF_KEYS, _SAMPLE_OF_HEIGHTS, _SAMPLE_OF_PATTERN = 5_000, 2_000, 400
_FOOT_M = 0.3048


@dataclass(frozen=True)
class Vote:
    """The offset that most pairs of places have in common, how many have it and the next best, how many voted.

    `spread_m` is how far those pairs are off it, as the median.
    """

    dx_m: float
    dy_m: float
    spread_m: float
    agreeing: int
    runner_up: int
    voters: int

    @property
    def length_m(self) -> float:
        """How far the places are apart."""
        return float(np.hypot(self.dx_m, self.dy_m))


def existing_extent(connection: Connection) -> Bounds | None:
    """Bounds of what the map holds in the project CRS, stray points left out; None while it is empty.

    A hundredth of the points on each side is left out: one wrong coordinate must not make the map as wide as a country.
    """
    row = fetch_one(connection, queries("placing")["extent"])
    if row is None or row["min_x"] is None:
        return None
    return (row["min_x"], row["min_y"], row["max_x"], row["max_y"])


def suspicions(connection: Connection, node_count: int, srid: int) -> list[Finding]:
    """What speaks against the places and heights of the staged nodes of a delivery (temporary table `staged_node`)."""
    bounds = existing_extent(connection) if node_count else None
    if bounds is None:
        return []
    shift = _by_keys(connection, node_count) or _by_distance(connection, node_count, bounds, srid)
    found = [shift or _by_pattern(connection, node_count), _by_heights(connection, node_count)]
    return [finding for finding in found if finding is not None]


def vote(dx_m: Floats, dy_m: Floats, voters: int) -> Vote | None:
    """The offset that most pairs agree on within half a metre; None without pairs.

    Parameters
    ----------
    dx_m, dy_m
        Offset of every pair of places that may be the same.
    voters
        How many places were looked at.
    """
    if not len(dx_m):
        return None
    cells = np.column_stack([np.floor(dx_m / _CELL_M), np.floor(dy_m / _CELL_M)]).astype(np.int64)
    distinct, counts = np.unique(cells, axis=0, return_counts=True)
    # A crowd may stand on the edge of a cell: its neighbours count too.
    crowd = distinct[np.argsort(counts)[::-1][:50]]
    near = [int((np.abs(cells - cell) <= 1).all(axis=1).sum()) for cell in crowd]
    best = crowd[int(np.argmax(near))]
    apart = np.abs(crowd - best).max(axis=1) * _CELL_M > _DISTINCT_M
    runner_up = max(np.array(near)[apart], default=0)
    centre = (best + 0.5) * _CELL_M
    agrees = (np.abs(dx_m - centre[0]) <= 1.5 * _CELL_M) & (np.abs(dy_m - centre[1]) <= 1.5 * _CELL_M)
    east_m, north_m = float(np.median(dx_m[agrees])), float(np.median(dy_m[agrees]))
    spread_m = float(np.median(np.hypot(dx_m[agrees] - east_m, dy_m[agrees] - north_m)))
    return Vote(east_m, north_m, spread_m, int(agrees.sum()), int(runner_up), voters)


def _by_keys(connection: Connection, node_count: int) -> Finding | None:
    """Most points lie one offset away from the points of the same number in some dataset."""
    rows = _sampled(connection, "same_keys", node_count, _SAMPLE_OF_KEYS)
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        pairs = [row for row in rows if row["dataset"] == dataset]
        found = vote(_column(pairs, "dx_m"), _column(pairs, "dy_m"), len(pairs))
        if found is None or not _is_one_way(found):
            continue
        if found.agreeing >= _FEWEST_KEYS and found.agreeing >= _LEAST_SHARE_OF_KEYS * found.voters:
            return _shift(
                Severity.ERROR if found.length_m > SHIFT_M else Severity.WARNING, found, SHIFT_OF_KEYS_M, pairs,
                f"{found.agreeing} of {found.voters} points lie {_way_en(found)} of the points with the same numbers "
                f"in the dataset {dataset}",
                f"{found.voters} 个同号管点中有 {found.agreeing} 个位于数据集 {dataset} 中同号管点的{_way_zh(found)}处",
            )  # fmt: skip
    return None


def _is_one_way(found: Vote) -> bool:
    """Whether points moved together; by less than `SHIFT_M` they could have moved each its own way."""
    return found.length_m > max(SHIFT_OF_KEYS_M, min(SHIFT_M, 2 * found.spread_m))


def _by_distance(connection: Connection, node_count: int, bounds: Bounds, srid: int) -> Finding | None:
    """The delivery lies far from all that the map holds."""
    middle = _sampled(connection, "middle", node_count, _SAMPLE_OF_KEYS)[0]
    x_m, y_m = middle["x_m"], middle["y_m"]
    if x_m is None or (away_m := _outside_m(x_m, y_m, bounds)) < _FAR_M:
        return None
    turn = _zones_away(x_m, y_m, bounds, srid)
    said = f"The delivery lies {away_m / 1000:,.0f} km from all that the map holds"
    gesagt = f"本成果距本图已有数据 {away_m / 1000:,.0f} km"
    if turn:
        said += f"; {abs(turn)} degrees of longitude to the {'east' if turn > 0 else 'west'} it would lie within it: "
        said += "it is in another zone"
        gesagt += f"；若向{'东' if turn > 0 else '西'}移动 {abs(turn)}°（相邻投影带），则位于已有范围内"
    return _finding(
        "IMP-SHIFT",
        Severity.ERROR if turn else Severity.WARNING,
        f"{said}. Name the system of the files with --crs if it is not the map's.",
        f"{gesagt}。若文件坐标系与本图不同，请用 --crs 指明。",
        value=f"{away_m / 1000:.0f} km", limit=f"{_FAR_M / 1000:.0f} km", x_m=x_m, y_m=y_m,
        details={"distance_m": round(away_m), "zone_turn_deg": turn},
    )  # fmt: skip


def _by_pattern(connection: Connection, node_count: int) -> Finding | None:
    """The points make the pattern of points of their class in the map, one offset away."""
    rows = _sampled(connection, "neighbours", node_count, _SAMPLE_OF_PATTERN)
    dx_m, dy_m = _column(rows, "dx_m"), _column(rows, "dy_m")
    found = vote(dx_m, dy_m, min(node_count, _SAMPLE_OF_PATTERN))
    if found is None or found.length_m <= SHIFT_M:
        return None
    is_enough = found.agreeing >= max(_FEWEST_ALIKE, _LEAST_SHARE_ALIKE * found.voters)
    if not is_enough or found.runner_up > _MOST_FOR_RUNNER_UP * found.agreeing:
        return None
    return _shift(
        Severity.WARNING, found, SHIFT_M, rows,
        f"{found.agreeing} of {found.voters} points make the pattern of points of their class in the map, "
        f"{_way_en(found)} of them",
        f"抽样 {found.voters} 个管点中有 {found.agreeing} 个与本图同类管点图形一致，整体位于其{_way_zh(found)}处",
    )  # fmt: skip


def _by_heights(connection: Connection, node_count: int) -> Finding | None:
    """Ground elevations are off those of the nearest points of the map by one amount, or by the factor of a foot."""
    rows = _sampled(connection, "heights", node_count, _SAMPLE_OF_HEIGHTS)
    if len(rows) < _FEWEST_HEIGHTS:
        return None
    ours_m, theirs_m = _column(rows, "ground_elevation_m"), _column(rows, "there_m")
    off_m = float(np.median(ours_m - theirs_m))
    spread_m = float(np.median(np.abs(ours_m - theirs_m - off_m)))
    if abs(off_m) <= HEIGHT_M or spread_m > max(HEIGHT_M, abs(off_m) / 2):
        return None
    ratio = float(np.median(ours_m)) / float(np.median(theirs_m)) if np.median(theirs_m) else 0.0
    is_feet = abs(ratio * _FOOT_M - 1) < 0.03 or abs(ratio / _FOOT_M - 1) < 0.03
    feet = (" One of the two is in feet.", "两者之一单位为英尺。") if is_feet else ("", "")
    return _finding(
        "IMP-HEIGHT", Severity.WARNING,
        f"Ground elevations are {off_m:+.2f} m off those of the nearest points of the map (median of {len(rows)} "
        f"within 20 m); for another vertical datum or unit see [vertical] offset_m and [units] of a profile.{feet[0]}",
        f"地面高程与本图 20 m 内最近管点相差 {off_m:+.2f} m（{len(rows)} 点中位数），高程基准或单位可能不同，"
        f"请在配置文件中说明（[vertical] offset_m、[units]）。{feet[1]}",
        value=f"{off_m:+.2f} m", limit=f"{HEIGHT_M} m", x_m=rows[0]["x_m"], y_m=rows[0]["y_m"],
        details={"offset_m": round(off_m, 3), "points": len(rows), "ratio": round(ratio, 4)},
    )  # fmt: skip


def _zones_away(x_m: float, y_m: float, bounds: Bounds, srid: int) -> int:
    """By how many degrees of longitude a place in another zone than it says would lie within bounds; 0 is none.

    A place read in the wrong zone keeps its distance from the central meridian, so that it lies whole zones away.
    """
    crs = CRS.from_epsg(srid)
    to_degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    lon, lat = to_degrees.transform(x_m, y_m)
    for turn in (3, -3, 6, -6, 9, -9, 12, -12):
        x, y = to_degrees.transform(lon + turn, lat, direction="INVERSE")
        if np.isfinite([x, y]).all() and _outside_m(x, y, bounds) < _NEAR_M:
            return turn
    return 0


def _outside_m(x_m: float, y_m: float, bounds: Bounds) -> float:
    min_x, min_y, max_x, max_y = bounds
    return float(np.hypot(max(min_x - x_m, 0.0, x_m - max_x), max(min_y - y_m, 0.0, y_m - max_y)))


def _shift(
    severity: Severity, found: Vote, limit_m: float, rows: Sequence[dict[str, Any]], en: str, zh: str
) -> Finding:
    is_far = found.length_m > SHIFT_M
    cause = ("a wrong zone, system or false easting" if is_far else "other control points or another transformation",
             "投影带、坐标系或加常数有误" if is_far else "控制点或坐标转换参数不同")  # fmt: skip
    return _finding(
        "IMP-SHIFT", severity,
        f"{en}: usually {cause[0]}. Nothing was moved; name the system with --crs.",
        f"{zh}：通常为{cause[1]}。坐标未作改动，请用 --crs 指明坐标系。",
        value=f"{found.dx_m:+.2f} m, {found.dy_m:+.2f} m", limit=f"{limit_m:g} m",
        x_m=rows[0]["x_m"], y_m=rows[0]["y_m"],
        details={
            "dx_m": round(found.dx_m, 3), "dy_m": round(found.dy_m, 3),
            "agreeing": found.agreeing, "voters": found.voters,
        },
    )  # fmt: skip


def _finding(rule: str, severity: Severity, en: str, zh: str, **told: Any) -> Finding:
    return Finding(rule=rule, severity=severity, message_en=en, message_zh=zh, **told)


def _way_en(found: Vote) -> str:
    east, north = ("east" if found.dx_m >= 0 else "west"), ("north" if found.dy_m >= 0 else "south")
    return f"{abs(found.dx_m):,.2f} m {east} and {abs(found.dy_m):,.2f} m {north}"


def _way_zh(found: Vote) -> str:
    east, north = ("东" if found.dx_m >= 0 else "西"), ("北" if found.dy_m >= 0 else "南")
    return f"{east} {abs(found.dx_m):,.2f} m、{north} {abs(found.dy_m):,.2f} m "


def _sampled(connection: Connection, name: str, node_count: int, most: int) -> list[dict[str, Any]]:
    params = {"nth": max(1, node_count // most), "most": most}
    return fetch_all(connection, queries("placing")[name], params)


def _column(rows: Sequence[dict[str, Any]], name: str) -> Floats:
    return np.array([row[name] for row in rows], dtype=np.float64)
