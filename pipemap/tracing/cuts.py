"""The cut that parts a burst from every source: valves to close, what is isolated, what goes dry beyond.

A trace stays in the burst's group of classes (water, gas, heat, industrial); segments and nodes that are
not in service are not there. Exactly what is meant, and what the tests hold the code to:

- **Valves.** A closed valve parts, whatever its operability. An open valve can be closed unless it is
  inoperable or inaccessible; then it joins its sides and the cut widens (warning `valve-stuck`). State
  unknown counts as open and has to be closed (warning `valve-state-unknown`, with the valves to close
  instead should it not hold). Operability unknown counts as operable. A valve node parts all segments
  that meet at it.
- **One-way devices** (check and pressure-reducing valves, pumps, regulators) let water pass the way the
  flow directions of their segments say, never isolate and are never closed. One drawn direction is
  enough; with none drawn they let water pass both ways (warning `one-way-undirected`).
- **Sources.** Nothing flows through a source. It feeds the segments at it but those whose flow direction
  goes into it (a tank's inlet).
- **Isolated**: every zone from which water can reach a burst zone through devices that cannot be closed,
  the burst zones included. A source that feeds one of them has to be shut itself (warning
  `source-in-zone`).
- **Valves to close**: the open valves between an isolated zone and one that some source still reaches
  with the isolated zones and all valves on their rim taken out. The others on the rim stay as they are.
- **Dry**: fed before, not isolated, and no longer reached by any source. **Already dry**: not fed before,
  not isolated, in the same area (connected through devices of any state) as a burst.
- **No source known** in the burst's area: nobody can say which side is fed, so the whole rim has to be
  closed and nothing is called dry (warning `no-source-known`).
- A consumer or hydrant shares the fate of its node; at a device it is lost when every side is.
"""

from dataclasses import dataclass

import numpy as np

from pipemap.errors import UsageError
from pipemap.network import Ints, Network, NodeKind, class_groups
from pipemap.tracing.dominators import flood, grouped
from pipemap.tracing.zones import Flags, Zones, marked, spread, zones_of
from schemas.codetables import code_table


@dataclass(frozen=True, eq=False)
class Cut:
    """The plan in positions: devices as in zones.Ports, zones of `zones`, segments of the network."""

    zones: Zones
    valves: Ints
    relied_on: Ints
    isolated_zones: Ints
    dry_zones: Ints
    isolated: Ints
    dry: Ints
    already_dry: Ints


@dataclass(frozen=True, eq=False)
class Dependants:
    """Things that hang on nodes (consumers, hydrants), by the zone of their node.

    `members[bounds[z]:bounds[z + 1]]` hang on zone z; `straddling` ones stand at a device and
    `port_zones[straddling_bounds[i]:...]` are the zones around the i-th.
    """

    members: Ints
    bounds: Ints
    straddling: Ints
    straddling_bounds: Ints
    port_zones: Ints

    def lost(self, cut: Cut) -> tuple[Ints, Flags]:
        """Positions of the lost ones, and which of them are in the isolated rather than the dry zone."""
        near = self.members[spread(self.bounds, cut.isolated_zones)]
        beyond = self.members[spread(self.bounds, cut.dry_zones)]
        between, touches = self._lost_at_devices(cut)
        lost = np.concatenate([near, beyond, between])
        is_near = np.concatenate([np.ones(len(near), np.bool_), np.zeros(len(beyond), np.bool_), touches])
        order = np.argsort(lost)
        return lost[order], is_near[order]

    def _lost_at_devices(self, cut: Cut) -> tuple[Ints, Flags]:
        if not len(self.straddling):
            return self.straddling, np.zeros(0, np.bool_)
        near = marked(cut.zones.count, cut.isolated_zones)[self.port_zones]
        out = near | marked(cut.zones.count, cut.dry_zones)[self.port_zones]
        is_lost = np.logical_and.reduceat(out, self.straddling_bounds[:-1])
        return self.straddling[is_lost], np.logical_or.reduceat(near, self.straddling_bounds[:-1])[is_lost]


def cut_at(network: Network, bursts: Ints) -> Cut:
    """The plan for bursts at some segments (positions in the network)."""
    zones = zones_of(network, pressure_group(network, bursts))
    return cut_of_zones(zones, zones.segment_zone[bursts])


def pressure_group(network: Network, bursts: Ints) -> str:
    """The one group of pressure classes that live segments belong to; UsageError when there is none."""
    if not len(bursts):
        raise UsageError("Name at least one segment that has burst.")
    if not network.segments.is_active[bursts].all():
        raise UsageError("The segment is not in service, so it cannot burst.")
    groups = np.unique(class_groups()[network.segments.class_[bursts]])
    classes = np.array(list(code_table("utility_class")))[network.segments.class_[bursts]]
    if len(groups) > 1:
        raise UsageError("Segments of different utilities do not burst into one another; ask for each on its own.")
    if any(code_table("utility_class")[str(code)].fields["flow"] != "pressure" for code in classes):
        raise UsageError(f"A burst is a question for pressure pipes; {groups[0]} is none.")
    return str(groups[0])


def cut_of_zones(zones: Zones, burst_zones: Ints) -> Cut:
    """The plan that parts some zones from every source."""
    isolated = _closure(zones, burst_zones)
    rim, rim_ports = _rim(zones, isolated)
    if len(isolated) == 1 and not zones.needs_flood[isolated[0]]:
        dry, is_wet = _looked_up(zones, int(isolated[0]), zones.ports.zone[rim_ports])
    else:
        dry, is_wet = _flooded(zones, isolated, rim, zones.ports.zone[rim_ports])
    is_wet |= ~zones.is_known[zones.ports.zone[rim_ports]]
    is_open = zones.ports.kind[rim_ports] == NodeKind.OPEN_VALVE
    device = zones.ports.device[rim_ports]
    return Cut(
        zones=zones,
        valves=np.unique(device[is_wet & is_open]),
        relied_on=np.unique(device[is_wet & ~is_open]),
        isolated_zones=isolated,
        dry_zones=dry,
        isolated=_segments_in(zones, isolated),
        dry=_segments_in(zones, dry),
        already_dry=_already_dry(zones, burst_zones, isolated),
    )


def _closure(zones: Zones, burst_zones: Ints) -> Ints:
    """The zones from which water reaches the burst zones through one-way devices, these included."""
    arcs, ports = zones.arcs, zones.ports
    seen = set(burst_zones.tolist())
    stack = [zone for zone in seen if zones.needs_flood[zone]]
    while stack:
        zone = stack.pop()
        for arc in range(arcs.back_starts[zone], arcs.back_starts[zone + 1]):
            device, tail = arcs.back_device[arc], int(arcs.tails[arc])
            if device < 0 or tail in seen or ports.kind[ports.device_bounds[device]] != NodeKind.ONE_WAY:
                continue
            seen.add(tail)
            stack.append(tail)
    return np.array(sorted(seen), np.int64)


def _rim(zones: Zones, isolated: Ints) -> tuple[Ints, Ints]:
    """Valves between the isolated zones and others, open and closed, and their ports on the others."""
    near = zones.ports.of_zones(isolated)
    kind = zones.ports.kind[near]
    is_valve = (kind == NodeKind.OPEN_VALVE) | (kind == NodeKind.CLOSED_VALVE)
    devices = np.unique(zones.ports.device[near[is_valve]])
    ports = zones.ports.of_devices(devices)
    return devices, ports[~marked(zones.count, isolated)[zones.ports.zone[ports]]]


def _looked_up(zones: Zones, isolated: int, far: Ints) -> tuple[Ints, Flags]:
    """Zones that go dry, and which of the far zones stay fed, when one zone is taken out: one range of zones."""
    first, end = isolated + 1, isolated + int(zones.span[isolated])
    return np.arange(first, end), zones.is_fed[far] & ~((far >= first) & (far < end))


def _flooded(zones: Zones, isolated: Ints, rim: Ints, far: Ints) -> tuple[Ints, Flags]:
    """The same when several zones or valves with a third side are taken out: a walk from the sources."""
    is_cut = marked(zones.count, isolated)
    is_shut = marked(len(zones.ports.device_bounds) - 1, rim)
    reached = flood(zones.arcs.starts, zones.arcs.heads, zones.arcs.device, is_cut, is_shut)
    return np.flatnonzero(zones.is_fed & ~reached & ~is_cut), reached[far]


def _segments_in(zones: Zones, some: Ints) -> Ints:
    return np.sort(zones.segments[spread(zones.segment_bounds, some)])


def _already_dry(zones: Zones, burst_zones: Ints, isolated: Ints) -> Ints:
    zone = zones.segment_zone[zones.unfed]
    # Areas are fewer than zones.
    here = marked(zones.count, zones.area[burst_zones])[zones.area] & ~marked(zones.count, isolated)
    return zones.unfed[here[zone]]


def dependants_of(network: Network, zones: Zones, nodes: Ints) -> Dependants:
    """Things by the zone of the node they hang on; `nodes` is a position in the network for each, -1 for none."""
    zone = np.where(nodes >= 0, zones.node_zone[nodes], -1)
    settled = np.flatnonzero(zone >= 0)
    bounds, order = grouped(zone[settled], zones.count)
    kinds = network.node_kinds()[nodes]
    at_device = (nodes >= 0) & (zone < 0) & (kinds != NodeKind.SOURCE)
    sides = np.diff(zones.ports.device_bounds)
    straddling = np.flatnonzero(at_device & (sides[nodes] > 0))
    return Dependants(
        members=settled[order],
        bounds=bounds,
        straddling=straddling,
        straddling_bounds=np.concatenate([np.zeros(1, np.int64), np.cumsum(sides[nodes[straddling]])]),
        port_zones=zones.ports.zone[zones.ports.of_devices(nodes[straddling])],
    )
