"""What hangs on the nodes of a network (consumers, hydrants), and which of it a cut takes the supply from."""

from dataclasses import dataclass

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
        near = self.members[spread(self.bounds, isolated)]
        beyond = self.members[spread(self.bounds, dry)]
        between, touches = self._lost_at_devices(np.concatenate([isolated, dry]), status)
        lost = np.concatenate([near, beyond, between])
        is_near = np.concatenate([np.ones(len(near), np.bool_), np.zeros(len(beyond), np.bool_), touches])
        order = np.argsort(lost)
        return lost[order], is_near[order]

    def _lost_at_devices(self, some: Ints, status: Statuses) -> tuple[Ints, Flags]:
        there = np.unique(self.straddling[spread(self.straddling_bounds, some)])
        if not len(there):
            return there, np.zeros(0, np.bool_)
        ports = self.zones.ports
        device = self.device[there]
        first = np.cumsum(ports.sides(device))
        starts = np.concatenate([np.zeros(1, np.int64), first[:-1]])
        zone = ports.zone[ports.of_devices(device)]
        is_unfed = (status[zone] == LOST) | (~self.zones.is_fed[zone] & (status[zone] != FED))
        is_out = (status[zone] == ISOLATED) | (is_unfed & self.zones.is_known[zone])
        is_lost = np.logical_and.reduceat(is_out, starts)
        return there[is_lost], np.logical_or.reduceat(status[zone] == ISOLATED, starts)[is_lost]


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

    return network.once(f"consumers {zones.group}", served)


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
    return network.once(f"unlinked {zones.group}", lambda: Unlinked(network, zones))


def hydrant_nodes(network: Network) -> Ints:
    """Positions of the hydrants in service."""
    return network.once("hydrant nodes", lambda: np.flatnonzero(has_role(network, "hydrant")))


def hydrants_of(network: Network, zones: Zones) -> Dependants:
    """The hydrants, as positions in `hydrant_nodes`."""
    return network.once(f"hydrants {zones.group}", lambda: dependants_of(zones, hydrant_nodes(network)))
