"""Hydrants that a cut takes the water from, and the nearest that still have it."""

from itertools import islice

import numba
import numpy as np

from pipemap.network import Floats, Ints, Network
from pipemap.network.boxes import BoxTree, nearest
from pipemap.tracing.cuts import Cut
from pipemap.tracing.dependants import hydrant_nodes, hydrants_of
from pipemap.tracing.describing import Words, known_numbers
from pipemap.tracing.ports import Flags
from pipemap.tracing.zones import Zones


class FedHydrants:
    """The hydrants of a group that some source reaches, to be asked for the nearest ones."""

    def __init__(self, network: Network, zones: Zones) -> None:
        nodes = hydrant_nodes(network)
        place_m = np.stack([network.nodes.x_m[nodes], network.nodes.y_m[nodes]], axis=1)
        self.hydrants = np.flatnonzero(_is_fed(zones, nodes) & np.isfinite(place_m).all(axis=1))
        tree = BoxTree.of(np.tile(place_m[self.hydrants], 2))
        self._columns = tree.boxes, tree.levels, self.hydrants[tree.order]
        self._place_m = place_m

    def nearest(self, places_m: Floats, lost: Ints, wanted: int) -> tuple[Ints, Floats]:
        """For every place (n, 2) the `wanted` nearest hydrants that are not lost, and how far they lie.

        Positions in `hydrant_nodes`, -1 (and infinity) where there are not so many; `lost` is sorted.
        """
        found: tuple[Ints, Floats] = _nearest_left(self._columns, places_m, lost, wanted)
        return found

    def instead_of(self, lost: Ints) -> tuple[Ints, Floats]:
        """The same for the one nearest to each of those that are lost."""
        found: tuple[Ints, Floats] = _instead(self._columns, self._place_m, lost)
        return found


@numba.njit(cache=True, nogil=True)
def _nearest_left(
    tree: tuple[Floats, Ints, Ints], places_m: Floats, lost: Ints, wanted: int
) -> tuple[Ints, Floats]:  # pragma: no cover
    found, away_m = np.empty((len(places_m), wanted), np.int64), np.empty((len(places_m), wanted))
    for row in range(len(places_m)):
        found[row], away_m[row] = nearest(*tree, (places_m[row, 0], places_m[row, 1]), wanted, lost)
    return found, away_m


@numba.njit(cache=True, nogil=True)
def _instead(tree: tuple[Floats, Ints, Ints], place_m: Floats, lost: Ints) -> tuple[Ints, Floats]:  # pragma: no cover
    found, away_m = _nearest_left(tree, place_m[lost], lost, 1)
    return found.ravel(), away_m.ravel()


def fed_hydrants(network: Network, zones: Zones) -> FedHydrants:
    """The fed hydrants of a group, found once per network."""
    return network.once(f"fed hydrants {zones.group}", lambda: FedHydrants(network, zones), by_layout=True)


def lost_hydrants(network: Network, cut: Cut) -> Ints:
    """Positions in `hydrant_nodes` of those without water."""
    return hydrants_of(network, cut.zones).lost(cut)[0]


def hydrants_instead(network: Network, cut: Cut, lost: Ints) -> tuple[Ints, Floats]:
    """For every hydrant that is lost the nearest one still fed, -1 for none, and how far it lies from it."""
    if not len(lost):
        return lost, np.zeros(0)
    return fed_hydrants(network, cut.zones).instead_of(lost)


def nearest_hydrants(network: Network, cut: Cut, lost: Ints, places_m: Floats, wanted: int) -> tuple[Ints, Floats]:
    """The hydrants still fed that lie nearest to some places, nearest first, and how far they lie."""
    found, away_m = fed_hydrants(network, cut.zones).nearest(places_m, lost, wanted)
    if len(places_m) > 1:
        found, away_m = (np.array(column) for column in _first_of_all(found, away_m, wanted))
    there = np.count_nonzero(found >= 0)
    return found.ravel()[:there], away_m.ravel()[:there]


def _first_of_all(found: Ints, away_m: Floats, wanted: int) -> tuple[list[int], list[float]]:
    """The first of those found for several places, each once."""
    nearest_m: dict[int, float] = {}
    for far_m, hydrant in sorted(zip(away_m.ravel().tolist(), found.ravel().tolist(), strict=True)):
        nearest_m.setdefault(hydrant, far_m)
    first = list(islice((one for one in nearest_m.items() if one[0] >= 0), wanted))
    return [hydrant for hydrant, _ in first], [far_m for _, far_m in first]


def near_words(network: Network, hydrants: Ints, away_m: Floats) -> list[Words]:
    """Fed hydrants as the fields of NearestHydrants."""
    told = _described(network, hydrants)
    for one, far_m in zip(told, away_m.tolist(), strict=True):
        one["distance_m"] = far_m
    return told


def lost_words(network: Network, lost: Ints, instead: Ints, instead_m: Floats) -> list[Words]:
    """Hydrants without water, each with the one to use instead, as the fields of HydrantsLost."""
    if not len(lost):
        return []
    told = _described(network, np.concatenate([lost, instead]))
    columns = zip(told, told[len(lost) :], instead.tolist(), instead_m.tolist(), strict=False)
    return [
        {**one, "nearest_fed": {**other, "distance_m": far_m} if place >= 0 else None}
        for one, other, place, far_m in columns
    ]


def _described(network: Network, hydrants: Ints) -> list[Words]:
    if not len(hydrants):
        return []
    nodes, node = network.nodes, hydrant_nodes(network)[hydrants]
    places = known_numbers(nodes.x_m[node]), known_numbers(nodes.y_m[node])
    columns = zip(nodes.id[node].tolist(), nodes.key.at(node), *places, strict=True)
    return [{"node_id": one, "source_key": key, "x_m": x_m, "y_m": y_m} for one, key, x_m, y_m in columns]


def _is_fed(zones: Zones, nodes: Ints) -> Flags:
    """Whether a source reaches the zone of each node; at a device, any side of it."""
    zone = zones.node_zone[nodes]
    fed = (zone >= 0) & zones.is_fed[zone]
    at_device = np.flatnonzero(zone < 0)
    sides = zones.ports.sides(nodes[at_device])
    ports = zones.ports.of_devices(nodes[at_device])
    fed[np.repeat(at_device, sides)[zones.is_fed[zones.ports.zone[ports]]]] = True
    return fed
