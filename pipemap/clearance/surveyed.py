"""What a survey says of pipes: their sizes, and how far it may be trusted in plan and in height."""

from typing import NamedTuple, TypeAlias

import numpy as np

from pipemap.clearance.casings import Walls, half_sizes_m, outer_walls
from pipemap.clearance.geometry3d import Bools, Floats

# CJJ 61: a hidden point may be off by 0.10 of its depth in plan and 0.15 in depth, the depth counting as 1 m at least.
_PLAN_SHARE, _DEPTH_SHARE, _LEAST_DEPTH_M = 0.10, 0.15, 1.0

# Half width and height of the outer wall, accuracy in plan and in height, and own half sizes of a pipe in a casing.
Measures: TypeAlias = tuple[float, float, float, float, tuple[float, float] | None]


class Surveyed(NamedTuple):
    """What the survey says of n segments: sizes, and ground, depth and axis at both ends (n, 2); NaN is not known."""

    is_round: Bools
    width_mm: Floats
    height_mm: Floats
    ground_m: Floats
    depth_m: Floats
    axis_m: Floats
    is_datum_unknown: Bools
    horizontal_accuracy_m: Floats
    vertical_accuracy_m: Floats
    casing_mm: Floats

    def half_sizes_m(self) -> tuple[Floats, Floats]:
        """Half the width and height of the pipes themselves."""
        return half_sizes_m(self.is_round, self.width_mm / 1000, self.height_mm / 1000)

    def walls(self) -> Walls:
        """The walls that clearances are measured from."""
        return outer_walls(self.is_round, *self.half_sizes_m(), self.casing_mm)

    def measures(self) -> list[Measures]:
        """Of each segment what `Segment` is made of besides row and axis, in its order."""
        walls = self.walls()
        own = zip(*(half_m.tolist() for half_m in self.half_sizes_m()), strict=True)
        cased_half_m = [half_m if is_cased else None for half_m, is_cased in zip(own, walls.is_cased, strict=True)]
        columns = [*walls[1:3], *self.accuracies_m()]
        return list(zip(*(column.tolist() for column in columns), cased_half_m, strict=True))

    def accuracies_m(self) -> tuple[Floats, Floats]:
        """The accuracy in plan and in height that the survey may be held to (CJJ 61)."""
        depth_m = np.maximum(_LEAST_DEPTH_M, self._mean_depth_m())
        plan = np.where(np.isnan(self.horizontal_accuracy_m), _PLAN_SHARE * depth_m, self.horizontal_accuracy_m)
        height = np.where(np.isnan(self.vertical_accuracy_m), _DEPTH_SHARE * depth_m, self.vertical_accuracy_m)
        # Crown taken for invert, or the other way round, is wrong by up to the height of the pipe.
        either = np.where(self.is_datum_unknown, np.nan_to_num(self.half_sizes_m()[1]), 0.0)
        return plan, height + either

    def _mean_depth_m(self) -> Floats:
        reckoned = self.ground_m - self.axis_m
        depth_m = np.where(np.isnan(reckoned), self.depth_m, reckoned)
        known = np.isfinite(depth_m).sum(axis=1)
        mean_m: Floats = np.nansum(depth_m, axis=1) / np.maximum(known, 1)
        return mean_m
