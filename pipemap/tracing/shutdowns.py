"""Planned shut-downs: overlapping cuts computed together, interval by interval."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np

from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.network import Ints, Network
from pipemap.tracing.alternatives import alternatives_of
from pipemap.tracing.cuts import Cut, devices_beside
from pipemap.tracing.describing import Words, described_valves
from pipemap.tracing.isolation import plan_words
from pipemap.tracing.outcomes import Plan, plan_of
from pipemap.tracing.pairing import Pairing, pairing_of
from pipemap.tracing.pairs import consumers_out, joint_cut
from pipemap.tracing.places import nearest_segment
from pipemap.tracing.sites import Site, site_at, site_of
from pipemap.tracing.toll import consumers_lost
from pipemap.tracing.walking import walk_to
from pipemap.tracing.warnings import warnings_of
from pipemap.tracing.zones import Zones
from schemas.shutdowns import Interval, PlannedCut, ShutdownAnswer

_MOST_CUTS = 200


def plan_shutdowns(connection: Connection, network: Network, cuts: Sequence[PlannedCut]) -> ShutdownAnswer:
    """What planned cuts do, split at every moment one begins or ends; places are looked up on the map.

    A cut of heat takes the other side, supply or return, with it, as a burst does.

    Raises
    ------
    UsageError
        When a cut ends before it begins or names nothing, or some times have a time zone and others have none.
    NotFoundError
        When a cut names what is not in this version.
    """
    located = [(cut, _site(connection, network, cut)) for cut in cuts]
    is_heat = any(site.zones.group == "heat" for _, site in located)
    return shutdowns_of(network, located, pairing_of(connection, network) if is_heat else None)


def shutdowns_of(
    network: Network, cuts: Sequence[tuple[PlannedCut, Site]], pairing: Pairing | None = None
) -> ShutdownAnswer:
    """The same for cuts whose sites are known; heat is cut on one side where no pairing is given."""
    _check([cut for cut, _ in cuts])
    groups, sides = {site.zones.group for _, site in cuts}, _Sides(network, pairing)
    stages = [stage for group in groups for stage in _stages(network, group, cuts, sides)]
    stages.sort(key=lambda stage: (stage.starts_at, stage.group))
    return ShutdownAnswer(version=network.version, intervals=[_interval(network, stage, sides) for stage in stages])


@dataclass(frozen=True, eq=False)
class _Sides:
    """What a cut takes: of heat, where the pairs are known, both sides."""

    network: Network
    pairing: Pairing | None

    def cut(self, site: Site) -> Cut:
        """The plan for a site."""
        return joint_cut(site, self.pairing_in(site.zones), self.network)

    def pairing_in(self, zones: Zones) -> Pairing | None:
        """The pairs, for heat."""
        return self.pairing if zones.group == "heat" else None


@dataclass(frozen=True, eq=False)
class _Stage:
    """The cuts of one group in force in one interval, and the valves turned when it begins and when it ends."""

    starts_at: datetime
    ends_at: datetime
    group: str
    names: list[str]
    sites: list[Site]
    site: Site
    cut: Cut
    closed: Ints
    reopened: Ints


def _stages(network: Network, group: str, cuts: Sequence[tuple[PlannedCut, Site]], sides: _Sides) -> Iterator[_Stage]:
    of_group = [(cut, site) for cut, site in cuts if site.zones.group == group]
    moments = sorted({moment for cut, _ in of_group for moment in (cut.starts_at, cut.ends_at)})
    standing = np.zeros(0, np.int64)
    joint = {start: _joint(network, [one for one in of_group if _is_on(one[0], start)], sides) for start in moments}
    for starts_at, ends_at in pairwise(moments):
        site, cut = joint[starts_at]
        if site is None or cut is None:
            continue
        on = [one for one in of_group if _is_on(one[0], starts_at)]
        closed = np.setdiff1d(cut.valves, standing)
        standing = np.union1d(cut.valves, _still_needed(cut, standing))
        following = joint[ends_at][1]
        kept = np.zeros(0, np.int64) if following is None else _still_needed(following, standing)
        reopened = np.setdiff1d(standing, kept)
        standing = kept
        names, sites = [one.name for one, _ in on], [site for _, site in on]
        yield _Stage(starts_at, ends_at, group, names, sites, site, cut, closed, reopened)


def _joint(network: Network, on: Sequence[tuple[PlannedCut, Site]], sides: _Sides) -> tuple[Site | None, Cut | None]:
    if not on:
        return None, None
    segments = np.unique(np.concatenate([site.segments for _, site in on]))
    nodes = np.unique(np.concatenate([site.nodes for _, site in on]))
    site = site_at(network, segments, nodes)
    return site, sides.cut(site)


def _is_on(cut: PlannedCut, moment: datetime) -> bool:
    return cut.starts_at <= moment < cut.ends_at


def _still_needed(cut: Cut, standing: Ints) -> Ints:
    """Closed valves that a cut leaves as they are: those on the rim of what it isolates, whatever lies beyond."""
    return np.intersect1d(standing, devices_beside(cut.zones, cut.isolated_zones))


def _interval(network: Network, stage: _Stage, sides: _Sides) -> Interval:
    plan = plan_of(network, stage.site, stage.cut, sides.pairing_in(stage.site.zones))
    otherwise, _ = alternatives_of(network, stage.cut, plan.walk.devices)
    fields = {
        "starts_at": stage.starts_at,
        "ends_at": stage.ends_at,
        "group_code": stage.group,
        "cuts": stage.names,
        "plan": plan_words(network, plan),
        "only_together": _only_together(network, stage, plan, sides),
        "close_at_start": _walked(network, stage, stage.closed),
        "reopen_at_end": _walked(network, stage, stage.reopened),
        "warnings": warnings_of(network, stage.cut, plan.effects.seen, otherwise, plan.toll.uncounted),
    }
    return Interval.model_validate(fields)


def _walked(network: Network, stage: _Stage, devices: Ints) -> list[Words]:
    return described_valves(network, walk_to(network, stage.site, stage.cut, devices))


def _only_together(network: Network, stage: _Stage, plan: Plan, sides: _Sides) -> Words:
    consumers, segments = plan.toll.consumers, np.concatenate([stage.cut.isolated, stage.cut.dry])
    is_near = plan.toll.is_near
    for site in stage.sites:
        alone = sides.cut(site)
        is_new = ~np.isin(consumers, consumers_out(network, alone, sides.pairing_in(site.zones))[0])
        consumers, is_near = consumers[is_new], is_near[is_new]
        segments = np.setdiff1d(segments, np.concatenate([alone.isolated, alone.dry]))
    return {
        "consumers": consumers_lost(network, consumers, is_near),
        "consumer_ids": network.consumers.id[consumers].tolist(),
        "segment_ids": network.segments.id[segments].tolist(),
    }


def _site(connection: Connection, network: Network, cut: PlannedCut) -> Site:
    if not (cut.segment_ids or cut.node_ids or cut.places):
        raise UsageError(f"The cut {cut.name} names no segment, node or place.")
    clicked = [
        nearest_segment(connection, place[0], place[1], _height(place), cut.class_codes, network.version).segment_id
        for place in cut.places
    ]
    return site_of(network, [*cut.segment_ids, *clicked], cut.node_ids)


def _height(place: Sequence[float]) -> float | None:
    return place[2] if len(place) > 2 else None


def _check(cuts: Sequence[PlannedCut]) -> None:
    if not 0 < len(cuts) <= _MOST_CUTS:
        raise UsageError(f"Give 1 to {_MOST_CUTS} planned cuts, not {len(cuts)}.")
    moments = [moment for cut in cuts for moment in (cut.starts_at, cut.ends_at)]
    if len({moment.tzinfo is None for moment in moments}) > 1:
        raise UsageError("Some times of the cuts have a time zone and some have none; write all alike.")
    for cut in cuts:
        if cut.starts_at >= cut.ends_at:
            raise UsageError(f"The cut {cut.name} ends before it begins.")
