"""What a crew does when a valve of the plan cannot be closed after all: the next ring, valve by valve."""

import numpy as np

from pipemap.network import Network
from pipemap.tracing.alternatives import stuck_one_by_one
from pipemap.tracing.cuts import Cut
from pipemap.tracing.describing import Words, described_valves, device_places
from pipemap.tracing.pairing import Pairing
from pipemap.tracing.pairs import consumers_out
from pipemap.tracing.sites import Site
from pipemap.tracing.toll import toll_of
from pipemap.tracing.walking import listed, walk_to
from pipemap.tracing.warnings import sources_feeding

# Each costs as much as the plan itself.
_MOST = 12


def fallbacks_of(network: Network, site: Site, cut: Cut, pairing: Pairing | None = None) -> list[Words]:
    """The fields of a Fallback for each of the first valves of a plan; of heat, where pairs are given, both sides."""
    walk = walk_to(network, site, cut, cut.valves)
    valves = described_valves(network, walk)[:_MOST]
    widened = stuck_one_by_one(cut, walk.devices[:_MOST])
    return [
        {"valve": valve, **_wider(network, site, cut, wider, pairing)}
        for valve, wider in zip(valves, widened, strict=True)
    ]


def _wider(network: Network, site: Site, cut: Cut, wider: Cut, pairing: Pairing | None) -> Words:
    toll = toll_of(network, *consumers_out(network, wider, pairing))
    return {
        "close": described_valves(network, listed(network, site, np.setdiff1d(wider.valves, cut.valves))),
        "sources_to_shut": device_places(network, np.setdiff1d(sources_feeding(wider), sources_feeding(cut))),
        "consumers": len(toll.consumers),
        "people": toll.people,
        "isolated_length_m": float(network.segments.length_m[wider.isolated].sum()),
    }
