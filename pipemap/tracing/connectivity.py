"""What hangs together, for any class: connected parts, shortest ways, loops and bridges."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from pipemap.db import Connection
from pipemap.errors import NotFoundError, UsageError
from pipemap.network import Flags, Ints, Network, class_groups, positions_of
from pipemap.network.adjacency import adjacency_of
from pipemap.network.kinds import NodeKind, node_kinds
from pipemap.tracing.arcs import Reach, both_ways, cheapest_ways, reach
from pipemap.tracing.bridging import bridges_of
from pipemap.tracing.describing import node_place
from pipemap.tracing.gravity import pipes_at
from pipemap.tracing.starts import Located, Start, located
from schemas.codetables import code_table
from schemas.connectivity import BridgesAnswer, ConnectedAnswer, Loop, LoopsAnswer, PathAnswer
from schemas.traces import Assumption, TraceStop

_MOST_STOPS = 300
_STOPS = {
    "closed-valve": ("A closed valve parts the network here.", "闸阀关闭，此处断开。"),
    "node-missing": ("The pipe ends at a point that is not on the map.", "管段端点不在图上。"),
    "out-of-service": ("A pipe that is not in service goes on from here.", "此处接有停用管段。"),
    "another-class": ("A pipe of another class joins here.", "此处接有其他类别管段。"),
}

_NO_WAY = {
    "stopped": (
        "No pipes in service join the two places; the stops tell where what joins the start ends.",
        "两处之间无在用管段相连；起点一侧的终止位置见所列断点。",
    ),
    "avoided": (
        "Without the pipes to be avoided nothing joins the two places.",
        "避开所列管段后，两处之间无管段相连。",
    ),
    "apart": (
        "No pipes join the two places: on the map they lie in networks that nothing joins.",
        "两处之间无管段相连：图上分属互不相连的管网。",
    ),
}


@dataclass(frozen=True, eq=False)
class Reachable:
    """The segments a question may use, and the nodes it may not pass (closed valves, when only open ways count)."""

    class_codes: tuple[str, ...]
    is_open: Flags
    is_shut: Flags


def reachable(
    network: Network,
    start: Located | None,
    class_codes: Sequence[str] = (),
    avoid: Sequence[int] = (),
    open_only: bool = False,
) -> Reachable:
    """Live segments of some classes (of the start's whole group when none are named), less the avoided ones.

    Raises
    ------
    UsageError
        When a class is not in the code table, or nothing says which class is meant.
    NotFoundError
        When an avoided segment is not in this version.
    """
    codes = _codes(network, start, class_codes)
    is_open = _live_of(network, codes).copy()
    is_open[positions_of(network.segments.id, np.array(avoid, np.int64), "segment")] = False
    is_shut = np.zeros(len(network.nodes.id), np.bool_)
    if open_only:
        groups = {code_table("utility_class")[code].fields["group_code"] for code in codes}
        for group in groups:
            is_shut |= node_kinds(network, group) == NodeKind.CLOSED_VALVE
    return Reachable(codes, is_open, is_shut)


def connected(network: Network, start: Located, scope: Reachable) -> ConnectedAnswer:
    """Everything that pipes in service join to the start."""
    found = reach(both_ways(network), _nodes_of(network, start, scope), scope.is_open, scope.is_shut)
    segments, served = network.segments, network.consumers.node
    return ConnectedAnswer(
        version=network.version,
        question="connected",
        class_codes=list(scope.class_codes),
        start=start.told(network),
        segment_ids=segments.id[found.segments].tolist(),
        node_ids=network.nodes.id[found.nodes].tolist(),
        length_m=float(segments.length_m[found.segments].sum()),
        **_stopped(network, scope, found),
        assumptions=start.doubts(),
        consumers=int(found.has_node[served[served >= 0]].sum()),
    )


def shortest_path(network: Network, start: Located, target: Located, scope: Reachable) -> PathAnswer:
    """The shortest way along the pipes from any node of the start to any of the target."""
    arcs, segments = both_ways(network), network.segments
    starts, targets = _nodes_of(network, start, scope), _nodes_of(network, target, scope)
    passable = ~scope.is_shut
    passable[starts] = True
    cost = np.where(np.tile(scope.is_open, 2), np.tile(segments.length_m, 2), np.inf)
    cost[~passable[np.concatenate([segments.from_node, segments.to_node])]] = np.inf
    ways = cheapest_ways(arcs, starts, cost, targets)
    end = int(targets[np.argmin(ways.cost[targets])])
    is_reached = bool(np.isfinite(ways.cost[end]))
    path, nodes = _followed(network, ways.via, end) if is_reached else (segments.id[:0], segments.id[:0])
    return PathAnswer(
        version=network.version,
        question="path",
        class_codes=list(scope.class_codes),
        start=start.told(network),
        segment_ids=segments.id[path].tolist(),
        node_ids=network.nodes.id[nodes].tolist(),
        length_m=float(segments.length_m[path].sum()),
        **_why_not(network, scope, starts, is_reached),
        is_reached=is_reached,
        target_segment_ids=segments.id[target.segments].tolist(),
        target_node_ids=network.nodes.id[target.nodes].tolist(),
        avoided_segment_ids=segments.id[_live_of(network, scope.class_codes) & ~scope.is_open].tolist(),
    )


def way_between(
    connection: Connection, network: Network, one: int, other: int, class_codes: Sequence[str] = ()
) -> list[int]:
    """Identities of the segments of the shortest way between two nodes, in order; NotFoundError when there is none."""
    start, target = (
        located(connection, network, Start(node_ids=[node], class_codes=class_codes)) for node in (one, other)
    )
    way = shortest_path(network, start, target, reachable(network, start, class_codes))
    if not way.is_reached:
        raise NotFoundError(f"No way along the pipes leads from node {one} to node {other}.")
    return list(way.segment_ids)


def loops(network: Network, start: Located | None, scope: Reachable) -> LoopsAnswer:
    """The loops of the part that the start belongs to, or of all."""
    starts = None if start is None else _nodes_of(network, start, scope)
    is_looped = scope.is_open & _part(network, starts, scope)
    is_looped[bridges_of(network, scope.is_open, starts).segments] = False
    found = np.flatnonzero(is_looped)
    number, told = _numbered_loops(network, found)
    order = np.argsort(number, kind="stable")
    segments = network.segments
    return LoopsAnswer(
        version=network.version,
        question="loops",
        class_codes=list(scope.class_codes),
        start=(start or _nowhere(network)).told(network),
        segment_ids=segments.id[found[order]].tolist(),
        node_ids=network.nodes.id[_ends(network, found)].tolist(),
        length_m=float(segments.length_m[found].sum()),
        stopped_at=[],
        stop_counts={},
        assumptions=[] if start is None else start.doubts(),
        loops=told,
        loop_numbers=number[order].tolist(),
    )


def bridges(network: Network, start: Located | None, scope: Reachable, limit: int | None = None) -> BridgesAnswer:
    """Segments whose loss parts the network that the start belongs to, or any; those that cut off most first."""
    starts = None if start is None else _nodes_of(network, start, scope)
    found = bridges_of(network, scope.is_open, starts)
    order = np.lexsort((found.segments, -found.length_m, -found.consumers))[:limit]
    chosen, segments = found.segments[order], network.segments
    return BridgesAnswer(
        version=network.version,
        question="bridges",
        class_codes=list(scope.class_codes),
        start=(start or _nowhere(network)).told(network),
        segment_ids=segments.id[chosen].tolist(),
        node_ids=[],
        length_m=float(segments.length_m[chosen].sum()),
        stopped_at=[],
        stop_counts={},
        assumptions=[] if start is None else start.doubts(),
        bridge_count=len(found.segments),
        smaller_length_m=found.length_m[order].tolist(),
        smaller_consumers=found.consumers[order].tolist(),
    )


def _codes(network: Network, start: Located | None, class_codes: Sequence[str]) -> tuple[str, ...]:
    known = code_table("utility_class")
    wrong = [code for code in class_codes if code not in known]
    if wrong:
        raise UsageError(f"{wrong[0]} is no utility class; there are {', '.join(known)}.")
    if class_codes or start is None:
        if not class_codes:
            raise UsageError("Say which utility class is meant, or where to start.")
        return tuple(class_codes)
    beside = np.concatenate([start.segments, adjacency_of(network).at(start.nodes)])
    groups = set(class_groups()[network.segments.class_[beside]].tolist())
    return tuple(code for code, one in known.items() if one.fields["group_code"] in groups)


def _live_of(network: Network, codes: Sequence[str]) -> Flags:
    def found() -> Flags:
        chosen = np.array([code in codes for code in code_table("utility_class")])
        return np.asarray(network.segments.is_active & chosen[network.segments.class_])

    return network.once(f"live {' '.join(codes)}", found)


def _nodes_of(network: Network, start: Located, scope: Reachable) -> Ints:
    """Nodes to begin at: those named, and both ends of segments; UsageError where one is none of the scope."""
    segments = network.segments
    wrong = start.segments[~_live_of(network, scope.class_codes)[start.segments]]
    if len(wrong):
        key = segments.key[int(wrong[0])] or segments.id[wrong[0]]
        raise UsageError(f"Segment {key} is not in service, or of none of the classes {', '.join(scope.class_codes)}.")
    return np.unique(
        np.concatenate([segments.from_node[start.segments], segments.to_node[start.segments], start.nodes])
    )


def _nowhere(network: Network) -> Located:
    return Located(network.segments.id[:0], network.nodes.id[:0])


def _part(network: Network, starts: Ints | None, scope: Reachable) -> Flags:
    if starts is None:
        return scope.is_open
    return reach(both_ways(network), starts, scope.is_open).has_segment


def _ends(network: Network, segments: Ints) -> Ints:
    # By flags: looking for the distinct ones among millions would take longer than the walk.
    flags = np.zeros(len(network.nodes.id), np.bool_)
    flags[network.segments.from_node[segments]] = flags[network.segments.to_node[segments]] = True
    return np.flatnonzero(flags)


def _followed(network: Network, via: Ints, end: int) -> tuple[Ints, Ints]:
    """Segments and nodes of the way to a node, from its start."""
    arcs, count = both_ways(network), len(network.segments.id)
    segments, nodes = [], [end]
    while via[nodes[-1]] >= 0:
        arc = int(via[nodes[-1]])
        one = int(arcs.segment[arc])
        segments.append(one)
        nodes.append(int((network.segments.from_node if arc < count else network.segments.to_node)[one]))
    return np.array(segments[::-1], np.int64), np.array(nodes[::-1], np.int64)


def _why_not(network: Network, scope: Reachable, starts: Ints, is_reached: bool) -> dict[str, object]:
    if is_reached:
        return {"stopped_at": [], "stop_counts": {}, "assumptions": []}
    stopped = _stopped(network, scope, reach(both_ways(network), starts, scope.is_open, scope.is_shut))
    is_avoiding = bool((_live_of(network, scope.class_codes) & ~scope.is_open).any())
    english, chinese = _NO_WAY["stopped" if stopped["stop_counts"] else "avoided" if is_avoiding else "apart"]
    told = Assumption(code="not-connected", message_en=english, message_zh=chinese, count=1)
    return {**stopped, "assumptions": [told]}


def _stopped(network: Network, scope: Reachable, found: Reach) -> dict[str, object]:
    """Nodes of a walk beyond which more pipes lie that it did not follow, and why."""
    live = network.segments.is_active
    chosen = np.array([code in scope.class_codes for code in code_table("utility_class")])[network.segments.class_]
    beyond = pipes_at(network, scope.is_open & ~found.has_segment) > 0
    cases = {
        "closed-valve": scope.is_shut & beyond,
        "node-missing": network.nodes.is_missing,
        "out-of-service": pipes_at(network, chosen & ~live) > 0,
        "another-class": pipes_at(network, live & ~chosen) > 0,
    }
    listed = [(node, code) for code, flags in cases.items() for node in found.nodes[flags[found.nodes]].tolist()]
    counts = {code: int(flags[found.nodes].sum()) for code, flags in cases.items() if flags[found.nodes].any()}
    stops = [
        TraceStop(code=code, message_en=_STOPS[code][0], message_zh=_STOPS[code][1], node=node_place(network, node))
        for node, code in listed[:_MOST_STOPS]
    ]
    return {"stopped_at": stops, "stop_counts": counts}


def _numbered_loops(network: Network, segments: Ints) -> tuple[Ints, list[Loop]]:
    """The loop of each of some segments, numbered from the longest, and the loops."""
    if not len(segments):
        return segments, []
    nodes = _ends(network, segments)
    place = np.zeros(len(network.nodes.id), np.int64)
    place[nodes] = np.arange(len(nodes))
    one, other = place[network.segments.from_node[segments]], place[network.segments.to_node[segments]]
    joined = csr_array((np.ones(len(segments)), (one, other)), shape=(len(nodes), len(nodes)))
    count, label = connected_components(joined, directed=False)
    length_m = np.bincount(label[one], network.segments.length_m[segments], minlength=count)
    pieces, corners = np.bincount(label[one], minlength=count), np.bincount(label, minlength=count)
    order = np.argsort(-length_m, kind="stable")
    rank = np.empty(count, np.int64)
    rank[order] = np.arange(1, count + 1)
    told = [
        Loop(
            number=int(rank[loop]), segment_count=int(pieces[loop]),
            independent_loops=int(pieces[loop] - corners[loop] + 1), length_m=float(length_m[loop]),
        )
        for loop in order.tolist()
    ]  # fmt: skip
    return rank[label[one]], told
