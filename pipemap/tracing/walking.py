"""The order in which a crew turns valves: a walk from the burst, always to the next nearest one.

Distances are taken along the pipes of the isolated zone, which lie under the streets people walk: every
valve of a plan stands at its rim. Very many valves are listed by their straight distance from the burst instead.
"""

from dataclasses import dataclass
from heapq import heappop, heappush

import numba
import numpy as np

from pipemap.network import Flags, Floats, Ints, Network
from pipemap.network.grouping import grouped
from pipemap.tracing.cuts import Cut
from pipemap.tracing.sites import Site

# Beyond these the ways between all valves would take longer than the rest of the answer.
_MOST_VALVES = 64
_MOST_DISTANCES = 500_000


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
    if len(devices) > _MOST_VALVES or len(devices) * len(cut.isolated) > _MOST_DISTANCES:
        return listed(network, site, devices)
    if not len(devices):
        return Walk(devices, np.zeros(0), np.zeros(0), True)
    pipes = (network.segments.from_node, network.segments.to_node, network.segments.length_m, cut.isolated)
    places = (site.place_m, network.nodes.x_m, network.nodes.y_m)
    order, walk_m, away_m = _walk(*pipes, site.segments, site.nodes, device_nodes(network, devices), places)
    return Walk(devices[order], walk_m, away_m, True)


def listed(network: Network, site: Site, devices: Ints) -> Walk:
    """Devices in the order of their straight distance from the nearest burst."""
    if not len(devices):
        return Walk(devices, np.zeros(0), np.zeros(0), False)
    distance_m = distances_m(network, site, device_nodes(network, devices))
    order = np.lexsort((devices, distance_m))
    return Walk(devices[order], np.full(len(devices), np.nan), distance_m[order], False)


def distances_m(network: Network, site: Site, nodes: Ints) -> Floats:
    """Straight distance of each node from the nearest burst; infinite where nobody knows."""
    distance_m: Floats = _from_places_m(site.place_m, network.nodes.x_m, network.nodes.y_m, nodes)
    return distance_m


def device_nodes(network: Network, devices: Ints) -> Ints:
    """Node of every device, or the one it stands beside."""
    count = len(network.nodes.id)
    if not len(network.pair_valves.node):
        return devices
    in_layer = devices >= count
    return np.where(in_layer, network.pair_valves.node[np.where(in_layer, devices - count, 0)], devices)


@numba.njit(cache=True, nogil=True)
def _from_places_m(place_m: Floats, x_m: Floats, y_m: Floats, nodes: Ints) -> Floats:  # pragma: no cover
    """Distance of each node from the nearest of some places (n, 2); infinite where nobody knows."""
    found = np.full(len(nodes), np.inf)
    for number, node in enumerate(nodes):
        for place in range(len(place_m)):
            apart_m = np.hypot(x_m[node] - place_m[place, 0], y_m[node] - place_m[place, 1])
            if apart_m < found[number]:
                found[number] = apart_m
    return found


@numba.njit(cache=True, nogil=True)
def _walk(
    from_node: Ints,
    to_node: Ints,
    length_m: Floats,
    isolated: Ints,
    burst_segments: Ints,
    burst_nodes: Ints,
    nodes: Ints,
    places: tuple[Floats, Floats, Floats],
) -> tuple[Ints, Floats, Floats]:  # pragma: no cover
    """Order of a walk that always goes to the nearest of the nodes left, the length of every step, and how far away.

    Where no pipe leads to any of them the walk goes on at the one nearest in a straight line, by a step of NaN.
    How far each is lies straight from the nearest of the bursts; `places` are theirs and the columns of the nodes.
    """
    _, x_m, y_m = places
    away_m = _from_places_m(*places, nodes)
    ends = np.unique(np.concatenate((from_node[isolated], to_node[isolated], burst_nodes, nodes)))
    tail, head = np.searchsorted(ends, from_node[isolated]), np.searchsorted(ends, to_node[isolated])
    bounds, arcs = grouped(np.concatenate((tail, head)), len(ends))
    pipes, pipe_m = (bounds, arcs, tail, head), length_m[isolated]
    targets = np.searchsorted(ends, nodes)
    starts = np.searchsorted(ends, np.concatenate((from_node[burst_segments], to_node[burst_segments], burst_nodes)))
    ahead_m = np.zeros(len(starts))
    for number, segment in enumerate(burst_segments):
        ahead_m[number] = ahead_m[len(burst_segments) + number] = length_m[segment] / 2
    wanted = np.bincount(targets, minlength=len(ends))
    left = np.ones(len(nodes), np.bool_)
    order, walk_m = np.empty(len(nodes), np.int64), np.empty(len(nodes))
    straight_m = away_m
    for step in range(len(nodes)):
        taken, walk_m[step] = _nearest(pipes, pipe_m, starts, ahead_m, targets, left, wanted)
        if taken < 0:
            if step > 0:
                here = np.array([[x_m[nodes[order[step - 1]]], y_m[nodes[order[step - 1]]]]])
                straight_m = _from_places_m(here, x_m, y_m, nodes)
            taken, walk_m[step] = _straight_on(straight_m, left), np.nan
        order[step], left[taken] = taken, False
        wanted[targets[taken]] -= 1
        starts, ahead_m = targets[taken : taken + 1], np.zeros(1)
    return order, walk_m, away_m[order]


@numba.njit(cache=True, nogil=True)
def _nearest(
    pipes: tuple[Ints, Ints, Ints, Ints],
    length_m: Floats,
    starts: Ints,
    ahead_m: Floats,
    targets: Ints,
    left: Flags,
    wanted: Ints,
) -> tuple[int, float]:  # pragma: no cover
    """The first target left that the pipes lead to from some starts, and how far it is; -1 when they lead to none.

    `wanted` is how many of those left stand at each end.
    """
    bounds, arcs, tail, head = pipes
    best_m = np.full(len(bounds) - 1, np.inf)
    heap = [(np.float64(0.0), np.int64(0)) for _ in range(0)]
    for start, away_m in zip(starts, ahead_m):  # noqa: B905
        best_m[start] = min(best_m[start], away_m)
        heappush(heap, (away_m, start))
    while len(heap) > 0:
        away_m, here = heappop(heap)
        if away_m > best_m[here]:
            continue
        if wanted[here] > 0:
            for target in range(len(targets)):
                if left[target] and targets[target] == here:
                    return target, away_m
        for arc in arcs[bounds[here] : bounds[here + 1]]:
            link = arc % len(tail)
            other = head[link] if arc < len(tail) else tail[link]
            if away_m + length_m[link] < best_m[other]:
                best_m[other] = away_m + length_m[link]
                heappush(heap, (best_m[other], other))
    return -1, np.nan


@numba.njit(cache=True, nogil=True)
def _straight_on(away_m: Floats, left: Flags) -> int:  # pragma: no cover
    """The nearest place left, the first one where no distance is known."""
    taken = -1
    for place in range(len(left)):
        if left[place] and (taken < 0 or away_m[place] < away_m[taken]):
            taken = place
    return taken
