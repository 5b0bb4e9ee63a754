"""Which way the water runs in every gravity pipe, and what decided it.

In this order: the flow declared at a pump or a one-way device; the fall between the inverts; the declared flow; an
inlet or a consumer at a loose end, which can only feed the sewer; the drawing order. Where the inverts and the declared
flow (or the way a dataset draws its lines, where those all but always fall) contradict each other the inverts decide,
unless the rise is within the accuracy of a survey. Water that this would leave standing then takes the way out that
`pits` finds.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from pipemap.network import Flags, Floats, Ints, Network, SmallInts
from pipemap.network.kinds import ONE_WAY_ROLES, NodeKind, has_role, node_kinds
from pipemap.tracing.arcs import Arcs
from pipemap.tracing.laterals import Laterals, laterals_of
from pipemap.tracing.pits import Basin, ways_out
from schemas.codetables import code_table, codes_where

GROUP = "drainage"
# A pipe that falls by less lies level: two pipe ends surveyed to the centimetre tell nothing finer.
LEAST_FALL_M = 0.001
# Rise along the declared flow that the accuracy of levelling explains (survey practice, rule R30).
ACCURACY_M = 0.03
# A dataset draws its lines along the flow when nearly all of at least so many fall that way, as for rule R30.
_FEWEST_DRAWN, _MOSTLY_DRAWN = 20, 0.95
# An outlet of a node that begins so far above the lowest one takes water only when it stands that high.
OVERFLOW_SILL_M = 0.1


class Evidence(IntEnum):
    """What decided the direction of a pipe."""

    NONE = 0
    DEVICE = 1
    LEVELS = 2
    INFERRED_LEVELS = 3
    DECLARED = 4
    INLET = 5
    DRAWN = 6
    WAY_OUT = 7


@dataclass(frozen=True, eq=False)
class Gravity:
    """The flow of every live gravity pipe, by segment; `sign` is 1 along the drawing, -1 against it, 0 for others.

    `fall_m` is how far a pipe falls along its flow, NaN when unknown. `is_contradicted` marks pipes whose inverts
    decided against the declared flow or the way their dataset draws lines. `down` are the arcs along the flow,
    `down_tail` the nodes that they leave. A lateral's water enters the sewer it ends at and is taken to run its length.
    """

    sign: SmallInts
    evidence: SmallInts
    fall_m: Floats
    is_contradicted: Flags
    tail: Ints
    head: Ints
    down: Arcs
    down_tail: Ints
    up: Arcs
    laterals: Laterals

    @property
    def is_live(self) -> Flags:
        """Whether each segment is a gravity pipe in service."""
        return np.asarray(self.sign != 0)


def gravity_of(network: Network) -> Gravity:
    """The flow in all gravity pipes in service, found once per network."""
    return network.once("gravity", lambda: _gravity(network))


def is_gravity(network: Network) -> Flags:
    """Whether each segment is of a gravity class, in service or not."""
    named = codes_where("utility_class", "flow", "gravity")
    flags: Flags = np.array([code in named for code in code_table("utility_class")])[network.segments.class_]
    return flags


def is_shut(network: Network) -> Flags:
    """Whether each node is a closed valve or gate."""
    return np.asarray(node_kinds(network, GROUP) == NodeKind.CLOSED_VALVE)


def has_feature(network: Network, *features: str) -> Flags:
    """Whether each node is one of these features."""
    places = [list(code_table("feature")).index(feature) for feature in features]
    return np.asarray(np.isin(network.nodes.feature, places))


def overflow_sills_m(network: Network, gravity: Gravity) -> Floats:
    """How far above the lowest outlet of its upper node each pipe begins; NaN where either is unknown."""
    segments = network.segments
    sill_m = np.where(gravity.sign > 0, segments.from_invert_m, segments.to_invert_m)
    sill_m[~gravity.is_live] = np.nan
    lowest_m = np.full(len(network.nodes.id), np.inf)
    known = np.flatnonzero(np.isfinite(sill_m))
    np.minimum.at(lowest_m, gravity.tail[known], sill_m[known])
    above_m: Floats = sill_m - lowest_m[gravity.tail]
    return above_m


def _gravity(network: Network) -> Gravity:
    segments = network.segments
    is_live = segments.is_active & is_gravity(network)
    drawn_fall_m = segments.from_invert_m - segments.to_invert_m
    said = np.where(segments.flow != 0, segments.flow, _habit(network, is_live, drawn_fall_m)).astype(np.int8)
    sign, evidence = _decided(network, is_live, drawn_fall_m)
    basin = Basin(network, sign, evidence == Evidence.DRAWN, drawn_fall_m, said, _exits(network))
    turned = ways_out(basin)
    sign[turned] *= -1
    evidence[turned] = Evidence.WAY_OUT
    by_levels = np.isin(evidence, (Evidence.LEVELS, Evidence.INFERRED_LEVELS))
    tail, head = _ends(network, sign)
    laterals = laterals_of(network, _left_standing(network, is_live, tail, head))
    whole = np.concatenate([np.flatnonzero(is_live), laterals.into])
    above = np.concatenate([tail[is_live], laterals.node])
    count = len(network.nodes.id)
    return Gravity(
        sign=sign,
        evidence=evidence,
        fall_m=drawn_fall_m * np.where(sign != 0, sign, np.nan),
        is_contradicted=by_levels & (said != 0) & (said != sign),
        tail=tail,
        head=head,
        down=Arcs.of(count, above, head[whole], whole),
        down_tail=above,
        up=Arcs.of(count, head[whole], above, whole),
        laterals=laterals,
    )


def _left_standing(network: Network, is_live: Flags, tail: Ints, head: Ints) -> Ints:
    """Nodes that pipes lead to and none leads on from, and that are no way out."""
    is_left = np.zeros(len(network.nodes.id), np.bool_)
    is_left[head[is_live]] = True
    is_left[tail[is_live]] = False
    return np.flatnonzero(is_left & ~_exits(network))


def _ends(network: Network, sign: SmallInts) -> tuple[Ints, Ints]:
    segments = network.segments
    along = sign >= 0
    tail = np.where(along, segments.from_node, segments.to_node)
    return tail, np.where(along, segments.to_node, segments.from_node)


def _decided(network: Network, is_live: Flags, fall_m: Floats) -> tuple[SmallInts, SmallInts]:
    """Sign and evidence by each pipe's own word."""
    segments = network.segments
    declared = segments.flow
    by_level = np.where(np.abs(fall_m) >= LEAST_FALL_M, np.sign(fall_m), 0)
    is_doubtful = (declared != 0) & (declared != by_level) & (np.abs(fall_m) <= ACCURACY_M)
    by_level[is_doubtful] = 0
    is_inferred = segments.level == list(code_table("elevation_source")).index("inferred")
    from_inlet = _from_inlet(network, is_live)
    at_device = _touches(network, has_role(network, *ONE_WAY_ROLES)) & (declared != 0)
    cases = [at_device, (by_level != 0) & ~is_inferred, by_level != 0, declared != 0, from_inlet != 0]
    sign = np.select([~is_live, *cases], [0, declared, by_level, by_level, declared, from_inlet], 1).astype(np.int8)
    names = [Evidence.NONE, *list(Evidence)[Evidence.DEVICE : Evidence.DRAWN]]
    evidence = np.select([~is_live, *cases], names, Evidence.DRAWN).astype(np.int8)
    return sign, evidence


def _from_inlet(network: Network, is_live: Flags) -> SmallInts:
    """1 or -1 where one loose end of a pipe is an inlet or serves consumers and the other is neither, else 0."""
    segments = network.segments
    feeds = has_role(network, "inlet") | has_feature(network, "inlet")
    served = network.consumers.node[network.consumers.node >= 0]
    feeds[served] = True
    feeds &= pipes_at(network, is_live) == 1
    return feeds[segments.from_node].astype(np.int8) - feeds[segments.to_node].astype(np.int8)


def pipes_at(network: Network, chosen: Flags) -> Ints:
    """How many of the chosen segments end at each node."""
    ends = np.concatenate([network.segments.from_node[chosen], network.segments.to_node[chosen]])
    return np.bincount(ends, minlength=len(network.nodes.id))


def _touches(network: Network, nodes: Flags) -> Flags:
    return nodes[network.segments.from_node] | nodes[network.segments.to_node]


def _habit(network: Network, is_live: Flags, fall_m: Floats) -> SmallInts:
    """1 for pipes with known inverts of datasets that draw their lines along the flow, else 0."""
    sloping = np.flatnonzero(is_live & (np.abs(fall_m) > ACCURACY_M))
    datasets, number = np.unique(network.segments.dataset[sloping], return_inverse=True)
    total, falling = np.bincount(number), np.bincount(number, fall_m[sloping] > 0)
    drawn = datasets[(total >= _FEWEST_DRAWN) & (falling >= _MOSTLY_DRAWN * total)]
    return (np.isin(network.segments.dataset, drawn) & is_live & np.isfinite(fall_m)).astype(np.int8)


def _exits(network: Network) -> Flags:
    """Whether water may leave the map at each node."""
    outside = has_role(network, "outfall") | has_feature(network, "outlet", "not_surveyed")
    return np.asarray(outside | network.nodes.is_missing)
