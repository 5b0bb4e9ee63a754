"""Valves, nodes and consumers of a network as an answer names them."""

from collections.abc import Iterable

import numpy as np

from pipemap.network import OPERABILITIES, STATES, Ints, Network, SmallInts
from pipemap.tracing.walking import Walk
from schemas.codetables import code_table
from schemas.isolation import BurstValve, NodePlace, Note

_NOTES = {
    "state-unknown": (
        "Its state is not on the map: it may be closed already, or not hold.",
        "图上无启闭状态：可能已关闭，也可能关不严。",
    ),
    "operability-unknown": ("Whether it can be turned is not on the map.", "图上未记录能否操作。"),
    "in-chamber": (
        "It stands in a chamber: test the air before entering.",
        "阀门在井室内：下井前须通风并检测有害气体。",
    ),
    "no-address": ("It has no address on the map; go by its coordinates.", "图上无地址，按坐标寻找。"),
    "no-place": ("Its place is not on the map.", "图上无位置。"),
}


def described_valves(network: Network, walk: Walk) -> list[BurstValve]:
    """The valves of a walk in its order."""
    _, state, operability = device_columns(network, walk.devices)
    return [
        _valve(network, walk, place, _code(STATES, state[place]), _code(OPERABILITIES, operability[place]))
        for place in range(len(walk.devices))
    ]


def device_columns(network: Network, devices: Ints) -> tuple[Ints, SmallInts, SmallInts]:
    """Node, state and operability of devices, which are nodes or, numbered after them, valves of the layer."""
    layer, count = network.pair_valves, len(network.nodes.id)
    in_layer = devices >= count
    if not in_layer.any():
        return devices, network.nodes.state[devices], network.nodes.operability[devices]
    at_node, of_layer = np.where(in_layer, 0, devices), np.where(in_layer, devices - count, 0)
    return (
        np.where(in_layer, layer.node[of_layer], at_node),
        np.where(in_layer, layer.state[of_layer], network.nodes.state[at_node]),
        np.where(in_layer, layer.operability[of_layer], network.nodes.operability[at_node]),
    )


def device_places(network: Network, devices: Ints) -> list[NodePlace]:
    """Devices that are no valves (sources, pumps, drains), by name and place."""
    return [node_place(network, device) for device in devices.tolist()]


def node_place(network: Network, node: int) -> NodePlace:
    """A node by name and place."""
    nodes = network.nodes
    return NodePlace(
        node_id=int(nodes.id[node]),
        source_key=nodes.key[node],
        name=nodes.name[node],
        address=nodes.address[node],
        x_m=known(nodes.x_m[node]),
        y_m=known(nodes.y_m[node]),
    )


def known(value: float) -> float | None:
    """A number, or None for the unknown (NaN) and the endless."""
    return float(value) if np.isfinite(value) else None


def _valve(network: Network, walk: Walk, place: int, state_code: str, operability_code: str) -> BurstValve:
    nodes, device = network.nodes, int(walk.devices[place])
    node = network.device_node(device)
    return BurstValve(
        node_id=int(nodes.id[node]),
        segment_id=network.device_segment_id(device),
        source_key=network.device_key(device),
        order=place + 1,
        state_code=state_code,
        operability_code=operability_code,
        name=nodes.name[node],
        address=nodes.address[node],
        x_m=known(nodes.x_m[node]),
        y_m=known(nodes.y_m[node]),
        distance_m=known(walk.distance_m[place]),
        walk_m=known(walk.walk_m[place]),
        notes=[note(code, _NOTES[code]) for code in _noted(network, node, state_code, operability_code)],
    )


def note(code: str, texts: tuple[str, str], **values: object) -> Note:
    """A note, its English and Chinese texts with values filled in."""
    english, chinese = texts
    return Note(code=code, message_en=english.format(**values), message_zh=chinese.format(**values))


def _noted(network: Network, node: int, state_code: str, operability_code: str) -> Iterable[str]:
    if state_code == "unknown":
        yield "state-unknown"
    if operability_code == "unknown":
        yield "operability-unknown"
    kind = network.nodes.appurtenance[node]
    if kind >= 0 and list(code_table("appurtenance").values())[kind].flag("is_enclosed"):
        yield "in-chamber"
    if np.isnan(network.nodes.x_m[node]):
        yield "no-place"
    elif network.nodes.address[node] is None:
        yield "no-address"


def _code(codes: tuple[str, ...], place: int) -> str:
    return codes[place] if place >= 0 else "unknown"
