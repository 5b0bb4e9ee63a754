"""Burst impact: from what has burst to an answer a person acts on. What is meant: pipemap/tracing/cuts.py."""

from collections.abc import Sequence

import numpy as np

from pipemap.clearance.numbers import known
from pipemap.errors import UsageError
from pipemap.network import Ints, Network, NodeKind, positions_of
from pipemap.tracing.alternatives import Otherwise
from pipemap.tracing.backfeed import Regain
from pipemap.tracing.cuts import AS_ON_THE_MAP, Assumed, Cut, cut_at
from pipemap.tracing.describing import Words, class_codes, described_valves, device_places
from pipemap.tracing.drainage import drainage_words
from pipemap.tracing.effects import sum_of
from pipemap.tracing.hydrants import lost_words, near_words
from pipemap.tracing.outcomes import Outcome, Plan, outcome_of
from pipemap.tracing.pairs import pair_effect, pair_notes
from pipemap.tracing.sites import Site, class_at, site_of
from pipemap.tracing.tiers import tier_warnings, tiers_of
from pipemap.tracing.toll import toll_of, toll_words
from pipemap.tracing.walking import listed
from pipemap.tracing.warnings import sources_feeding, warnings_of
from pipemap.tracing.zones import Zones
from schemas.isolation import BurstAnswer

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
    return BurstAnswer.model_validate(outcome_words(network, outcome_of(network, site, cut)))


def outcome_words(network: Network, outcome: Outcome) -> Words:
    """The same of a cut whose outcome is known, as the fields of a BurstAnswer."""
    plan, pairing = outcome.plan, outcome.pairing
    site, cut = plan.site, plan.cut
    alternatives = zip(outcome.otherwise, outcome.plans_otherwise, strict=True)
    warnings = warnings_of(network, cut, plan.effects.seen, outcome.otherwise, plan.toll.uncounted)
    warnings += tier_warnings(network, cut)
    if pairing is not None:
        warnings += pair_notes(network, site, cut, pairing, has_back_feeds=bool(outcome.regains))
    answer = plan_words(network, plan)
    answer |= {
        "version": network.version,
        "burst": _places(network, site),
        "already_dry_segment_ids": _ids(network.segments.id, cut.already_dry),
        "alternatives": [_alternative(network, site, *one) for one in alternatives],
        "alternatives_left_out": outcome.left_out,
        "back_feeds": _back_feeds(network, site, outcome.regains),
        "nearest_hydrants": near_words(network, outcome.nearest, outcome.nearest_m),
        "drainage": drainage_words(network, plan.effects.held),
        "sources_not_refilled": device_places(network, outcome.not_refilled),
        "pumps_to_stop": device_places(network, outcome.pumps),
        "tiers": tiers_of(network, cut),
        "pair": None if pairing is None else pair_effect(network, site, cut, pairing, plan.toll.consumers),
        "warnings": warnings,
    }
    return answer


def plan_words(network: Network, plan: Plan) -> Words:
    """The fields of a BurstPlan."""
    cut, effects = plan.cut, plan.effects
    return {
        "order_basis": "walk" if plan.walk.is_along_pipes else "straight",
        "valves_to_close": described_valves(network, plan.walk),
        "closed_valves_relied_on": _in_distance(network, plan.site, cut.relied_on),
        "sources_to_shut": device_places(network, sources_feeding(cut)),
        "isolated_segment_ids": _ids(network.segments.id, cut.isolated),
        "dry_segment_ids": _ids(network.segments.id, cut.dry),
        "isolated_length_m": effects.isolated_m,
        "dry_length_m": effects.dry_m,
        "consumers": toll_words(network, plan.toll),
        "consumer_ids": _ids(network.consumers.id, plan.toll.consumers),
        "hydrants_lost": lost_words(network, effects.hydrants, effects.instead, effects.instead_m),
    }


def _ids(column: Ints, some: Ints) -> list[int]:
    found: list[int] = column[some].tolist() if len(some) else []
    return found


def _in_distance(network: Network, site: Site, valves: Ints) -> list[Words]:
    return described_valves(network, listed(network, site, valves)) if len(valves) else []


def assumed_of(network: Network, zones: Zones, inaccessible: Sequence[int], opened: Sequence[int]) -> Assumed:
    """Valves named by their nodes as a question takes them; UsageError where one is none."""
    if not len(inaccessible) and not len(opened):
        return AS_ON_THE_MAP
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
    nodes = network.nodes
    return {
        "segment_id": None,
        "node_id": nodes.id.item(node),
        # The number of a plain point tells a crew nothing.
        "source_key": nodes.key[node] if nodes.appurtenance[node] >= 0 else None,
        "class_code": class_codes()[class_at(network, node)],
        "x_m": known(nodes.x_m.item(node)),
        "y_m": known(nodes.y_m.item(node)),
        "z_m": None,
    }


def _alternative(network: Network, site: Site, one: Otherwise, plan: Plan) -> Words:
    valves = _in_distance(network, site, one.devices)
    return {"outcome": one.outcome, "valves": valves, "plan": plan_words(network, plan)}


def _back_feeds(network: Network, site: Site, regains: list[Regain]) -> list[Words]:
    """One entry a valve: in the order of what they give back, the nearer first where that is the same."""
    found: list[Words] = []
    for regain in regains:
        also_close = _in_distance(network, site, regain.also_close)
        toll = toll_of(network, regain.consumers, np.zeros(len(regain.consumers), np.bool_))
        gives_back = {
            "also_close": also_close,
            "consumers": len(regain.consumers),
            "people": toll.people,
            "critical": network.consumers.name.at(regain.consumers[toll.critical]),
            "length_m": sum_of(network.segments.length_m, regain.segments),
            "segment_ids": _ids(network.segments.id, regain.segments),
        }
        for valve in _in_distance(network, site, regain.devices):
            if len(found) == _MOST_BACK_FEEDS:
                return found
            found.append({"valve": {**valve, "order": len(found) + 1}, **gives_back})
    return found
