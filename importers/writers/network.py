"""The rows of a package as one small network, for formats that draw or model it rather than list it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from pipemap.crs import is_geographic
from pipemap.errors import UsageError
from pipemap.sharing.layers import GEOMETRY, Content, LayerRows

# What these formats' libraries hold in memory, some kilobytes each.
MOST_FEATURES = 100_000
Row = dict[str, Any]


@dataclass(frozen=True)
class Point:
    """A node: its attributes, its place (easting, northing), and the ground's elevation where that is granted."""

    feature_id: int
    row: Row
    x_m: float
    y_m: float

    @property
    def z_m(self) -> float | None:
        """Ground elevation; None when unknown or not granted."""
        z: float | None = self.row.get("ground_elevation_m")
        return z


@dataclass(frozen=True, eq=False)
class Piece:
    """A segment, or what a cut at the edge of the area has left of it.

    `axis` is (n, 3) with z where the height is known, else (n, 2); `start` and `end` are the nodes at its ends, None
    where it was cut or they are not shown.
    """

    feature_id: int
    row: Row
    axis: npt.NDArray[np.float64]
    start: Point | None
    end: Point | None

    @property
    def has_height(self) -> bool:
        """Whether the axis has heights."""
        return bool(self.axis.shape[1] == 3)

    @property
    def length_m(self) -> float:
        """Length along the axis, in space where heights are known."""
        return float(np.linalg.norm(np.diff(self.axis, axis=0), axis=1).sum())

    @property
    def width_m(self) -> float | None:
        """Outer width; None when unknown or not granted."""
        width: float | None = self.row.get("width_mm")
        return width / 1000 if width else None


@dataclass(frozen=True)
class PipeNetwork:
    """Nodes and pieces of a package, in metres."""

    points: list[Point] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)


def read_network(content: Content, format: str) -> PipeNetwork:
    """Everything in a package; UsageError for one in degrees, or with more features than the format is fit for."""
    if content.srid and is_geographic(content.srid):
        raise UsageError(
            f"{format} is in metres; ask for it in a projected coordinate system, not EPSG:{content.srid}."
        )
    network, at = PipeNetwork(), {}
    for rows in content.layers:
        for row, shape in _features(rows):
            if len(network.points) + len(network.pieces) >= MOST_FEATURES:
                raise UsageError(
                    f"A package as {format} holds at most {MOST_FEATURES} features; ask for a smaller area."
                )
            if rows.layer.kind == "node":
                point = Point(row["feature_id"], row, shape.x, shape.y)
                at[_cell(point.x_m, point.y_m)] = point
                network.points.append(point)
            else:
                network.pieces.extend(_pieces(row, shape, at))
    return network


def local_origin(network: PipeNetwork) -> tuple[float, float]:
    """A whole-metre place at the lower left, from which coordinates are small enough for single precision."""
    places = [(point.x_m, point.y_m) for point in network.points]
    places += [(x, y) for piece in network.pieces for x, y, *_ in piece.axis.tolist()]
    if not places:
        return 0.0, 0.0
    x, y = np.floor(np.min(np.array(places), axis=0)).tolist()
    return x, y


def attributes(row: Row) -> dict[str, Any]:
    """The attributes of a feature that are known, identity first; days as words."""
    known = {name: value for name, value in row.items() if value is not None}
    return {name: value if isinstance(value, str | int | float) else str(value) for name, value in known.items()}


def _features(rows: LayerRows) -> Iterator[tuple[Row, Any]]:
    for batch in rows.batches:
        shapes = shapely.from_wkb(batch.column(GEOMETRY).to_numpy(zero_copy_only=False))
        yield from zip(batch.drop_columns([GEOMETRY]).to_pylist(), shapes, strict=True)


def _pieces(row: Row, shape: Any, at: dict[tuple[int, int], Point]) -> Iterator[Piece]:
    for part in shapely.get_parts(shape):
        axis = shapely.get_coordinates(part, include_z=part.has_z)
        start, end = (at.get(_cell(*axis[place][:2])) for place in (0, -1))
        yield Piece(row["feature_id"], row, axis, start, end)


def _cell(x: float, y: float) -> tuple[int, int]:
    return round(x * 1000), round(y * 1000)
