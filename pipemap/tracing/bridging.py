"""Bridges of a network: segments whose loss parts it, and what lies on either side of each.

One depth-first walk with low points (Hopcroft and Tarjan 1973), which tells two segments between the same nodes apart.
"""

from dataclasses import dataclass

import numba
import numpy as np

from pipemap.network import Flags, Floats, Ints, Network
from pipemap.tracing.arcs import both_ways


@dataclass(frozen=True, eq=False)
class Bridges:
    """Bridges (positions of segments), and length and number of consumers on the smaller of the two sides.

    The smaller side is the one with fewer consumers; with as many, the one with less pipe.
    """

    segments: Ints
    length_m: Floats
    consumers: Ints


def bridges_of(network: Network, is_open: Flags, starts: Ints | None = None) -> Bridges:
    """Bridges among the open segments, of the parts that some nodes belong to, else of all."""
    arcs, count = both_ways(network), len(network.nodes.id)
    served = network.consumers.node[network.consumers.node >= 0]
    roots = np.arange(count) if starts is None else starts
    found = _bridges(
        arcs.bounds, arcs.order, arcs.head, arcs.segment, is_open, roots,
        network.segments.length_m, np.bincount(served, minlength=count).astype(np.float64),
    )  # fmt: skip
    segments, inner_m, inner, whole_m, whole = found
    outer_m, outer = whole_m - inner_m - network.segments.length_m[segments], whole - inner
    is_inner = (inner < outer) | ((inner == outer) & (inner_m <= outer_m))
    length_m = np.where(is_inner, inner_m, np.maximum(outer_m, 0.0))
    return Bridges(segments, length_m, np.where(is_inner, inner, outer).astype(np.int64))


@numba.njit(cache=True, nogil=True)
def _bridges(
    bounds: Ints, order: Ints, head: Ints, segment: Ints, is_open: Flags, roots: Ints, length_m: Floats,
    consumers: Floats,
) -> tuple[Ints, Floats, Floats, Floats, Floats]:  # fmt: skip  # pragma: no cover
    number, vertex_of, parent, by_segment = _numbered(bounds, order, head, segment, is_open, roots)
    count = len(vertex_of)
    low, root = np.arange(count), np.arange(count)
    inner_m, inner = np.zeros(count), np.zeros(count)
    for turn in range(count):
        if parent[turn] >= 0:
            root[turn] = root[parent[turn]]
    for turn in range(count - 1, -1, -1):
        vertex = vertex_of[turn]
        inner[turn] += consumers[vertex]
        for arc in order[bounds[vertex] : bounds[vertex + 1]]:
            one, other = segment[arc], number[head[arc]]
            if not is_open[one] or one == by_segment[turn] or (other > turn and by_segment[other] == one):
                continue
            low[turn] = min(low[turn], other)
            if other < turn:
                inner_m[turn] += length_m[one]
            elif other == turn:
                inner_m[turn] += length_m[one] / 2
        above = parent[turn]
        if above >= 0:
            low[above] = min(low[above], low[turn])
            inner_m[above] += inner_m[turn] + length_m[by_segment[turn]]
            inner[above] += inner[turn]
    turns = np.array([turn for turn in range(count) if parent[turn] >= 0 and low[turn] == turn], np.int64)
    at_root = root[turns]
    return by_segment[turns], inner_m[turns], inner[turns], inner_m[at_root], inner[at_root]


@numba.njit(cache=True, nogil=True)
def _numbered(
    bounds: Ints, order: Ints, head: Ints, segment: Ints, is_open: Flags, roots: Ints
) -> tuple[Ints, Ints, Ints, Ints]:  # pragma: no cover
    """Depth-first numbers (-1 where not reached); by number: vertex, parent (-1 for roots), segment from the parent."""
    count = len(bounds) - 1
    number, next_arc = np.full(count, -1, np.int64), bounds[:-1].copy()
    vertex_of, parent, by_segment = (
        np.empty(count, np.int64),
        np.full(count, -1, np.int64),
        np.full(count, -1, np.int64),
    )
    stack = np.empty(count, np.int64)
    found = 0
    for root in roots:
        if number[root] >= 0:
            continue
        number[root], vertex_of[found], stack[0], depth = found, root, root, 1
        found += 1
        while depth > 0:
            vertex = stack[depth - 1]
            if next_arc[vertex] == bounds[vertex + 1]:
                depth -= 1
                continue
            arc = order[next_arc[vertex]]
            next_arc[vertex] += 1
            other = head[arc]
            if is_open[segment[arc]] and number[other] < 0:
                number[other], vertex_of[found] = found, other
                parent[found], by_segment[found] = number[vertex], segment[arc]
                stack[depth] = other
                found += 1
                depth += 1
    return number, vertex_of[:found], parent[:found], by_segment[:found]
