"""Burst impact: from what has burst to an answer a person acts on. What is meant: pipemap/tracing/cuts.py."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from pipemap.clearance.numbers import known
from pipemap.errors import UsageError
from pipemap.network import Flags, Ints, Network, NodeKind, positions_of
from pipemap.network.adjacency import adjacency_of
from pipemap.network.kinds import has_role
from pipemap.tracing.alternatives import Otherwise, alternatives_of
from pipemap.tracing.backfeed import Regain, regains_of
from pipemap.tracing.cuts import Assumed, Cut, cut_at
from pipemap.tracing.dependants import consumers_of
from pipemap.tracing.describing import Words, class_codes, described_valves, device_places
from pipemap.tracing.drainage import drainage_of
from pipemap.tracing.floods import ISOLATED, LOST
from pipemap.tracing.hydrants import hydrants_lost, lost_hydrants, nearest_hydrants
from pipemap.tracing.sites import Site, site_of
from pipemap.tracing.tiers import tier_warnings, tiers_of
from pipemap.tracing.walking import listed, walk_to
from pipemap.tracing.warnings import sources_feeding, warnings_of
from pipemap.tracing.zones import Zones
from schemas.codetables import code_table
from schemas.isolation import BurstAnswer

_NEAREST_HYDRANTS = 3
_MOST_BACK_FEEDS = 20


def burst(
    network: Network,
    segment_ids: Sequence[int] = (),
    node_ids: Sequence[int] = (),
    *,
    inaccessible: Sequence[int] = (),
    opened: Sequence[int] = (),
) -> BurstAnswer:
    """What happens when these segments and nodes burst at once.

    Parameters
    ----------
    inaccessible
        Nodes of valves that cannot be closed, whatever the map says.
    opened
        Nodes of closed valves that are opened to feed from elsewhere.

    Raises
    ------
    NotFoundError
        When a segment or node is not in this version.
    UsageError
        When one is not in service, or they are not all of one group of pressure classes, or a valve named is none.
    """
    site = site_of(network, segment_ids, node_ids)
    return answer_for(network, site, cut_at(site, assumed_of(network, site.zones, inaccessible, opened)))


def answer_for(network: Network, site: Site, cut: Cut) -> BurstAnswer:
    """All that the network says about a cut."""
    return BurstAnswer.model_validate(told(network, site, cut))


def told(network: Network, site: Site, cut: Cut) -> Words:
    """The same as the fields of a BurstAnswer."""
    plan = PlanWords(network, site, cut)
    otherwise, left_out = alternatives_of(network, cut, plan.walk.devices)
    return {
        **plan.fields(),
        "version": network.version,
        "burst": _places(network, site),
        "already_dry_segment_ids": network.segments.id[cut.already_dry].tolist(),
        "alternatives": [_alternative(network, site, one) for one in otherwise],
        "alternatives_left_out": left_out,
        "back_feeds": _back_feeds(network, site, regains_of(network, cut, plan.consumers)),
        "nearest_hydrants": nearest_hydrants(network, cut, plan.hydrants, site.place_m, _NEAREST_HYDRANTS),
        "drainage": drainage_of(network, cut.isolated),
        "sources_not_refilled": device_places(network, _not_refilled(cut)),
        "pumps_to_stop": device_places(network, _pumps(network, cut)),
        "tiers": tiers_of(network, cut),
        "pair": None,
        "warnings": [*warnings_of(network, cut, otherwise, plan.consumers), *tier_warnings(network, cut)],
    }


class PlanWords:
    """A cut in the words of an answer; `lost` are its consumers and which are near, where more is known of them."""

    def __init__(self, network: Network, site: Site, cut: Cut, lost: tuple[Ints, Flags] | None = None) -> None:
        self.network, self.site, self.cut = network, site, cut
        self.walk = walk_to(network, site, cut, cut.valves)
        self.consumers, self.is_near = lost or consumers_of(network, cut.zones).lost(cut)
        self.hydrants = lost_hydrants(network, cut)

    def fields(self) -> Words:
        """The fields of schemas.isolation.BurstPlan."""
        network, cut = self.network, self.cut
        return {
            "order_basis": "walk" if self.walk.is_along_pipes else "straight",
            "valves_to_close": described_valves(network, self.walk),
            "closed_valves_relied_on": described_valves(network, listed(network, self.site, cut.relied_on)),
            "sources_to_shut": device_places(network, sources_feeding(cut)),
            "isolated_segment_ids": network.segments.id[cut.isolated].tolist(),
            "dry_segment_ids": network.segments.id[cut.dry].tolist(),
            "isolated_length_m": _length_m(network, cut.isolated),
            "dry_length_m": _length_m(network, cut.dry),
            "consumers": consumers_lost(network, self.consumers, self.is_near),
            "consumer_ids": network.consumers.id[self.consumers].tolist(),
            "hydrants_lost": hydrants_lost(network, cut, self.hydrants),
        }


def assumed_of(network: Network, zones: Zones, inaccessible: Sequence[int], opened: Sequence[int]) -> Assumed:
    """Valves named by their nodes as a question takes them; UsageError where one is none."""
    return Assumed(
        stuck=_devices(network, zones, inaccessible, "is no valve that could be closed", NodeKind.OPEN_VALVE),
        opened=_devices(network, zones, opened, "is no closed valve that could be opened", NodeKind.CLOSED_VALVE),
    )


def _devices(network: Network, zones: Zones, node_ids: Sequence[int], reproach: str, kind: NodeKind) -> Ints:
    if not len(node_ids):
        return np.zeros(0, np.int64)
    nodes = positions_of(network.nodes.id, np.unique(np.array(node_ids, np.int64)), "node")
    is_wrong = zones.ports.kind[nodes] != kind
    if is_wrong.any():
        raise UsageError(f"Node {network.nodes.id[nodes[is_wrong][0]]} {reproach}.")
    return nodes


def _places(network: Network, site: Site) -> list[Words]:
    return [
        *(_burst_segment(network, one) for one in site.segments.tolist()),
        *(_burst_node(network, one) for one in site.nodes.tolist()),
    ]


def _burst_segment(network: Network, segment: int) -> Words:
    segments = network.segments
    return {
        "segment_id": segments.id.item(segment),
        "node_id": None,
        "source_key": segments.key[segment],
        "class_code": class_codes()[segments.class_[segment]],
        "x_m": known(segments.x_m.item(segment)),
        "y_m": known(segments.y_m.item(segment)),
        "z_m": known(segments.z_m.item(segment)),
    }


def _burst_node(network: Network, node: int) -> Words:
    nodes, segments = network.nodes, network.segments
    beside = adjacency_of(network).at(np.array([node]))
    return {
        "segment_id": None,
        "node_id": int(nodes.id[node]),
        # The number of a plain point tells a crew nothing.
        "source_key": nodes.key[node] if nodes.appurtenance[node] >= 0 else None,
        "class_code": class_codes()[segments.class_[beside[segments.is_active[beside]][0]]],
        "x_m": known(float(nodes.x_m[node])),
        "y_m": known(float(nodes.y_m[node])),
        "z_m": None,
    }


def _length_m(network: Network, segments: Ints) -> float:
    return float(network.segments.length_m[segments].sum())


def consumers_lost(network: Network, lost: Ints, is_near: Flags) -> Words:
    """The fields of a ConsumersLost: consumers (positions) by kind, the critical ones by name.

    `is_near` marks those in the isolated zone.
    """
    counts = np.bincount(network.consumers.kind[lost], minlength=1).tolist()
    critical = np.flatnonzero(network.consumers.is_critical[lost]).tolist()
    return {
        "count": len(lost),
        "people": _people(network, lost),
        "by_kind": {_consumer_kinds()[kind]: count for kind, count in enumerate(counts) if count},
        "critical": [_critical(network, int(lost[one]), bool(is_near[one])) for one in critical],
    }


@cache
def _consumer_kinds() -> tuple[str, ...]:
    return tuple(code_table("consumer_kind"))


def _people(network: Network, consumers: Ints) -> int:
    people = network.consumers.people[consumers]
    return int(people[people >= 0].sum())


def _critical(network: Network, consumer: int, is_near: bool) -> Words:
    consumers = network.consumers
    people = int(consumers.people[consumer])
    return {
        "feature_id": int(consumers.id[consumer]),
        "name": consumers.name[consumer],
        "kind_code": _consumer_kinds()[consumers.kind[consumer]],
        "people": people if people >= 0 else None,
        "zone": "isolated" if is_near else "dry",
        "x_m": known(float(consumers.x_m[consumer])),
        "y_m": known(float(consumers.y_m[consumer])),
    }


def _alternative(network: Network, site: Site, one: Otherwise) -> Words:
    valves = described_valves(network, listed(network, site, one.devices))
    return {"outcome": one.outcome, "valves": valves, "plan": PlanWords(network, site, one.cut).fields()}


def _back_feeds(network: Network, site: Site, regains: list[Regain]) -> list[Words]:
    """One entry a valve: in the order of what they give back, the nearer first where that is the same."""
    found: list[Words] = []
    for regain in regains:
        also_close = described_valves(network, listed(network, site, regain.also_close))
        critical = regain.consumers[network.consumers.is_critical[regain.consumers]]
        gives_back = {
            "also_close": also_close,
            "consumers": len(regain.consumers),
            "people": _people(network, regain.consumers),
            "critical": [network.consumers.name[one] for one in critical.tolist()],
            "length_m": _length_m(network, regain.segments),
            "segment_ids": network.segments.id[regain.segments].tolist(),
        }
        for valve in described_valves(network, listed(network, site, regain.devices)):
            if len(found) == _MOST_BACK_FEEDS:
                return found
            found.append({"valve": {**valve, "order": len(found) + 1}, **gives_back})
    return found


def _not_refilled(cut: Cut) -> Ints:
    """Sources that nothing fills any more: all their inlets are cut off."""
    sources, zones = cut.zones.inlets
    if not len(sources):
        return sources
    status = cut.status[zones]
    is_cut_off = (status == ISOLATED) | (status == LOST)
    if not is_cut_off.any():
        return sources[:0]
    return np.setdiff1d(sources[is_cut_off], sources[~is_cut_off])


def _pumps(network: Network, cut: Cut) -> Ints:
    """Pumps that draw from or press into an isolated zone."""
    devices = cut.unusual[cut.unusual < len(network.nodes.id)]
    if not len(devices):
        return devices
    is_pump = network.once("is pump", lambda: has_role(network, "pump"), by_layout=True)
    pumps: Ints = devices[is_pump[devices]]
    return pumps
