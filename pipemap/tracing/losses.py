"""What a cut takes from one circuit, or from what is plainly connected where no circuit is known.

- **Power circuits** trip: what no switch can part from the cut is isolated, and what then has no source is dry.
- **Telecom circuits**, and plain connectivity, only lose what the cut segments themselves carried: whatever every way
  to a source led through.
- Without any source on the circuit nobody knows which side is fed: everything joined to the cut is lost.
"""

from dataclasses import dataclass

import numpy as np

from pipemap.network import Flags, Ints, Network, NodeKind
from pipemap.tracing.backfeed import regains_of
from pipemap.tracing.circuits import without
from pipemap.tracing.cuts import cut_of_zones
from pipemap.tracing.dependants import consumers_of
from pipemap.tracing.ports import marked
from pipemap.tracing.served import served_lost, served_nodes
from pipemap.tracing.sites import Site
from pipemap.tracing.zones import Zones, zones_of


def _none() -> Ints:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class Loss:
    """What is lost of a network, as positions in it; devices are nodes. `is_near`: consumers in the isolated part."""

    network: Network
    site: Site
    is_source_known: bool
    isolated: Ints
    dry: Ints
    consumers: Ints
    is_near: Flags
    points: Ints
    to_open: Ints
    to_close: Ints

    @property
    def sources(self) -> Ints:
        """Sources of the network's group."""
        kind = self.site.zones.ports.kind[: len(self.network.nodes.id)]
        return np.flatnonzero(kind == NodeKind.SOURCE)


def tripped(network: Network, group: str, hit: Ints) -> Loss:
    """The loss of a power circuit by a fault on some of its segments."""
    site = _site(network, group, hit)
    zones = site.zones
    if not zones.is_known[site.burst_zones].all():
        return _all_joined(network, site)
    cut = cut_of_zones(zones, site.burst_zones)
    consumers, is_near = consumers_of(network, zones).lost(cut)
    regains = regains_of(network, cut, consumers)
    to_close = np.unique(np.concatenate([_none(), *(one.devices for one in regains)]))
    points = served_lost(network, cut)
    return Loss(network, site, True, cut.isolated, cut.dry, consumers, is_near, points, cut.valves, to_close)


def parted(network: Network, group: str, hit: Ints) -> Loss:
    """The loss of a network by taking some segments out of it."""
    site = _site(network, group, hit)
    zones = site.zones
    if not zones.is_known[site.burst_zones].all():
        return _all_joined(network, site)
    left = zones_of(without(network, hit), group)
    is_dry = _fed_segments(zones) & ~_fed_segments(left)
    is_dry[hit] = False
    lost_nodes = _fed_nodes(zones) & ~_fed_nodes(left)
    return _loss(network, site, True, hit, np.flatnonzero(is_dry), lost_nodes)


def _all_joined(network: Network, site: Site) -> Loss:
    zones = site.zones
    areas = np.unique(zones.area[site.burst_zones])
    in_area = np.isin(zones.area, areas)
    dry = np.setdiff1d(zones.segments_in(np.flatnonzero(in_area)), site.segments)
    segments = np.concatenate([site.segments, dry])
    ends = np.concatenate([network.segments.from_node[segments], network.segments.to_node[segments]])
    return _loss(network, site, False, site.segments, dry, marked(len(network.nodes.id), ends))


def _loss(network: Network, site: Site, is_known: bool, isolated: Ints, dry: Ints, lost_nodes: Flags) -> Loss:
    of_group = consumers_of(network, site.zones).device
    consumers = np.flatnonzero((of_group >= 0) & lost_nodes[of_group])
    points = served_nodes(network)
    near = np.zeros(len(consumers), np.bool_)
    lost_points = points[lost_nodes[points]]
    return Loss(network, site, is_known, isolated, dry, consumers, near, lost_points, _none(), _none())


def _site(network: Network, group: str, hit: Ints) -> Site:
    zones = zones_of(network, group)
    place_m = np.stack([network.segments.x_m[hit], network.segments.y_m[hit]], axis=1)
    return Site(zones, hit, _none(), np.unique(zones.segment_zone[hit]), place_m)


def _fed_segments(zones: Zones) -> Flags:
    zone = zones.segment_zone
    found: Flags = (zone >= 0) & zones.is_fed[zone]
    return found


def _fed_nodes(zones: Zones) -> Flags:
    """Nodes that a source reaches: in a fed zone, as a device that touches one, or as a source."""
    zone, ports = zones.node_zone, zones.ports
    fed: Flags = ((zone >= 0) & zones.is_fed[zone]) | (ports.kind[: len(zone)] == NodeKind.SOURCE)
    touching = ports.device[zones.is_fed[ports.zone]]
    fed[touching[touching < len(fed)]] = True
    return fed
