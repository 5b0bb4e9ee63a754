"""Walks in sewers: what lies down or up the flow, what of it only by an overflow, what only against the levels."""

from dataclasses import dataclass

import numpy as np

from pipemap.errors import UsageError
from pipemap.network import Flags, Ints, Network
from pipemap.tracing.arcs import Arcs, reach
from pipemap.tracing.flow_stops import FlowScope
from pipemap.tracing.gravity import OVERFLOW_SILL_M, Gravity, gravity_of, overflow_sills_m
from pipemap.tracing.starts import Located
from schemas.codetables import code_table


@dataclass(frozen=True, eq=False)
class FlowWalk:
    """A walk down or up: nodes and segments in its order, the start's own segments first.

    `overflow` is the part of the segments, `overflow_nodes` of the nodes, that only a raised sill leads to;
    `doubtful` and `doubtful_nodes` lie beyond the walk, past pipes whose levels are contradicted.
    """

    starts: Ints
    nodes: Ints
    segments: Ints
    has_node: Flags
    overflow: Ints
    overflow_nodes: Ints
    doubtful: Ints
    doubtful_nodes: Ints


def walk_flow(network: Network, scope: FlowScope, start: Located, is_down: bool) -> FlowWalk:
    """Walk along the flow, or against it.

    Raises
    ------
    UsageError
        When the start is no sewer in service, or not of the classes chosen.
    """
    gravity = gravity_of(network)
    _check(network, scope, gravity, start)
    ends = gravity.head[start.segments] if is_down else _enters(gravity, start.segments)
    starts = np.unique(np.concatenate([ends, start.nodes]))
    shut = scope.facts["shut"]
    arcs = gravity.down if is_down else gravity.up
    main = reach(arcs, starts, scope.is_open, shut)
    segments = _with_first(start.segments, main.segments)
    main.has_segment[segments] = True
    usual = reach(arcs, starts, scope.is_open & ~is_overflow(network), shut) if is_overflow(network).any() else main
    usual.has_segment[start.segments] = True
    wide = reach(_with_doubts(network, is_down), starts, scope.is_open, shut) if has_doubts(network) else main
    return FlowWalk(
        starts=starts,
        nodes=main.nodes,
        segments=segments,
        has_node=main.has_node,
        overflow=segments[~usual.has_segment[segments]],
        overflow_nodes=main.nodes[~usual.has_node[main.nodes]],
        doubtful=wide.segments[~main.has_segment[wide.segments]],
        doubtful_nodes=wide.nodes[~main.has_node[wide.nodes]],
    )


def _enters(gravity: Gravity, segments: Ints) -> Ints:
    """Where water enters some pipes: at their upper ends, and where laterals end at them."""
    return np.concatenate([gravity.tail[segments], gravity.laterals.into_some(segments)])


def is_overflow(network: Network) -> Flags:
    """Whether each pipe leaves a node with a lower outlet over a raised sill or a weir; found once per network."""

    def found() -> Flags:
        gravity = gravity_of(network)
        is_weir = network.nodes.appurtenance == list(code_table("appurtenance")).index("weir")
        is_weir &= network.nodes.is_active
        outlets = np.bincount(gravity.tail[gravity.is_live], minlength=len(network.nodes.id))
        by_weir = is_weir[gravity.head] | is_weir[gravity.tail]
        by_sill = overflow_sills_m(network, gravity) > OVERFLOW_SILL_M
        return np.asarray(gravity.is_live & (by_sill | by_weir) & (outlets[gravity.tail] > 1))

    return network.once("is overflow", found)


def has_doubts(network: Network) -> bool:
    """Whether the levels of any pipe are contradicted."""
    return bool(network.once("has doubts", gravity_of(network).is_contradicted.any))


def _with_doubts(network: Network, is_down: bool) -> Arcs:
    """The arcs of the flow, and those against it where the levels are contradicted."""

    def made() -> Arcs:
        gravity = gravity_of(network)
        live, doubted = np.flatnonzero(gravity.is_live), np.flatnonzero(gravity.is_contradicted)
        laterals = gravity.laterals
        one = np.concatenate([gravity.tail[live], gravity.head[doubted], laterals.node])
        other = np.concatenate([gravity.head[live], gravity.tail[doubted], gravity.head[laterals.into]])
        ends = (one, other) if is_down else (other, one)
        return Arcs.of(len(network.nodes.id), *ends, np.concatenate([live, doubted, laterals.into]))

    return network.once(f"arcs with doubts {is_down}", made)


def _check(network: Network, scope: FlowScope, gravity: Gravity, start: Located) -> None:
    segments = network.segments
    for one in start.segments.tolist():
        if not scope.is_open[one]:
            name = segments.key[one] or str(segments.id[one])
            code = list(code_table("utility_class"))[segments.class_[one]]
            why = "is not in service" if not segments.is_active[one] else f"is {code}, not a sewer asked for"
            raise UsageError(f"Segment {name} {why}.")
    on_sewer = scope.goes_on | scope.comes
    for node in start.nodes.tolist():
        if not on_sewer[node]:
            raise UsageError(f"Node {network.nodes.id[node]} is on no sewer in service of the classes asked for.")


def _with_first(first: Ints, found: Ints) -> Ints:
    return np.concatenate([first, found[~np.isin(found, first)]]) if len(first) else found
