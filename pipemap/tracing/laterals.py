"""Sewers that end in the middle of another one without being joined to it, as house connections are often drawn."""

from dataclasses import dataclass

import numpy as np

from pipemap.network import Flags, Ints, Network
from pipemap.tracing.vicinity import OPEN_END_M, beside_nodes
from schemas.codetables import code_table, codes_where


@dataclass(frozen=True, eq=False)
class Laterals:
    """Nodes that no live sewer leaves, each once, and the sewer `into` whose axis passes there."""

    node: Ints
    into: Ints

    def into_some(self, segments: Ints) -> Ints:
        """The lower ends that lie on some segments."""
        return self.node[np.isin(self.into, segments)]


def laterals_of(network: Network, nodes: Ints) -> Laterals:
    """Of some nodes those at which a sewer passes that does not end there, with the nearest such."""
    named = codes_where("utility_class", "flow", "gravity")
    is_sewer: Flags = np.array([*(code in named for code in code_table("utility_class")), False])
    at, into, away_m = beside_nodes(network, nodes, is_sewer, OPEN_END_M)
    order = np.lexsort((into, away_m, at))
    first = order[np.unique(at[order], return_index=True)[1]]
    return Laterals(at[first], into[first])
