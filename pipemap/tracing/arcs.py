"""Walks along segments in arrays: what can be reached, and by which cheapest way.

`Arcs` holds the ways out of every node; whether each segment is one of them once, as water flows, or from both of its
ends is for the maker to say. Segments and nodes are positions in a network.
"""

from dataclasses import dataclass
from heapq import heappop, heappush

import numba
import numpy as np

from pipemap.network import Flags, Floats, Ints, Network
from pipemap.network.grouping import grouped


@dataclass(frozen=True, eq=False)
class Arcs:
    """The arcs that leave node n are `order[bounds[n]:bounds[n + 1]]`; arc a runs along `segment[a]` to `head[a]`."""

    bounds: Ints
    order: Ints
    head: Ints
    segment: Ints

    @classmethod
    def of(cls, count: int, tail: Ints, head: Ints, segment: Ints) -> "Arcs":
        """Arcs between `count` nodes."""
        return cls(*grouped(tail, count), head, segment)

    def both_ways(self, count: int, tail: Ints) -> "Arcs":
        """The same arcs and their reverses; `tail` is by arc."""
        ends = np.concatenate([tail, self.head]), np.concatenate([self.head, tail])
        return Arcs.of(count, *ends, np.tile(self.segment, 2))


@dataclass(frozen=True, eq=False)
class Reach:
    """What a walk found, in its order, and the same as flags by node and by segment."""

    nodes: Ints
    segments: Ints
    has_node: Flags
    has_segment: Flags


@dataclass(frozen=True, eq=False)
class Ways:
    """Cost of the cheapest way to every node (infinite where there is none) and the arc it arrives by (-1 for none)."""

    cost: Floats
    via: Ints


def reach(arcs: Arcs, starts: Ints, is_open: Flags, ends: Flags | None = None) -> Reach:
    """Walk from some nodes, breadth first, along the segments that are open; nodes of `ends` are not passed through."""
    is_end = np.zeros(len(arcs.bounds) - 1, np.bool_) if ends is None else ends
    has_node, has_segment = np.zeros(len(is_end), np.bool_), np.zeros(len(is_open), np.bool_)
    found = _walk(arcs.bounds, arcs.order, arcs.head, arcs.segment, starts, is_open, is_end, has_node, has_segment)
    return Reach(*found, has_node, has_segment)


def cheapest_ways(arcs: Arcs, starts: Ints, cost: Floats, targets: Ints | None = None) -> Ways:
    """The cheapest ways from some nodes; `cost` is by arc, infinite where it may not be used.

    With targets the search ends at the first of them, and only the ways up to there are sure.
    """
    is_target = np.zeros(len(arcs.bounds) - 1, np.bool_)
    if targets is not None:
        is_target[targets] = True
    return Ways(*_cheapest(arcs.bounds, arcs.order, arcs.head, cost, starts, is_target))


def both_ways(network: Network) -> Arcs:
    """Every segment from both of its ends, found once per network; arc a runs along segment a % count."""

    def made() -> Arcs:
        segments = network.segments
        ends = [segments.from_node, segments.to_node]
        whole = np.arange(len(segments.id))
        return Arcs.of(
            len(network.nodes.id), np.concatenate(ends), np.concatenate(ends[::-1]), np.concatenate([whole, whole])
        )

    return network.once("arcs both ways", made, by_layout=True)


@numba.njit(cache=True, nogil=True)
def _walk(
    bounds: Ints, order: Ints, head: Ints, segment: Ints, starts: Ints, is_open: Flags, is_end: Flags,
    has_node: Flags, has_segment: Flags,
) -> tuple[Ints, Ints]:  # fmt: skip  # pragma: no cover
    nodes = [node for node in starts if not has_node[node]]
    for node in nodes:
        has_node[node] = True
    segments = [node for node in nodes[:0]]  # noqa: C416 (numba wants to know what the list holds)
    first, turn = len(nodes), 0
    while turn < len(nodes):
        node = nodes[turn]
        turn += 1
        if is_end[node] and turn > first:
            continue
        for arc in order[bounds[node] : bounds[node + 1]]:
            one, other = segment[arc], head[arc]
            if not is_open[one]:
                continue
            if not has_segment[one]:
                has_segment[one] = True
                segments.append(one)
            if not has_node[other]:
                has_node[other] = True
                nodes.append(other)
    return np.array(nodes), np.array(segments)


@numba.njit(cache=True, nogil=True)
def _cheapest(
    bounds: Ints, order: Ints, head: Ints, cost: Floats, starts: Ints, is_target: Flags
) -> tuple[Floats, Ints]:  # pragma: no cover
    found = np.full(len(bounds) - 1, np.inf)
    via = np.full(len(found), -1, np.int64)
    heap = [(0.0, node) for node in starts]
    for node in starts:
        found[node] = 0.0
    while len(heap) > 0:
        so_far, node = heappop(heap)
        if so_far > found[node]:
            continue
        if is_target[node]:
            break
        for arc in order[bounds[node] : bounds[node + 1]]:
            total = so_far + cost[arc]
            if total < found[head[arc]]:
                found[head[arc]] = total
                via[head[arc]] = arc
                heappush(heap, (total, head[arc]))
    return found, via
