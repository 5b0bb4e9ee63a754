"""What the heights of a delivery say of their datum, class by class: outer top, inner bottom or axis. What can tell:

* **Joints**: where two pipes of different height meet, their crowns, inverts or axes are usually level. With D the
  larger height less the smaller, and d the same difference of the surveyed heights: d = -D or -D/2 speaks for
  inverts, d = D or D/2 for crowns. d = 0 says nothing: level crowns given as crowns look like level inverts given
  as inverts.
* **Wells**: a well is dug to the invert of its deepest pipe. The well's depth less the pipe's is 0 for inverts, the
  height for crowns, half of it for axes. A sump makes it larger than all of them: that says nothing.
* **Depth and elevation** of one end: ground less depth less elevation is 0 when both refer to the same, whatever it
  is, which tells nothing of what. It is the height when depths refer to crowns and elevations to inverts, and its
  negative the other way round.

Joints and wells are those of pipes; ducts of cables follow no such practice. All within 0.02 m. Evidence is clear
when at least ten cases speak, four of five for the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from importers.normalising.compact import CLASS, codes
from schemas.codetables import codes_where

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TOLERANCE_M = 0.02
# Sections lower than this have crown and invert within the tolerance of each other.
_LEAST_HEIGHT_M = 3 * TOLERANCE_M
_FEWEST, _LEAST_SHARE = 10, 0.8
_CABLES = [list(CLASS.categories).index(code) for code in codes_where("utility_class", "flow", "cable")]


@dataclass
class Evidence:
    """How many cases in one class fit which datum; `none` fit none of them, `level` say nothing."""

    crown: int = 0
    invert: int = 0
    axis: int = 0
    level: int = 0
    none: int = 0
    # Depth and elevation of one end: alike, or depths to crowns with elevations of inverts, or the reverse.
    same: int = 0
    depth_crown: int = 0
    depth_invert: int = 0

    def clear(self) -> str | None:
        """The datum that the cases speak for, None where they do not speak clearly."""
        counts = {"crown": self.crown, "invert": self.invert, "axis": self.axis}
        best = max(counts, key=lambda datum: counts[datum])
        total = sum(counts.values())
        return best if total >= _FEWEST and counts[best] >= _LEAST_SHARE * total else None

    def differing(self) -> str | None:
        """The datum of depths where elevations clearly refer to the opposite one."""
        best = "crown" if self.depth_crown >= self.depth_invert else "invert"
        total = self.same + self.depth_crown + self.depth_invert
        found = max(self.depth_crown, self.depth_invert)
        return best if found >= _FEWEST and found >= _LEAST_SHARE * total else None

    @property
    def is_one(self) -> bool:
        """Whether depths and elevations clearly refer to one datum, whichever that is."""
        total = self.same + self.depth_crown + self.depth_invert
        return self.same >= _FEWEST and self.same >= _LEAST_SHARE * total

    @property
    def is_telling(self) -> bool:
        """Whether any case speaks at all."""
        return self.crown + self.invert + self.axis + self.depth_crown + self.depth_invert > 0


@dataclass(frozen=True)
class Surveyed:
    """Heights at both ends of every segment, start and end in columns (n, 2), NaN where unknown.

    `is_ground_inferred` marks ground that was not surveyed at the point itself.
    """

    ground_m: Floats
    depth_m: Floats
    elevation_m: Floats
    is_ground_inferred: npt.NDArray[np.bool_]

    def head(self, count: int) -> "Surveyed":
        """The first segments, with the ground only where it was surveyed: what is inferred is no evidence."""
        ground_m = np.where(self.is_ground_inferred[:count], np.nan, self.ground_m[:count])
        depth_m, elevation_m = self.depth_m[:count], self.elevation_m[:count]
        return Surveyed(ground_m, depth_m, elevation_m, self.is_ground_inferred[:count])

    @property
    def datum_m(self) -> Floats:
        """The surveyed elevation of the datum: as given, else ground less depth."""
        return np.where(np.isnan(self.elevation_m), self.ground_m - self.depth_m, self.elevation_m)


def evidence(nodes: pd.DataFrame, segments: pd.DataFrame, ends: Surveyed) -> dict[str, Evidence]:
    """What the heights of a delivery say, by class; classes of which nothing can be said are absent."""
    of_class = codes(segments["class_code"])
    height_m = segments["height_mm"].to_numpy(float) / 1000
    found = {code: Evidence() for code in CLASS.categories}
    of_pipes_m = np.where(np.isin(of_class, _CABLES), np.nan, height_m)
    _look_at_joints(found, segments, ends.datum_m, of_class, of_pipes_m)
    _look_at_wells(found, nodes, segments, ends.depth_m, of_class, of_pipes_m)
    _look_at_pairs(found, ends, of_class, height_m)
    return {code: each for code, each in found.items() if each != Evidence()}


def _look_at_joints(
    found: Mapping[str, Evidence], segments: pd.DataFrame, datum_m: Floats, of_class: Ints, height_m: Floats
) -> None:
    """Neighbouring ends at a node, sorted so that ends of one class stand side by side."""
    at = np.concatenate([segments["from_node"].to_numpy(np.int64), segments["to_node"].to_numpy(np.int64)])
    classes, heights, values = np.tile(of_class, 2), np.tile(height_m, 2), datum_m.T.ravel()
    known = np.flatnonzero(np.isfinite(values) & np.isfinite(heights))
    order = known[np.lexsort((heights[known], classes[known], at[known]))]
    one, other = order[:-1], order[1:]
    is_joint = (at[one] == at[other]) & (classes[one] == classes[other])
    step_m, apart_m = heights[other] - heights[one], values[other] - values[one]
    told = is_joint & (step_m >= _LEAST_HEIGHT_M)
    _count(found, classes[one], told, {
        "crown": _near(apart_m, step_m) | _near(apart_m, step_m / 2),
        "invert": _near(apart_m, -step_m) | _near(apart_m, -step_m / 2),
        "level": _near(apart_m, 0.0),
    })  # fmt: skip


def _look_at_wells(
    found: Mapping[str, Evidence],
    nodes: pd.DataFrame,
    segments: pd.DataFrame,
    depth_m: Floats,
    of_class: Ints,
    height_m: Floats,
) -> None:
    """The deepest pipe at every node that has a well of known depth."""
    if "well_depth_m" not in nodes:
        return
    at = np.concatenate([segments["from_node"].to_numpy(np.int64), segments["to_node"].to_numpy(np.int64)])
    well_m = nodes["well_depth_m"].to_numpy(float)[at]
    heights, depths, classes = np.tile(height_m, 2), depth_m.T.ravel(), np.tile(of_class, 2)
    known = np.flatnonzero((well_m > 0) & np.isfinite(depths) & (heights >= _LEAST_HEIGHT_M))
    deepest = known[np.lexsort((-depths[known], at[known]))]
    deepest = deepest[np.r_[True, np.diff(at[deepest]) > 0][: len(deepest)]]
    over_m, tall_m = (well_m - depths)[deepest], heights[deepest]
    _count(found, classes[deepest], np.ones(len(deepest), dtype=bool), {
        "invert": _near(over_m, 0.0), "crown": _near(over_m, tall_m), "axis": _near(over_m, tall_m / 2),
        "level": over_m > tall_m + TOLERANCE_M,
    })  # fmt: skip


def _look_at_pairs(found: Mapping[str, Evidence], ends: Surveyed, of_class: Ints, height_m: Floats) -> None:
    apart_m = (ends.ground_m - ends.depth_m - ends.elevation_m).ravel()
    tall_m, classes = np.repeat(height_m, 2), np.repeat(of_class, 2)
    told = np.isfinite(apart_m) & (tall_m >= _LEAST_HEIGHT_M)
    kinds = {
        "same": _near(apart_m, 0.0),
        "depth_crown": _near(apart_m, tall_m),
        "depth_invert": _near(apart_m, -tall_m),
    }
    for name, fits in kinds.items():
        _add(found, name, classes[told & fits])


def _count(
    found: Mapping[str, Evidence], classes: Ints, told: npt.NDArray[np.bool_], fits: Mapping[str, npt.NDArray[np.bool_]]
) -> None:
    """Add the cases that are told to what they fit, each to one thing only."""
    left = told.copy()
    for name, fitting in fits.items():
        _add(found, name, classes[left & fitting])
        left &= ~fitting
    _add(found, "none", classes[left])


def _add(found: Mapping[str, Evidence], name: str, classes: Ints) -> None:
    for code, count in zip(*np.unique(classes, return_counts=True), strict=True):
        of_class = found[str(CLASS.categories[code])]
        setattr(of_class, name, getattr(of_class, name) + int(count))


def _near(values_m: Floats, wanted_m: Floats | float) -> npt.NDArray[np.bool_]:
    return np.asarray(np.abs(values_m - wanted_m) <= TOLERANCE_M + 1e-9)
