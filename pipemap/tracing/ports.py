"""Devices and where they touch the pipes: what zones are parted by, and which way water passes there.

Devices are the nodes that part a group of classes (valves in any state, one-way devices, sources) and
the valves of a valve layer: device d is node d, or valve d - N of the layer.
"""

from dataclasses import dataclass, replace

import numba
import numpy as np
import numpy.typing as npt

from pipemap.network import Ints, Network, NodeKind, SmallInts, class_groups
from pipemap.network.grouping import grouped, spread
from pipemap.network.kinds import ONE_WAY_ROLES, has_role, node_kinds, regulators_of, valve_kinds
from pipemap.network.pressures import pressure_ranges_mpa

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Ports:
    """Where devices touch zones, sorted by device.

    `device_bounds` delimits the ports of each device; `by_zone` with `zone_bounds` the ports of each zone.
    `gives` is set where water can come out of the device into the zone while it is open, `takes` where it can go
    in. `kind` is the NodeKind of every device, by device; `is_one_way` marks those that are one-way while open,
    `can_shut` those of them that are shut for a burst like a valve (gas regulators).
    """

    device: Ints
    zone: Ints
    takes: Flags
    gives: Flags
    device_bounds: Ints
    zone_bounds: Ints
    by_zone: Ints
    kind: SmallInts
    is_one_way: Flags
    can_shut: Flags

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

    def sides(self, devices: Ints) -> Ints:
        """How many ports some devices have."""
        return self.device_bounds[devices + 1] - self.device_bounds[devices]


@dataclass(frozen=True, eq=False)
class Elements:
    """What zones are made of, and both ends of every member segment.

    Elements are the member segments, then one stub for every valve of the valve layer (the piece between
    valve and node), then the joints. The arrays are by end, start ends first: its element, its node, and which
    way water may pass there. `zone` is the zone of every element from 1 on; `zone_count` counts 0 as well.
    """

    members: Ints
    element: Ints
    node: Ints
    into_node: Flags
    out_of_node: Flags
    layer_device: Ints
    layer_segment: Ints
    joint: Ints
    zone: Ints
    zone_count: int

    @property
    def first_stub(self) -> int:
        """Element of the first stub."""
        return len(self.members)


def elements_of(network: Network, group: str) -> Elements:
    """The live pipes of a group, joined wherever no device parts them."""
    in_group = (class_groups() == group)[network.segments.class_] & (network.segments.class_ >= 0)
    members = np.flatnonzero(in_group & network.segments.is_active)
    count = len(members)
    node = np.concatenate([network.segments.from_node[members], network.segments.to_node[members]])
    element = np.tile(np.arange(count), 2)
    device, segment, end = _layer(network, members, node)
    stubs = len(end)
    element[end] = count + np.arange(stubs)
    is_joint = marked(len(network.nodes.id), node) & (node_kinds(network, group) == NodeKind.JOINT)
    joint = np.where(is_joint, count + stubs + np.cumsum(is_joint) - 1, -1)
    joined = np.flatnonzero(joint[node] >= 0)
    size = count + stubs + int(is_joint.sum())
    zone, zones = components((element[joined], joint[node[joined]]), size)
    flow = network.segments.flow[members]
    # Digitised direction leaves the start node and enters the end node.
    outward = np.concatenate([flow, -flow])
    return Elements(members, element, node, outward <= 0, outward >= 0, device, segment, joint, zone + 1, zones + 1)


def ports_of(network: Network, group: str, elements: Elements) -> Ports:
    """Every touch of a device and a zone."""
    kind = _device_kinds(network, group)
    at_device = np.flatnonzero(elements.joint[elements.node] < 0)
    stubs = len(elements.layer_device)
    stub = elements.first_stub + np.arange(stubs)
    device = np.concatenate([elements.node[at_device], elements.layer_device, elements.layer_device])
    element = np.concatenate([elements.element[at_device], elements.layer_segment, stub])
    both = np.ones(2 * stubs, np.bool_)
    into = np.concatenate([elements.into_node[at_device], both])
    out_of = np.concatenate([elements.out_of_node[at_device], both])
    is_one_way = _one_way_while_open(network, group)
    can_shut = _of_nodes(network, regulators_of(network, group))
    into[: len(at_device)], out_of[: len(at_device)] = _ways_by_tier(network, elements, at_device, can_shut)
    takes, gives = passages(device, kind, is_one_way, into, out_of)
    device_bounds, order = grouped(device, len(kind))
    zone = elements.zone[element][order]
    zone_bounds, by_zone = grouped(zone, elements.zone_count)
    ways = takes[order], gives[order]
    return Ports(device[order], zone, *ways, device_bounds, zone_bounds, by_zone, kind, is_one_way, can_shut)


def components(pairs: tuple[Ints, Ints], count: int) -> tuple[Ints, int]:
    """Connected component of each of `count` vertices, and how many there are."""
    label, found = _joined(np.ascontiguousarray(pairs[0]), np.ascontiguousarray(pairs[1]), count)
    return label, int(found)


@numba.njit(cache=True, nogil=True)
def _joined(ones: Ints, others: Ints, count: int) -> tuple[Ints, int]:  # pragma: no cover
    """The same by union-find: the least vertex of a component is its root, and labels follow the roots."""
    above = np.arange(count)
    for pair in range(len(ones)):
        one, other = ones[pair], others[pair]
        while above[one] != one:
            above[one] = above[above[one]]
            one = above[one]
        while above[other] != other:
            above[other] = above[above[other]]
            other = above[other]
        above[max(one, other)] = min(one, other)
    label, found = np.empty(count, np.int64), 0
    for vertex in range(count):
        if above[vertex] == vertex:
            label[vertex] = found
            found += 1
        else:
            label[vertex] = label[above[vertex]]
    return label, found


def marked(count: int, positions: Ints) -> Flags:
    """`count` flags, those at the positions set: to look many things up in a few."""
    flags = np.zeros(count, np.bool_)
    flags[positions] = True
    return flags


def _layer(network: Network, members: Ints, end_nodes: Ints) -> tuple[Ints, Ints, Ints]:
    """Device, segment element and end of every valve of the layer that stands on a member."""
    layer = network.pair_valves
    place = np.full(len(network.segments.id), -1, np.int64)
    place[members] = np.arange(len(members))
    taken = np.flatnonzero(place[layer.segment] >= 0)
    segment = place[layer.segment[taken]]
    at_start = end_nodes[segment] == layer.node[taken]
    end = np.where(at_start, segment, segment + len(members))
    return len(network.nodes.id) + taken, segment, end


def _device_kinds(network: Network, group: str) -> SmallInts:
    layer = network.pair_valves
    return np.concatenate([node_kinds(network, group), valve_kinds(layer.state, layer.operability)])


def _one_way_while_open(network: Network, group: str) -> Flags:
    one_way = has_role(network, *ONE_WAY_ROLES) & (node_kinds(network, group) != NodeKind.STUCK_VALVE)
    return _of_nodes(network, one_way)


def _of_nodes(network: Network, flags: Flags) -> Flags:
    """Flags by node as flags by device."""
    return np.concatenate([flags, np.zeros(len(network.pair_valves.node), np.bool_)])


def _ways_by_tier(network: Network, elements: Elements, ends: Ints, is_regulator: Flags) -> tuple[Flags, Flags]:
    """Which ends pass gas into their device and out of it: at a regulator from the higher to the lower pressure.

    What flow directions say stands where the pressures of a regulator's pipes are unknown or do not differ.
    """
    into, out_of = elements.into_node[ends], elements.out_of_node[ends]
    at_regulator = np.flatnonzero(is_regulator[elements.node[ends]])
    segment = np.tile(elements.members, 2)[ends[at_regulator]]
    regulator, device = np.unique(elements.node[ends[at_regulator]], return_inverse=True)
    least_mpa, most_mpa = (limit[network.segments.pressure[segment]] for limit in pressure_ranges_mpa())
    highest_mpa, lowest_mpa = np.full(len(regulator), -np.inf), np.full(len(regulator), np.inf)
    np.fmax.at(highest_mpa, device, least_mpa)
    np.fmin.at(lowest_mpa, device, most_mpa)
    is_inlet, is_outlet = least_mpa >= lowest_mpa[device], most_mpa <= highest_mpa[device]
    is_told = is_inlet | is_outlet
    into[at_regulator] = np.where(is_told, is_inlet, into[at_regulator])
    out_of[at_regulator] = np.where(is_told, is_outlet, out_of[at_regulator])
    return into, out_of


def passages(device: Ints, kind: SmallInts, is_one_way: Flags, into: Flags, out_of: Flags) -> tuple[Flags, Flags]:
    """Which ports (or ends of pipes at devices) take and give water, by the flow directions of their segments.

    Both are set where the direction is unknown.
    """
    one_way = is_one_way[device]
    count = len(kind)
    has_inlet = np.bincount(device[one_way & into & ~out_of], minlength=count) > 0
    has_outlet = np.bincount(device[one_way & out_of & ~into], minlength=count) > 0
    # One drawn direction is enough: the undrawn sides of a device with an inlet only are its outlets.
    undrawn = one_way & into & out_of
    into = into & ~(undrawn & (has_inlet & ~has_outlet)[device])
    out_of = out_of & ~(undrawn & (has_outlet & ~has_inlet)[device])
    is_source = kind[device] == NodeKind.SOURCE
    is_valve = ~one_way & ~is_source
    return is_valve | (one_way & into), is_valve | (one_way | is_source) & out_of
