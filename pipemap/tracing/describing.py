"""Valves, nodes and consumers of a network as an answer names them.

They are given as the fields of their models in `schemas.isolation`: an answer is written from these many times faster
than from models, and is made a model where a program asks for one.
"""

from collections.abc import Iterable
from functools import cache
from math import isfinite
from typing import Any, TypeAlias

import numba
import numpy as np

from pipemap.clearance.numbers import known
from pipemap.network import OPERABILITIES, STATES, Flags, Floats, Ints, Network, SmallInts
from pipemap.network.arrays import Reals
from pipemap.tracing.walking import Walk, device_nodes
from schemas.codetables import code_table

Words: TypeAlias = dict[str, Any]

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


def described_valves(network: Network, walk: Walk) -> list[Words]:
    """The valves of a walk in its order, each as the fields of a BurstValve."""
    if not len(walk.devices):
        return []
    nodes, node = network.nodes, device_nodes(network, walk.devices)
    _, state, operability = device_columns(network, walk.devices)
    columns = (nodes.id, nodes.x_m, nodes.y_m, nodes.appurtenance, widest_at_nodes_mm(network))
    ids, x_m, y_m, kind, width_mm = (column[node].tolist() for column in columns)
    measures = (walk.devices.tolist(), node.tolist(), walk.distance_m.tolist(), walk.walk_m.tolist())
    states, operabilities = state.tolist(), operability.tolist()
    found = []
    for place, (device, at, distance_m, walk_m) in enumerate(zip(*measures, strict=True)):
        state_code, operability_code = _code(STATES, states[place]), _code(OPERABILITIES, operabilities[place])
        address = nodes.address[at]
        noted = _noted(state_code, operability_code, kind[place], x_m[place], address)
        found.append(
            {
                "node_id": ids[place],
                "segment_id": network.device_segment_id(device),
                "source_key": network.device_key(device),
                "order": place + 1,
                "state_code": state_code,
                "operability_code": operability_code,
                "width_mm": known(width_mm[place]),
                "name": nodes.name[at],
                "address": address,
                "x_m": known(x_m[place]),
                "y_m": known(y_m[place]),
                "distance_m": known(distance_m),
                "walk_m": known(walk_m),
                "notes": [_noted_in_words()[code] for code in noted],
            }
        )
    return found


def widest_at_nodes_mm(network: Network) -> Floats:
    """By node the width of the widest live segment at it as far as it is known, NaN without any; once per network."""
    segments, count = network.segments, len(network.nodes.id)
    columns = (segments.from_node, segments.to_node, segments.is_active, segments.width_mm)
    return network.once("widest at nodes", lambda: _widest_at(count, *columns))


@numba.njit(cache=True, nogil=True)
def _widest_at(
    count: int, from_node: Ints, to_node: Ints, is_active: Flags, width_mm: Reals
) -> Floats:  # pragma: no cover
    found = np.full(count, np.nan)
    for one in range(len(from_node)):
        if is_active[one]:
            found[from_node[one]] = np.fmax(found[from_node[one]], width_mm[one])
            found[to_node[one]] = np.fmax(found[to_node[one]], width_mm[one])
    return found


def device_columns(network: Network, devices: Ints) -> tuple[Ints, SmallInts, SmallInts]:
    """Node, state and operability of devices, which are nodes or, numbered after them, valves of the layer."""
    layer, count = network.pair_valves, len(network.nodes.id)
    if not len(layer.node):
        return devices, network.nodes.state[devices], network.nodes.operability[devices]
    in_layer = devices >= count
    at_node, of_layer = np.where(in_layer, 0, devices), np.where(in_layer, devices - count, 0)
    return (
        np.where(in_layer, layer.node[of_layer], at_node),
        np.where(in_layer, layer.state[of_layer], network.nodes.state[at_node]),
        np.where(in_layer, layer.operability[of_layer], network.nodes.operability[at_node]),
    )


def device_places(network: Network, devices: Ints) -> list[Words]:
    """Devices that are no valves (sources, pumps, drains), by name and place."""
    return [node_place(network, device) for device in devices.tolist()]


def node_place(network: Network, node: int) -> Words:
    """A node by name and place: the fields of a NodePlace."""
    nodes = network.nodes
    return {
        "node_id": int(nodes.id[node]),
        "source_key": nodes.key[node],
        "name": nodes.name[node],
        "address": nodes.address[node],
        "x_m": known(float(nodes.x_m[node])),
        "y_m": known(float(nodes.y_m[node])),
    }


def note(code: str, texts: tuple[str, str], **values: object) -> Words:
    """The fields of a Note, its English and Chinese texts with values filled in."""
    english, chinese = texts
    return {"code": code, "message_en": english.format(**values), "message_zh": chinese.format(**values)}


def _noted(state_code: str, operability_code: str, kind: int, x_m: float, address: str | None) -> Iterable[str]:
    if state_code == "unknown":
        yield "state-unknown"
    if operability_code == "unknown":
        yield "operability-unknown"
    if kind in _enclosed():
        yield "in-chamber"
    if not isfinite(x_m):
        yield "no-place"
    elif address is None:
        yield "no-address"


@cache
def _noted_in_words() -> dict[str, Words]:
    """The notes by their codes; none of them has a value to fill in."""
    return {code: note(code, texts) for code, texts in _NOTES.items()}


@cache
def class_codes() -> tuple[str, ...]:
    """The codes of the utility classes, by position."""
    return tuple(code_table("utility_class"))


@cache
def _enclosed() -> frozenset[int]:
    """Positions in the code table of the appurtenances that stand in a chamber."""
    table = code_table("appurtenance").values()
    return frozenset(place for place, code in enumerate(table) if code.flag("is_enclosed"))


def _code(codes: tuple[str, ...], place: int) -> str:
    return codes[place] if place >= 0 else "unknown"
