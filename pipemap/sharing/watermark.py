"""The hidden mark of an export package: a pattern of coordinates from which its recipient is named again.

Every vertex is moved by 0.6 mm east or west and 0.6 mm north or south, by signs that follow from the vertex's own
place, a secret of this machine and the package's mark. So a vertex moves by 0.85 mm in plan and never by more, less
than the millimetre that coordinates are stated to; heights stay. Where ends join they move alike, and a distance
between two features changes by at most 1.7 mm. What the map itself answers is not touched.

A file is held against the map's own vertices (of any version), so parts and reordered or renamed features still tell.
For each package on record the moves that are found, r, are summed with the signs of its pattern, s:
T = sum(r s) / sqrt(sum(r^2)). To a pattern that is not in the file the signs are coin tosses, whatever r is, so
P(T >= t) <= exp(-t^2 / 2) (Hoeffding, J. Amer. Stat. Assoc. 58, 1963). A package is named when T is above
sqrt(2 ln(packages / 1e-9)): a false accusation is less likely than 1e-9 for a file, over all packages together. The
true one reaches sqrt(2 n) for n vertices, after rounding to 1 mm about 0.9 sqrt(2 n) with a deviation of 0.43: among
1000 packages 28 and 50 vertices do.
"""

import hashlib
import hmac
import math
import secrets
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely
from scipy.spatial import cKDTree
from shapely.geometry.base import BaseGeometry

from pipemap.crs import is_geographic

Floats = npt.NDArray[np.float64]
AMPLITUDE_M = 0.0006
FALSE_ACCUSATION = 1e-9
_STEP_M = 0.001
_REACH_M = 0.0025
_M_PER_DEGREE = 111_320.0
_ODD = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def new_mark() -> str:
    """A mark for one package, to be kept with its record and told in its manifest."""
    return secrets.token_hex(8)


@dataclass(frozen=True)
class Pattern:
    """The moves of one package in one CRS; `unit_m` is the length of the CRS's unit."""

    keys: tuple[np.uint64, np.uint64]
    unit_m: float

    @classmethod
    def of(cls, secret: bytes, mark: str, srid: int) -> "Pattern":
        """The pattern that a secret and a mark make."""
        digest = hmac.new(secret, f"pipemap watermark {mark}".encode(), hashlib.sha256).digest()
        first, second = (np.uint64(int.from_bytes(part, "little")) for part in (digest[:8], digest[8:16]))
        return cls((first, second), unit_m(srid))

    def signs(self, xy: Floats) -> Floats:
        """Plus or minus one for each coordinate of places, shape (n, 2)."""
        steps = np.rint(xy / (_STEP_M / self.unit_m)).astype(np.int64).view(np.uint64)
        bits = _mixed(_mixed(steps[:, 0] * _ODD[0] ^ self.keys[0]) ^ steps[:, 1] * _ODD[1] ^ self.keys[1])
        return np.column_stack([bits >> np.uint64(63), (bits >> np.uint64(62)) & np.uint64(1)]) * 2.0 - 1.0

    def moved(self, xy: Floats) -> Floats:
        """Places with the pattern laid on."""
        return xy + self.signs(xy) * (AMPLITUDE_M / self.unit_m)

    def laid_on(self, wkb: pa.Array, area: BaseGeometry | None) -> pa.Array:
        """Geometries (WKB) with the pattern laid on; what lies on the edge of `area` stays, so as not to leave it."""
        shapes = shapely.from_wkb(wkb.to_numpy(zero_copy_only=False))
        has_z = bool(shapely.has_z(shapes).any())
        xyz = shapely.get_coordinates(shapes, include_z=has_z)
        free = ~self._on_edge(xyz[:, :2], area)
        xyz[free, :2] = self.moved(xyz[free, :2])
        return pa.array(shapely.to_wkb(shapely.set_coordinates(shapes, xyz)), wkb.type)

    def _on_edge(self, xy: Floats, area: BaseGeometry | None) -> npt.NDArray[np.bool_]:
        if area is None or not len(xy) or shapely.box(*xy.min(axis=0), *xy.max(axis=0)).within(area.buffer(-_STEP_M)):
            return np.zeros(len(xy), dtype=bool)
        edge = area.boundary
        shapely.prepare(edge)
        return np.asarray(shapely.dwithin(edge, shapely.points(xy), _STEP_M / self.unit_m))


@dataclass(frozen=True)
class Moves:
    """How far the vertices of a file lie from those of the map: places and moves in m, one row a vertex of the map."""

    places: Floats
    moves_m: Floats

    def score(self, pattern: Pattern) -> float:
        """T of a pattern; 0 when nothing was moved."""
        energy = float(np.sqrt((self.moves_m**2).sum()))
        return float((self.moves_m * pattern.signs(self.places)).sum() / energy) if energy else 0.0


def find_moves(found: Floats, originals: Floats, srid: int) -> Moves:
    """The moves of vertices that have one of the map within 2.5 mm; each of the map's counts once."""
    unit = unit_m(srid)
    if not len(found) or not len(originals):
        return Moves(np.empty((0, 2)), np.empty((0, 2)))
    distance, nearest = cKDTree(originals).query(found, distance_upper_bound=_REACH_M / unit)
    near = np.isfinite(distance)
    index, first = np.unique(np.asarray(nearest)[near], return_index=True)
    moves = (found[near][first] - originals[index]) * unit
    return Moves(originals[index], moves)


def threshold(packages: int) -> float:
    """What T must be above for a package to be named among so many."""
    return math.sqrt(2 * math.log(max(packages, 1) / FALSE_ACCUSATION))


def unit_m(srid: int) -> float:
    """Length in m of a CRS's unit: of a degree of latitude, or 1."""
    return _M_PER_DEGREE if srid and is_geographic(srid) else 1.0


def _mixed(bits: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of splitmix64: every bit of the answer hangs on every bit given."""
    bits = (bits ^ (bits >> np.uint64(30))) * _MIX[0]
    bits = (bits ^ (bits >> np.uint64(27))) * _MIX[1]
    return bits ^ (bits >> np.uint64(31))
