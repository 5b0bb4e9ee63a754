"""Where pipes have burst: segments and nodes of one group of pressure classes, and the zones they lie in."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numba
import numpy as np

from pipemap.errors import UsageError
from pipemap.network import Flags, Floats, Ints, Network, SmallInts, positions_of
from pipemap.network.adjacency import adjacency_of
from pipemap.tracing.zones import Zones, zones_of
from schemas.codetables import code_table


class Site(NamedTuple):
    """Bursts at some segments and nodes (positions in the network), all at once; `burst_zones` is sorted.

    `place_m` are plan positions (bursts, 2) of the middles of the segments and of the nodes, NaN where unknown.
    """

    zones: Zones
    segments: Ints
    nodes: Ints
    burst_zones: Ints
    place_m: Floats


def site_of(network: Network, segment_ids: Sequence[int], node_ids: Sequence[int] = ()) -> Site:
    """Bursts at segments and nodes named by identity.

    Raises
    ------
    NotFoundError
        When one is not in this version.
    UsageError
        When nothing is named, when something is not in service or on no pressure pipe, or when they
        are not all of one group of classes.
    """
    segments = _named(network.segments.id, segment_ids, "segment")
    return site_at(network, segments, _named(network.nodes.id, node_ids, "node"))


def _named(ids: Ints, wanted: Sequence[int], what: str) -> Ints:
    return positions_of(ids, np.array(sorted(set(wanted)), np.int64), what) if wanted else ids[:0]


def site_at(network: Network, segments: Ints, nodes: Ints) -> Site:
    """Bursts at positions in the network."""
    class_bits, are_live = _classes_of(network.segments.class_, network.segments.is_active, segments)
    if not are_live:
        raise UsageError("The segment is not in service, so it cannot burst.")
    if len(nodes):
        class_bits |= _classes_of(network.segments.class_, network.segments.is_active, _beside(network, nodes))[0]
    zones = zones_of(network, _pressure_group(class_bits))
    places = (network.segments.x_m, network.segments.y_m, network.nodes.x_m, network.nodes.y_m)
    burst_zones, place_m = _lying(segments, nodes, zones.segment_zone, _zones_at(zones, nodes), *places)
    return Site(zones, segments, nodes, burst_zones, place_m)


def _zones_at(zones: Zones, nodes: Ints) -> Ints:
    if not len(nodes):
        return nodes
    touched = zones.node_zone[nodes]
    at_devices = zones.ports.zone[zones.ports.of_devices(nodes[touched < 0])]
    return np.concatenate([touched[touched >= 0], at_devices])


@numba.njit(cache=True, nogil=True)
def _lying(
    segments: Ints,
    nodes: Ints,
    segment_zone: Ints,
    zones_at_nodes: Ints,
    x_m: Floats,
    y_m: Floats,
    node_x_m: Floats,
    node_y_m: Floats,
) -> tuple[Ints, Floats]:  # pragma: no cover
    """The zones of segments and nodes, each once, and their plan positions."""
    zones = np.unique(np.concatenate((segment_zone[segments], zones_at_nodes)))
    place_m = np.empty((len(segments) + len(nodes), 2))
    for row, one in enumerate(segments):
        place_m[row, 0], place_m[row, 1] = x_m[one], y_m[one]
    for row, one in enumerate(nodes, len(segments)):
        place_m[row, 0], place_m[row, 1] = node_x_m[one], node_y_m[one]
    return zones, place_m


def class_at(network: Network, node: int) -> int:
    """Class (position) of a node that has burst: of the first segment in service that meets there."""
    beside = adjacency_of(network).at(np.array([node]))
    return network.segments.class_.item(beside[network.segments.is_active[beside]][0])


@numba.njit(cache=True, nogil=True)
def _classes_of(class_: SmallInts, is_active: Flags, segments: Ints) -> tuple[int, bool]:  # pragma: no cover
    """The classes of some segments as bits, and whether all of them are in service."""
    bits, are_live = 0, True
    for one in segments:
        bits |= 1 << class_[one]
        are_live &= is_active[one]
    return bits, are_live


@cache
def _pressure_group(class_bits: int) -> str:
    """The one group of pressure classes that classes, as bits, belong to; UsageError when there is none."""
    if not class_bits:
        raise UsageError("Name at least one segment or node that has burst.")
    classes = [_groups()[one] for one in range(len(_groups())) if class_bits >> one & 1]
    groups: list[str] = sorted({group for group, _ in classes})
    if len(groups) > 1:
        raise UsageError("Segments of different utilities do not burst into one another; ask for each on its own.")
    if not all(is_pressure for _, is_pressure in classes):
        raise UsageError(f"A burst is a question for pressure pipes; {groups[0]} is none.")
    return groups[0]


@cache
def _groups() -> list[tuple[str, bool]]:
    """Group of every utility class, by position in the code table, and whether its pipes are under pressure."""
    fields = [code.fields for code in code_table("utility_class").values()]
    return [(one["group_code"], one["flow"] == "pressure") for one in fields]


def _beside(network: Network, nodes: Ints) -> Ints:
    """The live segments at some nodes, each of which has at least one."""
    adjacency = adjacency_of(network)
    beside = adjacency.at(nodes)
    is_live = network.segments.is_active[beside]
    at_node = np.repeat(np.arange(len(nodes)), adjacency.counts(nodes))
    lonely = np.setdiff1d(np.arange(len(nodes)), at_node[is_live])
    if len(lonely):
        raise UsageError(f"Node {network.nodes.id[nodes[lonely[0]]]} is on no pipe that is in service.")
    return beside[is_live]
