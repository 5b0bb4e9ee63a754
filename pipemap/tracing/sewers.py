"""Sewer questions: upstream, downstream, where a pollution goes, what a blockage holds back."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from pipemap.clearance.numbers import known
from pipemap.network import Flags, Floats, Ints, Network
from pipemap.tracing.arcs import Ways, cheapest_ways, reach
from pipemap.tracing.flow_notes import flow_notes, no_outfall, time_notes
from pipemap.tracing.flow_stops import FlowScope, Stops, down_stops, flow_scope, listed_stops, up_stops
from pipemap.tracing.flows import FlowWalk, is_overflow, walk_flow
from pipemap.tracing.gravity import Evidence, Gravity, gravity_of, overflow_sills_m
from pipemap.tracing.starts import Located
from pipemap.tracing.travel import travel_s
from schemas.codetables import code_table
from schemas.sewers import BlockageAnswer, Branch, DownstreamAnswer, Drained, FlowEnd, SewerAnswer, UpstreamAnswer
from schemas.traces import TraceStop

_MOST_BRANCHES = 300
# Nothing is added to a time where it is unknown; of several such ways the shortest is told.
_UNTIMED_S_PER_M = 1e-6


def downstream(
    network: Network, start: Located, class_codes: Sequence[str] = (), question: str = "down"
) -> DownstreamAnswer:
    """Where the water goes from some segments (from their lower ends) and nodes: every branch, to every end.

    Runs through all gravity classes, or through `class_codes`.

    Raises
    ------
    UsageError
        When the start is no sewer in service, or a class is none.
    """
    scope = flow_scope(network, class_codes)
    gravity, walk = gravity_of(network), walk_flow(network, scope, start, is_down=True)
    stops = down_stops(network, scope, walk.nodes)
    notes = [*start.doubts(), *flow_notes(network, scope, gravity, walk)]
    if "outfall" not in stops.counts():
        notes.append(no_outfall())
    times_s = travel_s(network, gravity)
    notes += time_notes(network, gravity, walk.segments, times_s)
    doubtful = down_stops(network, scope, walk.doubtful_nodes, is_doubtful=True)
    return DownstreamAnswer(
        **_common(network, gravity, start, walk, question, class_codes),
        stopped_at=listed_stops(network, stops, is_down=True),
        stop_counts=stops.counts(),
        assumptions=notes,
        ends=_ends(network, scope, walk, times_s, stops, doubtful),
        branches=_branches(network, scope, walk),
    )


def upstream(network: Network, start: Located, class_codes: Sequence[str] = (), question: str = "up") -> UpstreamAnswer:
    """Everything that drains to some segments (to their upper ends) and nodes; raises as `downstream` does."""
    scope = flow_scope(network, class_codes)
    walk = walk_flow(network, scope, start, is_down=False)
    return UpstreamAnswer(**_upstream_fields(network, scope, start, walk, question, class_codes))


def blockage(network: Network, start: Located, class_codes: Sequence[str] = ()) -> BlockageAnswer:
    """What a blockage of some segments and nodes holds back, and what of it can drain another way.

    Raises as `downstream` does.
    """
    scope = flow_scope(network, class_codes)
    walk = walk_flow(network, scope, start, is_down=False)
    round_about, held = _another_way(network, scope, start, walk)
    return BlockageAnswer(
        **_upstream_fields(network, scope, start, walk, "blockage", class_codes),
        another_way_segment_ids=network.segments.id[round_about].tolist(),
        held_back=_drained(network, scope, held)[0],
    )


def pollution(network: Network, start: Located, class_codes: Sequence[str] = ()) -> DownstreamAnswer:
    """Where a pollution goes and when; `downstream` by another name."""
    return downstream(network, start, class_codes, "pollution")


SEWER_QUESTIONS: dict[str, Callable[[Network, Located, Sequence[str]], SewerAnswer]] = {
    "up": upstream,
    "down": downstream,
    "pollution": pollution,
    "blockage": blockage,
}


def _common(
    network: Network, gravity: Gravity, start: Located, walk: FlowWalk, question: str, class_codes: Sequence[str]
) -> dict[str, Any]:
    ids, counted = network.segments.id, np.bincount(gravity.evidence[walk.segments], minlength=len(Evidence))
    codes = [code for code, one in code_table("utility_class").items() if one.fields["flow"] == "gravity"]
    return {
        "version": network.version,
        "question": question,
        "class_codes": list(class_codes) or codes,
        "start": start.told(network),
        "segment_ids": ids[walk.segments].tolist(),
        "node_ids": network.nodes.id[walk.nodes].tolist(),
        "length_m": float(network.segments.length_m[walk.segments].sum()),
        "decided_by": {one.name.lower(): int(counted[one]) for one in Evidence if counted[one]},
        "overflow_segment_ids": ids[walk.overflow].tolist(),
        "doubtful_segment_ids": ids[walk.doubtful].tolist(),
    }


def _upstream_fields(
    network: Network, scope: FlowScope, start: Located, walk: FlowWalk, question: str, class_codes: Sequence[str]
) -> dict[str, Any]:
    gravity, stops = gravity_of(network), up_stops(network, scope, walk.nodes)
    drained, consumers = _drained(network, scope, walk.nodes)
    return {
        **_common(network, gravity, start, walk, question, class_codes),
        "stopped_at": listed_stops(network, stops, is_down=False),
        "stop_counts": stops.counts(),
        "assumptions": [*start.doubts(), *flow_notes(network, scope, gravity, walk)],
        "drained": drained,
        "consumer_ids": network.consumers.id[consumers].tolist(),
        "inlet_node_ids": network.nodes.id[walk.nodes[scope.facts["inlet"][walk.nodes]]].tolist(),
    }


def _drained(network: Network, scope: FlowScope, nodes: Ints) -> tuple[Drained, Ints]:
    """Who and what drains through some nodes, and the consumers (positions)."""
    has_node = np.zeros(len(network.nodes.id) + 1, np.bool_)
    has_node[nodes] = True
    consumers = network.consumers
    found = np.flatnonzero(has_node[consumers.node])
    people = consumers.people[found]
    kinds = list(code_table("consumer_kind"))
    counted = Counter(consumers.kind[found].tolist())
    drained = Drained(
        consumers=len(found),
        people=int(people[people >= 0].sum()),
        by_kind={kinds[kind]: count for kind, count in sorted(counted.items())},
        critical=[consumers.name[one] for one in found[consumers.is_critical[found]].tolist()],
        inlets=int(scope.facts["inlet"][nodes].sum()),
        heads=int((~scope.comes[nodes]).sum()),
    )
    return drained, found


def _another_way(network: Network, scope: FlowScope, start: Located, walk: FlowWalk) -> tuple[Ints, Ints]:
    """Segments of the walk from which water still gets past the blockage, and nodes from which none does."""
    gravity = gravity_of(network)
    is_open = scope.is_open.copy()
    is_open[start.segments] = False
    is_blocked = scope.facts["shut"].copy()
    is_blocked[start.nodes] = True
    leads_away = is_open & walk.has_node[gravity.tail] & ~walk.has_node[gravity.head] & ~is_blocked[gravity.tail]
    rims = np.unique(gravity.tail[leads_away])
    leaves = walk.nodes[(scope.facts["outfall"] & ~is_blocked)[walk.nodes]]
    past = reach(gravity.up, np.union1d(rims, leaves), is_open, is_blocked)
    round_about = walk.segments[past.has_segment[walk.segments]]
    return round_about, walk.nodes[~past.has_node[walk.nodes]]


def _branches(network: Network, scope: FlowScope, walk: FlowWalk) -> list[Branch]:
    gravity, segments = gravity_of(network), walk.segments
    count = len(network.nodes.id)
    divides = (np.bincount(gravity.tail[segments], minlength=count) > 1) & walk.has_node
    turn = np.full(count, -1, np.int64)
    turn[walk.nodes] = np.arange(len(walk.nodes))
    found = segments[divides[gravity.tail[segments]] & scope.is_open[segments]]
    found = found[np.argsort(turn[gravity.tail[found]], kind="stable")][:_MOST_BRANCHES]
    above_m = network.once("overflow sills", lambda: overflow_sills_m(network, gravity))
    return [
        Branch(
            node_id=int(network.nodes.id[gravity.tail[one]]),
            segment_id=int(network.segments.id[one]),
            above_lowest_m=known(above_m[one]),
            is_overflow=bool(is_overflow(network)[one]),
        )
        for one in found.tolist()
    ]


@dataclass(frozen=True, eq=False)
class _Arrival:
    """The quickest ways down from the start, and what lies along them."""

    ways: Ways
    gravity: Gravity
    length_m: Floats
    untimed_m: Floats

    def at(self, node: int) -> tuple[float, float]:
        """Length of the way to a node, and the part of it without a time."""
        down = self.gravity.down
        found: tuple[float, float] = _along(
            self.ways.via, down.segment, self.gravity.down_tail, self.length_m, self.untimed_m, node
        )
        return found


def _ends(
    network: Network, scope: FlowScope, walk: FlowWalk, times_s: Floats, stops: Stops, doubtful: Stops
) -> list[FlowEnd]:
    gravity = gravity_of(network)
    length_m, is_timed = network.segments.length_m, np.isfinite(times_s)
    cost_s = np.where(is_timed, times_s, length_m * _UNTIMED_S_PER_M)
    is_held = scope.facts["shut"].copy()
    is_held[walk.starts] = False
    cost_s[~scope.is_open | is_held[gravity.tail]] = np.inf
    ways = cheapest_ways(gravity.down, walk.starts, cost_s[gravity.down.segment])
    arrival = _Arrival(ways, gravity, length_m, np.where(is_timed, 0.0, length_m))
    over = _flags(network, walk.overflow_nodes)
    found = [
        _end(arrival, node, stop, "overflow" if over[node] else "flow")
        for node, stop in zip(stops.nodes.tolist(), listed_stops(network, stops, is_down=True), strict=False)
    ]
    found.sort(key=lambda one: (one.code != "outfall", one.travel_time_h))
    unsure = {"way": "doubtful", "distance_m": None, "travel_time_h": None, "untimed_m": None}
    return found + [FlowEnd(**stop.model_dump(), **unsure) for stop in listed_stops(network, doubtful, is_down=True)]


def _end(arrival: _Arrival, node: int, stop: TraceStop, way: str) -> FlowEnd:
    distance_m, untimed_m = arrival.at(node)
    time_s = max(0.0, float(arrival.ways.cost[node]) - untimed_m * _UNTIMED_S_PER_M)
    return FlowEnd(
        **stop.model_dump(), way=way, distance_m=distance_m, travel_time_h=time_s / 3600, untimed_m=untimed_m
    )


def _flags(network: Network, nodes: Ints) -> Flags:
    flags = np.zeros(len(network.nodes.id), np.bool_)
    flags[nodes] = True
    return flags


@numba.njit(cache=True, nogil=True)
def _along(
    via: Ints, segment: Ints, tail: Ints, length_m: Floats, untimed_m: Floats, node: int
) -> tuple[float, float]:  # pragma: no cover
    whole_m, part_m = 0.0, 0.0
    while via[node] >= 0:
        arc = via[node]
        one = segment[arc]
        whole_m += length_m[one]
        part_m += untimed_m[one]
        node = tail[arc]
    return whole_m, part_m
