"""Hydrants that a cut takes the water from, and the nearest that still have it."""

import numba
import numpy as np
from scipy.spatial import KDTree

from pipemap.clearance.numbers import known
from pipemap.network import Floats, Ints, Network
from pipemap.tracing.cuts import Cut
from pipemap.tracing.dependants import hydrant_nodes, hydrants_of
from pipemap.tracing.describing import Words
from pipemap.tracing.ports import Flags
from pipemap.tracing.zones import Zones

_FIRST_ASKED = 8


class FedHydrants:
    """The hydrants of a group that some source reaches, to be asked for the nearest ones."""

    def __init__(self, network: Network, zones: Zones) -> None:
        nodes = hydrant_nodes(network)
        fed = _is_fed(zones, nodes) & np.isfinite(network.nodes.x_m[nodes])
        self.hydrants = np.flatnonzero(fed)
        self.place_m = np.stack([network.nodes.x_m[nodes[fed]], network.nodes.y_m[nodes[fed]]], axis=1)
        self.tree = KDTree(self.place_m) if len(self.hydrants) else None

    def nearest(self, places_m: Floats, lost: Ints, wanted: int) -> tuple[Ints, Floats]:
        """For every place (n, 2) the `wanted` nearest hydrants that are not lost, and how far they lie.

        Positions in `hydrant_nodes`, -1 (and infinity) where there are not so many.
        """
        found = np.full((len(places_m), wanted), -1)
        away_m = np.full((len(places_m), wanted), np.inf)
        open_ = np.flatnonzero(np.isfinite(places_m).all(axis=1))
        asked = _FIRST_ASKED
        while self.tree is not None and len(open_):
            count = min(asked, len(self.hydrants))
            near_m, near = map(np.asarray, self.tree.query(places_m[open_], np.arange(1, count + 1)))
            is_left = _are_left(self.hydrants, near, lost)
            settled = (is_left.sum(axis=1) >= wanted) | (count == len(self.hydrants))
            for place, left, row, row_m in zip(
                open_[settled], is_left[settled], near[settled], near_m[settled], strict=True
            ):
                kept = np.flatnonzero(left)[:wanted]
                found[place, : len(kept)] = self.hydrants[row[kept]]
                away_m[place, : len(kept)] = row_m[kept]
            open_, asked = open_[~settled], asked * 4
        return found, away_m


@numba.njit(cache=True, nogil=True)
def _are_left(hydrants: Ints, near: Ints, lost: Ints) -> Flags:  # pragma: no cover
    """For places in rows, which of the hydrants near them are not among the lost, which are sorted."""
    left = np.ones(near.shape, np.bool_)
    for row in range(near.shape[0]):
        for column in range(near.shape[1]):
            hydrant = hydrants[near[row, column]]
            place = np.searchsorted(lost, hydrant)
            left[row, column] = place == len(lost) or lost[place] != hydrant
    return left


def fed_hydrants(network: Network, zones: Zones) -> FedHydrants:
    """The fed hydrants of a group, found once per network."""
    return network.once(f"fed hydrants {zones.group}", lambda: FedHydrants(network, zones), by_layout=True)


def hydrants_lost(network: Network, cut: Cut, lost: Ints) -> list[Words]:
    """Hydrants by position in `hydrant_nodes`, each with the nearest one that is still fed."""
    if not len(lost):
        return []
    nodes = hydrant_nodes(network)[lost]
    place_m = np.stack([network.nodes.x_m[nodes], network.nodes.y_m[nodes]], axis=1)
    instead, away_m = fed_hydrants(network, cut.zones).nearest(place_m, lost, 1)
    others = zip(nodes.tolist(), instead[:, 0].tolist(), away_m[:, 0].tolist(), strict=True)
    return [
        {**_hydrant(network, node), "nearest_fed": _nearest(network, other, far_m)} for node, other, far_m in others
    ]


def nearest_hydrants(network: Network, cut: Cut, lost: Ints, places_m: Floats, wanted: int) -> list[Words]:
    """The hydrants still fed that lie nearest to some places, nearest first."""
    found, away_m = fed_hydrants(network, cut.zones).nearest(places_m, lost, wanted)
    order = np.argsort(away_m, axis=None, kind="stable")
    hydrants = list(dict.fromkeys(found.ravel()[order].tolist()))
    nearest_m = {int(found.ravel()[i]): float(away_m.ravel()[i]) for i in order[::-1]}
    named = (_nearest(network, one, nearest_m[one]) for one in hydrants[: wanted + 1])
    return [one for one in named if one is not None][:wanted]


def lost_hydrants(network: Network, cut: Cut) -> Ints:
    """Positions in `hydrant_nodes` of those without water."""
    return hydrants_of(network, cut.zones).lost(cut)[0]


def _nearest(network: Network, hydrant: int, distance_m: float) -> Words | None:
    if hydrant < 0:
        return None
    return {**_hydrant(network, int(hydrant_nodes(network)[hydrant])), "distance_m": distance_m}


def _hydrant(network: Network, node: int) -> Words:
    nodes = network.nodes
    return {
        "node_id": int(nodes.id[node]),
        "source_key": nodes.key[node],
        "x_m": known(float(nodes.x_m[node])),
        "y_m": known(float(nodes.y_m[node])),
    }


def _is_fed(zones: Zones, nodes: Ints) -> Flags:
    """Whether a source reaches the zone of each node; at a device, any side of it."""
    zone = zones.node_zone[nodes]
    fed = (zone >= 0) & zones.is_fed[zone]
    at_device = np.flatnonzero(zone < 0)
    sides = zones.ports.sides(nodes[at_device])
    ports = zones.ports.of_devices(nodes[at_device])
    fed[np.repeat(at_device, sides)[zones.is_fed[zones.ports.zone[ports]]]] = True
    return fed
