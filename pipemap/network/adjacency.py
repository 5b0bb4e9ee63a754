"""Which segments meet at each node."""

from dataclasses import dataclass

import numpy as np

from pipemap.network.arrays import Ints, Network
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
