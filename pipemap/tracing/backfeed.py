"""Back-feed: closed valves whose opening gives supply back to a part of what a cut leaves dry."""

from collections.abc import Iterator
from dataclasses import dataclass

import numba
import numpy as np

from pipemap.network import Ints, Network, NodeKind
from pipemap.network.kinds import is_immovable
from pipemap.tracing.cuts import Cut
from pipemap.tracing.dependants import consumers_of
from pipemap.tracing.describing import device_columns
from pipemap.tracing.floods import FED, ISOLATED, LOST, OPEN_QUESTION, reach, unfed_above
from pipemap.tracing.ports import Flags


@dataclass(frozen=True, eq=False)
class Regain:
    """What opening any one of some valves gives back: zones, segments and consumers, as positions.

    `also_close` are open valves between the burst and what gets water again; the plan leaves them open, as
    there was no water behind them.
    """

    devices: Ints
    zones: Ints
    segments: Ints
    consumers: Ints
    also_close: Ints


def regains_of(network: Network, cut: Cut, lost: Ints) -> list[Regain]:
    """Every set of zones that opening one closed valve gives back; most consumers (then people) first.

    `lost` are the positions of the consumers that the cut leaves dry. A valve that cannot be moved is none.
    """
    unfed = _unfed_ways(network, cut, lost)
    if not len(cut.dry_zones) and not len(unfed):
        return []
    lost_zones = np.concatenate([cut.dry_zones, unfed])
    cut.status[unfed] = LOST
    entries = _entries(network, cut, lost_zones)
    merged = _merged(cut, entries, _has_one_way(cut, lost_zones))
    found = [_regain(network, cut, lost, zones, devices) for zones, devices in merged]
    found = [one for one in found if len(one.zones) or len(one.consumers)]
    cut.status[unfed] = OPEN_QUESTION
    people = np.maximum(network.consumers.people, 0)
    return sorted(found, key=lambda one: (-len(one.consumers), -int(people[one.consumers].sum()), int(one.devices[0])))


def _unfed_ways(network: Network, cut: Cut, lost: Ints) -> Ints:
    """Zones that no source reached before, but by which water would come to what is lost.

    They lie upstream of a dry zone, or on another side of a valve at which a lost consumer stands.
    """
    zones, status, hops = cut.zones, cut.status, cut.zones.hops
    if len(cut.assumed.opened):
        status[(status == LOST) & (hops < 0)] = OPEN_QUESTION
    at_devices = _at_devices(network.consumers.node, zones.node_zone, lost)
    if not len(at_devices) and not len(cut.dry_zones):
        return at_devices
    sides = np.unique(zones.ports.zone[zones.ports.of_devices(np.unique(at_devices))])
    sides = sides[(status[sides] == OPEN_QUESTION) & (hops[sides] < 0)]
    status[sides] = LOST
    return np.concatenate([sides, unfed_above(cut.touches, hops, status, np.concatenate([cut.dry_zones, sides]))])


@numba.njit(cache=True, nogil=True)
def _at_devices(node: Ints, node_zone: Ints, consumers: Ints) -> Ints:  # pragma: no cover
    """The nodes of some consumers that are devices."""
    return np.array([node[one] for one in consumers if node_zone[node[one]] < 0])


def _entries(network: Network, cut: Cut, lost_zones: Ints) -> list[tuple[int, Ints]]:
    """Closed valves with water on one side, each with the lost zones it would let it into."""
    ports = cut.zones.ports
    near = ports.of_zones(lost_zones)
    shut = cut.touches.kind[ports.device[near]] == NodeKind.CLOSED_VALVE
    devices = np.unique(ports.device[near[shut & ports.gives[near]]])
    devices = devices[~is_immovable(device_columns(network, devices)[2])]
    found = []
    for device in devices.tolist():
        touches = np.arange(ports.device_bounds[device], ports.device_bounds[device + 1])
        zones = ports.zone[touches]
        is_wet = cut.is_wet(zones)
        if (is_wet & ports.takes[touches]).any() and not (cut.status[zones] == ISOLATED).any():
            found.append((device, np.unique(zones[ports.gives[touches] & (cut.status[zones] == LOST)])))
    return found


def _merged(cut: Cut, entries: list[tuple[int, Ints]], has_one_way: bool) -> Iterator[tuple[Ints, Ints]]:
    """The zones each entry leads to, and all valves that lead to just these."""
    both_ways = not has_one_way
    by_zones: dict[bytes, tuple[Ints, list[int]]] = {}
    known: dict[int, bytes] = {}
    for device, into in entries:
        name = known.get(int(into[0])) if both_ways and len(into) == 1 else None
        if name is None:
            zones = reach(cut.touches, cut.status, into)
            name = zones.tobytes()
            by_zones.setdefault(name, (zones, []))
            if both_ways and len(into) == 1:
                known.update(dict.fromkeys(zones.tolist(), name))
        by_zones[name][1].append(device)
    for zones, devices in by_zones.values():
        yield zones, np.array(devices, np.int64)


def _has_one_way(cut: Cut, some: Ints) -> bool:
    ports = cut.zones.ports
    return bool(ports.is_one_way[ports.device[ports.of_zones(some)]].any())


def _regain(network: Network, cut: Cut, lost: Ints, reached: Ints, devices: Ints) -> Regain:
    cut.status[reached] = FED
    left = np.setdiff1d(cut.dry_zones, reached, assume_unique=True)
    still_lost, _ = consumers_of(network, cut.zones).lost_in(cut.isolated_zones, left, cut.status)
    cut.status[reached] = LOST
    zones = reached[cut.zones.is_fed[reached]]
    return Regain(
        devices=devices,
        zones=zones,
        segments=cut.zones.segments_in(zones),
        consumers=np.setdiff1d(lost, still_lost, assume_unique=True),
        also_close=_to_the_burst(cut, reached),
    )


def _to_the_burst(cut: Cut, zones: Ints) -> Ints:
    """Open valves between some zones and an isolated one that the plan does not close as it is."""
    ports = cut.zones.ports
    beside = np.unique(ports.device[ports.of_zones(zones)])
    beside = beside[cut.touches.kind[beside] == NodeKind.OPEN_VALVE]
    touches = ports.of_devices(beside)
    counts = ports.sides(beside)
    is_isolated: Flags = (cut.status[ports.zone[touches]] == ISOLATED) & ports.gives[touches]
    return np.setdiff1d(np.repeat(beside, counts)[is_isolated], cut.valves)
