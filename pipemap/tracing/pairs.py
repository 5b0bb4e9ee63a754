"""Bursts on heat: the other side of what has burst is taken out with it, and whoever loses either side is out."""

from collections.abc import Iterator

import numpy as np

from pipemap.network import Flags, Ints, Network
from pipemap.network.adjacency import adjacency_of
from pipemap.network.grouping import grouped, spread
from pipemap.tracing.cuts import AS_ON_THE_MAP, Assumed, Cut, cut_at, cut_of_zones
from pipemap.tracing.dependants import consumers_of
from pipemap.tracing.describing import Words, note
from pipemap.tracing.pairing import METHODS, Pairing
from pipemap.tracing.ports import marked
from pipemap.tracing.served import described_points, served_lost, served_nodes
from pipemap.tracing.sites import Site
from pipemap.tracing.zones import Zones
from schemas.pairs import PairEffect, Partner

_TEXTS = {
    "pair-unknown": (
        "The other side (supply or return) of {names} is not known: only the side that burst is answered there.",
        "{names} 的对侧管（供水或回水）无法确定：该处仅按爆管一侧分析。",
    ),
    "pair-by-geometry": (
        "Nothing on the map tells supply from return; the pipes running alongside are taken for the other side.",
        "图上未区分供水与回水，按并行敷设的管线作为对侧管。",
    ),
    "side-assumed": (
        "The circuit column names one side only; pipes without that word are taken for the other side.",
        "回路字段仅标明一侧，未标注的管线按另一侧处理。",
    ),
    "pair-lost-unpaired": (
        "{count} of the segments cut off have no known other side: consumers there may depend on more than is told.",
        "停供管段中有 {count} 条对侧管不明，其用户可能另受影响。",
    ),
    "back-feed-one-side": (
        "A valve opened to give supply back serves one side; the consumers are back when the other side is, too.",
        "反向供热阀仅恢复一侧，须另一侧同时恢复，用户方可恢复供热。",
    ),
}  # fmt: skip


def joint_cut(site: Site, pairing: Pairing | None, network: Network, assumed: Assumed = AS_ON_THE_MAP) -> Cut:
    """The cut that parts what has burst and, where pairs are given, its other side from every source."""
    if pairing is None:
        return cut_at(site, assumed)
    both_sides = zones_with_partners(site.zones, pairing, _burst_segments(network, site))
    return cut_of_zones(site.zones, np.union1d(site.burst_zones, both_sides), assumed)


def zones_with_partners(zones: Zones, pairing: Pairing, segments: Ints) -> Ints:
    """The zones of some segments and of their other sides, sorted."""
    found = zones.segment_zone[np.concatenate([segments, pairing.partner[pairing.touches(segments)]])]
    return np.unique(found[found >= 0])


def pair_effect(network: Network, site: Site, cut: Cut, pairing: Pairing, consumers: Ints) -> PairEffect:
    """What a joint cut does by the other side; `consumers` are all that are out."""
    burst = _burst_segments(network, site)
    extra = np.setdiff1d(consumers, consumers_out(network, cut)[0])
    return PairEffect(
        side=_side(pairing, burst),
        partners=list(_partners(network, pairing, burst)),
        unpaired_segment_ids=network.segments.id[burst[~pairing.is_paired(burst)]].tolist(),
        consumer_ids_by_other_side=network.consumers.id[extra].tolist(),
        stations_lost=described_points(network, stations_out(network, cut, pairing)),
    )


def consumers_out(network: Network, cut: Cut, pairing: Pairing | None = None) -> tuple[Ints, Flags]:
    """Positions of the consumers without supply, and which of them stand in the isolated zone.

    Of heat, where pairs are given, who loses either side.
    """
    lost, is_near = consumers_of(network, cut.zones).lost(cut)
    if pairing is None:
        return lost, is_near
    at_deprived = _consumers_at(network, cut.zones, _deprived(network, cut, pairing))
    extra = np.setdiff1d(at_deprived, lost)
    everyone = np.concatenate([lost, extra])
    order = np.argsort(everyone)
    return everyone[order], np.concatenate([is_near, np.zeros(len(extra), np.bool_)])[order]


def stations_out(network: Network, cut: Cut, pairing: Pairing) -> Ints:
    """Nodes of the exchange stations that lose either side, sorted."""
    of_other_side = np.intersect1d(served_nodes(network), _deprived(network, cut, pairing))
    return np.union1d(served_lost(network, cut), of_other_side)


def _deprived(network: Network, cut: Cut, pairing: Pairing) -> Ints:
    """Nodes at a segment that has only lost its other side, and at none that has lost neither; sorted."""
    segments, adjacency = network.segments, adjacency_of(network)
    is_cut = marked(len(segments.id), np.concatenate([cut.isolated, cut.dry]))
    half_out = _half_out(pairing, is_cut)
    nodes = np.unique(np.concatenate([segments.from_node[half_out], segments.to_node[half_out]]))
    beside = adjacency.at(nodes)
    is_whole = (cut.zones.segment_zone[beside] >= 0) & ~is_cut[beside] & ~np.isin(beside, half_out)
    owner = np.repeat(np.arange(len(nodes)), adjacency.counts(nodes))
    deprived: Ints = nodes[np.bincount(owner[is_whole], minlength=len(nodes)) == 0]
    return deprived


def _consumers_at(network: Network, zones: Zones, nodes: Ints) -> Ints:
    """The consumers of the group that stand at some nodes."""

    def by_node() -> tuple[Ints, Ints]:
        at = consumers_of(network, zones).device
        served = np.flatnonzero(at >= 0)
        bounds, order = grouped(at[served], len(network.nodes.id))
        return bounds, served[order]

    bounds, consumers = network.once(f"consumers by node {zones.group}", by_node, by_layout=True)
    return consumers[spread(bounds, nodes)]


def _burst_segments(network: Network, site: Site) -> Ints:
    beside = adjacency_of(network).at(site.nodes)
    beside = beside[site.zones.segment_zone[beside] >= 0]
    return np.union1d(site.segments, beside)


def _half_out(pairing: Pairing, is_cut: Flags) -> Ints:
    """Segments that are not cut off but have lost every partner, as only partners of what is cut off can."""
    candidates = np.unique(pairing.partner[pairing.touches(np.flatnonzero(is_cut))])
    candidates = candidates[~is_cut[candidates]]
    owner = np.repeat(np.arange(len(candidates)), np.diff(pairing.bounds)[candidates])
    is_left = ~is_cut[pairing.partner[pairing.touches(candidates)]]
    half_out: Ints = candidates[np.bincount(owner[is_left], minlength=len(candidates)) == 0]
    return half_out


def _side(pairing: Pairing, burst: Ints) -> str:
    sides = set(pairing.side[burst].tolist()) - {0}
    if len(sides) == 2:
        return "both"
    return {1: "supply", -1: "return"}[sides.pop()] if sides else "unknown"


def _partners(network: Network, pairing: Pairing, burst: Ints) -> Iterator[Partner]:
    segments = network.segments
    for one in burst.tolist():
        for touch in range(pairing.bounds[one], pairing.bounds[one + 1]):
            partner = int(pairing.partner[touch])
            yield Partner(
                segment_id=int(segments.id[one]),
                partner_id=int(segments.id[partner]),
                partner_key=segments.key[partner],
                method=METHODS[pairing.method[touch]],
            )


def pair_notes(network: Network, site: Site, cut: Cut, pairing: Pairing, *, has_back_feeds: bool) -> Iterator[Words]:
    """What a joint cut rests on: how the pairs were found, and where none are known."""
    burst = _burst_segments(network, site)
    alone = burst[~pairing.is_paired(burst)]
    if len(alone):
        keys = [network.segments.key[one] or str(network.segments.id[one]) for one in alone[:5].tolist()]
        more = f" (+{len(alone) - 5})" if len(alone) > 5 else ""
        yield note("pair-unknown", _TEXTS["pair-unknown"], names=", ".join(keys) + more)
    if (pairing.method[pairing.touches(burst)] == METHODS.index("geometry")).any():
        yield note("pair-by-geometry", _TEXTS["pair-by-geometry"])
    if pairing.is_side_assumed:
        yield note("side-assumed", _TEXTS["side-assumed"])
    lost = np.setdiff1d(np.concatenate([cut.isolated, cut.dry]), burst)
    unpaired = int((~pairing.is_paired(lost)).sum())
    if unpaired:
        yield note("pair-lost-unpaired", _TEXTS["pair-lost-unpaired"], count=unpaired)
    if has_back_feeds:
        yield note("back-feed-one-side", _TEXTS["back-feed-one-side"])
