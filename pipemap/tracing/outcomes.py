"""What a burst does, in positions and figures: all of its answer but the words, which `isolation` writes."""

from typing import NamedTuple

import numba
import numpy as np

from pipemap.network import Floats, Ints, Network
from pipemap.network.kinds import has_role
from pipemap.tracing.alternatives import Otherwise, alternatives_of
from pipemap.tracing.backfeed import Regain, regains_of
from pipemap.tracing.cuts import Cut
from pipemap.tracing.drainage import Held, drainage_of
from pipemap.tracing.floods import ISOLATED, LOST
from pipemap.tracing.hydrants import hydrants_instead, lost_hydrants, nearest_hydrants
from pipemap.tracing.pairing import Pairing
from pipemap.tracing.pairs import consumers_out
from pipemap.tracing.sites import Site
from pipemap.tracing.toll import Toll, toll_of
from pipemap.tracing.walking import Walk, walk_to

_NEAREST_HYDRANTS = 3


class Plan(NamedTuple):
    """A cut as a plan: the walk to its valves and what it takes from whom.

    `hydrants` without water are positions in `dependants.hydrant_nodes`, `instead` the nearest one still fed to each,
    -1 for none, and `instead_m` how far it lies.
    """

    site: Site
    cut: Cut
    walk: Walk
    toll: Toll
    hydrants: Ints
    instead: Ints
    instead_m: Floats
    isolated_m: float
    dry_m: float


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
    held: Held
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
        *nearest_hydrants(network, cut, plan.hydrants, site.place_m, _NEAREST_HYDRANTS),
        drainage_of(network, cut.isolated),
        _not_refilled(cut),
        _pumps(network, cut),
    )


def plan_of(network: Network, site: Site, cut: Cut, pairing: Pairing | None = None) -> Plan:
    """A cut as a plan; of heat, where pairs are given, with who loses either side."""
    hydrants, length_m = lost_hydrants(network, cut), network.segments.length_m
    return Plan(
        site,
        cut,
        walk_to(network, site, cut, cut.valves),
        toll_of(network, *consumers_out(network, cut, pairing)),
        hydrants,
        *hydrants_instead(network, cut, hydrants),
        sum_of(length_m, cut.isolated),
        sum_of(length_m, cut.dry),
    )


@numba.njit(cache=True, nogil=True)
def sum_of(column: Floats, some: Ints) -> float:  # pragma: no cover
    """The sum of some rows of a column."""
    total = 0.0
    for one in some:
        total += column[one]
    return total


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
