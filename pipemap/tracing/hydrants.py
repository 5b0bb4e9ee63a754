"""Hydrants that a cut takes the water from, and the nearest that still have it."""

from itertools import islice

import numba
import numpy as np

from pipemap.clearance.numbers import known
from pipemap.network import Floats, Ints, Network
from pipemap.network.boxes import BoxTree, touching
from pipemap.tracing.cuts import Cut
from pipemap.tracing.dependants import hydrant_nodes, hydrants_of
from pipemap.tracing.describing import Words
from pipemap.tracing.ports import Flags
from pipemap.tracing.zones import Zones

# The radius that one hydrant serves (GB 50974-2014, 7.2.5), so that it mostly is the last looked at.
_FIRST_REACH_M = 150.0


class FedHydrants:
    """The hydrants of a group that some source reaches, to be asked for the nearest ones."""

    def __init__(self, network: Network, zones: Zones) -> None:
        nodes = hydrant_nodes(network)
        place_m = np.stack([network.nodes.x_m[nodes], network.nodes.y_m[nodes]], axis=1)
        self.hydrants = np.flatnonzero(_is_fed(zones, nodes) & np.isfinite(place_m).all(axis=1))
        self.place_m = place_m[self.hydrants]
        self.tree = BoxTree.of(np.hstack([self.place_m, self.place_m]))

    def nearest(self, places_m: Floats, lost: Ints, wanted: int) -> tuple[Ints, Floats]:
        """For every place (n, 2) the `wanted` nearest hydrants that are not lost, and how far they lie.

        Positions in `hydrant_nodes`, -1 (and infinity) where there are not so many.
        """
        found: tuple[Ints, Floats]
        found = _nearest_left(self.tree.columns, self.hydrants, self.place_m, places_m, lost, wanted)
        return found


@numba.njit(cache=True, nogil=True)
def _nearest_left(
    tree: tuple[Floats, Ints, Ints], hydrants: Ints, place_m: Floats, places_m: Floats, lost: Ints, wanted: int
) -> tuple[Ints, Floats]:  # pragma: no cover
    """The same: all within a reach that doubles until there are so many; `lost` is sorted."""
    found = np.full((len(places_m), wanted), -1)
    away_m = np.full((len(places_m), wanted), np.inf)
    for row, (x, y) in enumerate(places_m):
        reach_m = _FIRST_REACH_M
        is_over = len(hydrants) == 0 or not (np.isfinite(x) and np.isfinite(y))
        while not is_over:
            near = touching(*tree, (x - reach_m, y - reach_m, x + reach_m, y + reach_m))
            found[row], away_m[row] = -1, np.inf
            for one in near:
                if not _is_among(hydrants[one], lost):
                    apart_m = np.hypot(place_m[one, 0] - x, place_m[one, 1] - y)
                    _put_in_order(found[row], away_m[row], hydrants[one], apart_m)
            is_over = away_m[row, -1] <= reach_m or len(near) == len(hydrants)
            reach_m *= 2
    return found, away_m


@numba.njit(cache=True, nogil=True)
def _is_among(one: int, some: Ints) -> bool:  # pragma: no cover
    place = np.searchsorted(some, one)
    return bool(place < len(some) and some[place] == one)


@numba.njit(cache=True, nogil=True)
def _put_in_order(found: Ints, away_m: Floats, one: int, apart_m: float) -> None:  # pragma: no cover
    """Put one among those found, nearest first (by number where that is the same), if it is near enough."""
    for place in range(len(found)):
        if apart_m < away_m[place] or (apart_m == away_m[place] and one < found[place]):
            found[place], one = one, found[place]
            away_m[place], apart_m = apart_m, away_m[place]


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
        {**_hydrant(network, node), "nearest_fed": _near_hydrant(network, other, far_m) if other >= 0 else None}
        for node, other, far_m in others
    ]


def nearest_hydrants(network: Network, cut: Cut, lost: Ints, places_m: Floats, wanted: int) -> list[Words]:
    """The hydrants still fed that lie nearest to some places, nearest first."""
    found, away_m = fed_hydrants(network, cut.zones).nearest(places_m, lost, wanted)
    nearest_m: dict[int, float] = {}
    for far_m, hydrant in sorted(zip(away_m.ravel().tolist(), found.ravel().tolist(), strict=True)):
        if hydrant >= 0:
            nearest_m.setdefault(hydrant, far_m)
    return [_near_hydrant(network, *one) for one in islice(nearest_m.items(), wanted)]


def lost_hydrants(network: Network, cut: Cut) -> Ints:
    """Positions in `hydrant_nodes` of those without water."""
    return hydrants_of(network, cut.zones).lost(cut)[0]


def _near_hydrant(network: Network, hydrant: int, distance_m: float) -> Words:
    return {**_hydrant(network, hydrant_nodes(network).item(hydrant)), "distance_m": distance_m}


def _hydrant(network: Network, node: int) -> Words:
    nodes = network.nodes
    return {
        "node_id": nodes.id.item(node),
        "source_key": nodes.key[node],
        "x_m": known(nodes.x_m.item(node)),
        "y_m": known(nodes.y_m.item(node)),
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
