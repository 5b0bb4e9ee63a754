"""Joins lines to points: by point number, else by snapping line ends within a tolerance."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from importers.ledger import Ledger
from schemas.findings import Severity

SNAP_M = 0.05

_DIRECTED = ("depth_m", "elevation_m", "ground_m")
_SAME = ("class_code", "line_id", "section_text", "material_code", "burial_code", "width_mm", "height_mm", "circuit")


def join(nodes: pd.DataFrame, segments: pd.DataFrame, ledger: Ledger) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Nodes with unique keys, and segments whose two ends are among them; what does not fit is refused."""
    nodes = _unique_nodes(_with_keys(nodes), ledger)
    if not len(segments):
        return _classified(nodes, segments, ledger)
    nodes, segments = _snapped(nodes, segments, ledger)
    segments = _joined(nodes, segments, ledger)
    nodes, segments = _classified(nodes, segments, ledger)
    segments = _without_repeats(_with_other_ends(segments), ledger)
    return nodes, segments.assign(source_key=_segment_keys(segments))


def position_key(x_m: float, y_m: float) -> str:
    """The key of a point that has none of its own: its place to the centimetre."""
    return f"@{x_m:.2f},{y_m:.2f}"


def _with_keys(nodes: pd.DataFrame) -> pd.DataFrame:
    if not len(nodes):
        return pd.DataFrame({name: pd.Series(dtype=object) for name in ("source_key", "class_code", "table", "place")})
    blank = nodes["source_key"].isna()
    keys = nodes["source_key"].astype(object)
    keys[blank] = [position_key(x, y) for x, y in zip(nodes["x_m"][blank], nodes["y_m"][blank], strict=True)]
    return nodes.assign(source_key=keys)


def _unique_nodes(nodes: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    repeated = nodes["source_key"].duplicated()
    if not repeated.any():
        return nodes
    content = [name for name in nodes.columns if name not in ("table", "place", "extra")]
    agrees = nodes.duplicated(subset=content)
    ledger.refuse(
        nodes[repeated & agrees],
        Severity.WARNING,
        "R07",
        "Point {source_key} stands twice; the second row says the same and was left out.",
        "点号 {source_key} 重复，内容一致，未重复载入。",
        kind="node",
    )
    ledger.refuse(
        nodes[repeated & ~agrees],
        Severity.ERROR,
        "R07",
        "Point {source_key} stands twice and the rows differ; only the first was loaded.",
        "点号 {source_key} 重复且内容不一致，仅载入第一行。",
        kind="node",
    )
    return nodes[~repeated]


def _snapped(nodes: pd.DataFrame, segments: pd.DataFrame, ledger: Ledger) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give lines without point numbers the keys of points at their ends, and make points where there are none."""
    has_line = segments["line"].notna()
    loose = has_line & (segments["from_key"].isna() | segments["to_key"].isna())
    # Numbers without any point table: the drawn ends are the points.
    named = has_line & ~loose if not len(nodes) else has_line & False
    if not (loose.any() or named.any()):
        return nodes, segments
    chosen = segments[loose | named]
    ends = np.concatenate([*line_ends(chosen["line"].to_numpy(object)).swapaxes(0, 1)])
    keys = np.concatenate([chosen["from_key"], chosen["to_key"]]).astype(object)
    classes = np.concatenate([chosen["class_code"], chosen["class_code"]]).astype(object)
    missing = pd.isna(keys)
    keys[missing] = _keys_at(ends[missing], classes[missing], nodes)
    segments = segments.copy()
    segments.loc[chosen.index, "from_key"] = keys[: len(chosen)]
    segments.loc[chosen.index, "to_key"] = keys[len(chosen) :]
    made = pd.DataFrame(
        {
            "source_key": keys,
            "class_code": classes,
            "x_m": ends[:, 0],
            "y_m": ends[:, 1],
            "table": np.tile(chosen["table"], 2),
            "place": np.tile(chosen["place"], 2),
        }
    )
    made = made[~made["source_key"].isin(set(nodes["source_key"]))].drop_duplicates("source_key")
    return _stacked(nodes, made), segments


def _keys_at(ends: npt.NDArray[np.float64], classes: npt.NDArray[np.object_], nodes: pd.DataFrame) -> list[str]:
    """The key of the point within `SNAP_M` of each end; ends of one class within it of each other share a new one."""
    keys = np.full(len(ends), None, dtype=object)
    if len(nodes):
        distance, nearest = cKDTree(nodes[["x_m", "y_m"]].to_numpy(float)).query(ends, distance_upper_bound=SNAP_M)
        found = np.isfinite(distance)
        keys[found] = nodes["source_key"].to_numpy(object)[np.asarray(nearest)[found]]
    left = np.flatnonzero(pd.isna(keys))
    for class_code in pd.unique(classes[left]):
        same = left[pd.isna(classes[left]) if class_code is None else classes[left] == class_code]
        for cluster in _clusters(ends[same]):
            x_m, y_m = min(map(tuple, ends[same[cluster]]))
            keys[same[cluster]] = f"{class_code or ''}{position_key(x_m, y_m)}"
    return list(keys)


def _clusters(xy: npt.NDArray[np.float64]) -> Iterable[npt.NDArray[np.int64]]:
    pairs = np.asarray(cKDTree(xy).query_pairs(SNAP_M, output_type="ndarray"))
    graph = coo_array((np.ones(len(pairs), dtype=np.int8), (pairs[:, 0], pairs[:, 1])), shape=(len(xy), len(xy)))
    labels = np.asarray(connected_components(graph, directed=False)[1]).ravel()
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)


def _joined(nodes: pd.DataFrame, segments: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    unnamed = segments["from_key"].isna() | segments["to_key"].isna()
    ledger.refuse(
        segments[unnamed],
        Severity.ERROR,
        "R03",
        "A line without start or end point number and without a drawn line.",
        "管线缺少起点号或终点号，也没有图形。",
        kind="pipe_segment",
    )
    segments = segments[~unnamed]
    # Findings name a line by it; what is left over is numbered anew.
    segments = segments.assign(source_key=_segment_keys(segments))
    to_itself = segments["from_key"] == segments["to_key"]
    ledger.refuse(
        segments[to_itself],
        Severity.ERROR,
        "R13",
        "The line starts and ends at the same point {from_key}.",
        "管线起止点号相同：{from_key}。",
        kind="pipe_segment",
    )
    segments = segments[~to_itself]
    known = set(nodes["source_key"])
    # As objects: Arrow strings look a large set up one scalar at a time.
    starts, stops = segments["from_key"].astype(object), segments["to_key"].astype(object)
    lost_from, lost_to = ~starts.isin(known), ~stops.isin(known)
    lost = lost_from | lost_to
    ends = segments["from_key"].where(lost_from, segments["to_key"])
    ledger.refuse(
        segments[lost].assign(end=ends[lost]),
        Severity.ERROR,
        "R20",
        "Line {from_key}->{to_key}: point {end} is not in the point table.",
        "管线 {from_key}->{to_key}：点 {end} 不在管点表中。",
        kind="pipe_segment",
        value="end",
    )
    return segments[~lost]


def _classified(nodes: pd.DataFrame, segments: pd.DataFrame, ledger: Ledger) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fill missing classes from the other end of the join; what nobody names is of unknown class."""
    if len(segments):
        of_node = nodes.set_index("source_key")["class_code"]
        own = segments["class_code"].astype(object)
        own = own.where(own.notna(), segments["from_key"].map(of_node)).where(lambda c: c.notna(), "unknown")
        segments = segments.assign(class_code=own)
        ends = pd.concat([segments.set_index(end)["class_code"] for end in ("from_key", "to_key")])
        of_line = ends[~ends.index.duplicated()]
        given = nodes["class_code"].astype(object)
        nodes = nodes.assign(class_code=given.where(given.notna(), nodes["source_key"].map(of_line)))
        ledger.classify(segments)
    given = nodes["class_code"].astype(object)
    nodes = nodes.assign(class_code=given.where(given.notna(), "unknown"))
    ledger.classify(nodes[nodes["from_row"]] if "from_row" in nodes else nodes)
    return nodes, segments


def _with_other_ends(segments: pd.DataFrame) -> pd.DataFrame:
    """Heights at the far end of lines of combined tables, which give each line once from either end."""
    if "both_ways" not in segments:
        return segments
    both_ways = segments["both_ways"].eq(True)
    pair = segments["from_key"] + "\0" + segments["to_key"]
    twin = segments["to_key"] + "\0" + segments["from_key"]
    first = segments[both_ways & ~pair.duplicated()].set_index(pair[both_ways & ~pair.duplicated()])
    for name in _DIRECTED:
        told = twin.map(first[f"from_{name}"]).where(both_ways).astype(float)
        segments = segments.assign(**{f"to_{name}": segments[f"to_{name}"].fillna(told)})
    return segments


def _without_repeats(segments: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Refuse lines that repeat another one, also reversed; parallel lines that differ stay, with a warning."""
    content = _content(segments)
    both_ways = segments["both_ways"].eq(True) if "both_ways" in segments else pd.Series(False, index=segments.index)
    same_pair = content.duplicated(subset=["low", "high", "class_code"])
    same = content.duplicated()
    starts, stops = segments["from_key"].astype(object), segments["to_key"].astype(object)
    reverse = pd.Series(
        (stops + "\0" + starts).isin(set(starts + "\0" + stops)),
        index=segments.index,
    )
    expected = both_ways & reverse & same_pair
    ledger.refuse(
        segments[same & ~expected],
        Severity.WARNING,
        "R14",
        "Line {from_key}->{to_key} repeats another one and was left out.",
        "管线 {from_key}->{to_key} 重复，未重复载入。",
        kind="pipe_segment",
    )
    ledger.report(
        segments[same_pair & ~same & ~expected & segments["line_id"].isna()],
        Severity.WARNING,
        "R14",
        "A second line joins {from_key} and {to_key} with other attributes; loaded as a parallel line.",
        "{from_key} 与 {to_key} 之间有属性不同的重复管线，按并行管线载入。",
        kind="pipe_segment",
    )
    return segments[~(same | expected)]


def _content(segments: pd.DataFrame) -> pd.DataFrame:
    """What makes two lines the same line, whichever way they are written."""
    is_forward = segments["from_key"] <= segments["to_key"]
    content = {
        "low": segments["from_key"].where(is_forward, segments["to_key"]),
        "high": segments["to_key"].where(is_forward, segments["from_key"]),
        "length": np.round(shapely.length(segments["line"].to_numpy(object)), 2),
    }
    for name in _DIRECTED:
        start, end = segments[f"from_{name}"], segments[f"to_{name}"]
        content[f"low_{name}"], content[f"high_{name}"] = start.where(is_forward, end), end.where(is_forward, start)
    return pd.DataFrame(content | {name: segments[name] for name in _SAME})


def _segment_keys(segments: pd.DataFrame) -> "pd.Series[str]":
    keys = segments["from_key"].astype(object) + "->" + segments["to_key"].astype(object)
    nth = keys.groupby(keys).cumcount()
    return keys.where(nth == 0, keys + "#" + (nth + 1).astype(str))


def line_ends(lines: npt.NDArray[np.object_]) -> npt.NDArray[np.float64]:
    """First and last place of every line in plan, shape (n, 2, 2)."""
    coordinates, counts = shapely.get_coordinates(lines), shapely.get_num_coordinates(lines)
    last = np.cumsum(counts) - 1
    return np.stack([coordinates[last - counts + 1], coordinates[last]], axis=1)


def _stacked(nodes: pd.DataFrame, made: pd.DataFrame) -> pd.DataFrame:
    """Both kinds of nodes; `from_row` tells those that have a row of their own."""
    made = made.assign(from_row=False)
    if not len(nodes):
        return made.reset_index(drop=True)
    return pd.concat([nodes.assign(from_row=True), made], ignore_index=True)
