"""Where a tile of bodies stands on the Earth: a level frame at the middle of its square, east, north and up.

Heights are those of the project's vertical datum, taken as heights over the ellipsoid: the map holds no geoid.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipemap.crs import transformer

Floats = npt.NDArray[np.float64]
_ECEF, _WGS84 = 4978, 4979


@dataclass(frozen=True, eq=False)
class Frame:
    """An origin (3,) in earth-centred coordinates and the axes (3, 3) east, north, up as rows."""

    srid: int
    origin: Floats
    axes: Floats

    def local(self, points: Floats) -> Floats:
        """Places (n, 3) of the project's system in metres from the origin."""
        earth = np.column_stack(transformer(self.srid, _ECEF).transform(*points.T))
        found: Floats = (earth - self.origin) @ self.axes.T
        return found

    def matrix(self) -> list[float]:
        """From here to the Earth, sixteen numbers column by column as 3D Tiles has it."""
        columns = np.eye(4)
        columns[:3, :3], columns[3, :3] = self.axes, self.origin
        return columns.ravel().tolist()


def frame_at(srid: int, x: float, y: float) -> Frame:
    """The frame of a place of the project's system, at height 0."""
    longitude, latitude, _ = np.radians(transformer(srid, _WGS84).transform(x, y, 0.0))
    east = np.array([-np.sin(longitude), np.cos(longitude), 0.0])
    up = np.array([np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)])
    origin = np.array(transformer(srid, _ECEF).transform(x, y, 0.0))
    return Frame(srid, origin, np.stack([east, np.cross(up, east), up]))


def regions(srid: int, boxes: Floats) -> Floats:
    """West, south, east, north in radians and both heights, around boxes (n, 6) of x0, y0, z0, x1, y1, z1."""
    x, y = boxes[:, [0, 3, 0, 3]], boxes[:, [1, 1, 4, 4]]
    longitude, latitude, _ = transformer(srid, _WGS84).transform(x, y, np.zeros_like(x))
    found: Floats = np.column_stack(
        [
            np.radians(longitude).min(axis=1), np.radians(latitude).min(axis=1),
            np.radians(longitude).max(axis=1), np.radians(latitude).max(axis=1), boxes[:, 2], boxes[:, 5],
        ]
    )  # fmt: skip
    return found
