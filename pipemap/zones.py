"""Isolation zones: the pipes of one group contracted where no valve can part them, and what hangs on each zone.

A zone is a greatest set of segments and joints that no device parts. Devices are the nodes that part
(valves that are closed or can be closed, one-way devices, sources) and the valves of a valve layer; each
has a port on every zone it touches. Water goes from port to port of one device, so the zones and the
open devices make a directed graph; a source is a device that water only comes out of.

The dominator tree of that graph, rooted before all sources, says for every zone which other zones lose
every source with it: they are one range of ranks (pipemap/dominators.py).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipemap.dominators import dominator_tree, grouped, tree_ranges
from pipemap.network import SEPARATING, Ints, Network, NodeKind, SmallInts, class_groups, valve_kinds

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Ports:
    """Where devices touch zones, sorted by device. Device d is node d, or valve d - N of the valve layer.

    `device_bounds` delimits the ports of each device; `by_zone` with `zone_bounds` the ports of each zone.
    `gives` is set where water can come out of the device into the zone, `takes` where it can go in.
    """

    device: Ints
    zone: Ints
    kind: SmallInts
    takes: Flags
    gives: Flags
    device_bounds: Ints
    zone_bounds: Ints
    by_zone: Ints

    def of_zones(self, zones: Ints) -> Ints:
        """Ports on some zones."""
        return self.by_zone[spread(self.zone_bounds, zones)]

    def of_devices(self, devices: Ints) -> Ints:
        """Ports of some devices."""
        return spread(self.device_bounds, devices)


@dataclass(frozen=True, eq=False)
class Arcs:
    """Ways from zone to zone through one open device each, grouped by tail and, in `back_*`, by head.

    The last vertex, number `zone_count`, stands before all sources; its arcs have device -1.
    """

    starts: Ints
    heads: Ints
    device: Ints
    back_starts: Ints
    tails: Ints
    back_device: Ints


@dataclass(frozen=True, eq=False)
class Zones:
    """The contracted network of one group; see the module for the terms.

    `rank` and `span` are by zone: what zone z alone keeps supplied has ranks rank+1 to rank+span-1.
    `needs_flood` marks zones whose removal shuts more than themselves, so that a range cannot answer.
    `segments` are positions in Network.segments sorted by rank of their zone, `segment_bounds` by rank.
    `unfed` are the segments that no source reaches although their area has one.
    `node_zone` is the zone of every joint, -1 for other nodes and for nodes of other groups.
    """

    group: str
    zone_count: int
    segment_zone: Ints
    node_zone: Ints
    ports: Ports
    arcs: Arcs
    seeds: Ints
    is_fed: Flags
    is_known: Flags
    area: Ints
    rank: Ints
    span: Ints
    zone_at: Ints
    needs_flood: Flags
    segments: Ints
    segment_bounds: Ints
    unfed: Ints


def zones_of(network: Network, group: str) -> Zones:
    """The zones of one group of classes, computed once per network."""
    return network.once(f"zones {group}", lambda: _contract(network, group))


def spread(bounds: Ints, keys: Ints) -> Ints:
    """The positions `bounds[k]:bounds[k + 1]` of every key, one after the other."""
    counts = bounds[keys + 1] - bounds[keys]
    skipped = np.repeat(bounds[keys] - np.cumsum(counts) + counts, counts)
    return skipped + np.arange(len(skipped))


def _contract(network: Network, group: str) -> Zones:
    in_group = (class_groups() == group)[network.segments.class_] & (network.segments.class_ >= 0)
    members = np.flatnonzero(in_group & network.segments.is_active)
    ends = _ends(network, members)
    label, zone_count = _labels(ends)
    ports = _ports(network, ends, label, zone_count)
    arcs, seeds = _arcs(ports, zone_count)
    dominator, order = dominator_tree(arcs.starts, arcs.heads, arcs.back_starts, arcs.tails, zone_count)
    rank, span = tree_ranges(dominator, order)
    area, is_known = _areas(ports, zone_count)
    segment_zone = np.full(len(network.segments.id), -1, np.int64)
    segment_zone[members] = label[: len(members)]
    is_fed = (dominator >= 0)[:zone_count]
    bounds, by_rank = grouped(rank[label[: len(members)]], zone_count + 1)
    return Zones(
        group=group,
        zone_count=zone_count,
        segment_zone=segment_zone,
        node_zone=_node_zones(ends, label),
        ports=ports,
        arcs=arcs,
        seeds=seeds,
        is_fed=is_fed,
        is_known=is_known,
        area=area,
        rank=rank,
        span=span,
        zone_at=np.argsort(rank),
        needs_flood=_needs_flood(ports, zone_count),
        segments=members[by_rank],
        segment_bounds=bounds,
        unfed=members[(is_known & ~is_fed)[label[: len(members)]]],
    )


@dataclass(frozen=True, eq=False)
class _Ends:
    """Both ends of every member segment: its element, its node, and which way water may pass there.

    Elements are what zones are made of: the member segments, then one stub for every valve of the
    valve layer (the piece between valve and node), then the nodes.
    """

    element: Ints
    node: Ints
    into_node: Flags
    out_of_node: Flags
    layer_device: Ints
    layer_segment: Ints
    layer_kind: SmallInts
    node_element: Ints
    element_count: int


def _ends(network: Network, members: Ints) -> _Ends:
    count = len(members)
    node = np.concatenate([network.segments.from_node[members], network.segments.to_node[members]])
    element = np.tile(np.arange(count), 2)
    device, segment, kind, end = _layer(network, members, node)
    element[end] = count + np.arange(len(end))
    is_joint = np.zeros(len(network.nodes.id), np.bool_)
    is_joint[node] = True
    is_joint &= ~np.isin(network.node_kinds(), SEPARATING)
    flow = network.segments.flow[members]
    # Digitised direction leaves the start node and enters the end node.
    outward = np.concatenate([flow, -flow])
    return _Ends(
        element=element,
        node=node,
        into_node=outward <= 0,
        out_of_node=outward >= 0,
        layer_device=device,
        layer_segment=segment,
        layer_kind=kind,
        node_element=np.where(is_joint, count + len(end) + np.cumsum(is_joint) - 1, -1),
        element_count=count + len(end) + int(is_joint.sum()),
    )


def _layer(network: Network, members: Ints, end_nodes: Ints) -> tuple[Ints, Ints, SmallInts, Ints]:
    """Device, segment element, kind and end of every valve of the layer that stands on a member and parts."""
    layer = network.pair_valves
    place = np.full(len(network.segments.id), -1, np.int64)
    place[members] = np.arange(len(members))
    kind = valve_kinds(layer.state, layer.operability)
    taken = np.flatnonzero((place[layer.segment] >= 0) & (kind != NodeKind.STUCK_VALVE))
    segment = place[layer.segment[taken]]
    at_start = end_nodes[segment] == layer.node[taken]
    end = np.where(at_start, segment, segment + len(members))
    return len(network.nodes.id) + taken, segment, kind[taken], end


def _labels(ends: _Ends) -> tuple[Ints, int]:
    """Zone of every element, and how many zones there are."""
    joined = np.flatnonzero(ends.node_element[ends.node] >= 0)
    pairs = (ends.element[joined], ends.node_element[ends.node[joined]])
    return _components(pairs, ends.element_count)


def _components(pairs: tuple[Ints, Ints], count: int) -> tuple[Ints, int]:
    links = coo_array((np.ones(len(pairs[0]), np.int8), pairs), shape=(count, count))
    found, label = connected_components(links, directed=False)
    return label.astype(np.int64), int(found)


def _node_zones(ends: _Ends, label: Ints) -> Ints:
    zone = np.full(len(ends.node_element), -1, np.int64)
    joints = ends.node_element >= 0
    zone[joints] = label[ends.node_element[joints]]
    return zone


def _ports(network: Network, ends: _Ends, label: Ints, zone_count: int) -> Ports:
    kinds = network.node_kinds()
    at_device = np.flatnonzero(np.isin(kinds[ends.node], SEPARATING))
    stubs = len(ends.layer_device)
    first_stub = ends.element_count - stubs - int((ends.node_element >= 0).sum()) + np.arange(stubs)
    device = np.concatenate([ends.node[at_device], ends.layer_device, ends.layer_device])
    kind = np.concatenate([kinds[ends.node[at_device]], ends.layer_kind, ends.layer_kind])
    element = np.concatenate([ends.element[at_device], ends.layer_segment, first_stub])
    both = np.ones(2 * stubs, np.bool_)
    takes = np.concatenate([ends.into_node[at_device], both])
    gives = np.concatenate([ends.out_of_node[at_device], both])
    takes, gives = _ways(device, kind, takes, gives)
    device_bounds, order = grouped(device, len(kinds) + len(network.pair_valves.node))
    zone = label[element][order]
    zone_bounds, by_zone = grouped(zone, zone_count)
    return Ports(device[order], zone, kind[order], takes[order], gives[order], device_bounds, zone_bounds, by_zone)


def _ways(device: Ints, kind: SmallInts, into: Flags, out_of: Flags) -> tuple[Flags, Flags]:
    """Which ports take and give water, from the flow directions of their segments (both set where unknown)."""
    one_way = kind == NodeKind.ONE_WAY
    count = int(device.max(initial=-1)) + 1
    has_inlet = np.bincount(device[one_way & into & ~out_of], minlength=count) > 0
    has_outlet = np.bincount(device[one_way & out_of & ~into], minlength=count) > 0
    # One drawn direction is enough: the undrawn sides of a device with an inlet only are its outlets.
    undrawn = one_way & into & out_of
    into = into & ~(undrawn & (has_inlet & ~has_outlet)[device])
    out_of = out_of & ~(undrawn & (has_outlet & ~has_inlet)[device])
    is_open = kind == NodeKind.OPEN_VALVE
    takes = is_open | (one_way & into)
    gives = is_open | (one_way & out_of) | ((kind == NodeKind.SOURCE) & out_of)
    return takes, gives


def _arcs(ports: Ports, zone_count: int) -> tuple[Arcs, Ints]:
    """Every way from zone to zone, and the zones that a source feeds directly."""
    inlet = np.flatnonzero(ports.takes)
    fan = np.diff(ports.device_bounds)[ports.device[inlet]]
    inlet, outlet = np.repeat(inlet, fan), ports.of_devices(ports.device[inlet])
    real = ports.gives[outlet] & (ports.zone[inlet] != ports.zone[outlet])
    seeds = np.unique(ports.zone[(ports.kind == NodeKind.SOURCE) & ports.gives])
    tails = np.concatenate([ports.zone[inlet[real]], np.full(len(seeds), zone_count)])
    heads = np.concatenate([ports.zone[outlet[real]], seeds])
    device = np.concatenate([ports.device[inlet[real]], np.full(len(seeds), -1)])
    starts, out = grouped(tails, zone_count + 1)
    back_starts, back = grouped(heads, zone_count + 1)
    return Arcs(starts, heads[out], device[out], back_starts, tails[back], device[back]), seeds


def _areas(ports: Ports, zone_count: int) -> tuple[Ints, Flags]:
    """Area of every zone (connected through devices of any state), and whether the area has a source."""
    count = zone_count + len(ports.device_bounds) - 1
    label, found = _components((ports.zone, zone_count + ports.device), count)
    with_source = np.zeros(found, np.bool_)
    with_source[label[ports.zone[ports.kind == NodeKind.SOURCE]]] = True
    area = label[:zone_count]
    return area, with_source[area]


def _needs_flood(ports: Ports, zone_count: int) -> Flags:
    """Zones that drag others along: fed through a one-way device, or beside a valve with a third side."""
    several = np.diff(ports.device_bounds)[ports.device] > 2
    drags = ((ports.kind == NodeKind.OPEN_VALVE) & several) | ((ports.kind == NodeKind.ONE_WAY) & ports.gives)
    flags = np.zeros(zone_count, np.bool_)
    flags[ports.zone[drags]] = True
    return flags
