"""Which segments meet at each node."""

from dataclasses import dataclass

import numba
import numpy as np

from pipemap.network.arrays import Flags, Ints, Network
from pipemap.network.grouping import grouped, spread


@dataclass(frozen=True, eq=False)
class Adjacency:
    """The segments at node n, in service or not, are `segments[bounds[n]:bounds[n + 1]]`; a loop stands twice."""

    bounds: Ints
    segments: Ints

    def at(self, nodes: Ints) -> Ints:
        """Segments at some nodes, one node after the other."""
        return self.segments[spread(self.bounds, nodes)]

    def counts(self, nodes: Ints) -> Ints:
        """How many segments meet at each of some nodes."""
        return self.bounds[nodes + 1] - self.bounds[nodes]


def adjacency_of(network: Network) -> Adjacency:
    """The segments at every node, found once per network."""
    return network.once("adjacency", lambda: _adjacency(network), by_layout=True)


def _adjacency(network: Network) -> Adjacency:
    segments = network.segments
    bounds, order = grouped(np.concatenate([segments.from_node, segments.to_node]), len(network.nodes.id))
    return Adjacency(bounds, order % max(len(segments.id), 1))


def live_degree_of(network: Network) -> Ints:
    """How many segments in service end at every node, found once per network; a loop counts twice."""

    def live_degree() -> Ints:
        segments = network.segments
        ends = np.concatenate([segments.from_node[segments.is_active], segments.to_node[segments.is_active]])
        return np.bincount(ends, minlength=len(network.nodes.id))

    return network.once("live degree", live_degree, by_layout=True)


@numba.njit(cache=True, nogil=True)
def marked_ends(from_node: Ints, to_node: Ints, segments: Ints, is_marked: Flags) -> Ints:  # pragma: no cover
    """The ends of some segments that are marked, each once, sorted."""
    found = [np.int64(0) for _ in range(0)]
    for one in segments:
        for end in (from_node[one], to_node[one]):
            if is_marked[end]:
                found.append(end)
    return np.unique(np.array(found)) if len(found) > 0 else from_node[:0]
