"""Valves, nodes and consumers of a network as an answer names them.

They are given as the fields of their models in `schemas.isolation`: an answer is written from these many times faster
than from models, and is made a model where a program asks for one.
"""

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

# By position, the last for -1.
_STATE_CODES, _OPERABILITY_CODES = (*STATES, "unknown"), (*OPERABILITIES, "unknown")

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
    measures = (widest_at_nodes_mm(network)[node], nodes.x_m[node], nodes.y_m[node], walk.distance_m, walk.walk_m)
    columns = zip(
        range(1, 1 + len(node)),
        nodes.id[node].tolist(),
        network.device_segment_ids(walk.devices),
        network.device_keys(walk.devices),
        (_STATE_CODES[one] for one in state.tolist()),
        (_OPERABILITY_CODES[one] for one in operability.tolist()),
        nodes.name.at(node),
        nodes.address.at(node),
        nodes.appurtenance[node].tolist(),
        *map(known_numbers, measures),
        strict=True,
    )
    return [
        {
            "node_id": node_id,
            "segment_id": segment_id,
            "source_key": key,
            "order": order,
            "state_code": state_code,
            "operability_code": operability_code,
            "width_mm": width_mm,
            "name": name,
            "address": address,
            "x_m": x_m,
            "y_m": y_m,
            "distance_m": distance_m,
            "walk_m": walk_m,
            "notes": _noted(state_code, operability_code, kind, x_m is not None, address is not None),
        }
        for (
            order, node_id, segment_id, key, state_code, operability_code, name, address, kind,
            width_mm, x_m, y_m, distance_m, walk_m,
        ) in columns
    ]  # fmt: skip


def known_numbers(column: Floats) -> list[float | None]:
    """Numbers, None for the unknown (NaN) and the endless."""
    numbers: list[float] = column.tolist()
    # Mostly all of them are known.
    return [*numbers] if isfinite(sum(numbers)) else [one if isfinite(one) else None for one in numbers]


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


@cache
def _noted(state_code: str, operability_code: str, kind: int, is_placed: bool, has_address: bool) -> tuple[Words, ...]:
    """The notes on a valve; none of them has a value to fill in."""
    found = {
        "state-unknown": state_code == "unknown",
        "operability-unknown": operability_code == "unknown",
        "in-chamber": kind in _enclosed(),
        "no-place": not is_placed,
        "no-address": is_placed and not has_address,
    }
    return tuple(note(code, _NOTES[code]) for code, is_so in found.items() if is_so)


@cache
def class_codes() -> tuple[str, ...]:
    """The codes of the utility classes, by position."""
    return tuple(code_table("utility_class"))


@cache
def _enclosed() -> frozenset[int]:
    """Positions in the code table of the appurtenances that stand in a chamber."""
    table = code_table("appurtenance").values()
    return frozenset(place for place, code in enumerate(table) if code.flag("is_enclosed"))
