"""Pressure tiers of gas: what a cut does to the districts that regulators feed from a higher tier.

A district is a greatest set of zones that are joined without a regulator or a source between. A burst in the
tier above takes regulators from the districts below it; one in a district shuts the regulators that feed it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipemap.clearance.numbers import known
from pipemap.network import Floats, Ints, Network, NodeKind
from pipemap.network.adjacency import adjacency_of
from pipemap.network.kinds import regulators_of
from pipemap.tracing.cuts import Cut
from pipemap.tracing.dependants import consumers_of
from pipemap.tracing.describing import Words, note
from pipemap.tracing.floods import ISOLATED, LOST
from pipemap.tracing.ports import Flags, components
from pipemap.tracing.zones import PASSABLE, Zones
from schemas.codetables import code_table
from schemas.tiers import District, Regulator, TierEffect

_TEXTS = {
    "tiers-joined": (
        "Pipes of different pressure ({names}) are joined with no regulator between; the trace runs through all.",
        "不同压力级制的管线（{names}）之间没有调压设施而直接相连，分析按连通处理。",
    ),
    "tier-unknown": (
        "For {count} of the isolated segments the pressure is unknown; the trace does not stop at a tier there.",
        "隔离区内有 {count} 条管段压力级制不明，分析在该处不按级制截止。",
    ),
    "regulator-undirected": (
        "Neither the pressures nor the flow directions tell which side of {names} is the inlet; both are taken to be.",
        "{names} 的进、出口压力级制和流向均不明，按双向通气处理。",
    ),
}


def tiers_of(network: Network, cut: Cut) -> TierEffect | None:
    """What a cut of gas does tier by tier; None for other utilities."""
    if cut.zones.group != "gas":
        return None
    districts = Districts(network, cut)
    lost = np.concatenate([cut.isolated, cut.dry])
    pressure, length_m = network.segments.pressure[lost], network.segments.length_m[lost]
    by_tier = {_tier(one): round(float(length_m[pressure == one].sum()), 3) for one in np.unique(pressure).tolist()}
    return TierEffect(
        burst_pressure_codes=_tiers(network, cut.isolated),
        lost_length_m=by_tier,
        districts=[districts.described(one) for one in districts.touched()],
    )


def tier_warnings(network: Network, cut: Cut) -> Iterator[Words]:
    """Where the map does not say what the tiers of an isolated gas zone are."""
    if cut.zones.group != "gas":
        return
    names = _tiers(network, cut.isolated)
    if len(names) > 1:
        yield note("tiers-joined", _TEXTS["tiers-joined"], names=", ".join(names))
    count = int((network.segments.pressure[cut.isolated] < 0).sum())
    if count:
        yield note("tier-unknown", _TEXTS["tier-unknown"], count=count)
    undirected = _undirected(network, cut)
    if undirected:
        yield note("regulator-undirected", _TEXTS["regulator-undirected"], names=", ".join(undirected))


@dataclass(frozen=True, eq=False)
class Feeders:
    """District of every zone, and the touches (positions in Ports) where regulators and sources give gas."""

    district: Ints
    outlets: Ints
    taps: Ints


def feeders_of(network: Network, zones: Zones) -> Feeders:
    """The districts of a network and what feeds them, found once."""
    return network.once(f"districts {zones.group}", lambda: _feeders(network, zones), by_layout=True)


def _feeders(network: Network, zones: Zones) -> Feeders:
    ports = zones.ports
    is_regulator = np.zeros(len(ports.kind), np.bool_)
    is_regulator[: len(network.nodes.id)] = regulators_of(network, zones.group)
    joins = np.isin(ports.kind, PASSABLE) & ~is_regulator
    joined = np.flatnonzero(joins[ports.device])
    label, _ = components((ports.zone[joined], zones.count + ports.device[joined]), zones.count + len(ports.kind))
    passes = np.isin(ports.kind, PASSABLE) & is_regulator
    return Feeders(
        district=label[: zones.count],
        outlets=np.flatnonzero(passes[ports.device] & ports.gives),
        taps=np.flatnonzero((ports.kind == NodeKind.SOURCE)[ports.device] & ports.gives),
    )


class Districts:
    """The districts of a network as a cut leaves them."""

    def __init__(self, network: Network, cut: Cut) -> None:
        self.network, self.cut = network, cut
        self.feeders = feeders_of(network, cut.zones)
        self.consumers = consumers_of(network, cut.zones).lost(cut)[0]
        self.consumer_zone = cut.zones.node_zone[network.consumers.node[self.consumers]]

    def touched(self) -> list[int]:
        """The districts of the burst, then those that lose gas, a regulator or a source."""
        cut, district = self.cut, self.feeders.district
        burst = np.unique(district[cut.burst_zones])
        ports = cut.zones.ports
        devices = np.unique(ports.device[ports.of_zones(np.concatenate([cut.isolated_zones, cut.dry_zones]))])
        outlets = self.feeders.outlets[np.isin(ports.device[self.feeders.outlets], devices)]
        zones = np.concatenate([cut.isolated_zones, cut.dry_zones, ports.zone[outlets]])
        return [*burst.tolist(), *np.setdiff1d(district[zones], burst).tolist()]

    def described(self, district: int) -> District:
        """One district with its regulators and what it loses."""
        cut, network, zones = self.cut, self.network, self.cut.zones
        own = np.flatnonzero(self.feeders.district == district)
        segments = zones.segments_in(own)
        status = cut.status[own]
        is_lost = (status == ISOLATED) | (status == LOST)
        consumers = self.consumers[np.isin(self.consumer_zone, own)]
        people = network.consumers.people[consumers]
        regulators = self._regulators(own)
        stations = self._taps_left(own)
        fates = [one.fate for one in regulators if one.fate != "unfed"]
        return District(
            pressure_codes=_tiers(network, segments),
            holds_burst=bool(np.isin(cut.burst_zones, own).any()),
            is_out=not cut.is_wet(own).any(),
            lost_all_regulators=bool(fates) and "fed" not in fates,
            length_m=_length_m(network, segments),
            lost_length_m=_length_m(network, zones.segments_in(own[is_lost])),
            consumers_lost=len(consumers),
            people_lost=int(people[people > 0].sum()),
            stations_left=stations,
            regulators=regulators,
        )

    def _regulators(self, own: Ints) -> list[Regulator]:
        ports = self.cut.zones.ports
        outlets = self.feeders.outlets[np.isin(ports.zone[self.feeders.outlets], own)]
        return [self._regulator(device) for device in np.unique(ports.device[outlets]).tolist()]

    def _regulator(self, device: int) -> Regulator:
        network, ports = self.network, self.cut.zones.ports
        touches = ports.of_devices(np.array([device]))
        inlets = touches[ports.takes[touches] & ~ports.gives[touches]]
        sides = _sides(network, device, self.cut.zones)
        nodes = network.nodes
        return Regulator(
            node_id=int(nodes.id[device]),
            source_key=nodes.key[device],
            name=nodes.name[device],
            address=nodes.address[device],
            x_m=known(nodes.x_m[device]),
            y_m=known(nodes.y_m[device]),
            from_pressure_codes=sides[0],
            to_pressure_codes=sides[1],
            fate=self._fate(device, ports.zone[inlets if len(inlets) else touches]),
        )

    def _fate(self, device: int, inlet_zones: Ints) -> Literal["fed", "closed", "lost", "unfed"]:
        cut = self.cut
        if device in cut.valves:
            return "closed"
        if not cut.zones.is_fed[inlet_zones].any():
            return "unfed"
        return "fed" if cut.is_wet(inlet_zones).any() else "lost"

    def _taps_left(self, own: Ints) -> int:
        ports = self.cut.zones.ports
        taps = self.feeders.taps[np.isin(ports.zone[self.feeders.taps], own)]
        left = taps[self.cut.status[ports.zone[taps]] != ISOLATED]
        return len(np.unique(ports.device[left]))


def _sides(network: Network, device: int, zones: Zones) -> tuple[list[str], list[str]]:
    """Tiers of the inlets and of the outlets of a device, from the segments of the zones it touches."""
    beside = np.unique(adjacency_of(network).at(np.array([device])))
    ports = zones.ports
    touches = ports.of_devices(np.array([device]))
    found: list[list[str]] = []
    for flags in (ports.takes & ~ports.gives, ports.gives & ~ports.takes):
        of_side = ports.zone[touches[flags[touches]]]
        found.append(_tiers(network, beside[np.isin(zones.segment_zone[beside], of_side)]))
    return found[0], found[1]


def _undirected(network: Network, cut: Cut) -> list[str]:
    ports = cut.zones.ports
    touches = ports.of_zones(cut.isolated_zones)
    both: Flags = ports.takes[touches] & ports.gives[touches] & ports.can_shut[ports.device[touches]]
    return [network.device_name(device) for device in np.unique(ports.device[touches[both]]).tolist()]


def _tiers(network: Network, segments: Ints) -> list[str]:
    """Known tiers of some segments, in the order of the code table."""
    return [_tier(one) for one in np.unique(network.segments.pressure[segments]).tolist() if one >= 0]


def _tier(position: int) -> str:
    return list(code_table("pressure"))[position] if position >= 0 else ""


def _length_m(network: Network, segments: Ints) -> float:
    lengths: Floats = network.segments.length_m[segments]
    return round(float(lengths.sum()), 3)
