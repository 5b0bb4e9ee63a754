"""The order in which a crew turns valves: a walk from the burst, always to the next nearest one.

Distances are taken along the pipes of the isolated zone, which lie under the streets people walk: every
valve of a plan stands at its rim. Very many valves are listed by their straight distance from the burst instead.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from pipemap.network import Floats, Ints, Network
from pipemap.tracing.cuts import Cut
from pipemap.tracing.sites import Site

# Beyond these the ways between all valves would take longer than the rest of the answer.
_MOST_VALVES = 64
_MOST_DISTANCES = 500_000
# Longer than any walk: a valve that no pipe leads to comes after all others.
_OUT_OF_THE_WAY_M = 1e9
_LEAST_M = 1e-3


@dataclass(frozen=True, eq=False)
class Walk:
    """Devices in order, the way to each from the one before (NaN where no pipe leads there), and from the burst.

    `is_along_pipes` is False where the order was found by straight lines.
    """

    devices: Ints
    walk_m: Floats
    distance_m: Floats
    is_along_pipes: bool


def walk_to(network: Network, site: Site, cut: Cut, devices: Ints) -> Walk:
    """The walk from the burst to some devices beside the isolated zone."""
    nodes = device_nodes(network, devices)
    segments = network.segments
    touched = (segments.from_node[cut.isolated], segments.to_node[cut.isolated], site.nodes, nodes)
    ends = np.unique(np.concatenate(touched))
    if len(devices) > _MOST_VALVES or len(devices) * len(ends) > _MOST_DISTANCES:
        return listed(network, site, devices)
    if not len(devices):
        return Walk(devices, np.zeros(0), np.zeros(0), True)
    straight_m = _straight_m(network, site, nodes)
    pipes_m = _along_pipes_m(network, site, cut.isolated, ends, nodes)
    order, steps_m = _nearest_next(np.where(np.isinf(pipes_m), _OUT_OF_THE_WAY_M + straight_m, pipes_m))
    walk_m = np.where(steps_m < _OUT_OF_THE_WAY_M, steps_m, np.nan)
    return Walk(devices[order], walk_m, straight_m[0, order], True)


def listed(network: Network, site: Site, devices: Ints) -> Walk:
    """Devices in the order of their straight distance from the nearest burst."""
    distance_m = distances_m(network, site, device_nodes(network, devices))
    order = np.lexsort((devices, distance_m))
    return Walk(devices[order], np.full(len(devices), np.nan), distance_m[order], False)


def distances_m(network: Network, site: Site, nodes: Ints) -> Floats:
    """Straight distance of each node from the nearest burst; infinite where nobody knows."""
    place_m = np.stack([network.nodes.x_m[nodes], network.nodes.y_m[nodes]], axis=1)
    nearest: Floats = _apart_m(site.place_m(network), place_m).min(axis=0)
    return nearest


def device_nodes(network: Network, devices: Ints) -> Ints:
    """Node of every device, or the one it stands beside."""
    count = len(network.nodes.id)
    in_layer = devices >= count
    if not in_layer.any():
        return devices
    return np.where(in_layer, network.pair_valves.node[np.where(in_layer, devices - count, 0)], devices)


def _straight_m(network: Network, site: Site, nodes: Ints) -> Floats:
    """Straight distances (1 + valves, valves), first from the nearest burst; infinite without coordinates."""
    place_m = np.stack([network.nodes.x_m[nodes], network.nodes.y_m[nodes]], axis=1)
    return np.vstack([distances_m(network, site, nodes), _apart_m(place_m, place_m)])


def _apart_m(some_m: Floats, others_m: Floats) -> Floats:
    apart = np.hypot(some_m[:, 0, None] - others_m[:, 0], some_m[:, 1, None] - others_m[:, 1])
    found: Floats = np.where(np.isnan(apart), np.inf, apart)
    return found


def _along_pipes_m(network: Network, site: Site, isolated: Ints, ends: Ints, nodes: Ints) -> Floats:
    """Distances (1 + valves, valves) along the isolated pipes, first from the bursts."""
    tail, head, length_m = _links(network, site, isolated, ends)
    size = len(ends) + 1
    graph = csr_array((length_m, (tail, head)), shape=(size, size))
    targets = np.searchsorted(ends, nodes)
    start = np.concatenate([[len(ends)], targets])
    found: Floats = dijkstra(graph, directed=False, indices=start)[:, targets]
    return found


def _links(network: Network, site: Site, isolated: Ints, ends: Ints) -> tuple[Ints, Ints, Floats]:
    """The isolated pipes, and the bursts' middles tied to the ends they lie between: the shortest link of each pair."""
    segments = network.segments
    whole = np.stack([segments.from_node[isolated], segments.to_node[isolated]])
    halves = np.concatenate([segments.from_node[site.segments], segments.to_node[site.segments], site.nodes])
    half_m = np.concatenate([np.tile(segments.length_m[site.segments] / 2, 2), np.zeros(len(site.nodes))])
    middle = np.full(len(halves), len(ends))
    tail, head = np.searchsorted(ends, np.sort(whole, axis=0))
    tail, head = np.concatenate([tail, np.searchsorted(ends, halves)]), np.concatenate([head, middle])
    length_m = np.maximum(np.concatenate([segments.length_m[isolated], half_m]), _LEAST_M)
    order = np.lexsort((length_m, head, tail))
    tail, head, length_m = tail[order], head[order], length_m[order]
    is_first = np.ones(len(tail), np.bool_)
    is_first[1:] = (np.diff(tail) != 0) | (np.diff(head) != 0)
    return tail[is_first], head[is_first], length_m[is_first]


def _nearest_next(apart_m: Floats) -> tuple[Ints, Floats]:
    """Order of a walk that always goes to the nearest place left, and the length of every step."""
    order, steps_m = [], []
    row, left = apart_m[0], np.ones(apart_m.shape[1], np.bool_)
    while left.any():
        nearest = int(np.where(left, row, np.inf).argmin()) if np.isfinite(row[left]).any() else int(left.argmax())
        order.append(nearest)
        steps_m.append(row[nearest])
        row, left[nearest] = apart_m[nearest + 1], False
    return np.array(order, np.int64), np.array(steps_m)
