"""How exactly an agreement shows places and depths: the classes, and what each does to a line.

A class of position changes where things lie in plan: `grid_5m` moves every vertex to the nearest corner of a grid
(what falls together to a point is left out), `shifted` moves the whole map by a smooth field that a secret decides. A
class of depth rounds heights and depths to a step, or masks them. Both work on coordinates alone, so what was joined
stays joined. A shift is no stand-in for the state's approved algorithm: known points give the field away near them.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from pipemap.errors import UsageError

Coordinates = npt.NDArray[np.float64]
Geometries = npt.NDArray[Any]

EXACT = "exact"
MASKED = "masked"
SHIFTED = "shifted"
_GRIDS_M = {f"grid_{size}m": float(size) for size in (1, 5, 10, 50)}
_STEPS_M = {f"step_{step:g}m": step for step in (0.1, 0.5, 1.0)}
POSITION_PRECISIONS = (EXACT, *_GRIDS_M, SHIFTED)
DEPTH_PRECISIONS = (EXACT, *_STEPS_M, MASKED)
# Attributes that say how deep or high something lies.
DEPTH_ATTRIBUTES = (
    "ground_elevation_m",
    "well_depth_m",
    "from_depth_m",
    "to_depth_m",
    "from_elevation_m",
    "to_elevation_m",
)

# The field: one offset for the whole map, and waves upon it that are together shorter than it.
_OFFSET_M = (20.0, 30.0)
_WAVES = 8
_WAVELENGTH_M = (1_000.0, 3_000.0)
# Amplitude over wavelength. Eight waves stretch the map by at most 8 · 2π · 0.0006 = 3 %, so that nothing folds.
_STEEPNESS = 0.0006
# Between vertices a line stays straight while the field bends: over this length by less than 10 mm.
_STRAIGHT_M = 20.0
_DECIMALS = 4


@dataclass(frozen=True)
class Precision:
    """A class of position with one of depth; `key` is the secret of a shift, else empty."""

    position: str
    depth: str
    key: bytes = b""

    @property
    def step_m(self) -> float | None:
        """What heights and depths are rounded to; None when they are exact or masked."""
        return _STEPS_M.get(self.depth)

    @property
    def position_error_m(self) -> float:
        """Mean error that the class adds to a place: of rounding two coordinates evenly, or the length of the shift."""
        if self.position == SHIFTED:
            return sum(_OFFSET_M) / 2
        return _GRIDS_M.get(self.position, 0.0) / float(np.sqrt(6))

    @property
    def depth_error_m(self) -> float:
        """Mean error that the class adds to a height: of rounding it evenly."""
        return (self.step_m or 0.0) / float(np.sqrt(12))


def default_depth(attributes: Collection[str]) -> str:
    """The precision of depths that goes with a list of granted attributes: masked unless one of them is a depth."""
    return EXACT if set(DEPTH_ATTRIBUTES) & set(attributes) else MASKED


def check_precision(position: str, depth: str) -> None:
    """Raise UsageError unless these are a class of position and one of depth."""
    for what, given, known in (
        ("position", position, POSITION_PRECISIONS),
        ("depth", depth, DEPTH_PRECISIONS),
    ):
        if given not in known:
            raise UsageError(f"{given} is no precision of {what}; there are {', '.join(known)}.")


def desensitise(geometries: Geometries, precision: Precision) -> Geometries:
    """Points and lines as the classes show them, metres, SRID kept; None where nothing of a line is left."""
    moved = _moved_in_plan(geometries, precision)
    if precision.depth == MASKED:
        moved = shapely.force_2d(moved)
    if precision.step_m is not None:
        moved = _with_rounded_heights(moved, precision.step_m)
    # Some of the steps above forget the coordinate system.
    return np.asarray(shapely.set_srid(moved, shapely.get_srid(geometries)), dtype=object)


def shift(places: Coordinates, key: bytes) -> Coordinates:
    """Places (n × 2, metres) moved by the field of a key: continuous, without folds, by 5 m to 45 m."""
    offset, vectors, directions, phases = _field(key)
    return places + offset + np.sin(places @ vectors.T + phases) @ directions


def _moved_in_plan(geometries: Geometries, precision: Precision) -> Geometries:
    if precision.position == SHIFTED:
        dense = shapely.segmentize(geometries, _STRAIGHT_M)
        return _in_plan(dense, lambda xy: np.round(shift(xy, precision.key), _DECIMALS))
    size_m = _GRIDS_M.get(precision.position)
    if size_m is None:
        return geometries
    snapped = _in_plan(geometries, lambda xy: np.round(xy / size_m) * size_m)
    lines = shapely.get_type_id(snapped) == shapely.GeometryType.LINESTRING
    snapped[lines] = shapely.remove_repeated_points(snapped[lines])
    snapped[lines & (shapely.length(snapped) == 0)] = None
    return snapped


def _in_plan(geometries: Geometries, move: Any) -> Geometries:
    """Geometries with their plan coordinates moved; heights, where there are any, stay."""
    moved = np.empty(len(geometries), dtype=object)
    has_z = shapely.has_z(geometries)
    for solid in (False, True):
        chosen = geometries[has_z == solid]
        moved[has_z == solid] = shapely.transform(
            chosen, lambda xyz: np.column_stack([move(xyz[:, :2]), xyz[:, 2:]]), include_z=solid
        )
    return moved


def _with_rounded_heights(geometries: Geometries, step_m: float) -> Geometries:
    rounded = geometries.copy()
    solid = shapely.has_z(geometries)

    def round_heights(xyz: Coordinates) -> Coordinates:
        return np.column_stack([xyz[:, :2], np.round(np.round(xyz[:, 2] / step_m) * step_m, _DECIMALS)])

    rounded[solid] = shapely.transform(geometries[solid], round_heights, include_z=True)
    return rounded


def _field(key: bytes) -> tuple[Coordinates, Coordinates, Coordinates, Coordinates]:
    """Offset (2), wave vectors (n × 2, rad/m), directions with amplitude (n × 2, m), phases (n) drawn from a key."""
    drawn = np.frombuffer(hashlib.shake_256(key).digest(8 * (2 + 4 * _WAVES)), "<u8") / 2.0**64
    bearing, length = 2 * np.pi * drawn[0], _OFFSET_M[0] + drawn[1] * (_OFFSET_M[1] - _OFFSET_M[0])
    towards, along, phase, size = drawn[2:].reshape(4, _WAVES)
    wavelength = _WAVELENGTH_M[0] * (_WAVELENGTH_M[1] / _WAVELENGTH_M[0]) ** size
    offset = length * np.array([np.cos(bearing), np.sin(bearing)])
    vectors = (2 * np.pi / wavelength)[:, None] * _unit(towards)
    return offset, vectors, (_STEEPNESS * wavelength)[:, None] * _unit(along), 2 * np.pi * phase


def _unit(turns: Coordinates) -> Coordinates:
    return np.column_stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)])
