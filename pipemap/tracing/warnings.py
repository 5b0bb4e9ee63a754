"""What a plan rests on that a person has to know, in English and Chinese."""

from collections.abc import Iterable

import numpy as np

from pipemap.network import STATES, UNKNOWN, Flags, Ints, Network, NodeKind
from pipemap.tracing.cuts import Assumed, Cut, cut_of_zones, devices_beside
from schemas.isolation import BurstWarning

_MOST_NAMED = 5
_MOST_PLANS = 3

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
    "valve-state-unknown": (
        "State of {names} is unknown. Should it not hold, close or shut instead: {instead}.",
        "阀门 {names} 状态不明；若关不严，改关（或停水源）：{instead}。",
    ),
    "valves-state-unknown": (
        "{count} more valves of the plan have an unknown state: {names}.",
        "方案中另有 {count} 个阀门状态不明：{names}。",
    ),
    "people-unknown": (
        "For {count} of the consumers lost the number of people is unknown and not counted.",
        "受影响用户中有 {count} 户人数不明，未计入。",
    ),
}


def warnings_of(network: Network, cut: Cut, consumers: Ints) -> list[BurstWarning]:
    """Everything the plan rests on; `consumers` are the positions of the lost ones."""
    found = [
        *_source_warnings(network, cut),
        *_passage_warnings(network, cut),
        *_state_warnings(network, cut),
    ]
    uncounted = int((network.consumers.people[consumers] < 0).sum())
    if uncounted:
        found.append(_warning("people-unknown", count=uncounted))
    return found


def _source_warnings(network: Network, cut: Cut) -> Iterable[BurstWarning]:
    zones = cut.zones
    if not zones.is_known[cut.isolated_zones].all():
        yield _warning("no-source-known")
    elif not zones.is_fed[cut.isolated_zones].any():
        yield _warning("already-dry")
    feeding = _sources_in(cut)
    if len(feeding):
        yield _warning("source-in-zone", names=_names(network, feeding))


def _sources_in(cut: Cut) -> Ints:
    """Sources that feed an isolated zone with no valve between."""
    ports = cut.zones.ports.of_zones(cut.isolated_zones)
    device = cut.zones.ports.device[ports]
    return np.unique(device[(cut.touches.kind[device] == NodeKind.SOURCE) & cut.zones.ports.gives[ports]])


def _passage_warnings(network: Network, cut: Cut) -> Iterable[BurstWarning]:
    """Valves that should have parted but cannot, and one-way devices nobody drew a direction at."""
    devices = devices_beside(cut.zones, cut.isolated_zones)
    stuck = devices[cut.touches.kind[devices] == NodeKind.STUCK_VALVE]
    if len(stuck):
        yield _warning("valve-stuck", names=_names(network, stuck))
    ports = cut.zones.ports.of_zones(cut.isolated_zones)
    device = cut.zones.ports.device[ports]
    undirected = cut.zones.ports.takes[ports] & cut.zones.ports.gives[ports]
    undirected &= cut.touches.kind[device] == NodeKind.ONE_WAY
    if undirected.any():
        yield _warning("one-way-undirected", names=_names(network, np.unique(device[undirected])))


def _state_warnings(network: Network, cut: Cut) -> Iterable[BurstWarning]:
    """For each valve of unknown state what to close should it not hold, for the first few."""
    doubtful = cut.valves[_is_unknown(network, cut.valves)]
    for device in doubtful[:_MOST_PLANS].tolist():
        wider = cut_of_zones(cut.zones, cut.burst_zones, Assumed(stuck=np.array([device])))
        instead = np.concatenate([np.setdiff1d(wider.valves, cut.valves), _sources_in(wider)])
        yield _warning(
            "valve-state-unknown", names=_names(network, np.array([device])), instead=_names(network, instead)
        )
    rest = doubtful[_MOST_PLANS:]
    if len(rest):
        yield _warning("valves-state-unknown", count=len(rest), names=_names(network, rest))


def _is_unknown(network: Network, devices: Ints) -> Flags:
    count = len(network.nodes.id)
    at_nodes, in_layer = devices[devices < count], devices[devices >= count] - count
    states = np.concatenate([network.nodes.state[at_nodes], network.pair_valves.state[in_layer]])
    is_unknown: Flags = (states == UNKNOWN) | (states == STATES.index("unknown"))
    return is_unknown


def _names(network: Network, devices: Ints) -> str:
    named = [network.device_name(device) for device in devices[:_MOST_NAMED].tolist()]
    more = len(devices) - _MOST_NAMED
    return ", ".join(named) + (f" (+{more})" if more > 0 else "") or "-"


def _warning(code: str, **values: object) -> BurstWarning:
    english, chinese = _TEXTS[code]
    return BurstWarning(code=code, message_en=english.format(**values), message_zh=chinese.format(**values))
