"""Valves, nodes and consumers of a network as an answer names them.

They are given as the fields of their models in `schemas.isolation`: an answer is written from these many times faster
than from models, and is made a model where a program asks for one.
"""

from collections.abc import Iterator
from functools import cache
from itertools import count
from math import isfinite
from typing import Any, TypeAlias

import numba
import numpy as np

from pipemap.clearance.numbers import known
from pipemap.network import OPERABILITIES, STATES, Flags, Floats, Ints, Network, SmallInts
from pipemap.network.arrays import Reals
from pipemap.tracing.walking import Walk
from schemas.codetables import code_table

Words: TypeAlias = dict[str, Any]
_ValveColumns: TypeAlias = tuple[
    tuple[Ints, SmallInts, SmallInts, SmallInts],
    tuple[Ints, Ints, Ints],
    tuple[Floats, Floats, Floats],
    tuple[Ints, SmallInts, SmallInts],
]

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
    columns = network.once("valves", lambda: _valve_columns(network))
    rows, measures, are_known = _valve_rows(*columns, walk.devices, walk.distance_m, walk.walk_m)
    keys, names, addresses = network.nodes.key.between, network.nodes.name.between, network.nodes.address.between
    segments = network.device_segment_ids(walk.devices)
    described = zip(count(1), rows.tolist(), _known_rows(measures, are_known), segments, strict=False)
    return [
        {
            "node_id": node_id,
            "segment_id": on,
            "source_key": keys(key, key_end) if on is None else f"{on}@{node_id}",
            "order": order,
            "state_code": _STATE_CODES[state],
            "operability_code": _OPERABILITY_CODES[operability],
            "width_mm": width_mm,
            "name": names(name, name_end),
            "address": addresses(address, address_end),
            "x_m": x_m,
            "y_m": y_m,
            "distance_m": distance_m,
            "walk_m": walk_m,
            "notes": _noted(state, operability, kind, x_m is not None, address_end > address),
        }
        for (
            order,
            (node_id, state, operability, kind, key, key_end, name, name_end, address, address_end),
            (width_mm, x_m, y_m, distance_m, walk_m),
            on,
        ) in described
    ]


def _valve_columns(network: Network) -> _ValveColumns:
    nodes, layer = network.nodes, network.pair_valves
    return (
        (nodes.id, nodes.state, nodes.operability, nodes.appurtenance),
        (nodes.key.offsets, nodes.name.offsets, nodes.address.offsets),
        (widest_at_nodes_mm(network), nodes.x_m, nodes.y_m),
        (layer.node, layer.state, layer.operability),
    )


@numba.njit(cache=True, nogil=True)
def _valve_rows(
    codes: tuple[Ints, SmallInts, SmallInts, SmallInts],
    texts: tuple[Ints, Ints, Ints],
    places: tuple[Floats, Floats, Floats],
    layer: tuple[Ints, SmallInts, SmallInts],
    devices: Ints,
    distance_m: Floats,
    walk_m: Floats,
) -> tuple[Ints, Floats, bool]:  # pragma: no cover
    """Of every valve its node, state, operability, appurtenance and where its texts begin and end; and its measures.

    Last whether all measures are known.
    """
    (ids, states, operabilities, kinds), (keys, names, addresses), (width_mm, x_m, y_m) = codes, texts, places
    layer_node, layer_state, layer_operability = layer
    rows, measures = np.empty((len(devices), 10), np.int64), np.empty((len(devices), 5))
    for place, device in enumerate(devices):
        row, measure, node = rows[place], measures[place], device
        if device < len(ids):
            row[1], row[2] = states[device], operabilities[device]
        else:
            on = device - len(ids)
            node, row[1], row[2] = layer_node[on], layer_state[on], layer_operability[on]
        row[0], row[3] = ids[node], kinds[node]
        row[4], row[5] = keys[node], keys[node + 1]
        row[6], row[7] = names[node], names[node + 1]
        row[8], row[9] = addresses[node], addresses[node + 1]
        measure[0], measure[1], measure[2] = width_mm[node], x_m[node], y_m[node]
        measure[3], measure[4] = distance_m[place], walk_m[place]
    return rows, measures, bool(np.isfinite(measures).all())


def _known_rows(measures: Floats, are_known: bool) -> list[list[float | None]]:
    """Rows of numbers, None for the unknown (NaN) and the endless."""
    rows = measures.tolist()
    if not are_known:
        return [[one if isfinite(one) else None for one in row] for row in rows]
    whole: list[list[float | None]] = rows
    return whole


def placed_nodes(network: Network, nodes: Ints) -> Iterator[tuple[int, str | None, float | None, float | None]]:
    """Identity, key and place of some nodes."""
    columns = (network.nodes.id, network.nodes.key.offsets, network.nodes.x_m, network.nodes.y_m)
    rows, places, are_known = _node_rows(*columns, nodes)
    key = network.nodes.key
    for (node_id, start, end), (x_m, y_m) in zip(rows.tolist(), _known_rows(places, are_known), strict=True):
        yield node_id, key.between(start, end), x_m, y_m


@numba.njit(cache=True, nogil=True)
def _node_rows(
    ids: Ints, keys: Ints, x_m: Floats, y_m: Floats, nodes: Ints
) -> tuple[Ints, Floats, bool]:  # pragma: no cover
    rows, places = np.empty((len(nodes), 3), np.int64), np.empty((len(nodes), 2))
    for place, node in enumerate(nodes):
        rows[place, 0], rows[place, 1], rows[place, 2] = ids[node], keys[node], keys[node + 1]
        places[place, 0], places[place, 1] = x_m[node], y_m[node]
    return rows, places, bool(np.isfinite(places).all())


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
def _noted(state: int, operability: int, kind: int, is_placed: bool, has_address: bool) -> tuple[Words, ...]:
    """The notes on a valve; none of them has a value to fill in."""
    found = {
        "state-unknown": _STATE_CODES[state] == "unknown",
        "operability-unknown": _OPERABILITY_CODES[operability] == "unknown",
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
