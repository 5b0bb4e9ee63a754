"""Burst impact: from segments that have burst to an answer a person acts on. What is meant: pipemap/tracing/cuts.py."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipemap.network import OPERABILITIES, STATES, Floats, Ints, Network, positions_of
from pipemap.tracing.cuts import Cut, cut_at
from pipemap.tracing.dependants import consumers_of, hydrant_nodes, hydrants_of
from pipemap.tracing.ports import Flags
from pipemap.tracing.warnings import warnings_of
from schemas.codetables import code_table
from schemas.isolation import BurstAnswer, BurstPlace, BurstValve, ConsumersLost, CriticalConsumer, HydrantLost


def burst(network: Network, segment_ids: Sequence[int]) -> BurstAnswer:
    """What happens when these segments burst at once.

    Raises
    ------
    NotFoundError
        When a segment is not in this version.
    UsageError
        When one is not in service, or they are not all of one group of pressure classes.
    """
    bursts = positions_of(network.segments.id, np.unique(np.array(segment_ids, np.int64)), "segment")
    cut = cut_at(network, bursts)
    consumers, is_near = consumers_of(network, cut.zones).lost(cut)
    valves = valves_in_order(network, cut.valves, bursts)
    ids = network.segments.id
    return BurstAnswer(
        version=network.version,
        burst=[_place(network, position) for position in bursts.tolist()],
        valves_to_close=valves,
        closed_valves_relied_on=valves_in_order(network, cut.relied_on, bursts),
        isolated_segment_ids=ids[cut.isolated].tolist(),
        dry_segment_ids=ids[cut.dry].tolist(),
        already_dry_segment_ids=ids[cut.already_dry].tolist(),
        isolated_length_m=_length_m(network, cut.isolated),
        dry_length_m=_length_m(network, cut.dry),
        consumers=_consumers_lost(network, consumers, is_near),
        consumer_ids=network.consumers.id[consumers].tolist(),
        hydrants_lost=_hydrants_lost(network, cut),
        warnings=warnings_of(network, cut, consumers),
    )


def valves_in_order(network: Network, devices: Ints, bursts: Ints) -> list[BurstValve]:
    """Valves by their straight distance from the nearest burst; without coordinates by identity."""
    nodes, state, operability = _valve_columns(network, devices)
    order = np.lexsort((nodes, _distance_m(network, nodes, bursts)))
    return [
        _valve(network, int(nodes[i]), int(devices[i]), place + 1, int(state[i]), int(operability[i]))
        for place, i in enumerate(order)
    ]


def _valve_columns(network: Network, devices: Ints) -> tuple[Ints, npt.NDArray[np.int8], npt.NDArray[np.int8]]:
    """Node, state and operability of valves that are nodes or, numbered after them, of the valve layer."""
    layer, count = network.pair_valves, len(network.nodes.id)
    in_layer = devices >= count
    at_node, of_layer = np.where(in_layer, 0, devices), np.where(in_layer, devices - count, 0)
    if not in_layer.any():
        return devices, network.nodes.state[devices], network.nodes.operability[devices]
    return (
        np.where(in_layer, layer.node[of_layer], at_node),
        np.where(in_layer, layer.state[of_layer], network.nodes.state[at_node]),
        np.where(in_layer, layer.operability[of_layer], network.nodes.operability[at_node]),
    )


def _valve(network: Network, node: int, device: int, order: int, state: int, operability: int) -> BurstValve:
    nodes = network.nodes
    return BurstValve(
        node_id=int(nodes.id[node]),
        source_key=network.device_key(device),
        order=order,
        state_code=STATES[state] if state >= 0 else "unknown",
        operability_code=OPERABILITIES[operability] if operability >= 0 else "unknown",
        name=nodes.name[node],
        address=nodes.address[node],
        x_m=known(nodes.x_m[node]),
        y_m=known(nodes.y_m[node]),
    )


def known(value: float) -> float | None:
    """A number, or None for the unknown (NaN)."""
    return None if np.isnan(value) else float(value)


def _distance_m(network: Network, nodes: Ints, bursts: Ints) -> Floats:
    """Distance of each node from the nearest burst's middle; infinite without coordinates."""
    east_m = network.nodes.x_m[nodes, None] - network.segments.x_m[bursts]
    north_m = network.nodes.y_m[nodes, None] - network.segments.y_m[bursts]
    away = np.hypot(east_m, north_m)
    nearest: Floats = np.where(np.isnan(away), np.inf, away).min(axis=1)
    return nearest


def _place(network: Network, segment: int) -> BurstPlace:
    return BurstPlace(
        segment_id=int(network.segments.id[segment]),
        source_key=network.segments.key[segment],
        class_code=list(code_table("utility_class"))[network.segments.class_[segment]],
        x_m=known(network.segments.x_m[segment]),
        y_m=known(network.segments.y_m[segment]),
        z_m=known(network.segments.z_m[segment]),
    )


def _length_m(network: Network, segments: Ints) -> float:
    return float(network.segments.length_m[segments].sum())


def _consumers_lost(network: Network, lost: Ints, is_near: Flags) -> ConsumersLost:
    kinds = list(code_table("consumer_kind"))
    people = network.consumers.people[lost]
    counted = Counter(network.consumers.kind[lost].tolist())
    critical = np.flatnonzero(network.consumers.is_critical[lost])
    return ConsumersLost(
        count=len(lost),
        people=int(people[people >= 0].sum()),
        by_kind={kinds[kind]: count for kind, count in sorted(counted.items())},
        critical=[_critical(network, int(lost[i]), bool(is_near[i]), kinds) for i in critical],
    )


def _critical(network: Network, consumer: int, is_near: bool, kinds: list[str]) -> CriticalConsumer:
    consumers = network.consumers
    people = int(consumers.people[consumer])
    return CriticalConsumer(
        feature_id=int(consumers.id[consumer]),
        name=consumers.name[consumer],
        kind_code=kinds[consumers.kind[consumer]],
        people=people if people >= 0 else None,
        zone="isolated" if is_near else "dry",
        x_m=known(consumers.x_m[consumer]),
        y_m=known(consumers.y_m[consumer]),
    )


def _hydrants_lost(network: Network, cut: Cut) -> list[HydrantLost]:
    lost, _ = hydrants_of(network, cut.zones).lost(cut)
    return [
        HydrantLost(
            node_id=int(network.nodes.id[node]),
            source_key=network.nodes.key[node],
            x_m=known(network.nodes.x_m[node]),
            y_m=known(network.nodes.y_m[node]),
        )
        for node in hydrant_nodes(network)[lost].tolist()
    ]
