"""Hydrants that a cut takes the water from, and the nearest that still have it."""

from itertools import islice
from typing import TypeAlias

import numba
import numpy as np

from pipemap.network import Floats, Ints, Network
from pipemap.network.boxes import BoxTree, nearest
from pipemap.tracing.cuts import Cut
from pipemap.tracing.dependants import hydrant_nodes
from pipemap.tracing.describing import Words, placed_nodes
from pipemap.tracing.ports import Flags
from pipemap.tracing.zones import Zones

# The columns of a tree of the fed hydrants (pipemap/network/boxes.py) and the places of all.
Fed: TypeAlias = tuple[Floats, Ints, Ints, Floats]


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

    def nearest_to(self, place_m: Floats, lost: Ints, wanted: int) -> tuple[Ints, Floats]:
        """The same for one place (1, 2), without what is not there."""
        found: tuple[Ints, Floats] = _nearest_there(self._columns, place_m, lost, wanted)
        return found

    @property
    def columns(self) -> Fed:
        """What `instead_of` takes of them."""
        return (*self._columns, self._place_m)


@numba.njit(cache=True, nogil=True)
def _nearest_left(
    tree: tuple[Floats, Ints, Ints], places_m: Floats, lost: Ints, wanted: int
) -> tuple[Ints, Floats]:  # pragma: no cover
    found, away_m = np.empty((len(places_m), wanted), np.int64), np.empty((len(places_m), wanted))
    for row in range(len(places_m)):
        found[row], away_m[row] = nearest(*tree, (places_m[row, 0], places_m[row, 1]), wanted, lost)
    return found, away_m


@numba.njit(cache=True, nogil=True)
def _nearest_there(
    tree: tuple[Floats, Ints, Ints], place_m: Floats, lost: Ints, wanted: int
) -> tuple[Ints, Floats]:  # pragma: no cover
    found, away_m = nearest(*tree, (place_m[0, 0], place_m[0, 1]), wanted, lost)
    there = np.count_nonzero(found >= 0)
    return found[:there], away_m[:there]


@numba.njit(cache=True, nogil=True)
def instead_of(fed: Fed, lost: Ints) -> tuple[Ints, Floats]:  # pragma: no cover
    """For every hydrant that is lost the nearest one still fed, -1 for none, and how far it lies from it."""
    boxes, levels, order, place_m = fed
    found, away_m = _nearest_left((boxes, levels, order), place_m[lost], lost, 1)
    return found.ravel(), away_m.ravel()


def fed_hydrants(network: Network, zones: Zones) -> FedHydrants:
    """The fed hydrants of a group, found once per network."""
    return network.once(f"fed hydrants {zones.group}", lambda: FedHydrants(network, zones), by_layout=True)


def nearest_hydrants(network: Network, cut: Cut, lost: Ints, places_m: Floats, wanted: int) -> tuple[Ints, Floats]:
    """The hydrants still fed that lie nearest to some places, nearest first, and how far they lie."""
    fed = fed_hydrants(network, cut.zones)
    if len(places_m) == 1:
        return fed.nearest_to(places_m, lost, wanted)
    return _first_of_all(*fed.nearest(places_m, lost, wanted), wanted)


def _first_of_all(found: Ints, away_m: Floats, wanted: int) -> tuple[Ints, Floats]:
    """The first of those found for several places, each once."""
    nearest_m: dict[int, float] = {}
    for far_m, hydrant in sorted(zip(away_m.ravel().tolist(), found.ravel().tolist(), strict=True)):
        nearest_m.setdefault(hydrant, far_m)
    first = list(islice((one for one in nearest_m.items() if one[0] >= 0), wanted))
    return np.array([hydrant for hydrant, _ in first], np.int64), np.array([far_m for _, far_m in first])


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
    placed = placed_nodes(network, hydrant_nodes(network)[hydrants])
    return [{"node_id": one, "source_key": key, "x_m": x_m, "y_m": y_m} for one, key, x_m, y_m in placed]


def _is_fed(zones: Zones, nodes: Ints) -> Flags:
    """Whether a source reaches the zone of each node; at a device, any side of it."""
    zone = zones.node_zone[nodes]
    fed = (zone >= 0) & zones.is_fed[zone]
    at_device = np.flatnonzero(zone < 0)
    sides = zones.ports.sides(nodes[at_device])
    ports = zones.ports.of_devices(nodes[at_device])
    fed[np.repeat(at_device, sides)[zones.is_fed[zones.ports.zone[ports]]]] = True
    return fed
