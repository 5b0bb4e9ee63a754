"""The isolated zones at a glance: whether a source is known and reached them, and whether the map is frayed there."""

from typing import NamedTuple, TypeAlias

import numba
import numpy as np

from pipemap.network import Flags, Ints, Network, SmallInts
from pipemap.tracing.ports import marked
from pipemap.tracing.zones import Zones

# By zone: whether a source of its area is known, whether one reached it, whether it is frayed.
ZoneFlags: TypeAlias = tuple[Flags, Flags, Flags]


class Seen(NamedTuple):
    """Some zones at a glance.

    Whether a source of the area of all is known, whether one reached any, whether the map is frayed there, and the
    classes of their segments, as bits.
    """

    is_known: bool
    is_fed: bool
    is_frayed: bool
    classes: int


@numba.njit(cache=True, nogil=True)
def glance(
    flags: ZoneFlags, zones: Ints, class_: SmallInts, segments: Ints
) -> tuple[bool, bool, bool, int]:  # pragma: no cover
    """The fields of Seen."""
    known, fed, frayed = flags
    is_known, is_fed, is_frayed, classes = True, False, False, 0
    for zone in zones:
        is_known &= known[zone]
        is_fed |= fed[zone]
        is_frayed |= frayed[zone]
    for one in segments:
        classes |= 1 << class_[one]
    return is_known, is_fed, is_frayed, classes


def frayed_zones(network: Network, zones: Zones) -> Flags:
    """By zone, whether a joint of it is not on the map or is an end of a segment that is not in service."""

    def frayed() -> Flags:
        segments = network.segments
        ends = np.concatenate([segments.from_node[~segments.is_active], segments.to_node[~segments.is_active]])
        touched = zones.node_zone[np.concatenate([ends, np.flatnonzero(network.nodes.is_missing)])]
        return marked(zones.count, touched[touched >= 0])

    return network.once(f"frayed zones {zones.group}", frayed, by_layout=True)
