"""Where pipes have burst: segments and nodes of one group of pressure classes, and the zones they lie in."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numba
import numpy as np

from pipemap.errors import UsageError
from pipemap.network import Floats, Ints, Network, positions_of
from pipemap.network.adjacency import adjacency_of
from pipemap.tracing.zones import Zones, zones_of
from schemas.codetables import code_table


@dataclass(frozen=True, eq=False)
class Site:
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
    return positions_of(ids, np.array(sorted(set(wanted)), np.int64), what) if wanted else np.zeros(0, np.int64)


def site_at(network: Network, segments: Ints, nodes: Ints) -> Site:
    """Bursts at positions in the network."""
    if np.count_nonzero(network.segments.is_active[segments]) < len(segments):
        raise UsageError("The segment is not in service, so it cannot burst.")
    beside = _beside(network, nodes)
    zones = zones_of(network, pressure_group(network, np.concatenate([segments, beside])))
    places = (network.segments.x_m, network.segments.y_m, network.nodes.x_m, network.nodes.y_m)
    burst_zones, place_m = _lying(segments, nodes, zones.segment_zone, _zones_at(zones, nodes), places)
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
    places: tuple[Floats, Floats, Floats, Floats],
) -> tuple[Ints, Floats]:  # pragma: no cover
    """The zones of segments and nodes, each once, and their plan positions."""
    x_m, y_m, node_x_m, node_y_m = places
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


def pressure_group(network: Network, segments: Ints) -> str:
    """The one group of pressure classes that segments belong to; UsageError when there is none."""
    if not len(segments):
        raise UsageError("Name at least one segment or node that has burst.")
    classes = [_groups()[one] for one in set(network.segments.class_[segments].tolist())]
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
    if not len(nodes):
        return nodes
    adjacency = adjacency_of(network)
    beside = adjacency.at(nodes)
    is_live = network.segments.is_active[beside]
    at_node = np.repeat(np.arange(len(nodes)), adjacency.counts(nodes))
    lonely = np.setdiff1d(np.arange(len(nodes)), at_node[is_live])
    if len(lonely):
        raise UsageError(f"Node {network.nodes.id[nodes[lonely[0]]]} is on no pipe that is in service.")
    return beside[is_live]
