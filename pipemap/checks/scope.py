"""What the rules look at: the features a changeset touches and their neighbourhood, as frames and arrays.

Positions (`from_pos`, `node`, `segment`) are row numbers of the frames, -1 where there is none.
Heights are metres above the vertical datum; what is unknown is NaN.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from sqlalchemy.dialects.postgresql import BIGINT, BOOLEAN, DOUBLE_PRECISION, INTEGER, REAL

from schemas.codetables import code_table, codes_where
from schemas.tables import metadata, state_names

Kind: TypeAlias = Literal["node", "pipe_segment", "consumer", "structure"]
Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]

_LINK_COLUMNS = ["feature_id", "from_node_id", "to_node_id", "class_code", "lifecycle_code", "touched"]
_STATION_COLUMNS = ["feature_id", "class_code", "appurtenance_code"]


@dataclass(frozen=True)
class Scope:
    """Features as data frames with the columns of their tables, plus `file` and `touched`.

    `links` holds every pipe of the utility groups that are touched, all over the map, with few
    columns, and `stations` the nodes there that have an appurtenance: what network-wide rules need.
    """

    nodes: pd.DataFrame
    segments: pd.DataFrame
    consumers: pd.DataFrame
    structures: pd.DataFrame
    links: pd.DataFrame
    stations: pd.DataFrame
    srid: int

    @classmethod
    def of(
        cls,
        nodes: pd.DataFrame,
        segments: pd.DataFrame,
        consumers: pd.DataFrame | None = None,
        structures: pd.DataFrame | None = None,
        *,
        links: pd.DataFrame | None = None,
        stations: pd.DataFrame | None = None,
        disturbed_node_ids: Collection[int] = (),
        srid: int = 4547,
    ) -> "Scope":
        """Complete the frames and spread `changed` to what a change touches.

        A node is touched when it, or a segment at it, changed; a segment when it, or one of its
        nodes, changed. `disturbed_node_ids` are nodes that lost a segment. A frame without a column
        `changed` is changed throughout; a column that is absent is wholly unknown.
        """
        nodes, segments = _completed(nodes, "node"), _completed(segments, "pipe_segment")
        changed = segments.loc[segments["changed"], ["from_node_id", "to_node_id"]].to_numpy().ravel()
        disturbed = np.concatenate([changed, np.fromiter(disturbed_node_ids, np.int64)])
        changed_nodes = nodes.loc[nodes["changed"], "feature_id"]
        ends_changed = segments["from_node_id"].isin(changed_nodes) | segments["to_node_id"].isin(changed_nodes)
        nodes["touched"] = nodes["changed"] | nodes["feature_id"].isin(disturbed)
        segments["touched"] = segments["changed"] | ends_changed
        consumers, structures = (_alone(consumers, "consumer"), _alone(structures, "structure"))
        return cls(
            nodes,
            segments,
            consumers,
            structures,
            links=segments[_LINK_COLUMNS] if links is None else _linked(links, segments),
            stations=nodes[_STATION_COLUMNS] if stations is None else stations,
            srid=srid,
        )

    def frame(self, kind: Kind) -> pd.DataFrame:
        """The frame of one kind."""
        frames = {"node": self.nodes, "pipe_segment": self.segments}
        return {**frames, "consumer": self.consumers, "structure": self.structures}[kind]

    def places(self, kind: Kind) -> Floats:
        """Where to point at each feature: x, y; the middle of a line, a point inside an area."""
        return self._places[kind]

    @cached_property
    def _places(self) -> dict[Kind, Floats]:
        points = {
            "node": self.nodes["geom"].to_numpy(),
            "pipe_segment": shapely.line_interpolate_point(self.lines, 0.5, normalized=True),
            "consumer": self.consumers["geom"].to_numpy(),
            "structure": shapely.point_on_surface(self.structures["geom"].to_numpy()),
        }
        return {kind: np.column_stack([shapely.get_x(each), shapely.get_y(each)]) for kind, each in points.items()}  # type: ignore[misc]

    @cached_property
    def lines(self) -> npt.NDArray[np.object_]:
        """Axis of each segment in plan and, where known, in height."""
        lines: npt.NDArray[np.object_] = self.segments["geom"].to_numpy()
        return lines

    @cached_property
    def node_xy(self) -> Floats:
        """Plan position of each node, shape (nodes, 2)."""
        return self.places("node")

    @cached_property
    def from_pos(self) -> Ints:
        """Row of each segment's start node."""
        return self._positions("from_node_id")

    @cached_property
    def to_pos(self) -> Ints:
        """Row of each segment's end node."""
        return self._positions("to_node_id")

    def _positions(self, column: str) -> Ints:
        index = pd.Index(self.nodes["feature_id"])
        return np.asarray(index.get_indexer(pd.Index(self.segments[column])), np.int64)

    @cached_property
    def length_m(self) -> Floats:
        """Length of each axis, in space where its height is known, else in plan."""
        coordinates, owner = shapely.get_coordinates(self.lines, include_z=True, return_index=True)
        steps = np.diff(coordinates, axis=0)
        steps[:, 2] = np.nan_to_num(steps[:, 2])
        inside = owner[1:] == owner[:-1]
        steps_m = np.sqrt((steps[inside] ** 2).sum(axis=1))
        return np.bincount(owner[1:][inside], steps_m, minlength=len(self.lines)).astype(np.float64)

    @cached_property
    def node_keys(self) -> npt.NDArray[np.object_]:
        """Number of each node; the last entry stands for one that is missing (position -1)."""
        return np.append(self.nodes["source_key"].to_numpy(object), "?")

    @cached_property
    def is_gravity(self) -> Bools:
        """Whether each segment runs by gravity."""
        return self.segments["class_code"].isin(codes_where("utility_class", "flow", "gravity")).to_numpy()

    @cached_property
    def active(self) -> Bools:
        """Whether each segment is part of the live network."""
        return is_active(self.segments["lifecycle_code"])

    @cached_property
    def size_m(self) -> tuple[Floats, Floats]:
        """Outer width and height of each segment."""
        sizes = self.segments[["width_mm", "height_mm"]].to_numpy(np.float64) / 1000.0
        return sizes[:, 0], sizes[:, 1]

    @cached_property
    def ends(self) -> pd.DataFrame:
        """Both ends of every segment, starts first: two rows per segment.

        Columns: segment, node, other (node at the far end), is_from, class_code, x, y, ground_m,
        depth_m, elevation_m (surveyed), axis_m, crown_m, invert_m.
        """
        count = len(self.segments)
        coordinates = shapely.get_coordinates(self.lines, include_z=True)
        last = np.cumsum(shapely.get_num_coordinates(self.lines)) - 1
        first = np.concatenate([[0], last[:-1] + 1]) if count else last
        at_end = coordinates[np.concatenate([first, last]).astype(np.int64)]
        node = np.concatenate([self.from_pos, self.to_pos])
        ends = pd.DataFrame(
            {
                "segment": np.tile(np.arange(count), 2),
                "node": node,
                "other": np.concatenate([self.to_pos, self.from_pos]),
                "is_from": np.repeat([True, False], count),
                "class_code": np.tile(self.segments["class_code"].to_numpy(), 2),
                "x": at_end[:, 0],
                "y": at_end[:, 1],
                "ground_m": _taken(self.nodes["ground_elevation_m"].to_numpy(np.float64), node),
                "depth_m": self._both("depth_m"),
                "elevation_m": self._both("elevation_m"),
                "axis_m": at_end[:, 2],
            }
        )
        return ends.assign(**self._walls(ends))

    def _both(self, attribute: str) -> Floats:
        return self.segments[[f"from_{attribute}", f"to_{attribute}"]].to_numpy(np.float64).T.ravel()

    def _walls(self, ends: pd.DataFrame) -> dict[str, Floats]:
        """Crown and invert from the axis, else from the surveyed level and what it refers to."""
        height = np.tile(self.size_m[1], 2)
        datum = np.tile(self.segments["depth_datum_code"].to_numpy(), 2)
        level = ends["elevation_m"].fillna(ends["ground_m"] - ends["depth_m"]).to_numpy()
        axis = ends["axis_m"].to_numpy()
        above = np.select(
            [datum == "crown", datum == "axis", datum == "invert"], [0 * height, height / 2, height], np.nan
        )
        above[(datum == "crown") & np.isnan(height)] = 0.0
        crown = np.where(np.isnan(axis + height), level + above, axis + height / 2)
        return {"crown_m": crown, "invert_m": crown - height}

    @cached_property
    def degree(self) -> Ints:
        """How many segments end at each node, removed ones left out; a loop counts twice."""
        standing = self.segments["lifecycle_code"].ne("removed").to_numpy()
        used = np.concatenate([self.from_pos[standing], self.to_pos[standing]])
        return np.bincount(used[used >= 0], minlength=len(self.nodes)).astype(np.int64)


def is_active(lifecycle: "pd.Series[Any]") -> Bools:
    """Whether a lifecycle code is part of the live network; unknown counts as in service."""
    inactive = [code.code for code in code_table("lifecycle").values() if not code.flag("is_active")]
    return ~lifecycle.isin(inactive).to_numpy()


def _taken(values: Floats, positions: Ints) -> Floats:
    return np.append(values, np.nan)[positions]


def _alone(frame: pd.DataFrame | None, kind: Kind) -> pd.DataFrame:
    completed = _completed(pd.DataFrame() if frame is None else frame, kind)
    return completed.assign(touched=completed["changed"])


def _completed(frame: pd.DataFrame, kind: Kind) -> pd.DataFrame:
    """Every column of the kind in its own type, with `class_code`, `file` and `changed`, in order of their ids."""
    types = metadata.tables[f"pipemap.{kind}"].columns
    missing = pd.Series(np.nan, index=frame.index)
    whole = {
        name: _typed(frame.get(name, missing), types[name].type)
        for name in state_names(kind)
        if name not in ("extra", "source_file_id")
    }
    for name in ("class_code", "file"):
        whole.setdefault(name, frame.get(name, missing).astype(object))
    whole["changed"] = frame["changed"].astype(bool) if "changed" in frame else pd.Series(True, index=frame.index)
    return pd.DataFrame(whole, index=frame.index).sort_values("feature_id", kind="stable", ignore_index=True)


def _typed(column: "pd.Series[Any]", kind: Any) -> "pd.Series[Any]":
    if isinstance(kind, BIGINT) and column.notna().all():
        return column.astype(np.int64)
    if isinstance(kind, BIGINT | INTEGER | REAL | DOUBLE_PRECISION):
        return column.astype(np.float64)
    if isinstance(kind, BOOLEAN):
        return column.eq(True)
    return column.astype(object).where(column.notna(), None)


def _linked(links: pd.DataFrame, segments: pd.DataFrame) -> pd.DataFrame:
    touched = segments.loc[segments["touched"], "feature_id"]
    return links.assign(touched=links["feature_id"].isin(touched))
