"""What a burst does, in positions and figures: all of its answer but the words, which `isolation` writes."""

from typing import NamedTuple

import numpy as np

from pipemap.network import Floats, Ints, Network
from pipemap.network.kinds import has_role
from pipemap.tracing.alternatives import Otherwise, alternatives_of
from pipemap.tracing.backfeed import Regain, regains_of
from pipemap.tracing.cuts import Cut
from pipemap.tracing.effects import Effects, effects_of
from pipemap.tracing.floods import ISOLATED, LOST
from pipemap.tracing.hydrants import nearest_hydrants
from pipemap.tracing.pairing import Pairing
from pipemap.tracing.pairs import consumers_out
from pipemap.tracing.sites import Site
from pipemap.tracing.toll import Toll, toll_of
from pipemap.tracing.walking import Walk, walk_to

_NEAREST_HYDRANTS = 3


class Plan(NamedTuple):
    """A cut as a plan: the walk to its valves, what it takes from whom, and what else it does (`effects.Effects`)."""

    site: Site
    cut: Cut
    walk: Walk
    toll: Toll
    effects: Effects


class Outcome(NamedTuple):
    """A plan, what becomes of it if valves fail or hold, and what goes with it; devices are positions of nodes.

    `pairing` are the two sides of heat, where both are cut.
    """

    plan: Plan
    pairing: Pairing | None
    otherwise: list[Otherwise]
    plans_otherwise: list[Plan]
    left_out: int
    regains: list[Regain]
    nearest: Ints
    nearest_m: Floats
    not_refilled: Ints
    pumps: Ints


def outcome_of(network: Network, site: Site, cut: Cut, pairing: Pairing | None = None) -> Outcome:
    """All that a cut for bursts at a site does; of heat, where pairs are given, to either side."""
    plan = plan_of(network, site, cut, pairing)
    # An opened valve serves one side.
    may_regain = plan.toll.consumers if pairing is None else consumers_out(network, cut)[0]
    otherwise, left_out = alternatives_of(network, cut, plan.walk.devices)
    return Outcome(
        plan,
        pairing,
        otherwise,
        [plan_of(network, site, one.cut, pairing) for one in otherwise],
        left_out,
        regains_of(network, cut, may_regain),
        *nearest_hydrants(network, cut, plan.effects.hydrants, site.place_m, _NEAREST_HYDRANTS),
        _not_refilled(cut),
        _pumps(network, cut),
    )


def plan_of(network: Network, site: Site, cut: Cut, pairing: Pairing | None = None) -> Plan:
    """A cut as a plan; of heat, where pairs are given, with who loses either side."""
    effects = effects_of(network, cut)
    toll = effects.toll if pairing is None else toll_of(network, *consumers_out(network, cut, pairing))
    return Plan(site, cut, walk_to(network, site, cut, cut.valves), toll, effects)


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
    if not len(cut.unusual):
        return cut.unusual
    devices = cut.unusual[cut.unusual < len(network.nodes.id)]
    is_pump = network.once("is pump", lambda: has_role(network, "pump"), by_layout=True)
    pumps: Ints = devices[is_pump[devices]]
    return pumps
