"""What lies around a burst on the map: pipes of other utilities, and pipes that may be joined but are not drawn so."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from math import inf
from time import monotonic

import numpy as np

from pipemap.clearance.numbers import known
from pipemap.contacts import all_telephones
from pipemap.db import Connection
from pipemap.network import Flags, Floats, Ints, Network
from pipemap.network.adjacency import adjacency_of, live_degree_of, marked_ends
from pipemap.network.axes import Axes
from pipemap.network.kinds import class_groups
from pipemap.tracing.cuts import Cut
from pipemap.tracing.describing import Words, note
from pipemap.tracing.sites import Site, class_at
from pipemap.tracing.vicinity import OPEN_END_M, Near, beside_nodes, near, nearest_point
from schemas.codetables import code_table
from schemas.isolation import ClickedSegment

Place = tuple[float, float, float | None]

DEFAULT_RADIUS_M = 5.0
_MOST_NEIGHBOURS = 200
_MOST_ENDS = 200
_FRESH_S = 10.0
_NOT_THERE = ("planned", "removed")
_OPEN_END = (
    "{names} ends at another pipe ({others}) but is not joined to it on the map; if it is in truth, the cut is wider.",
    "{names} 的端点紧邻另一条管线（{others}），图上未连接；若实际相连，关阀范围会更大。",
)


def near_burst(
    network: Network,
    site: Site,
    radius_m: float,
    clicked: Sequence[tuple[ClickedSegment, Place]] = (),
) -> Near:
    """Segments of other classes within a distance of the burst, nearest first.

    Around a clicked place the distance is from the point of the axis nearest to it, else from the whole segment.
    """
    segments = network.segments
    if len(site.segments) == 1 and not clicked and not len(site.nodes):
        axis = segments.axis[site.segments.item()]
        parts = Axes(axis, np.array([0, len(axis)]))
    else:
        parts = Axes.of(_parts(network, site, clicked))
    return near(network, parts, radius_m, _others(_burst_classes(network, site)))


def surroundings_words(connection: Connection, network: Network, found: Near, radius_m: float) -> Words:
    """The fields of a Surroundings: the nearest 200, and whom to call about them."""
    neighbours = _described(network, found)
    owners = dict(Counter(one["owner"] or "" for one in neighbours).most_common()) if neighbours else {}
    telephones = _telephones(connection, network, owners) if owners else {}
    return {"radius_m": radius_m, "neighbours": neighbours, "owners": owners, "telephones": telephones}


def _telephones(connection: Connection, network: Network, owners: Iterable[str]) -> dict[str, str]:
    """Asked of the database anew when the last answer is ten seconds old: asking takes longer than the trace."""
    asked_at, known_ones = network.derived.get("telephones", (-inf, {}))
    if monotonic() - asked_at > _FRESH_S:
        asked_at, known_ones = network.derived["telephones"] = monotonic(), all_telephones(connection)
    return {owner: known_ones[owner] for owner in owners if owner in known_ones}


def open_ends(network: Network, cut: Cut) -> tuple[Ints, Ints]:
    """Ends of isolated pipes and the pipes beside them that they may be joined to, so that the cut may be wider."""
    free = _free_ends(network, cut)[:_MOST_ENDS]
    if not len(free):
        return free, free
    is_of_group = np.append(class_groups() == cut.zones.group, False)
    nodes, others, _ = beside_nodes(network, free, is_of_group, OPEN_END_M)
    return nodes, others


def open_end_notes(network: Network, nodes: Ints, others: Ints) -> list[Words]:
    """A warning of the ends that `open_ends` finds."""
    if not len(nodes):
        return []
    segment_keys: dict[str, set[str]] = {}
    for node, segment in zip(nodes.tolist(), others.tolist(), strict=True):
        segment_keys.setdefault(network.nodes.key[node] or "", set()).add(network.segments.key[segment] or "")
    names = ", ".join(sorted(segment_keys))
    keys = ", ".join(dict.fromkeys(key for name in sorted(segment_keys) for key in sorted(segment_keys[name])))
    return [note("open-end", _OPEN_END, names=names, others=keys)]


def _burst_classes(network: Network, site: Site) -> frozenset[int]:
    at_nodes = (class_at(network, node) for node in site.nodes.tolist())
    return frozenset((*network.segments.class_[site.segments].tolist(), *at_nodes))


def _parts(network: Network, site: Site, clicked: Sequence[tuple[ClickedSegment, Place]]) -> Iterator[Floats]:
    """What has burst: whole axes, points of the axes that were clicked, and the ends of axes at nodes."""
    segments = network.segments
    points = {segment.segment_id: place for segment, place in clicked}
    for one in site.segments.tolist():
        place = points.get(int(segments.id[one]))
        yield segments.axis[one] if place is None else nearest_point(segments.axis[one], place[0], place[1])
    for node in site.nodes.tolist():
        for one in adjacency_of(network).at(np.array([node])).tolist():
            axis = segments.axis[one]
            yield axis[:1] if segments.from_node[one] == node else axis[-1:]


@cache
def _others(classes: frozenset[int]) -> Flags:
    """By class and stage of life: what is there of the other classes."""
    is_other = np.array([*(place not in classes for place in range(len(_codes("utility_class")))), True])
    stages = np.array([*(code not in _NOT_THERE for code in _codes("lifecycle")), True])
    wanted: Flags = np.logical_and.outer(is_other, stages)
    return wanted


def _described(network: Network, found: Near) -> list[Words]:
    """The fields of Neighbours."""
    segments, ones = network.segments, found.segments[:_MOST_NEIGHBOURS]
    if not len(ones):
        return []
    places = zip(ones.tolist(), segments.id[ones].tolist(), segments.key.at(ones), segments.owner.at(ones), strict=True)
    measured = zip(found.distance_m.tolist(), found.is_in_space.tolist(), found.point_m.tolist(), strict=True)
    return [
        {
            "segment_id": segment_id,
            "source_key": key,
            "class_code": _code("utility_class", segments.class_[one]),
            "owner": owner,
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
        for (one, segment_id, key, owner), (distance_m, is_in_space, (x_m, y_m, z_m)) in zip(
            places, measured, strict=False
        )
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
    zones, segments = cut.zones, network.segments
    is_free = network.once(
        f"free ends {zones.group}", lambda: (live_degree_of(network) == 1) & (zones.node_zone >= 0), by_layout=True
    )
    free: Ints = marked_ends(segments.from_node, segments.to_node, cut.isolated, is_free)
    return free
