"""Isolation zones: the pipes of one group contracted where no valve can part them, and what hangs on each zone.

A zone is a greatest set of segments and joints that no device parts (pipemap/tracing/ports.py). Water goes from
port to port of one device, so the zones and the devices that let water pass make a directed graph; a source
is a device that water only comes out of. Valves that cannot be moved join their zones to one *cluster*.

The dominator tree of the clusters, rooted before all sources, says for every cluster which others lose every
source with it (pipemap/tracing/dominators.py). Zones are numbered along that tree, so that a cluster is a range of
zones and what it alone keeps supplied is the range that follows. Zone 0, the one of cluster 0, is the place before
all sources and has no segments.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from pipemap.network import Ints, Network, NodeKind
from pipemap.network.grouping import grouped, spread
from pipemap.tracing.dominators import dominator_tree, hops, tree_ranges
from pipemap.tracing.floods import Touches
from pipemap.tracing.ports import Elements, Flags, Ports, components, elements_of, marked, ports_of

Columns: TypeAlias = tuple[
    Ints, Ints, Flags, Flags, Ints, Ints, Ints, Ints, Flags, Flags, Ints, Ints, Ints, Ints, Ints, Flags
]
PASSABLE = (NodeKind.OPEN_VALVE, NodeKind.STUCK_VALVE, NodeKind.ONE_WAY)


@dataclass(frozen=True, eq=False)
class Zones:
    """The contracted network of one group; see the module for the terms. Arrays are by zone but where said.

    `cluster` is non-decreasing; cluster c has the zones `cluster_bounds[c]` to `cluster_bounds[c + 1] - 1`, and what it
    alone keeps supplied are the zones from there to `subtree_end[c] - 1`; `dominator` is the cluster above it in
    the tree, -1 for none. `needs_flood`, by cluster: taking it out shuts more than itself, so ranges cannot answer.
    `is_fed`: zones that some source reaches; `hops`: open devices from the nearest source to the zone, -1 for none.
    `is_known`: zones whose area (connected through devices of any state) has a source.
    `segment_zone`, `node_zone`: zone by position in the network; -1 for other groups and for devices.
    `segments`: positions in Network.segments sorted by zone, delimited by `segment_bounds`.
    `unfed`: positions of the segments that no source reaches although their area has one, sorted by area and
    delimited by `unfed_bounds`.
    """

    group: str
    ports: Ports
    cluster: Ints
    cluster_bounds: Ints
    subtree_end: Ints
    dominator: Ints
    needs_flood: Flags
    is_fed: Flags
    hops: Ints
    is_known: Flags
    area: Ints
    segment_zone: Ints
    node_zone: Ints
    segments: Ints
    segment_bounds: Ints
    unfed: Ints
    unfed_bounds: Ints

    @property
    def count(self) -> int:
        """Number of zones, the place before all sources included."""
        return len(self.cluster)

    @cached_property
    def touches(self) -> Touches:
        """The ports as walks need them, every device as it is on the map."""
        ports = self.ports
        columns = (ports.device, ports.zone, ports.takes, ports.gives, ports.device_bounds, ports.zone_bounds)
        return Touches(*columns, ports.by_zone, ports.kind)

    @cached_property
    def columns(self) -> Columns:
        """What `floods.parted` takes of them and of the ports."""
        ports = self.ports
        return (
            *(ports.device, ports.zone, ports.takes, ports.gives),
            *(ports.device_bounds, ports.zone_bounds, ports.by_zone),
            *(self.hops, self.is_fed, self.is_known, self.segments, self.segment_bounds),
            *(self.cluster, self.cluster_bounds, self.subtree_end, self.needs_flood),
        )

    @cached_property
    def around(self) -> tuple[Ints, Ints, Flags, Flags]:
        """What `dependants.lost_among` takes of them."""
        return self.ports.device_bounds, self.ports.zone, self.is_fed, self.is_known

    @cached_property
    def inlets(self) -> tuple[Ints, Ints]:
        """Sources that something fills, and the zones their inlets are on; a source stands once for each inlet."""
        ports = self.ports
        inlets = np.flatnonzero((ports.kind[ports.device] == NodeKind.SOURCE) & ~ports.gives)
        return ports.device[inlets], ports.zone[inlets]

    def segments_in(self, some: Ints) -> Ints:
        """Positions of the segments in some zones, sorted."""
        found = self.segments[spread(self.segment_bounds, some)]
        return found if len(some) == 1 else np.sort(found)


def zones_of(network: Network, group: str) -> Zones:
    """The zones of one group of classes, computed once per network."""
    return network.once(f"zones {group}", lambda: _contract(network, group), by_layout=True)


def _contract(network: Network, group: str) -> Zones:
    elements = elements_of(network, group)
    ports = ports_of(network, group, elements)
    tree = _tree(ports, elements.zone_count)
    ports = ports.renumbered(tree.number)
    zone = tree.number[elements.zone]
    count, members = len(tree.number), elements.members
    area, is_known = _areas(ports)
    far = _hops(ports, count)
    bounds, by_zone = grouped(zone[: len(members)], count)
    segment_zone = np.full(len(network.segments.id), -1, np.int64)
    segment_zone[members] = zone[: len(members)]
    unfed = np.flatnonzero((is_known & (far < 0))[zone[: len(members)]])
    unfed_bounds, by_area = grouped(area[zone[unfed]], int(area.max()) + 1)
    return Zones(
        group=group,
        ports=ports,
        cluster=tree.cluster,
        cluster_bounds=tree.bounds,
        subtree_end=tree.bounds[np.arange(len(tree.size)) + tree.size],
        dominator=tree.dominator,
        needs_flood=_needs_flood(ports, tree.cluster, len(tree.size)),
        is_fed=far >= 0,
        hops=far,
        is_known=is_known,
        area=area,
        segment_zone=segment_zone,
        node_zone=_node_zones(elements, zone),
        segments=members[by_zone],
        segment_bounds=bounds,
        unfed=members[unfed[by_area]],
        unfed_bounds=unfed_bounds,
    )


@dataclass(frozen=True, eq=False)
class _Tree:
    """New number of every zone, cluster by new number, and by cluster: its zones, subtree size and dominator."""

    number: Ints
    cluster: Ints
    bounds: Ints
    size: Ints
    dominator: Ints


def _tree(ports: Ports, count: int) -> _Tree:
    cluster, clusters = _clusters(ports, count)
    tails, heads = (cluster[side] for side in _links(ports))
    starts, out = grouped(tails, clusters)
    back_starts, back = grouped(heads, clusters)
    dominator, order = dominator_tree(starts, heads[out], back_starts, tails[back], int(cluster[0]))
    rank, size = tree_ranges(dominator, order)
    by_rank = np.argsort(rank)
    bounds, zones = grouped(rank[cluster], clusters)
    number = np.empty(count, np.int64)
    number[zones] = np.arange(count)
    above = dominator[by_rank]
    return _Tree(number, rank[cluster][zones], bounds, size[by_rank], np.where(above >= 0, rank[above], -1))


def _clusters(ports: Ports, count: int) -> tuple[Ints, int]:
    """Cluster of every zone, and how many there are."""
    is_stuck = ports.kind[ports.device] == NodeKind.STUCK_VALVE
    if not is_stuck.any():
        return np.arange(count), count
    stuck, device = np.unique(ports.device[is_stuck], return_inverse=True)
    label, _ = components((ports.zone[is_stuck], count + device), count + len(stuck))
    found, cluster = np.unique(label[:count], return_inverse=True)
    return cluster.astype(np.int64), len(found)


def _links(ports: Ports) -> tuple[Ints, Ints]:
    """Every way for water, as (from zone, to zone): through what is open, and out of the sources from zone 0."""
    kind = ports.kind[ports.device]
    inlet = np.flatnonzero(ports.takes & np.isin(kind, PASSABLE))
    fan = ports.sides(ports.device[inlet])
    inlet, outlet = np.repeat(inlet, fan), ports.of_devices(ports.device[inlet])
    real = ports.gives[outlet] & (ports.zone[inlet] != ports.zone[outlet])
    seeds = np.unique(ports.zone[(kind == NodeKind.SOURCE) & ports.gives])
    return (
        np.concatenate([np.zeros(len(seeds), np.int64), ports.zone[inlet[real]]]),
        np.concatenate([seeds, ports.zone[outlet[real]]]),
    )


def _hops(ports: Ports, count: int) -> Ints:
    tails, heads = _links(ports)
    starts, out = grouped(tails, count)
    return hops(starts, heads[out], 0)


def _node_zones(elements: Elements, zone: Ints) -> Ints:
    found = np.full(len(elements.joint), -1, np.int64)
    joints = elements.joint >= 0
    found[joints] = zone[elements.joint[joints]]
    return found


def _areas(ports: Ports) -> tuple[Ints, Flags]:
    """Area of every zone (connected through devices of any state), and whether the area has a source."""
    count = len(ports.zone_bounds) - 1
    label, found = components((ports.zone, count + ports.device), count + len(ports.device_bounds) - 1)
    with_source = marked(found, label[ports.zone[ports.kind[ports.device] == NodeKind.SOURCE]])
    area = label[:count]
    return area, with_source[area]


def _needs_flood(ports: Ports, cluster: Ints, clusters: int) -> Flags:
    """Clusters that drag others along: fed through a one-way device, or beside a valve with a third side."""
    kind = ports.kind[ports.device]
    several = ports.sides(ports.device) > 2
    drags = ((kind == NodeKind.OPEN_VALVE) & several) | ((kind == NodeKind.ONE_WAY) & ports.gives)
    return marked(clusters, cluster[ports.zone[drags]])
