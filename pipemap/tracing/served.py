"""Points of a network that are themselves consumers (code table `appurtenance`, role consumer)."""

import numpy as np

from pipemap.clearance.numbers import known
from pipemap.network import Ints, Network
from pipemap.network.kinds import has_role
from pipemap.tracing.cuts import Cut
from pipemap.tracing.dependants import Dependants, dependants_of
from pipemap.tracing.zones import Zones
from schemas.codetables import code_table
from schemas.served import ServedPoint


def served_nodes(network: Network) -> Ints:
    """Positions of the nodes in service that are consumers."""
    return network.once("served nodes", lambda: np.flatnonzero(has_role(network, "consumer")))


def served_of(network: Network, zones: Zones) -> Dependants:
    """The consumer points of a group, as positions in `served_nodes`."""
    return network.once(f"served {zones.group}", lambda: dependants_of(zones, served_nodes(network)))


def served_lost(network: Network, cut: Cut) -> Ints:
    """Nodes that are consumers and lose every source with a cut."""
    lost: Ints = served_nodes(network)[served_of(network, cut.zones).lost(cut)[0]]
    return lost


def described_points(network: Network, nodes: Ints) -> list[ServedPoint]:
    """Consumer points by name and place."""
    codes, columns = list(code_table("appurtenance")), network.nodes
    return [
        ServedPoint(
            node_id=int(columns.id[node]),
            source_key=columns.key[node],
            name=columns.name[node],
            address=columns.address[node],
            appurtenance_code=codes[columns.appurtenance[node]],
            x_m=known(columns.x_m[node]),
            y_m=known(columns.y_m[node]),
        )
        for node in nodes.tolist()
    ]
