"""What lies around a burst on the map: pipes of other utilities, and pipes that may be joined but are not drawn so."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache

import numba
import numpy as np

from pipemap.clearance.geometry3d import nearest_share
from pipemap.network import Flags, Floats, Ints, Network, SmallInts
from pipemap.network.adjacency import adjacency_of
from pipemap.network.axes import Axes
from pipemap.network.boxes import touching
from pipemap.network.kinds import class_groups
from pipemap.tracing.cuts import Cut
from pipemap.tracing.describing import Words, known, note
from pipemap.tracing.sites import Site
from pipemap.tracing.vicinity import Near, near
from schemas.codetables import code_table
from schemas.isolation import ClickedSegment

Place = tuple[float, float, float | None]

DEFAULT_RADIUS_M = 5.0
_MOST_NEIGHBOURS = 200
_OPEN_END_M = 0.3
_MOST_ENDS = 200
_NOT_THERE = ("planned", "removed")
_OPEN_END = (
    "{names} ends at another pipe ({others}) but is not joined to it on the map; if it is in truth, the cut is wider.",
    "{names} 的端点紧邻另一条管线（{others}），图上未连接；若实际相连，关阀范围会更大。",
)


def surroundings_of(
    network: Network,
    site: Site,
    class_codes: set[str],
    radius_m: float,
    clicked: Sequence[tuple[ClickedSegment, Place]] = (),
) -> Words:
    """Segments of other classes within a distance of the burst, nearest first, at most 200.

    The fields of a Surroundings are given. Around a clicked place the distance is from the point of the axis nearest to
    it, else from the whole segment.
    """
    parts = Axes.of(_parts(network, site, clicked))
    neighbours = _described(network, near(network, parts, radius_m, _others(frozenset(class_codes))))
    owners = Counter(neighbour["owner"] or "" for neighbour in neighbours)
    return {"radius_m": radius_m, "neighbours": neighbours, "owners": dict(owners.most_common())}


def open_ends(network: Network, cut: Cut) -> list[Words]:
    """A warning where an isolated pipe ends beside another one, so that the trace may have stopped too early."""
    nodes, others = _beside_ends(network, cut, _free_ends(network, cut)[:_MOST_ENDS])
    if not len(nodes):
        return []
    segment_keys: dict[str, set[str]] = {}
    for node, segment in zip(nodes.tolist(), others.tolist(), strict=True):
        segment_keys.setdefault(network.nodes.key[node] or "", set()).add(network.segments.key[segment] or "")
    names = ", ".join(sorted(segment_keys))
    keys = ", ".join(dict.fromkeys(key for name in sorted(segment_keys) for key in sorted(segment_keys[name])))
    return [note("open-end", _OPEN_END, names=names, others=keys)]


def _parts(network: Network, site: Site, clicked: Sequence[tuple[ClickedSegment, Place]]) -> Iterator[Floats]:
    """What has burst: whole axes, points of the axes that were clicked, and the ends of axes at nodes."""
    segments = network.segments
    points = {segment.segment_id: place for segment, place in clicked}
    for one in site.segments.tolist():
        place = points.get(int(segments.id[one]))
        yield segments.axis[one] if place is None else _nearest_point(segments.axis[one], place[0], place[1])
    for node in site.nodes.tolist():
        for one in adjacency_of(network).at(np.array([node])).tolist():
            axis = segments.axis[one]
            yield axis[:1] if segments.from_node[one] == node else axis[-1:]


@cache
def _others(class_codes: frozenset[str]) -> Flags:
    """By class and stage of life: what is there of the other classes."""
    classes = np.array([*(code not in class_codes for code in code_table("utility_class")), True])
    stages = np.array([*(code not in _NOT_THERE for code in code_table("lifecycle")), True])
    wanted: Flags = np.logical_and.outer(classes, stages)
    return wanted


def _described(network: Network, found: Near) -> list[Words]:
    """The fields of Neighbours."""
    segments = network.segments
    places = found.point_m[:_MOST_NEIGHBOURS].tolist()
    columns = zip(found.segments.tolist(), found.distance_m.tolist(), found.is_in_space.tolist(), places, strict=False)
    return [
        {
            "segment_id": int(segments.id[one]),
            "source_key": segments.key[one],
            "class_code": _code("utility_class", segments.class_[one]),
            "owner": segments.owner[one],
            "lifecycle_code": _code("lifecycle", segments.lifecycle[one]),
            "material_code": _code("material", segments.material[one]),
            "pressure_code": _code("pressure", segments.pressure[one]),
            "voltage_kv": _as_stored(segments.voltage_kv[one]),
            "width_mm": _as_stored(segments.width_mm[one]),
            "distance_m": distance_m,
            "is_height_known": is_in_space,
            "x_m": x_m,
            "y_m": y_m,
            "z_m": known(z_m),
        }
        for one, distance_m, is_in_space, (x_m, y_m, z_m) in columns
    ]


def _code(table: str, place: int) -> str | None:
    return _codes(table)[place] if place >= 0 else None


@cache
def _codes(table: str) -> tuple[str, ...]:
    return tuple(code_table(table))


def _as_stored(value: np.float32) -> float | None:
    """A single-precision number in the digits it is written with."""
    return None if np.isnan(value) else float(str(value))


def _free_ends(network: Network, cut: Cut) -> Ints:
    """Joints of the isolated zone at which only one live pipe ends."""
    isolated, segments = cut.isolated, network.segments
    ends = np.unique(np.concatenate([segments.from_node[isolated], segments.to_node[isolated]]))
    ends = ends[cut.zones.node_zone[ends] >= 0]
    adjacency = adjacency_of(network)
    live = segments.is_active[adjacency.at(ends)]
    owner = np.repeat(np.arange(len(ends)), adjacency.counts(ends))
    free: Ints = ends[np.bincount(owner[live], minlength=len(ends)) == 1]
    return free


def _beside_ends(network: Network, cut: Cut, nodes: Ints) -> tuple[Ints, Ints]:
    """Nodes, and the live segments of the group that lie at them but do not end there."""
    segments, tree = network.segments, network.segments.axis.tree
    is_of_group = np.append(class_groups() == cut.zones.group, False)
    columns = (segments.class_, segments.is_active, segments.from_node, segments.to_node)
    places = (network.nodes.x_m, network.nodes.y_m)
    lines = (segments.axis.points_m, segments.axis.bounds)
    found: tuple[Ints, Ints] = _beside(tree.columns, lines, columns, places, nodes, is_of_group)
    return found


@numba.njit(cache=True, nogil=True)
def _beside(
    tree: tuple[Floats, Ints, Ints],
    lines: tuple[Floats, Ints],
    columns: tuple[SmallInts, Flags, Ints, Ints],
    places: tuple[Floats, Floats],
    nodes: Ints,
    is_of_group: Flags,
) -> tuple[Ints, Ints]:  # pragma: no cover
    (points, bounds), (class_, is_active, from_node, to_node), (x_m, y_m) = lines, columns, places
    ends, others = [np.int64(0) for _ in range(0)], [np.int64(0) for _ in range(0)]
    for node in nodes:
        x, y = x_m[node], y_m[node]
        for one in touching(*tree, (x - _OPEN_END_M, y - _OPEN_END_M, x + _OPEN_END_M, y + _OPEN_END_M)):
            if not is_of_group[class_[one]] or not is_active[one] or node in (from_node[one], to_node[one]):
                continue
            if _along_plan(points[bounds[one] : bounds[one + 1]], x, y)[2] <= _OPEN_END_M:
                ends.append(node)
                others.append(one)
    return np.array(ends), np.array(others)


def _nearest_point(axis: Floats, x_m: float, y_m: float) -> Floats:
    """The point of an axis nearest in plan to a place, as a row."""
    row, share, _ = _along_plan(axis, x_m, y_m)
    point: Floats = axis[row] + share * (axis[row + 1] - axis[row])
    return point[None]


@numba.njit(cache=True, nogil=True)
def _along_plan(axis: Floats, x_m: float, y_m: float) -> tuple[int, float, float]:  # pragma: no cover
    """The piece of an axis nearest in plan to a place, the share of it that is, and how far away."""
    best, best_share, best_m = 0, 0.0, np.inf
    for row in range(len(axis) - 1):
        start = (axis[row, 0], axis[row, 1], 0.0)
        way = (axis[row + 1, 0] - start[0], axis[row + 1, 1] - start[1], 0.0)
        share = nearest_share((x_m, y_m, 0.0), start, way)
        away_m = np.hypot(start[0] + share * way[0] - x_m, start[1] + share * way[1] - y_m)
        if away_m < best_m:
            best, best_share, best_m = row, share, away_m
    return best, best_share, best_m
