"""A network from plain columns instead of the database: for designs, models and what-if questions."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pipemap.copy_out import TextColumn
from pipemap.network import (
    OPERABILITIES,
    STATES,
    UNKNOWN,
    Consumers,
    Ints,
    Network,
    Nodes,
    Segments,
    SmallInts,
    code_positions,
    no_pair_valves,
    positions_of,
)
from pipemap.network.axes import Axes
from schemas.codetables import code_table


def network_from_arrays(
    nodes: Mapping[str, npt.ArrayLike],
    segments: Mapping[str, npt.ArrayLike],
    consumers: Mapping[str, npt.ArrayLike] | None = None,
) -> Network:
    """A network from plain columns, for designs, models and what-if questions.

    `nodes` needs `id` (ascending) and may give x_m, y_m, appurtenance, feature, state, operability and is_active;
    `segments` needs `id` (ascending), `from_id` and `to_id` and may give length_m, class_code, flow, is_active,
    shape_code, width_mm, bore_width_mm, bore_height_mm, material_code, pressure_code, from_invert_m, to_invert_m,
    elevation_source_code (measured) and dataset; `consumers` needs `id` and `node_id`
    and may give people, kind_code and is_critical.
    Codes are words of the code tables, "" for none; flow is 1, -1 or 0.
    """
    node_ids = np.asarray(nodes["id"], np.int64)
    count = len(node_ids)
    made = Nodes(
        id=node_ids,
        x_m=_column(nodes, "x_m", count, np.nan, np.float64),
        y_m=_column(nodes, "y_m", count, np.nan, np.float64),
        appurtenance=_codes(nodes, "appurtenance", count, tuple(code_table("appurtenance")), ""),
        state=_codes(nodes, "state", count, STATES, ""),
        operability=_codes(nodes, "operability", count, OPERABILITIES, ""),
        is_active=_column(nodes, "is_active", count, True, np.bool_),
        is_missing=np.zeros(count, np.bool_),
        key=TextColumn.empty(count),
        name=TextColumn.empty(count),
        address=TextColumn.empty(count),
        feature=_codes(nodes, "feature", count, tuple(code_table("feature")), ""),
    )
    return Network(made, _plain_segments(segments, made), _plain_consumers(consumers, node_ids), no_pair_valves())


def _plain_segments(given: Mapping[str, npt.ArrayLike], nodes: Nodes) -> Segments:
    ids = np.asarray(given["id"], np.int64)
    count = len(ids)
    from_node = positions_of(nodes.id, np.asarray(given["from_id"], np.int64), "node")
    to_node = positions_of(nodes.id, np.asarray(given["to_id"], np.int64), "node")
    return Segments(
        id=ids,
        from_node=from_node,
        to_node=to_node,
        length_m=_column(given, "length_m", count, 1.0, np.float64),
        x_m=(nodes.x_m[from_node] + nodes.x_m[to_node]) / 2,
        y_m=(nodes.y_m[from_node] + nodes.y_m[to_node]) / 2,
        z_m=np.full(count, np.nan),
        class_=_codes(given, "class_code", count, tuple(code_table("utility_class")), "water"),
        flow=_column(given, "flow", count, 0, np.int8),
        is_active=_column(given, "is_active", count, True, np.bool_),
        shape=_codes(given, "shape_code", count, tuple(code_table("section_shape")), "unknown"),
        bore_width_mm=_column(given, "bore_width_mm", count, np.nan, np.float32),
        bore_height_mm=_column(given, "bore_height_mm", count, np.nan, np.float32),
        is_bore_assumed=np.zeros(count, np.bool_),
        material=_codes(given, "material_code", count, tuple(code_table("material")), ""),
        pressure=_codes(given, "pressure_code", count, tuple(code_table("pressure")), ""),
        key=TextColumn.empty(count),
        from_invert_m=_column(given, "from_invert_m", count, np.nan, np.float64),
        to_invert_m=_column(given, "to_invert_m", count, np.nan, np.float64),
        level=_codes(given, "elevation_source_code", count, tuple(code_table("elevation_source")), "measured"),
        dataset=_column(given, "dataset", count, 1, np.int64),
        axis=_straight_axes(nodes, from_node, to_node),
        width_mm=_column(given, "width_mm", count, np.nan, np.float32),
        height_mm=np.full(count, np.nan, np.float32),
        lifecycle=np.full(count, UNKNOWN, np.int8),
        voltage_kv=np.full(count, np.nan, np.float32),
        owner=TextColumn.empty(count),
    )


def _straight_axes(nodes: Nodes, from_node: Ints, to_node: Ints) -> Axes:
    """Axes in plan straight from node to node."""
    ends = np.stack([from_node, to_node], axis=1).ravel()
    points_m = np.stack([nodes.x_m[ends], nodes.y_m[ends], np.full(len(ends), np.nan)], axis=1)
    return Axes(points_m, 2 * np.arange(len(from_node) + 1))


def _plain_consumers(given: Mapping[str, npt.ArrayLike] | None, node_ids: Ints) -> Consumers:
    given = given or {"id": [], "node_id": []}
    ids = np.asarray(given["id"], np.int64)
    node = positions_of(node_ids, np.asarray(given["node_id"], np.int64), "node")
    unknown = np.full(len(ids), np.nan)
    return Consumers(
        id=ids,
        node=node,
        x_m=unknown,
        y_m=unknown,
        class_=_codes(given, "class_code", len(ids), tuple(code_table("utility_class")), "water"),
        kind=_codes(given, "kind_code", len(ids), tuple(code_table("consumer_kind")), "unknown"),
        people=_column(given, "people", len(ids), UNKNOWN, np.int64),
        is_critical=_column(given, "is_critical", len(ids), False, np.bool_),
        name=TextColumn.empty(len(ids)),
    )


def _column(given: Mapping[str, npt.ArrayLike], name: str, count: int, default: float, dtype: Any) -> npt.NDArray[Any]:
    return np.asarray(given[name], dtype) if name in given else np.full(count, default, dtype)


def _codes(
    given: Mapping[str, npt.ArrayLike], name: str, count: int, codes: tuple[str, ...], default: str
) -> SmallInts:
    words = [str(word) for word in np.asarray(given[name]).tolist()] if name in given else []
    return code_positions(codes, words, count, default)
