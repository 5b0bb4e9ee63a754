"""The ground of nodes of which no table tells it: between the points of its survey, or by the map's ground models."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import Delaunay, QhullError, cKDTree

from schemas.findings import Finding, Severity

# Farther away a point says nothing about the ground of a street.
REACH_M = 25.0
# A point so near is the place itself.
_SAME_PLACE_M = 0.5
# A triangle around a node has its corners among the nearest points, seldom farther down.
_NEIGHBOURS = 12

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ground:
    """Points of the ground: places in the project CRS, shape (n, 2), and elevations."""

    xy: Floats
    z_m: Floats

    def at(self, places: Floats) -> Floats:
        """The ground at places: linear in the triangle of points around, NaN where none is within `REACH_M`."""
        count = min(_NEIGHBOURS, len(self.xy))
        found = cKDTree(self.xy).query(places, k=count)
        distance_m, near = (np.asarray(part).reshape(len(places), count) for part in found)
        used = np.unique(near)
        told_m = _in_triangles(self.xy[used], self.z_m[used], places)
        told_m = np.where(distance_m[:, 0] <= _SAME_PLACE_M, self.z_m[near[:, 0]], told_m)
        return np.where(distance_m[:, 0] <= REACH_M, told_m, np.nan)


def with_surface(nodes: pd.DataFrame, points: pd.DataFrame) -> tuple[pd.DataFrame, list[Finding]]:
    """Nodes with the ground of those that have none told by points of the ground, marked `is_ground_inferred`."""
    known = points[points["ground_elevation_m"].notna()] if len(points) else points
    lacking = np.flatnonzero(nodes["ground_elevation_m"].isna()) if len(nodes) else np.array([], dtype=np.int64)
    if not len(known) or not len(lacking):
        return nodes, []
    ground = Ground(known[["x_m", "y_m"]].to_numpy(float), known["ground_elevation_m"].to_numpy(float))
    nodes, n_inferred = _filled(nodes, lacking, ground.at)
    return nodes, [_told(len(lacking), n_inferred, len(known))]


def with_model(nodes: pd.DataFrame, terrain: Callable[[Floats], Floats]) -> tuple[pd.DataFrame, list[Finding]]:
    """Nodes with the ground of those that have none told by the map's ground models, marked `is_ground_inferred`."""
    lacking = np.flatnonzero(nodes["ground_elevation_m"].isna()) if len(nodes) else np.array([], dtype=np.int64)
    if not len(lacking):
        return nodes, []
    nodes, n_inferred = _filled(nodes, lacking, terrain)
    return nodes, [_told_of_model(len(lacking), n_inferred)]


def _filled(
    nodes: pd.DataFrame, lacking: npt.NDArray[np.int64], ground_at: Callable[[Floats], Floats]
) -> tuple[pd.DataFrame, int]:
    """Nodes with the ground of the lacking ones, marked as inferred where it is known, and how many those are."""
    ground_m = nodes["ground_elevation_m"].to_numpy(float, copy=True)
    ground_m[lacking] = ground_at(nodes[["x_m", "y_m"]].to_numpy(float)[lacking])
    is_inferred = nodes.get("is_ground_inferred", pd.Series(False, index=nodes.index)).to_numpy(bool, copy=True)
    is_inferred[lacking] = ~np.isnan(ground_m[lacking])
    return nodes.assign(ground_elevation_m=ground_m, is_ground_inferred=is_inferred), int(is_inferred[lacking].sum())


def _told_of_model(n_lacking: int, n_inferred: int) -> Finding:
    return Finding(
        rule="IMP-SURFACE",
        severity=Severity.INFO,
        message_en=f"Of {n_lacking} nodes without ground elevation, {n_inferred} were given that of the ground model, "
        "as the profile says; elevations reckoned from it count as inferred.",
        message_zh=f"{n_lacking} 个无地面高程的管点中，按配置有 {n_inferred} 个取自地面模型，"
        "由此推算的高程记为推断值。",
        details={"rows": n_inferred},
    )


def _told(n_lacking: int, n_inferred: int, n_points: int) -> Finding:
    return Finding(
        rule="IMP-SURFACE",
        severity=Severity.INFO,
        message_en=f"Of {n_lacking} nodes without ground elevation, {n_inferred} were given that between {n_points} "
        f"points of the ground; the others have none within {REACH_M:g} m or lie outside of all of them.",
        message_zh=f"{n_lacking} 个无地面高程的管点中，{n_inferred} 个由 {n_points} 个地面高程点内插得到，"
        f"其余在 {REACH_M:g} m 内没有高程点或位于其范围之外。",
        details={"rows": n_inferred},
    )


def _in_triangles(xy: Floats, z_m: Floats, places: Floats) -> Floats:
    origin = xy.mean(axis=0)
    try:
        triangles = Delaunay(xy - origin)
    except (QhullError, ValueError):
        # Fewer than three points, or all in a row.
        return np.full(len(places), np.nan)
    found = triangles.find_simplex(places - origin)
    matrix = triangles.transform[found]
    two = np.einsum("nij,nj->ni", matrix[:, :2], places - origin - matrix[:, 2])
    shares = np.column_stack([two, 1 - two.sum(axis=1)])
    corners = triangles.simplices[found]
    reach_m = np.linalg.norm(xy[corners] - places[:, None], axis=2).max(axis=1)
    told_m = (shares * z_m[corners]).sum(axis=1)
    return np.where((found >= 0) & (reach_m <= 2 * REACH_M), told_m, np.nan)
