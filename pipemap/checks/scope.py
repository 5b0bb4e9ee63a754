"""What the rules look at: the features a changeset touches and their neighbourhood, whole or one tile of it.

Positions (`from_pos`, `Ends.node`, `Ends.segment`) are row numbers, -1 where there is none. Heights are
metres above the vertical datum; what is unknown is NaN.
"""

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from pipemap.checks.axes import Axes
from pipemap.checks.columns import Bools, Column, Columns, Floats, Ints, Objects, Words, numbered
from pipemap.checks.links import Farther, Links, is_active
from pipemap.clearance.casings import Walls, half_sizes_m, outer_walls
from pipemap.clearance.tables import STANDARD, LimitTables
from pipemap.ground.along import Shallowest
from pipemap.shelf import shelved
from schemas.codetables import codes_where

Kind: TypeAlias = Literal["node", "pipe_segment", "consumer", "structure"]
KINDS: tuple[Kind, ...] = ("node", "pipe_segment", "consumer", "structure")

# Of lines drawn either way as it came, half would fall; of twenty hardly ever nineteen.
_LEVEL_M, _FEWEST_DRAWN, _MOSTLY_DRAWN = 0.03, 20, 0.95
# Lines that are meant to stand above the ground.
ABOVE_GROUND = frozenset({"overhead", "surface", "rack"})


@dataclass(frozen=True, eq=False)
class Scope:
    """Columns by kind, the axes of the segments and the rows of their nodes.

    A feature is `touched` when it, or what it is joined to, has changed. `told` marks the features that
    findings may be about: those that are touched and, in a tile, at home there. `drawn_along_flow` names
    the datasets whose gravity lines, with few exceptions, fall the way they are drawn: so they flow. `shallowest` is
    where each segment lies least deep by the ground models, None where none is loaded. `delivered` says by file,
    sheet and kind which column an attribute was read from.
    """

    columns: Mapping[Kind, Columns]
    axes: Axes
    from_pos: Ints
    to_pos: Ints
    consumer_pos: Ints
    told: Mapping[Kind, Bools]
    farther: Farther
    srid: int
    drawn_along_flow: frozenset[int] = frozenset()
    limits: LimitTables = STANDARD
    shallowest: Shallowest | None = None
    delivered: Mapping[tuple[str, str, str], Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, columns: Mapping[Kind, Mapping[str, Column]], axes: Axes, disturbed: Ints, farther: Farther, srid: int
    ) -> "Scope":
        """The scope of columns that say what has `changed`; `disturbed` are nodes that lost a segment."""
        nodes, segments = columns["node"], columns["pipe_segment"]
        node = pd.Index(_numbers(nodes["feature_id"]))
        from_pos, to_pos, consumer_pos = (
            shelved(node.get_indexer(_numbers(ids)).astype(np.int64))
            for ids in (segments["from_node_id"], segments["to_node_id"], columns["consumer"]["node_id"])
        )
        changed = _numbers(segments["changed"]).astype(np.bool_)
        changed_node = np.append(_numbers(nodes["changed"]).astype(np.bool_), False)
        touched_node = changed_node.copy()
        for at in (from_pos[changed], to_pos[changed], node.get_indexer(disturbed)):
            touched_node[at] = True
        touched = {
            "node": touched_node[:-1],
            "pipe_segment": changed | changed_node[from_pos] | changed_node[to_pos],
            "consumer": columns["consumer"]["changed"],
            "structure": columns["structure"]["changed"],
        }
        whole = {kind: Columns({**columns[kind], "touched": touched[kind]}) for kind in KINDS}
        told = {kind: whole[kind].values("touched") for kind in KINDS}
        drawn = _drawn_along_flow(whole["pipe_segment"], axes)
        return cls(whole, axes, from_pos, to_pos, consumer_pos, told, farther, srid, drawn)

    @property
    def nodes(self) -> Columns:
        """Columns of the nodes."""
        return self.columns["node"]

    @property
    def segments(self) -> Columns:
        """Columns of the segments."""
        return self.columns["pipe_segment"]

    @property
    def consumers(self) -> Columns:
        """Columns of the consumers."""
        return self.columns["consumer"]

    @property
    def structures(self) -> Columns:
        """Columns of the structures."""
        return self.columns["structure"]

    def classes(self, kind: Kind) -> Words:
        """Utility class of each feature; structures have none."""
        return Words.unknown(len(self.structures)) if kind == "structure" else self.columns[kind].words("class_code")

    def places(self, kind: Kind, rows: Ints) -> Floats:
        """Where to point at some features: x, y; the middle of a line, a point inside an area."""
        if kind == "pipe_segment":
            return self.axes.middles(rows)
        if kind == "structure":
            inside = shapely.point_on_surface(self.structures.values("geom")[rows])
            return np.column_stack([shapely.get_x(inside), shapely.get_y(inside)])
        columns = self.columns[kind]
        return np.column_stack([columns.values("x_m")[rows], columns.values("y_m")[rows]])

    @cached_property
    def node_xy(self) -> Floats:
        """Plan position of each node, shape (nodes, 2)."""
        return np.column_stack([self.nodes.values("x_m"), self.nodes.values("y_m")])

    def node_keys(self, rows: Ints) -> Objects:
        """Numbers of some nodes; `?` for one that is missing (position -1)."""
        keys = np.full(len(rows), "?", dtype=object)
        known = rows >= 0
        keys[known] = self.nodes.texts("source_key", rows[known])
        return keys

    def segment_keys(self, rows: Ints) -> Objects:
        """Keys of some segments."""
        return self.segments.texts("source_key", rows)

    def at_ends(self, values: npt.NDArray[Any], missing: Any) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """What the nodes at the start and at the end of each segment have."""
        padded = np.append(values, np.array([missing], values.dtype))
        return padded[self.from_pos], padded[self.to_pos]

    @cached_property
    def is_gravity(self) -> Bools:
        """Whether each segment runs by gravity."""
        return self.segments.words("class_code").is_in(codes_where("utility_class", "flow", "gravity"))

    @cached_property
    def is_buried(self) -> Bools:
        """Whether each segment lies in the ground, as far as anybody says."""
        return ~self.segments.words("burial_code").is_in(ABOVE_GROUND)

    @cached_property
    def active(self) -> Bools:
        """Whether each segment is part of the live network."""
        return is_active(self.segments.words("lifecycle_code"))

    @cached_property
    def width_m(self) -> Floats:
        """Outer width of each segment."""
        return self.segments.values("width_mm").astype(np.float64) / 1000.0

    @cached_property
    def height_m(self) -> Floats:
        """Outer height of each segment."""
        return self.segments.values("height_mm").astype(np.float64) / 1000.0

    @cached_property
    def walls(self) -> Walls:
        """The walls of each segment that clearances are measured from."""
        is_round = self.segments.words("shape_code").is_in(["circle"])
        own_m = half_sizes_m(is_round, self.width_m, self.height_m)
        return outer_walls(is_round, *own_m, self.segments.values("casing_mm"))

    @cached_property
    def casing_over_m(self) -> Floats:
        """How far the casing of each segment reaches over its crown; nothing where it lies in none."""
        over_m = self.walls.half_height_m - self.height_m / 2
        return np.asarray(np.where(self.walls.is_cased, np.nan_to_num(over_m), 0.0))

    @cached_property
    def in_well(self) -> Bools:
        """Whether each node is a well, where lines may meet at any height."""
        return self.nodes.words("appurtenance_code").is_in(codes_where("appurtenance", "is_enclosed", "1"))

    @cached_property
    def degree(self) -> Ints:
        """How many segments end at each node, removed ones left out; a loop counts twice."""
        standing = ~self.segments.words("lifecycle_code").is_in(["removed"])
        used = np.concatenate([self.from_pos[standing], self.to_pos[standing]])
        return np.bincount(used[used >= 0], minlength=len(self.nodes)).astype(np.int64)

    @cached_property
    def ends(self) -> "Ends":
        """Both ends of every segment."""
        return Ends(self)

    @cached_property
    def links(self) -> Links:
        """The networks of the touched classes."""
        return Links.of(self.nodes, self.segments, self.from_pos, self.to_pos, self.farther)


class Ends:
    """Both ends of every segment of a scope as aligned arrays: all starts, then all ends."""

    def __init__(self, scope: Scope) -> None:
        # No strong one, or a tile that is done with would be kept until the next search for cycles.
        self._scope: Scope = weakref.proxy(scope)
        count = len(scope.segments)
        self.segment: Ints = np.tile(np.arange(count), 2)
        self.node: Ints = np.concatenate([scope.from_pos, scope.to_pos])
        self.is_from: Bools = np.arange(2 * count) < count

    @cached_property
    def class_code(self) -> Words:
        """Utility class of the segment."""
        return self._scope.segments.words("class_code")[self.segment]

    @cached_property
    def xyz(self) -> Floats:
        """The end of the axis, shape (ends, 3)."""
        return np.vstack([self._scope.axes.start, self._scope.axes.end])

    @property
    def axis_m(self) -> Floats:
        """Elevation of the axis."""
        return self.xyz[:, 2]

    @cached_property
    def ground_m(self) -> Floats:
        """Ground elevation at the node."""
        return np.append(self._scope.nodes.values("ground_elevation_m"), np.nan)[self.node]

    @cached_property
    def depth_m(self) -> Floats:
        """Surveyed depth."""
        return self._surveyed("depth_m")

    @cached_property
    def elevation_m(self) -> Floats:
        """Surveyed pipe elevation."""
        return self._surveyed("elevation_m")

    @cached_property
    def level_m(self) -> Floats:
        """What was surveyed, as an elevation: the pipe's own, else ground minus depth."""
        return np.where(np.isnan(self.elevation_m), self.ground_m - self.depth_m, self.elevation_m)

    @cached_property
    def crown_m(self) -> Floats:
        """Elevation of the top, from the axis, else from the surveyed level and what it refers to."""
        height = np.tile(self._scope.height_m, 2)
        # How far the top lies above the datum, in heights of the section.
        share = self._scope.segments.words("depth_datum_code").translated(
            {"crown": 0.0, "axis": 0.5, "invert": 1.0}, np.nan
        )
        share = np.tile(share.astype(np.float64), 2)
        above = np.where(share == 0, 0.0, share * height)
        return np.where(np.isnan(self.axis_m + height), self.level_m + above, self.axis_m + height / 2)

    @cached_property
    def cover_m(self) -> Floats:
        """Ground over the outer top, which is that of a casing where the pipe lies in one."""
        return self.ground_m - self.crown_m - np.tile(self._scope.casing_over_m, 2)

    @cached_property
    def invert_m(self) -> Floats:
        """Elevation of the bottom."""
        return self.crown_m - np.tile(self._scope.height_m, 2)

    def keys(self, at: Ints) -> Objects:
        """Numbers of the nodes at some ends."""
        return self._scope.node_keys(self.node[at])

    def _surveyed(self, attribute: str) -> Floats:
        segments = self._scope.segments
        sides = [segments.values(f"{side}_{attribute}") for side in ("from", "to")]
        return np.concatenate(sides).astype(np.float64)


def _drawn_along_flow(segments: Columns, axes: Axes) -> frozenset[int]:
    gravity = np.flatnonzero(segments.words("class_code").is_in(codes_where("utility_class", "flow", "gravity")))
    rise = axes.xyz[axes.first[gravity + 1] - 1, 2] - axes.xyz[axes.first[gravity], 2]
    is_sloping = np.abs(rise) > _LEVEL_M
    dataset = segments.values("dataset_id")[gravity[is_sloping]]
    number, first = numbered([dataset])
    falling, all_of_them = np.bincount(number, rise[is_sloping] < 0), np.bincount(number)
    drawn = (all_of_them >= _FEWEST_DRAWN) & (falling >= _MOSTLY_DRAWN * all_of_them)
    return frozenset(dataset[first[drawn]].tolist())


def _numbers(column: Column) -> npt.NDArray[Any]:
    assert isinstance(column, np.ndarray)
    return column
