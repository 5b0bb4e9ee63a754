"""How much hangs on each segment: whom its burst leaves without supply, for all segments of a group at once.

What a cut of one cluster takes along is a range of zones (pipemap/tracing/zones.py), so sums over ranges answer for
all clusters together. Only clusters that drag others along are cut one by one, and heat, whose other side goes along.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numba
import numpy as np
import numpy.typing as npt

from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.network import Flags, Floats, Ints, Network, NodeKind
from pipemap.tracing.cuts import Cut, cut_of_zones
from pipemap.tracing.dependants import Dependants, consumers_of
from pipemap.tracing.effects import sum_of
from pipemap.tracing.pairing import Pairing, pairing_of
from pipemap.tracing.pairs import consumers_out, stations_out, zones_with_partners
from pipemap.tracing.served import served_nodes, served_of
from pipemap.tracing.toll import toll_of
from pipemap.tracing.zones import Zones, zones_of
from schemas.codetables import code_table
from schemas.criticality import CriticalityAnswer

# Things with what each of them counts for, once for every figure.
_Weighed: TypeAlias = list[tuple[Dependants, list[Ints]]]


@dataclass(frozen=True, eq=False)
class Criticality:
    """By segment, in the order of `segments` (positions, ascending): what its burst does, as `isolation.burst` has it.

    Consumers, people (unknown ones as none), critical consumers and exchange stations without supply, valves to close,
    and the length isolated and dry together.
    """

    segments: Ints
    consumers: Ints
    people: Ints
    critical: Ints
    stations: Ints
    valves: Ints
    length_m: Floats


def criticality_of(network: Network, group: str, pairing: Pairing | None = None) -> Criticality:
    """What hangs on every live segment of a group of classes, found once per network.

    Heat is cut on one side where no pairing is given, else on both.
    """
    zones = zones_of(network, group)
    if pairing is None:
        return network.once(f"criticality {group}", lambda: _criticality(network, zones))
    return network.once(f"criticality of pairs {group}", lambda: _of_pairs(network, zones, pairing))


def ranked_criticality(
    connection: Connection, network: Network, class_code: str, limit: int | None = None
) -> CriticalityAnswer:
    """Criticality of the group of a class in order of identity; or the `limit` worst, most people first.

    Of heat both sides are cut, as by a burst. The connection must see the map at the network's version or later. Raises
    UsageError for a class that is not in the code table or not of pressure pipes.
    """
    group = _pressure_group(class_code)
    found = criticality_of(network, group, pairing_of(connection, network) if group == "heat" else None)
    served = found.consumers + found.stations
    worst_first = np.lexsort((network.segments.id[found.segments], -served, -found.people))
    chosen = np.arange(len(found.segments)) if limit is None else worst_first[:limit]
    keys = [network.segments.key[one] for one in found.segments[chosen].tolist()] if limit is not None else None
    return CriticalityAnswer(
        version=network.version,
        group_code=group,
        source_keys=keys,
        segment_ids=network.segments.id[found.segments[chosen]].tolist(),
        consumers=found.consumers[chosen].tolist(),
        people=found.people[chosen].tolist(),
        critical=found.critical[chosen].tolist(),
        stations=found.stations[chosen].tolist(),
        valves=found.valves[chosen].tolist(),
        length_m=np.round(found.length_m[chosen], 2).tolist(),
    )


def _pressure_group(class_code: str) -> str:
    table = code_table("utility_class")
    pressure = [code for code, entry in table.items() if entry.fields["flow"] == "pressure"]
    if class_code not in pressure:
        raise UsageError(f"Criticality is a question for pressure pipes ({', '.join(pressure)}), not for {class_code}.")
    return table[class_code].fields["group_code"]


def _criticality(network: Network, zones: Zones) -> Criticality:
    weighed = _weighed(network, zones)
    lost = [total for things, weights in weighed for total in _by_cluster(things, weights)]
    length_m = _over_ranges(zones, zones.segment_zone[zones.segments], network.segments.length_m[zones.segments])
    valves = _valves(zones)
    for cluster in np.flatnonzero(zones.needs_flood).tolist():
        cut = cut_of_zones(zones, zones.cluster_bounds[cluster : cluster + 1])
        sums = (weight[gone].sum() for gone, weights in _gone(weighed, cut) for weight in weights)
        for total, of_cut in zip(lost, sums, strict=True):
            total[cluster] = of_cut
        valves[cluster] = len(cut.valves)
        length_m[cluster] = network.segments.length_m[np.concatenate([cut.isolated, cut.dry])].sum()
    segments = np.sort(zones.segments)
    cluster_of = zones.cluster[zones.segment_zone[segments]]
    consumers, people, critical, stations = (total[cluster_of].astype(np.int64) for total in lost)
    return Criticality(segments, consumers, people, critical, stations, valves[cluster_of], length_m[cluster_of])


def _weighed(network: Network, zones: Zones) -> _Weighed:
    """What is counted: consumers by number, people and critical ones, stations by number."""
    people, critical = np.maximum(network.consumers.people, 0), network.consumers.is_critical.astype(np.int64)
    stations = np.ones(len(served_nodes(network)), np.int64)
    return [
        (consumers_of(network, zones), [np.ones(len(people), np.int64), people, critical]),
        (served_of(network, zones), [stations]),
    ]


def _gone(weighed: _Weighed, cut: Cut) -> Iterator[tuple[Ints, list[Ints]]]:
    """What is lost with a cut, and what each of it counts for."""
    return ((things.lost(cut)[0], weights) for things, weights in weighed)


def _by_cluster(things: Dependants, weights: list[Ints]) -> Iterator[Floats]:
    """By cluster, the weights of what is lost with it, as far as ranges answer."""
    at, thing = _where_lost(things)
    for weight in weights:
        yield _over_ranges(things.zones, at, weight[thing])


def _of_pairs(network: Network, zones: Zones, pairing: Pairing) -> Criticality:
    """The same where a cut takes the other side along: each set of zones is cut once."""
    segments = np.sort(zones.segments)
    rows: dict[bytes, tuple[int, int, int, int, int, float]] = {}
    names = []
    for segment in segments.tolist():
        burst_zones = zones_with_partners(zones, pairing, np.array([segment]))
        names.append(burst_zones.tobytes())
        if names[-1] not in rows:
            rows[names[-1]] = _figures(network, cut_of_zones(zones, burst_zones), pairing)
    found = [rows[name] for name in names]
    counts = np.array([row[:5] for row in found], np.int64).reshape(-1, 5).T
    consumers, people, critical, stations, valves = counts
    return Criticality(segments, consumers, people, critical, stations, valves, np.array([row[5] for row in found]))


def _figures(network: Network, cut: Cut, pairing: Pairing) -> tuple[int, int, int, int, int, float]:
    toll = toll_of(network, *consumers_out(network, cut, pairing))
    length_m = sum_of(network.segments.length_m, cut.isolated) + sum_of(network.segments.length_m, cut.dry)
    stations = stations_out(network, cut, pairing)
    return len(toll.consumers), toll.people, len(toll.critical), len(stations), len(cut.valves), length_m


def _over_ranges(zones: Zones, at: Ints, weight: npt.NDArray[np.generic]) -> Floats:
    """By cluster, the sum of what is in its own zones and in those it alone keeps supplied."""
    before = np.concatenate([np.zeros(1), np.cumsum(np.bincount(at, weight, zones.count))])
    total: Floats = before[zones.subtree_end] - before[zones.cluster_bounds[:-1]]
    return total


def _valves(zones: Zones) -> Ints:
    """By cluster, the open valves between it and what stays fed without it (or nobody knows about)."""
    ports = zones.ports
    pairs = np.flatnonzero((np.diff(ports.device_bounds) == 2) & (ports.kind == NodeKind.OPEN_VALVE))
    touches = ports.device_bounds[pairs][:, None] + np.arange(2)
    into, out_of = touches.T.ravel(), touches[:, ::-1].T.ravel()
    leads_in = ports.gives[into] & ports.takes[out_of]
    here, there = (zones.cluster[ports.zone[touch[leads_in]]] for touch in (into, out_of))
    first = zones.cluster_bounds[there]
    is_dry = (first >= zones.cluster_bounds[here]) & (first < zones.subtree_end[here])
    is_wet = (zones.is_fed[first] & ~is_dry) | (~zones.is_known[first] & (here != there))
    return np.bincount(here[is_wet], minlength=len(zones.subtree_end))


def _where_lost(dependants: Dependants) -> tuple[Ints, Ints]:
    """Zones and things: each thing at the zone with whose cluster, or one above it in the tree, it is lost."""
    zones = dependants.zones
    settled = np.repeat(np.arange(zones.count), np.diff(dependants.bounds))
    between = np.unique(dependants.straddling)
    device = dependants.device[between]
    bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(zones.ports.sides(device))])
    sides = zones.ports.zone[zones.ports.of_devices(device)]
    cluster, which = _between(bounds, zones.cluster[sides], zones.is_fed[sides], zones.is_known[sides], zones.dominator)
    return (
        np.concatenate([settled, zones.cluster_bounds[cluster]]),
        np.concatenate([dependants.members, between[which]]),
    )


@numba.njit(cache=True, nogil=True)
def _between(
    bounds: Ints, cluster: Ints, is_fed: Flags, is_known: Flags, dominator: Ints
) -> tuple[Ints, Ints]:  # pragma: no cover
    """Clusters and things for things that stand between several sides.

    With fed sides a thing is lost with the lowest cluster above all of these. Without any it is lost with each of
    its sides; where no source is known only if all its sides are one cluster.
    """
    at, which = [0 for _ in range(0)], [0 for _ in range(0)]
    for thing in range(len(bounds) - 1):
        first, end = bounds[thing], bounds[thing + 1]
        lowest = -1
        for side in range(first, end):
            if is_fed[side]:
                lowest = cluster[side] if lowest < 0 else _common(dominator, lowest, cluster[side])
        if lowest >= 0:
            at.append(lowest)
            which.append(thing)
            continue
        own = np.unique(cluster[first:end])
        if is_known[first] or len(own) == 1:
            for one in own:
                at.append(one)
                which.append(thing)
    return np.array(at), np.array(which)


@numba.njit(cache=True, nogil=True)
def _common(dominator: Ints, one: int, other: int) -> int:  # pragma: no cover
    """The lowest cluster that is above both or one of them; above means a lower number."""
    while one != other:
        if one > other:
            one = dominator[one]
        else:
            other = dominator[other]
    return one
