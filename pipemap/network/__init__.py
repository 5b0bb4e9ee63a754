"""The network of one version as immutable arrays, which every trace reads; none asks the database for pipes.

`arrays` holds the columns (`Network`: `nodes`, `segments`, `consumers`, a valve layer), `kinds` what a node does to
the flow through it, `loading` reads a version (`load_network`) or brings a loaded one up to date by what was
published since (`refresh_network`), `merging` puts changed rows into columns, `watching` keeps the newest version in
memory and swaps it when somebody publishes (`LiveNetwork`).
"""

from pipemap.network.arrays import (
    OPERABILITIES,
    STATES,
    UNKNOWN,
    Consumers,
    Flags,
    Floats,
    Ints,
    Network,
    Nodes,
    PairValves,
    Segments,
    SmallInts,
    code_positions,
    no_pair_valves,
    positions_of,
)
from pipemap.network.kinds import NodeKind, class_groups
from pipemap.network.loading import load_network, refresh_network
from pipemap.network.watching import LiveNetwork

__all__ = [
    "OPERABILITIES",
    "STATES",
    "UNKNOWN",
    "Consumers",
    "Flags",
    "Floats",
    "Ints",
    "LiveNetwork",
    "Network",
    "NodeKind",
    "Nodes",
    "PairValves",
    "Segments",
    "SmallInts",
    "class_groups",
    "code_positions",
    "load_network",
    "no_pair_valves",
    "positions_of",
    "refresh_network",
]
