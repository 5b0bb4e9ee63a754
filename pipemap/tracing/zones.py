"""Isolation zones: the pipes of one group contracted where no valve can part them, and what hangs on each zone.

A zone is a greatest set of segments and joints that no device parts. Devices are the nodes that part
(valves that are closed or can be closed, one-way devices, sources) and the valves of a valve layer; each
has a port on every zone it touches. Water goes from port to port of one device, so the zones and the
open devices make a directed graph; a source is a device that water only comes out of.

The dominator tree of that graph, rooted before all sources, says for every zone which other zones lose
every source with it (pipemap/tracing/dominators.py). Zones are numbered along that tree, so that these are the
zones that follow it. Number 0 is the place before all sources and has no segments.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipemap.network import SEPARATING, Ints, Network, NodeKind, SmallInts, class_groups, valve_kinds
from pipemap.tracing.dominators import dominator_tree, grouped, tree_ranges

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

    def renumbered(self, number: Ints) -> "Ports":
        """The same with other zone numbers; `number` is by old number."""
        zone = number[self.zone]
        zone_bounds, by_zone = grouped(zone, len(number))
        return replace(self, zone=zone, zone_bounds=zone_bounds, by_zone=by_zone)

    def of_zones(self, zones: Ints) -> Ints:
        """Ports on some zones."""
        return self.by_zone[spread(self.zone_bounds, zones)]

    def of_devices(self, devices: Ints) -> Ints:
        """Ports of some devices."""
        return spread(self.device_bounds, devices)


@dataclass(frozen=True, eq=False)
class Arcs:
    """Ways from zone to zone through one open device each, grouped by tail and, in `back_*`, by head.

    The arcs of the place before all sources lead to the zones a source feeds directly; their device is -1.
    """

    starts: Ints
    heads: Ints
    device: Ints
    back_starts: Ints
    tails: Ints
    back_device: Ints


@dataclass(frozen=True, eq=False)
class Zones:
    """The contracted network of one group; see the module for the terms. Arrays are by zone but where said.

    `span`: what zone z alone keeps supplied are the zones z+1 to z+span[z]-1.
    `needs_flood`: zones whose removal shuts more than themselves, so that their span cannot answer.
    `is_known`: zones whose area (connected through devices of any state) has a source.
    `segment_zone`, `node_zone`: zone by position in the network; -1 for other groups and for devices.
    `segments`: positions in Network.segments sorted by zone, delimited by `segment_bounds`.
    `unfed`: positions of the segments that no source reaches although their area has one.
    """

    group: str
    ports: Ports
    arcs: Arcs
    span: Ints
    needs_flood: Flags
    is_fed: Flags
    is_known: Flags
    area: Ints
    segment_zone: Ints
    node_zone: Ints
    segments: Ints
    segment_bounds: Ints
    unfed: Ints

    @property
    def count(self) -> int:
        """Number of zones, the place before all sources included."""
        return len(self.span)


def zones_of(network: Network, group: str) -> Zones:
    """The zones of one group of classes, computed once per network."""
    return network.once(f"zones {group}", lambda: _contract(network, group))


def spread(bounds: Ints, keys: Ints) -> Ints:
    """The positions `bounds[k]:bounds[k + 1]` of every key, one after the other."""
    counts = bounds[keys + 1] - bounds[keys]
    skipped = np.repeat(bounds[keys] - np.cumsum(counts) + counts, counts)
    return skipped + np.arange(len(skipped))


def marked(count: int, positions: Ints) -> Flags:
    """`count` flags, those at the positions set: to look many things up in a few."""
    flags = np.zeros(count, np.bool_)
    flags[positions] = True
    return flags


def _contract(network: Network, group: str) -> Zones:
    in_group = (class_groups() == group)[network.segments.class_] & (network.segments.class_ >= 0)
    members = np.flatnonzero(in_group & network.segments.is_active)
    ends = _ends(network, members)
    label, count = _labels(ends)
    ports = _ports(network, ends, label, count)
    links = _links(ports)
    number, span, fed = _numbering(_arcs(links, count), count)
    label, ports = number[label], ports.renumbered(number)
    area, is_known = _areas(ports)
    is_fed = np.arange(count) < fed
    zone = label[: len(members)]
    bounds, by_zone = grouped(zone, count)
    segment_zone = np.full(len(network.segments.id), -1, np.int64)
    segment_zone[members] = zone
    return Zones(
        group=group,
        ports=ports,
        arcs=_arcs((number[links[0]], number[links[1]], links[2]), count),
        span=span,
        needs_flood=_needs_flood(ports),
        is_fed=is_fed,
        is_known=is_known,
        area=area,
        segment_zone=segment_zone,
        node_zone=_node_zones(ends, label),
        segments=members[by_zone],
        segment_bounds=bounds,
        unfed=members[(is_known & ~is_fed)[zone]],
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
    is_joint = marked(len(network.nodes.id), node)
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
    """Zone of every element from 1 on, and how many there are with 0, the place before all sources."""
    joined = np.flatnonzero(ends.node_element[ends.node] >= 0)
    label, found = _components((ends.element[joined], ends.node_element[ends.node[joined]]), ends.element_count)
    return label + 1, found + 1


def _components(pairs: tuple[Ints, Ints], count: int) -> tuple[Ints, int]:
    links = coo_array((np.ones(len(pairs[0]), np.int8), pairs), shape=(count, count))
    found, label = connected_components(links, directed=False)
    return label.astype(np.int64), int(found)


def _node_zones(ends: _Ends, label: Ints) -> Ints:
    zone = np.full(len(ends.node_element), -1, np.int64)
    joints = ends.node_element >= 0
    zone[joints] = label[ends.node_element[joints]]
    return zone


def _ports(network: Network, ends: _Ends, label: Ints, count: int) -> Ports:
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
    zone_bounds, by_zone = grouped(zone, count)
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


def _links(ports: Ports) -> tuple[Ints, Ints, Ints]:
    """Every way for water, as (from zone, to zone, device): through each open device, and out of the sources."""
    inlet = np.flatnonzero(ports.takes)
    fan = np.diff(ports.device_bounds)[ports.device[inlet]]
    inlet, outlet = np.repeat(inlet, fan), ports.of_devices(ports.device[inlet])
    real = ports.gives[outlet] & (ports.zone[inlet] != ports.zone[outlet])
    inlet, outlet = inlet[real], outlet[real]
    seeds = np.unique(ports.zone[(ports.kind == NodeKind.SOURCE) & ports.gives])
    return (
        np.concatenate([np.zeros(len(seeds), np.int64), ports.zone[inlet]]),
        np.concatenate([seeds, ports.zone[outlet]]),
        np.concatenate([np.full(len(seeds), -1), ports.device[inlet]]),
    )


def _arcs(links: tuple[Ints, Ints, Ints], count: int) -> Arcs:
    tails, heads, device = links
    starts, out = grouped(tails, count)
    back_starts, back = grouped(heads, count)
    return Arcs(starts, heads[out], device[out], back_starts, tails[back], device[back])


def _numbering(arcs: Arcs, count: int) -> tuple[Ints, Ints, int]:
    """New number of every zone along the dominator tree, span by new number, and how many a source reaches."""
    dominator, order = dominator_tree(arcs.starts, arcs.heads, arcs.back_starts, arcs.tails, 0)
    number, size = tree_ranges(dominator, order)
    span = np.empty(count, np.int64)
    span[number] = size
    return number, span, len(order)


def _areas(ports: Ports) -> tuple[Ints, Flags]:
    """Area of every zone (connected through devices of any state), and whether the area has a source."""
    count = len(ports.zone_bounds) - 1
    label, found = _components((ports.zone, count + ports.device), count + len(ports.device_bounds) - 1)
    with_source = marked(found, label[ports.zone[ports.kind == NodeKind.SOURCE]])
    area = label[:count]
    return area, with_source[area]


def _needs_flood(ports: Ports) -> Flags:
    """Zones that drag others along: fed through a one-way device, or beside a valve with a third side."""
    several = np.diff(ports.device_bounds)[ports.device] > 2
    drags = ((ports.kind == NodeKind.OPEN_VALVE) & several) | ((ports.kind == NodeKind.ONE_WAY) & ports.gives)
    return marked(len(ports.zone_bounds) - 1, ports.zone[drags])
