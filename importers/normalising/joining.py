"""Joins lines to points: by point number, else by snapping line ends within a tolerance.

Frames hold what `importers.normalising.pool` keeps in memory. Once lines are joined, their ends are positions in
the frame of nodes (`from_node`, `to_node`) and no longer numbers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from importers.normalising.classing import classified
from importers.normalising.compact import CLASS, codes
from importers.normalising.ledger import Ledger
from importers.normalising.normalise import LINE_ENDS
from importers.normalising.point_numbers import with_unique_numbers
from importers.normalising.spellings import with_known_spelling
from schemas.findings import Severity

SNAP_M = 0.05
_ROUNDING_M = 1e-6

# Attributes that name the point at either end of a line, of which a table has one.
_NUMBERS = {"from": ("from_key", "pair_key", "key"), "to": ("to_key", "pair_key")}
_DIRECTED = ("depth_m", "elevation_m", "ground_m")
# The columns of nodes where there is no table of points.
_NODE: dict[str, Any] = {
    **dict.fromkeys(("row", "table", "place"), np.int32),
    **dict.fromkeys(("x_m", "y_m", "ground_elevation_m"), np.float64),
    "source_key": "str",
    "class_code": CLASS,
}
# Of a table with more lines than this that do not name their points, these are no slips.
_MOSTLY_NUMBERED = 0.5
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Keys:
    """Point numbers by what stands for them: the position of a node, beyond the nodes what is no point's number."""

    texts: pa.Array

    def named(self, segments: pd.DataFrame) -> pd.DataFrame:
        """Segments with the numbers of their ends and their own key, for findings."""
        start, end = (self.of(segments[f"{name}_node"].to_numpy()) for name in ("from", "to"))
        names = segment_keys(start, end, segments["nth"].to_numpy())
        told = {"from_key": start, "to_key": end, "source_key": names}
        return segments.assign(**{name: texts.to_numpy(zero_copy_only=False) for name, texts in told.items()})

    def of(self, numbers: Ints) -> pa.Array:
        """The texts of numbers."""
        return self.texts.take(pa.array(numbers, mask=numbers < 0))


def join(
    nodes: pd.DataFrame,
    segments: pd.DataFrame,
    class_words: Mapping[str, str],
    ledger: Ledger,
    *,
    draw_lost_points: bool = False,
    snap_m: float = SNAP_M,
) -> tuple[pd.DataFrame, pd.DataFrame, Keys]:
    """Nodes with unique keys, and segments whose two ends are among them; what does not fit is refused.

    With `draw_lost_points`, the drawn end of a line that names a point which no table has is that point. Ends within
    `snap_m` of a point, or of each other, are one. `class_words` are case-folded words for utility classes.
    """
    nodes = _with_keys(nodes)
    if not len(segments):
        nodes, segments = with_unique_numbers(nodes, segments, ledger, snap_m)
        nodes, segments = classified(nodes, segments, class_words, ledger)
        return nodes, segments, Keys(_texts(nodes["source_key"]))
    numbers, keys = _numbered(nodes, segments)
    if not _join_everything(numbers, len(nodes)):
        nodes, segments = with_unique_numbers(nodes, segments, ledger, snap_m)
        segments = with_known_spelling(nodes, segments, ledger)
        nodes, segments = _snapped(nodes, segments, ledger, draw_lost_points, snap_m)
        numbers, keys = _numbered(nodes, segments)
    nodes = nodes.drop(columns="content", errors="ignore")
    start, end = np.split(numbers[len(nodes) :], 2)
    segments = segments.drop(columns=["from_key", "to_key"]).assign(from_node=start, to_node=end)
    segments = _joined(len(nodes), segments, keys, ledger, snap_m)
    nodes, segments = classified(nodes, segments, class_words, ledger)
    segments = _without_repeats(_with_other_ends(segments), keys, ledger)
    return nodes, segments.assign(nth=_nth_of_pair(segments)), keys


def position_keys(x_m: Iterable[float], y_m: Iterable[float], prefix: str = "") -> list[str]:
    """The keys of points that have none of their own: their places to the centimetre."""
    # In one step a key: there may be a million.
    return list(map(f"{prefix}@%.2f,%.2f".__mod__, zip(x_m, y_m, strict=True)))


def segment_keys(start: pa.Array, end: pa.Array, nth: Ints) -> pa.Array:
    """The keys of segments: their ends' numbers, and which of several between them each is."""
    names = pc.binary_join_element_wise(start, end, "->")
    is_further = nth > 0
    if is_further.any():
        tails = np.where(is_further, np.char.add("#", (nth + 1).astype(str)), "")
        names = pc.binary_join_element_wise(names, pa.array(tails), "")
    return names


def _texts(column: "pd.Series[Any]") -> pa.Array:
    array = pa.array(column, type=pa.string())
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _are_among(column: "pd.Series[Any]", known: "pd.Series[Any]") -> npt.NDArray[np.bool_]:
    """Which texts are among those known; pandas would take every text of either into Python."""
    return np.asarray(pc.is_in(_texts(column), value_set=_texts(known)).to_numpy(zero_copy_only=False))


def _with_keys(nodes: pd.DataFrame) -> pd.DataFrame:
    if not len(nodes):
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in _NODE.items()})
    blank = nodes["source_key"].isna()
    if blank.any():
        nodes.loc[blank, "source_key"] = position_keys(nodes["x_m"][blank], nodes["y_m"][blank])
    return nodes


def _snapped(
    nodes: pd.DataFrame, segments: pd.DataFrame, ledger: Ledger, draw_lost_points: bool, snap_m: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give lines without point numbers the keys of points at their ends, and make points where there are none."""
    has_line = segments["start_x"].notna()
    is_nameless = segments["from_key"].isna() | segments["to_key"].isna()
    if draw_lost_points and len(nodes):
        for name in ("from_key", "to_key"):
            is_nameless |= ~_are_among(segments[name], nodes["source_key"])
    # Numbers without any point table: the drawn ends are the points.
    chosen = segments[has_line & is_nameless if len(nodes) else has_line]
    if not len(chosen):
        return nodes, segments
    at_ends = chosen[list(LINE_ENDS)].to_numpy()
    ends = np.concatenate([at_ends[:, :2], at_ends[:, 2:]])
    keys = np.concatenate([chosen["from_key"].to_numpy(object), chosen["to_key"].to_numpy(object)])
    classes = pd.Categorical.from_codes(np.tile(codes(chosen["class_code"]), 2), dtype=CLASS)
    missing = pd.isna(keys)
    keys[missing] = _keys_at(ends[missing], classes[missing], nodes, snap_m)
    _tell_placed(segments, chosen, keys, ledger)
    texts = pd.array(keys, dtype="str")
    segments = _with_ends(segments, chosen, texts)
    made = pd.DataFrame({"source_key": texts, "class_code": classes})
    made = made.assign(x_m=ends[:, 0], y_m=ends[:, 1], row=np.int32(-1))
    made = made.assign(**{name: np.tile(chosen[name], 2) for name in ("table", "place")})
    made = made.drop_duplicates("source_key")
    made = made[~_are_among(made["source_key"], nodes["source_key"])].assign(ground_elevation_m=np.nan)
    if draw_lost_points and len(nodes):
        _tell_drawn(made[made["source_key"].isin(keys[~missing])], ledger)
    return pd.concat([nodes, made], ignore_index=True) if len(nodes) else made.reset_index(drop=True), segments


def _with_ends(segments: pd.DataFrame, chosen: pd.DataFrame, keys: "pd.api.extensions.ExtensionArray") -> pd.DataFrame:
    """Segments where those chosen have these keys: first of all their starts, then of all their ends."""
    ends = {"from_key": keys[: len(chosen)], "to_key": keys[len(chosen) :]}
    if len(chosen) == len(segments):
        return segments.assign(**ends)
    for name, of_end in ends.items():
        segments.loc[chosen.index, name] = of_end
    return segments


def _tell_placed(segments: pd.DataFrame, chosen: pd.DataFrame, keys: npt.NDArray[np.object_], ledger: Ledger) -> None:
    """Lines that name not both of their points where most of their table do: by place they may be joined wrongly."""
    is_nameless = chosen["from_key"].isna() | chosen["to_key"].isna()
    shares = (segments["from_key"].isna() | segments["to_key"].isna()).groupby(segments["table"]).mean()
    is_told = (is_nameless & (chosen["table"].map(shares) < _MOSTLY_NUMBERED)).to_numpy()
    told = chosen.loc[is_told, ["table", "place", "start_x", "start_y"]]
    start, end = np.split(keys, 2)
    ledger.report(
        told.rename(columns={"start_x": "x_m", "start_y": "y_m"}).assign(start=start[is_told], end=end[is_told]),
        Severity.WARNING,
        "R03",
        "The line does not name both of its points, as most of its table do; by place it joins {start} and {end}.",
        "管线未填全起止点号（同表多数管线已填写），已按位置连接 {start} 与 {end}。",
        kind="pipe_segment",
    )


def _tell_drawn(points: pd.DataFrame, ledger: Ledger) -> None:
    ledger.report(
        points,
        Severity.WARNING,
        "R20",
        "Point {source_key} is not in the point table; it was made from the end of a drawn line.",
        "点号 {source_key} 不在管点表中，已按图上管线端点生成。",
        kind="node",
    )


def _keys_at(
    ends: npt.NDArray[np.float64], classes: pd.Categorical, nodes: pd.DataFrame, snap_m: float
) -> npt.NDArray[np.object_]:
    """The key of the point within `snap_m` of each end, one of its own class before any other's.

    Ends of one class that have none and lie within it of each other share a new key.
    """
    keys = np.full(len(ends), None, dtype=object)
    for code in [*np.unique(classes.codes), None] if len(nodes) else ():
        near = nodes if code is None else nodes[codes(nodes["class_code"]) == code]
        open_ends = np.flatnonzero(pd.isna(keys) & (True if code is None else classes.codes == code))
        keys[open_ends] = _nearest_keys(ends[open_ends], near, snap_m)
    left = np.flatnonzero(pd.isna(keys))
    for code in np.unique(classes.codes[left]):
        same = left[classes.codes[left] == code]
        cluster, corner = _clusters(ends[same], snap_m)
        prefix = "" if code < 0 else str(classes.categories[code])
        x_m, y_m = corner.T.tolist()
        names = np.array(position_keys(x_m, y_m, prefix), dtype=np.object_)
        keys[same] = names[cluster]
    return keys


def _nearest_keys(ends: npt.NDArray[np.float64], nodes: pd.DataFrame, snap_m: float) -> npt.NDArray[np.object_]:
    keys = np.full(len(ends), None, dtype=object)
    if len(ends) and len(nodes):
        # The bound itself counts as near.
        bound_m = snap_m + _ROUNDING_M
        distance, nearest = cKDTree(nodes[["x_m", "y_m"]].to_numpy(float)).query(ends, distance_upper_bound=bound_m)
        found = np.isfinite(distance)
        keys[found] = nodes["source_key"].to_numpy(object)[np.asarray(nearest)[found]]
    return keys


def _clusters(
    xy: npt.NDArray[np.float64], snap_m: float
) -> tuple[npt.NDArray[np.integer[Any]], npt.NDArray[np.float64]]:
    """The cluster of each place, and of each cluster its westernmost place (of several the southernmost)."""
    # Each place once: many lines may end at one, and their pairs are many more. Complex numbers sort by x, then y.
    complex_places, place_of = np.unique(np.ascontiguousarray(xy).view(np.complex128).ravel(), return_inverse=True)
    places = complex_places.view(np.float64).reshape(-1, 2)
    pairs = np.asarray(cKDTree(places).query_pairs(snap_m, output_type="ndarray"))
    graph = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(len(places), len(places)))
    labels = np.asarray(connected_components(graph, directed=False)[1]).ravel()
    # Places are sorted by x, then y, so that a cluster's first one is its corner.
    _, first = np.unique(labels, return_index=True)
    return labels[place_of], places[first]


def _numbered(nodes: pd.DataFrame, segments: pd.DataFrame) -> tuple[Ints, Keys]:
    """Numbers for the keys of nodes, of starts and of ends: those of nodes are their positions, -1 is none."""
    columns = [_texts(column) for column in (nodes["source_key"], segments["from_key"], segments["to_key"])]
    found = pa.concat_arrays(columns).dictionary_encode()
    return found.indices.fill_null(-1).to_numpy(), Keys(found.dictionary)


def _join_everything(numbers: Ints, node_count: int) -> bool:
    """Whether no two nodes share a number, and every line names two nodes."""
    own, of_ends = numbers[:node_count], numbers[node_count:]
    return bool((np.diff(own) == 1).all() and of_ends.min() >= 0 and of_ends.max() < node_count)


def _pairs(segments: pd.DataFrame, is_reversed: bool = False) -> npt.NDArray[np.int64]:
    start, end = (segments[f"{name}_node"].to_numpy().astype(np.int64) for name in ("from", "to"))
    return end << 32 | start if is_reversed else start << 32 | end


def _nth_of_pair(segments: pd.DataFrame) -> Ints:
    """Of the lines from one point to another, how many came before."""
    pairs = pd.Series(_pairs(segments))
    if not pairs.duplicated().any():
        return np.zeros(len(pairs), dtype=np.int32)
    return pairs.groupby(pairs).cumcount().to_numpy().astype(np.int32)


def _joined(node_count: int, segments: pd.DataFrame, keys: Keys, ledger: Ledger, snap_m: float) -> pd.DataFrame:
    is_nameless = (segments["from_node"] < 0) | (segments["to_node"] < 0)
    ledger.refuse(
        segments[is_nameless],
        Severity.ERROR,
        "R03",
        "A line without start or end point number and without a drawn line.",
        "管线缺少起点号或终点号，也没有图形。",
        kind="pipe_segment",
        attributes=_NUMBERS["from"] + _NUMBERS["to"],
    )
    segments = segments[~is_nameless]
    # Findings name a line by its ends and, of several between them, its place among these.
    segments = segments.assign(nth=_nth_of_pair(segments))
    to_itself = segments["from_node"] == segments["to_node"]
    is_speck = to_itself & (segments["length_m"] <= snap_m)
    ledger.refuse(
        keys.named(segments[is_speck]),
        Severity.WARNING,
        "R18",
        f"The line at {{from_key}} is {{length_m:.2f}} m long; ends within {snap_m:g} m of each other are one point.",
        f"{{from_key}} 处的管线长 {{length_m:.2f}} m，相距 {snap_m:g} m 以内的端点视为同一点。",
        kind="pipe_segment",
        value="length_m",
        limit=f"{snap_m:g} m",
    )
    ledger.refuse(
        keys.named(segments[to_itself & ~is_speck]),
        Severity.ERROR,
        "R13",
        "The line starts and ends at the same point {from_key}.",
        "管线起止点号相同：{from_key}。",
        kind="pipe_segment",
        attributes=_NUMBERS["to"],
    )
    segments = segments[~to_itself]
    lost_from, lost_to = segments["from_node"] >= node_count, segments["to_node"] >= node_count
    for end, is_lost in (("from", lost_from), ("to", lost_to & ~lost_from)):
        ledger.refuse(
            keys.named(segments[is_lost]),
            Severity.ERROR,
            "R20",
            f"Line {{from_key}}->{{to_key}}: point {{{end}_key}} is not in the point table.",
            f"管线 {{from_key}}->{{to_key}}：点 {{{end}_key}} 不在管点表中。",
            kind="pipe_segment",
            attributes=_NUMBERS[end],
            value=f"{end}_key",
        )
    return segments[~(lost_from | lost_to)].reset_index(drop=True)


def _with_other_ends(segments: pd.DataFrame) -> pd.DataFrame:
    """Heights at the far end of lines of combined tables, which give each line once from either end."""
    both_ways = segments["both_ways"].to_numpy()
    if not both_ways.any():
        return segments
    told = segments[[f"from_{name}" for name in _DIRECTED]].set_axis(pd.Index(_pairs(segments)), axis=0)
    told = told[both_ways & ~told.index.duplicated()].reindex(_pairs(segments, is_reversed=True))
    for name in _DIRECTED:
        own_m, other_m = segments[f"to_{name}"], told[f"from_{name}"].to_numpy()
        segments = segments.assign(**{f"to_{name}": own_m.where(own_m.notna() | ~both_ways, other_m)})
    return segments


def _without_repeats(segments: pd.DataFrame, keys: Keys, ledger: Ledger) -> pd.DataFrame:
    """Refuse lines that repeat another one, also reversed; parallel lines that differ stay, which is told."""
    pair = _either_way(segments)
    if not pair.duplicated().any():
        return segments
    alike = segments[pair.duplicated(keep=False)]
    same_pair, same = pair.loc[alike.index].duplicated(), _content(alike).duplicated()
    expected = alike["both_ways"] & np.isin(_pairs(alike), _pairs(segments, is_reversed=True)) & same_pair
    ledger.refuse(
        keys.named(alike[same & ~expected]),
        Severity.WARNING,
        "R14",
        "Line {from_key}->{to_key} repeats another one and was left out.",
        "管线 {from_key}->{to_key} 重复，未重复载入。",
        kind="pipe_segment",
    )
    ledger.report(
        keys.named(alike[same_pair & ~same & ~expected & ~alike["has_line_id"]]),
        # Whether that is a fault is for the rule to say when it is checked.
        Severity.INFO,
        "R14",
        "A second line joins {from_key} and {to_key} with other attributes; loaded as a parallel line.",
        "{from_key} 与 {to_key} 之间有属性不同的重复管线，按并行管线载入。",
        kind="pipe_segment",
    )
    return segments.drop(alike.index[same | expected]).reset_index(drop=True)


def _either_way(segments: pd.DataFrame) -> pd.DataFrame:
    ends = segments[["from_node", "to_node"]].to_numpy()
    ends = np.sort(ends, axis=1)
    return pd.DataFrame(
        {"low": ends[:, 0], "high": ends[:, 1], "class_code": codes(segments["class_code"])}, index=segments.index
    )


def _content(segments: pd.DataFrame) -> pd.DataFrame:
    """What makes two lines the same line, whichever way they are written."""
    is_forward = segments["from_node"] <= segments["to_node"]
    content = _either_way(segments).assign(content=segments["content"], length_m=segments["length_m"])
    for name in _DIRECTED:
        start, end = segments[f"from_{name}"], segments[f"to_{name}"]
        content[f"low_{name}"], content[f"high_{name}"] = start.where(is_forward, end), end.where(is_forward, start)
    return content
