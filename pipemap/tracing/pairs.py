"""Bursts on heat: the other side of what has burst is taken out with it, and whoever loses either side is out."""

from collections.abc import Iterator

import numpy as np

from pipemap.network import Flags, Ints, Network
from pipemap.network.adjacency import adjacency_of
from pipemap.network.grouping import spread
from pipemap.tracing.cuts import Assumed, Cut, cut_of_zones
from pipemap.tracing.dependants import consumers_of
from pipemap.tracing.describing import Words, note
from pipemap.tracing.isolation import consumers_lost
from pipemap.tracing.pairing import METHODS, Pairing
from pipemap.tracing.ports import marked
from pipemap.tracing.served import described_points, served_lost, served_nodes
from pipemap.tracing.sites import Site
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


def joint_cut(site: Site, pairing: Pairing, network: Network, assumed: Assumed) -> Cut:
    """The cut that parts what has burst and its other side from every source."""
    partners = pairing.partner[pairing.touches(_burst_segments(network, site))]
    zones = site.zones.segment_zone[partners]
    return cut_of_zones(site.zones, np.union1d(site.burst_zones, zones[zones >= 0]), assumed)


def with_pair(network: Network, answer: Words, site: Site, cut: Cut, pairing: Pairing) -> Words:
    """The fields of a BurstAnswer for a joint cut, with who is out by the other side and how the pairs were found."""
    half_out, is_whole = _halves(network, cut, pairing)
    everyone, near, extra = _out(network, cut, half_out, is_whole)
    burst = _burst_segments(network, site)
    stations = served_nodes(network)
    stations = np.union1d(served_lost(network, cut), stations[_at(network, half_out, is_whole, stations)])
    effect = PairEffect(
        side=_side(pairing, burst),
        partners=list(_partners(network, pairing, burst)),
        unpaired_segment_ids=network.segments.id[burst[~pairing.is_paired(burst)]].tolist(),
        consumer_ids_by_other_side=network.consumers.id[extra].tolist(),
        stations_lost=described_points(network, stations),
    )
    return {
        **answer,
        "pair": effect,
        "consumers": consumers_lost(network, everyone, near),
        "consumer_ids": network.consumers.id[everyone].tolist(),
        "warnings": [*answer["warnings"], *_notes(network, answer, cut, pairing, burst)],
    }


def out_by_either(network: Network, cut: Cut, pairing: Pairing) -> tuple[Ints, Flags]:
    """Positions of the consumers who lose either side, and which of them stand in the isolated zone."""
    return _out(network, cut, *_halves(network, cut, pairing))[:2]


def _out(network: Network, cut: Cut, half_out: Flags, is_whole: Flags) -> tuple[Ints, Flags, Ints]:
    """The same of segments that have lost one side or neither, and the consumers who lose the other side alone."""
    of_heat = consumers_of(network, cut.zones)
    lost, is_near = of_heat.lost(cut)
    nodes = network.consumers.node
    extra = np.flatnonzero((of_heat.device >= 0) & _at(network, half_out, is_whole, nodes) & ~marked(len(nodes), lost))
    everyone = np.concatenate([lost, extra])
    order = np.argsort(everyone)
    return everyone[order], np.concatenate([is_near, np.zeros(len(extra), np.bool_)])[order], extra


def _halves(network: Network, cut: Cut, pairing: Pairing) -> tuple[Flags, Flags]:
    """Segments that have only lost their other side, and those that have lost neither."""
    is_cut = marked(len(network.segments.id), np.concatenate([cut.isolated, cut.dry]))
    half_out = _half_out(pairing, is_cut)
    return half_out, network.segments.is_active & ~half_out & ~is_cut


def _burst_segments(network: Network, site: Site) -> Ints:
    beside = adjacency_of(network).at(site.nodes)
    beside = beside[site.zones.segment_zone[beside] >= 0]
    return np.union1d(site.segments, beside)


def _half_out(pairing: Pairing, lost: Flags) -> Flags:
    """Segments that are not cut off but have lost every partner."""
    owner = np.repeat(np.arange(len(lost)), np.diff(pairing.bounds))
    left = np.bincount(owner[~lost[pairing.partner]], minlength=len(lost))
    found: Flags = (np.diff(pairing.bounds) > 0) & (left == 0) & ~lost
    return found


def _at(network: Network, half_out: Flags, is_whole: Flags, nodes: Ints) -> Flags:
    """Which of some nodes (-1 for none) stand at a segment that is half out, and at none whose pair is whole."""
    adjacency = adjacency_of(network)
    there = np.flatnonzero(nodes >= 0)
    touching = spread(adjacency.bounds, nodes[there])
    segments = adjacency.segments[touching]
    owner = np.repeat(there, adjacency.counts(nodes[there]))
    out = np.bincount(owner[half_out[segments]], minlength=len(nodes))
    whole = np.bincount(owner[is_whole[segments]], minlength=len(nodes))
    found: Flags = (out > 0) & (whole == 0)
    return found


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


def _notes(network: Network, answer: Words, cut: Cut, pairing: Pairing, burst: Ints) -> Iterator[Words]:
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
    if answer["back_feeds"]:
        yield note("back-feed-one-side", _TEXTS["back-feed-one-side"])
