"""The cut that parts a burst from every source: valves to close, what is isolated, what goes dry beyond.

A trace stays in the burst's group of classes (water, gas, heat, industrial); segments and nodes that are
not in service are not there. Exactly what is meant, and what the tests hold the code to:

- **Valves.** A closed valve parts, whatever its operability. An open valve can be closed unless it is
  inoperable, inaccessible or broken open; then it joins its sides and the cut widens. State unknown counts as
  open and has to be closed. Operability unknown counts as operable. One that is broken open lets water pass
  whatever its state, one that is broken closed parts for good. A valve node parts all segments that meet at it.
- **One-way devices** (check and pressure-reducing valves, pumps, regulators) let water pass the way the
  flow directions of their segments say, never isolate and are never closed for a burst. One drawn direction is
  enough; with none drawn they let water pass both ways. Shut or broken closed they part like a closed valve,
  broken open they join their sides.
- **Gas regulators** let gas pass from the higher to the lower pressure tier of their pipes (by flow direction where
  the tiers do not tell) and are shut for a burst below them like valves.
- **Sources.** Nothing flows through a source. It feeds the segments at it but those whose flow direction
  goes into it (a tank's inlet). Which appurtenances are sources of a group says the code table.
- **Isolated**: every zone from which water can reach a burst zone through devices that cannot be closed,
  the burst zones included. A source that feeds one of them has to be shut itself.
- **Valves to close**: the open valves between an isolated zone and one that some source still reaches
  with the isolated zones and all valves on their rim taken out. The others on the rim stay as they are.
- **Dry**: fed before, not isolated, and no longer reached by any source. **Already dry**: not fed before,
  not isolated, in the same area (connected through devices of any state) as a burst.
- **No source known** in the burst's area: nobody can say which side is fed, so the whole rim has to be
  closed and nothing is called dry.
- **Assumed** for one question: valves that cannot be closed, valves that can after all, and closed valves opened
  to feed what would go dry. One that would be opened beside the burst stays closed.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from pipemap.network import Ints, NodeKind, SmallInts
from pipemap.tracing.floods import FED, OPEN_QUESTION, Statuses, Touches, parted, settle, unfed_beside
from pipemap.tracing.ports import Flags
from pipemap.tracing.sites import Site
from pipemap.tracing.zones import Zones


def _none() -> Ints:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class Assumed:
    """What a question takes to be otherwise than on the map, as devices (see `ports`)."""

    stuck: Ints = field(default_factory=_none)
    freed: Ints = field(default_factory=_none)
    opened: Ints = field(default_factory=_none)

    @cached_property
    def is_nothing(self) -> bool:
        """Whether everything is as on the map."""
        return not (len(self.stuck) or len(self.freed) or len(self.opened))

    def kinds(self, zones: Zones) -> SmallInts:
        """NodeKind of every device as the question has it."""
        if self.is_nothing:
            return zones.ports.kind
        kind = zones.ports.kind.copy()
        stuck = self.stuck[kind[self.stuck] == NodeKind.OPEN_VALVE]
        kind[stuck] = np.where(zones.ports.is_one_way[stuck], NodeKind.ONE_WAY, NodeKind.STUCK_VALVE)
        kind[self.freed[kind[self.freed] == NodeKind.STUCK_VALVE]] = NodeKind.OPEN_VALVE
        opened = self.opened[kind[self.opened] == NodeKind.CLOSED_VALVE]
        stays_open = zones.ports.is_one_way[opened] & ~zones.ports.can_shut[opened]
        kind[opened] = np.where(stays_open, NodeKind.ONE_WAY, NodeKind.OPEN_VALVE)
        return kind


AS_ON_THE_MAP = Assumed()


class Cut(NamedTuple):
    """The plan in positions: devices as in `ports.Ports`, zones of `zones`, segments of the network.

    `beside` are the devices that touch an isolated zone, `unusual` those of them that are no valves one could turn:
    sources, one-way ones, stuck valves; `kept_closed` valves that the question would open but that stand beside the
    burst.
    """

    zones: Zones
    assumed: Assumed
    touches: Touches
    burst_zones: Ints
    status: Statuses
    beside: Ints
    unusual: Ints
    valves: Ints
    relied_on: Ints
    isolated_zones: Ints
    dry_zones: Ints
    isolated: Ints
    dry: Ints
    already_dry: Ints
    kept_closed: Ints

    def is_wet(self, some: Ints) -> Flags:
        """Whether a source still reaches some zones."""
        if len(self.assumed.opened):
            settle(self.touches, self.zones.hops, self.status, some, True)
        status = self.status[some]
        was_fed = self.zones.is_fed[some] & (status == OPEN_QUESTION)
        is_wet: Flags = was_fed | (status == FED)
        return is_wet


def cut_at(site: Site, assumed: Assumed = AS_ON_THE_MAP) -> Cut:
    """The plan for bursts at a site."""
    return cut_of_zones(site.zones, site.burst_zones, assumed)


def cut_of_zones(zones: Zones, burst_zones: Ints, assumed: Assumed = AS_ON_THE_MAP) -> Cut:
    """The plan that parts some zones from every source."""
    touches = zones.touches if assumed.is_nothing else zones.touches._replace(kind=assumed.kinds(zones))
    anew = bool(len(assumed.opened))
    found = parted(touches.kind, *zones.columns, burst_zones, assumed.is_nothing, anew)
    status, beside, unusual, valves, relied_on, isolated_zones, dry_zones, isolated, dry = found
    beside_burst = np.intersect1d(beside, assumed.opened) if anew else assumed.opened
    if len(beside_burst):
        narrower = replace(assumed, opened=np.setdiff1d(assumed.opened, beside_burst))
        return cut_of_zones(zones, burst_zones, narrower)._replace(kept_closed=beside_burst)
    return Cut(
        zones=zones,
        assumed=assumed,
        touches=touches,
        burst_zones=burst_zones,
        status=status,
        beside=beside,
        unusual=unusual,
        valves=valves,
        relied_on=relied_on,
        isolated_zones=isolated_zones,
        dry_zones=dry_zones,
        isolated=isolated,
        dry=dry,
        already_dry=_already_dry(zones, burst_zones, status),
        kept_closed=_none(),
    )


def devices_beside(zones: Zones, isolated: Ints) -> Ints:
    """Every device that touches some zones."""
    return np.unique(zones.ports.device[zones.ports.of_zones(isolated)])


def _already_dry(zones: Zones, burst_zones: Ints, status: Statuses) -> Ints:
    if not len(zones.unfed):
        return zones.unfed
    found: Ints = unfed_beside((zones.unfed, zones.unfed_bounds), zones.area, zones.segment_zone, burst_zones, status)
    return found
