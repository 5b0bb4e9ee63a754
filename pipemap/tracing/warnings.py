"""What a plan rests on that a person has to know, in English and Chinese."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from pipemap.network import Flags, Ints, Network, NodeKind
from pipemap.network.adjacency import adjacency_of
from pipemap.tracing.alternatives import Otherwise, is_state_unknown
from pipemap.tracing.cuts import Cut
from pipemap.tracing.dependants import unlinked_of
from pipemap.tracing.describing import Words, class_codes, note
from pipemap.tracing.frayed import Seen
from schemas.codetables import code_table

_MOST_NAMED = 5
_MOST_PLANS = 3
# From the middle of a pipe; consumers further off are served by another street.
_NEAR_M = 50.0

_TEXTS = {
    "source-in-zone": (
        "The source {names} feeds the isolated zone with no valve between; shut it at the source.",
        "水源 {names} 与隔离区之间没有阀门，须在水源处关停。",
    ),
    "no-source-known": (
        "No source is known in this area, so it cannot be told which side is fed: close every valve around it.",
        "本区域没有已知水源，无法判断哪一侧来水：须关闭四周全部阀门。",
    ),
    "already-dry": (
        "By the map no source reaches the burst. If water runs, a valve state or a connection in the map is wrong.",
        "按图上状态爆点无来水；若现场有水，说明阀门状态或连接关系有误。",
    ),
    "valve-stuck": (
        "Inside the isolated zone stand open valves that cannot be closed, so the cut is wider: {names}.",
        "隔离区内有无法关闭的阀门，关阀范围因此扩大：{names}。",
    ),
    "one-way-undirected": (
        "No flow direction is drawn at {names}; water is taken to pass both ways there.",
        "{names} 处未标流向，按双向通水处理。",
    ),
    "tank-undirected": (
        "No flow direction is drawn at {names}; it is taken to feed all its pipes, also those that only fill it.",
        "{names} 处未标流向，按向所有相连管线供水处理（包括只进水的管线）。",
    ),
    "valve-state-unknown": (
        "State of {names} is unknown. Should it not hold, close or shut instead: {instead}.",
        "阀门 {names} 状态不明；若关不严，改关（或停水源）：{instead}。",
    ),
    "valves-state-unknown": (
        "{count} more valves of the plan have an unknown state: {names}.",
        "方案中另有 {count} 个阀门状态不明：{names}。",
    ),
    "kept-closed": (
        "{names} stands beside the burst and is kept closed; opening it would feed the burst.",
        "{names} 紧邻爆点，保持关闭；若开启会向爆点供水。",
    ),
    "classes-joined": (
        "Pipes of different classes are joined in the isolated zone ({names}); the trace runs through all of them.",
        "隔离区内不同类别的管线相连（{names}），分析按连通处理。",
    ),
    "out-of-service-joined": (
        "{count} segments marked as not in service join the isolated zone; the trace stops there: {names}.",
        "有 {count} 条标为停用的管段与隔离区相连，分析至此为止：{names}。",
    ),
    "node-missing": (
        "{count} segments of the isolated zone end at a point that is not on the map; the trace stops there: {names}.",
        "隔离区内有 {count} 条管段的端点不在图上，分析至此为止：{names}。",
    ),
    "consumers-unlinked": (
        "{count} consumers within {radius:g} m of the pipes cut off have no known connection and are not counted.",
        "停供管段 {radius:g} m 范围内有 {count} 户用户未记录接管点，未计入。",
    ),
    "people-unknown": (
        "For {count} of the consumers lost the number of people is unknown and not counted.",
        "受影响用户中有 {count} 户人数不明，未计入。",
    ),
}


def warnings_of(
    network: Network, cut: Cut, seen: Seen, alternatives: Sequence[Otherwise], uncounted: int
) -> list[Words]:
    """Everything the plan rests on; `uncounted` are the consumers lost of whom nobody knows how many people."""
    found = [
        *_source_warnings(network, cut, seen),
        *_passage_warnings(network, cut),
        *_state_warnings(network, cut, alternatives),
        *_topology_warnings(network, cut, seen),
    ]
    unlinked = _unlinked_near(network, cut)
    if unlinked:
        found.append(_warning("consumers-unlinked", count=unlinked, radius=_NEAR_M))
    if uncounted:
        found.append(_warning("people-unknown", count=uncounted))
    return found


def _unlinked_near(network: Network, cut: Cut) -> int:
    unlinked = unlinked_of(network, cut.zones)
    if not len(unlinked.place_m):
        return 0
    cut_off = np.concatenate([cut.isolated, cut.dry])
    place_m = np.stack([network.segments.x_m[cut_off], network.segments.y_m[cut_off]], axis=1)
    return unlinked.near(place_m, _NEAR_M)


def sources_feeding(cut: Cut) -> Ints:
    """Sources that feed an isolated zone with no valve between."""
    if not len(cut.unusual):
        return cut.unusual
    ports = cut.zones.ports.of_zones(cut.isolated_zones)
    device = cut.zones.ports.device[ports]
    return np.unique(device[(cut.touches.kind[device] == NodeKind.SOURCE) & cut.zones.ports.gives[ports]])


def _source_warnings(network: Network, cut: Cut, seen: Seen) -> Iterable[Words]:
    if not seen.is_known:
        yield _warning("no-source-known")
    elif not seen.is_fed:
        yield _warning("already-dry")
    feeding = sources_feeding(cut)
    if not len(feeding):
        return
    yield _warning("source-in-zone", names=_names(network, feeding))
    tanks = feeding[_are_undirected_tanks(network, feeding)]
    if len(tanks):
        yield _warning("tank-undirected", names=_names(network, tanks))


def _are_undirected_tanks(network: Network, devices: Ints) -> Flags:
    is_tank = network.nodes.appurtenance[devices] == list(code_table("appurtenance")).index("tank")
    adjacency = adjacency_of(network)
    return np.array(
        [
            bool(tank) and not network.segments.flow[adjacency.at(np.array([device]))].all()
            for device, tank in zip(devices.tolist(), is_tank.tolist(), strict=True)
        ],
        np.bool_,
    )


def _passage_warnings(network: Network, cut: Cut) -> Iterable[Words]:
    """Valves that should have parted but cannot, and one-way devices nobody drew a direction at."""
    if len(cut.kept_closed):
        yield _warning("kept-closed", names=_names(network, cut.kept_closed))
    if not len(cut.unusual):
        return
    stuck = cut.unusual[cut.touches.kind[cut.unusual] == NodeKind.STUCK_VALVE]
    if len(stuck):
        yield _warning("valve-stuck", names=_names(network, stuck))
    ports = cut.zones.ports.of_zones(cut.isolated_zones)
    device = cut.zones.ports.device[ports]
    undirected = cut.zones.ports.takes[ports] & cut.zones.ports.gives[ports]
    undirected &= cut.touches.kind[device] == NodeKind.ONE_WAY
    if undirected.any():
        yield _warning("one-way-undirected", names=_names(network, np.unique(device[undirected])))


def _state_warnings(network: Network, cut: Cut, alternatives: Sequence[Otherwise]) -> Iterable[Words]:
    """For each valve of unknown state what to close should it not hold, for the first few."""
    alone = [one for one in alternatives if one.outcome == "fails" and len(one.devices) == 1][:_MOST_PLANS]
    for one in alone:
        instead = np.concatenate([np.setdiff1d(one.cut.valves, cut.valves), sources_feeding(one.cut)])
        yield _warning("valve-state-unknown", names=_names(network, one.devices), instead=_names(network, instead))
    if not alone:
        return
    doubtful = cut.valves[is_state_unknown(network, cut.valves)]
    rest = np.setdiff1d(doubtful, [one.devices[0] for one in alone])
    if len(rest):
        yield _warning("valves-state-unknown", count=len(rest), names=_names(network, rest))


def _topology_warnings(network: Network, cut: Cut, seen: Seen) -> Iterator[Words]:
    """Where the map is such that the trace may have stopped too early, or run on where it should not."""
    segments = network.segments
    are_several = seen.classes & (seen.classes - 1)
    if not are_several and not seen.is_frayed:
        return
    classes = [one for one in range(len(class_codes())) if seen.classes >> one & 1]
    if are_several:
        yield _warning("classes-joined", names=", ".join(class_codes()[one] for one in classes))
    if not seen.is_frayed:
        return
    joints, inside = _joints(network, cut)
    ends_nowhere = inside[network.nodes.is_missing[joints]]
    if len(ends_nowhere):
        yield _warning("node-missing", count=len(ends_nowhere), names=_segment_names(network, ends_nowhere))
    beside = adjacency_of(network).at(np.unique(joints))
    idle = np.unique(beside[~segments.is_active[beside]])
    idle = idle[np.isin(segments.class_[idle], classes)]
    if len(idle):
        yield _warning("out-of-service-joined", count=len(idle), names=_segment_names(network, idle))


def _joints(network: Network, cut: Cut) -> tuple[Ints, Ints]:
    """Ends of the isolated segments that are no devices, and the segment of each."""
    isolated = cut.isolated
    ends = np.concatenate([network.segments.from_node[isolated], network.segments.to_node[isolated]])
    is_joint = cut.zones.node_zone[ends] >= 0
    return ends[is_joint], np.tile(isolated, 2)[is_joint]


def _names(network: Network, devices: Ints) -> str:
    return _listed([network.device_name(device) for device in devices[:_MOST_NAMED].tolist()], len(devices))


def _segment_names(network: Network, segments: Ints) -> str:
    keys, ids = network.segments.key, network.segments.id
    return _listed([keys[one] or str(ids[one]) for one in segments[:_MOST_NAMED].tolist()], len(segments))


def _listed(named: list[str], count: int) -> str:
    more = count - len(named)
    return ", ".join(named) + (f" (+{more})" if more > 0 else "") or "-"


def _warning(code: str, **values: object) -> Words:
    return note(code, _TEXTS[code], **values)
