"""What hangs on the nodes of a network (consumers, hydrants), and which of it a cut takes the supply from."""

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numba
import numpy as np
from scipy.spatial import KDTree

from pipemap.network import Floats, Ints, Network, NodeKind, class_groups
from pipemap.network.grouping import grouped, spread
from pipemap.network.kinds import has_role
from pipemap.tracing.cuts import Cut
from pipemap.tracing.floods import FED, ISOLATED, LOST, Statuses
from pipemap.tracing.ports import Flags
from pipemap.tracing.zones import Zones

# Beyond so many places it is faster to ask for every consumer whether one is near.
_MANY_PLACES = 500

# Columns of Dependants, and of the devices and zones around them.
Things: TypeAlias = tuple[Ints, Ints, Ints, Ints, Ints]
Around: TypeAlias = tuple[Ints, Ints, Flags, Flags]


@dataclass(frozen=True, eq=False)
class Dependants:
    """Things that hang on nodes, by the zone of their node.

    `members[bounds[z]:bounds[z + 1]]` hang on zone z. The others stand at a device:
    `straddling[straddling_bounds[z]:straddling_bounds[z + 1]]` at one that touches zone z. `device` is by thing.
    """

    zones: Zones
    members: Ints
    bounds: Ints
    straddling: Ints
    straddling_bounds: Ints
    device: Ints

    def lost(self, cut: Cut) -> tuple[Ints, Flags]:
        """Positions of the lost ones, and which of them are in the isolated rather than the dry zone."""
        return self.lost_in(cut.isolated_zones, cut.dry_zones, cut.status)

    def lost_in(self, isolated: Ints, dry: Ints, status: Statuses) -> tuple[Ints, Flags]:
        """The same for the zones of some cut: at a device a thing is lost when no side of it is fed any more."""
        lost: tuple[Ints, Flags] = lost_among(self.columns, self.zones.around, isolated, dry, status)
        return lost

    @cached_property
    def columns(self) -> Things:
        """What `lost_among` takes of them."""
        return self.members, self.bounds, self.straddling, self.straddling_bounds, self.device


@numba.njit(cache=True, nogil=True)
def lost_among(
    things: Things, around: Around, isolated: Ints, dry: Ints, status: Statuses
) -> tuple[Ints, Flags]:  # pragma: no cover
    """The same from the columns."""
    members, bounds, straddling, straddling_bounds, device = things
    device_bounds, port_zone, is_fed, is_known = around
    near, beyond = members[spread(bounds, isolated)], members[spread(bounds, dry)]
    between = np.unique(straddling[spread(straddling_bounds, np.concatenate((isolated, dry)))])
    touches = np.zeros(len(between), np.bool_)
    lost = np.ones(len(between), np.bool_)
    for number, thing in enumerate(between):
        for zone in port_zone[device_bounds[device[thing]] : device_bounds[device[thing] + 1]]:
            is_unfed = status[zone] == LOST or (not is_fed[zone] and status[zone] != FED)
            touches[number] |= status[zone] == ISOLATED
            lost[number] &= status[zone] == ISOLATED or (is_unfed and is_known[zone])
    is_near = np.concatenate((np.ones(len(near), np.bool_), np.zeros(len(beyond), np.bool_), touches[lost]))
    found = np.concatenate((near, beyond, between[lost]))
    if (found[1:] >= found[:-1]).all():
        return found, is_near
    order = np.argsort(found)
    return found[order], is_near[order]


def dependants_of(zones: Zones, nodes: Ints) -> Dependants:
    """Things by the zone of the node they hang on; `nodes` is a position in the network for each, -1 for none."""
    zone = np.where(nodes >= 0, zones.node_zone[nodes], -1)
    settled = np.flatnonzero(zone >= 0)
    bounds, order = grouped(zone[settled], zones.count)
    sides = zones.ports.sides(nodes)
    at_device = np.flatnonzero((nodes >= 0) & (zone < 0) & (sides > 0) & (zones.ports.kind[nodes] != NodeKind.SOURCE))
    thing = np.repeat(at_device, sides[at_device])
    straddling_bounds, by_zone = grouped(zones.ports.zone[zones.ports.of_devices(nodes[at_device])], zones.count)
    return Dependants(zones, settled[order], bounds, thing[by_zone], straddling_bounds, nodes)


def consumers_of(network: Network, zones: Zones) -> Dependants:
    """The consumers that the group of the zones serves, as positions in Network.consumers."""

    def served() -> Dependants:
        of_group = (class_groups() == zones.group)[network.consumers.class_]
        return dependants_of(zones, np.where(of_group, network.consumers.node, -1))

    return network.once(f"consumers {zones.group}", served, by_layout=True)


class Unlinked:
    """Consumers of a group of whom nobody knows which node serves them, by place."""

    def __init__(self, network: Network, zones: Zones) -> None:
        consumers = network.consumers
        of_group = (class_groups() == zones.group)[consumers.class_]
        place_m = np.stack([consumers.x_m, consumers.y_m], axis=1)[of_group & (consumers.node < 0)]
        place_m = place_m[np.isfinite(place_m).all(axis=1)]
        self.place_m = place_m
        self.tree = KDTree(place_m)

    def near(self, places_m: Floats, radius_m: float) -> int:
        """How many of them lie within a distance of some places (n, 2)."""
        places_m = places_m[np.isfinite(places_m).all(axis=1)]
        if not len(self.place_m) or not len(places_m):
            return 0
        if len(places_m) > _MANY_PLACES:
            away_m, _ = KDTree(places_m).query(self.place_m, distance_upper_bound=radius_m)
            return int(np.isfinite(away_m).sum())
        found = np.asarray(self.tree.query_ball_point(places_m, radius_m), dtype=object)
        return len({one for some in found.tolist() for one in some})


def unlinked_of(network: Network, zones: Zones) -> Unlinked:
    """The consumers of a group without a known connection, found once per network."""
    return network.once(f"unlinked {zones.group}", lambda: Unlinked(network, zones), by_layout=True)


def hydrant_nodes(network: Network) -> Ints:
    """Positions of the hydrants in service."""
    return network.once("hydrant nodes", lambda: np.flatnonzero(has_role(network, "hydrant")), by_layout=True)


def hydrants_of(network: Network, zones: Zones) -> Dependants:
    """The hydrants, as positions in `hydrant_nodes`."""
    return network.once(f"hydrants {zones.group}", lambda: dependants_of(zones, hydrant_nodes(network)), by_layout=True)
