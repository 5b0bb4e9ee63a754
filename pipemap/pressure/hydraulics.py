"""Where water can go in the pipes of one group, as points and links.

Joints and open valves are points. A closed valve ends each of its pipes in a point of its own; a one-way device is
a link from its inlet's point to its outlet's. Points that no source reaches are left out: the engine would have them
without pressure, and with fixed demands would not balance at all.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order

from pipemap.network import Flags, Ints, Network, NodeKind, SmallInts
from pipemap.network.kinds import has_role
from pipemap.pressure.facts import Facts
from pipemap.tracing.ports import Elements, elements_of, passages
from pipemap.tracing.zones import Zones


@dataclass(frozen=True, eq=False)
class Layout:
    """The points and links that a source reaches, by number.

    `owner` is the node of each point, `source` marks points of given head. Pipes are members of the network between two
    points; devices are nodes between two points, from inlet to outlet.
    """

    owner: Ints
    source: Flags
    pipe: Ints
    pipe_from: Ints
    pipe_to: Ints
    device: Ints
    device_from: Ints
    device_to: Ints
    undirected: Ints


def layout_of(network: Network, zones: Zones, kind: SmallInts, left_out: Ints, facts: Facts) -> Layout:
    """How water can go while every device is of a kind (a NodeKind) and some segments (positions) are cut out."""
    elements = elements_of(network, zones.group)
    is_off = np.array([node for node, device in facts.devices.items() if device.is_off], np.int64)
    is_member = ~np.isin(elements.members, left_out)
    links_at, undirected = _device_ends(network, zones, kind, elements, facts)
    point = _points(elements, kind, links_at)
    number, owner = _numbered(elements, point, len(network.nodes.id))
    count = len(elements.members)
    start, end = number[:count][is_member], number[count:][is_member]
    device, inlet, outlet = _device_links(elements, links_at, number, is_off)
    source = kind[owner] == NodeKind.SOURCE
    reached = _reached(len(owner), source, (start, end), (inlet, outlet))
    return _kept(
        Layout(owner, source, elements.members[is_member], start, end, device, inlet, outlet, undirected), reached
    )


def _device_ends(
    network: Network, zones: Zones, kind: SmallInts, elements: Elements, facts: Facts
) -> tuple[tuple[Flags, Flags], Ints]:
    """By end of a member, whether it is inlet or outlet of a device that becomes a link; and undirected devices.

    These are devices whose direction nobody knows, which let water pass as if they were not there.
    """
    count = len(network.nodes.id)
    one_way = kind[:count] == NodeKind.ONE_WAY
    throttled = [node for node, device in facts.devices.items() if device.setting_m3_per_d is not None]
    one_way[[node for node in throttled if kind[node] in (NodeKind.OPEN_VALVE, NodeKind.STUCK_VALVE)]] = True
    takes, gives = passages(elements.node, kind[:count], one_way, elements.into_node, elements.out_of_node)
    at_device = one_way[elements.node]
    inlet, outlet = at_device & takes & ~gives, at_device & gives & ~takes
    has_both = np.zeros(count, np.bool_)
    has_both[np.intersect1d(elements.node[inlet], elements.node[outlet])] = True
    pumps_and_valves = has_role(network, "one_way", "pump", "regulator")
    undirected = np.unique(elements.node[at_device & ~has_both[elements.node]])
    return (inlet & has_both[elements.node], outlet & has_both[elements.node]), undirected[pumps_and_valves[undirected]]


def _points(elements: Elements, kind: SmallInts, links_at: tuple[Flags, Flags]) -> Ints:
    """A name for the point of every end: its node's, or one of its own at a closed valve or an outlet."""
    count = len(kind)
    is_shut = kind[elements.node] == NodeKind.CLOSED_VALVE
    point = np.where(links_at[1], count + elements.node, elements.node)
    return np.where(is_shut, 2 * count + np.arange(len(elements.node)), point)


def _numbered(elements: Elements, point: Ints, node_count: int) -> tuple[Ints, Ints]:
    _, first, number = np.unique(point, return_index=True, return_inverse=True)
    return number, elements.node[first]


def _device_links(
    elements: Elements, links_at: tuple[Flags, Flags], number: Ints, is_off: Ints
) -> tuple[Ints, Ints, Ints]:
    device, at = np.unique(elements.node[links_at[0]], return_index=True)
    inlet = number[links_at[0]][at]
    _, at = np.unique(elements.node[links_at[1]], return_index=True)
    outlet = number[links_at[1]][at]
    on = ~np.isin(device, is_off)
    return device[on], inlet[on], outlet[on]


def _reached(count: int, source: Flags, both_ways: tuple[Ints, Ints], one_way: tuple[Ints, Ints]) -> Flags:
    """Points that water from some source can come to; a further point stands before all sources."""
    seeds = np.flatnonzero(source)
    tails = np.concatenate([both_ways[0], both_ways[1], one_way[0], np.full(len(seeds), count)])
    heads = np.concatenate([both_ways[1], both_ways[0], one_way[1], seeds])
    graph = coo_array((np.ones(len(tails), np.int8), (tails, heads)), shape=(count + 1, count + 1)).tocsr()
    order = breadth_first_order(graph, count, return_predecessors=False)
    reached = np.zeros(count + 1, np.bool_)
    reached[order] = True
    return reached[:count]


def _kept(whole: Layout, reached: Flags) -> Layout:
    number = np.cumsum(reached) - 1
    pipe = reached[whole.pipe_from] & reached[whole.pipe_to] & (whole.pipe_from != whole.pipe_to)
    device = reached[whole.device_from] & reached[whole.device_to]
    return Layout(
        owner=whole.owner[reached],
        source=whole.source[reached],
        pipe=whole.pipe[pipe],
        pipe_from=number[whole.pipe_from[pipe]],
        pipe_to=number[whole.pipe_to[pipe]],
        device=whole.device[device],
        device_from=number[whole.device_from[device]],
        device_to=number[whole.device_to[device]],
        undirected=whole.undirected,
    )
