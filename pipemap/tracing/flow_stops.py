"""Where a trace along the flow or against it ends, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipemap.errors import UsageError
from pipemap.network import Flags, Ints, Network
from pipemap.network.kinds import has_role
from pipemap.tracing.describing import node_place
from pipemap.tracing.gravity import Evidence, Gravity, gravity_of, has_feature, is_gravity, is_shut, pipes_at
from schemas.codetables import code_table, codes_where
from schemas.traces import TraceStop

MOST_LISTED = 300
# In the order in which they count where several hold, and are listed.
_DOWN = {
    "outfall": ("Outfall.", "出水口。"),
    "edge-of-map": ("The sewer goes on outside the survey.", "管线延伸至调查范围之外。"),
    "closed-valve": ("A closed valve or gate holds the water back.", "闸门关闭，水流至此为止。"),
    "node-missing": ("The pipe ends at a point that is not on the map.", "管段端点不在图上。"),
    "out-of-service": (
        "No pipe in service leads on; one that is not in service joins here.",
        "无在用管段继续，此处接有停用管段。",
    ),
    "another-class": (
        "No pipe of the chosen classes leads on; one of another class joins here.",
        "所选类别无管段继续，此处接有其他类别管段。",
    ),
    "unknown-level": (
        "All pipes lead here, some of them only by the way they are drawn: without levels nobody knows which leads on.",
        "所有管段均流入此点，其中部分仅按绘制方向判断；缺标高，无法确定去向。",
    ),
    "no-way-out": (
        "All pipes fall towards this point and none leaves it: a pump, a pipe or a level is missing on the map.",
        "所有管段均坡向此点，无流出管段：图上缺泵、缺管或标高有误。",
    ),
    "dead-end": (
        "Nothing leads on and it is not booked as an outfall: the map may end here.",
        "此处无下游管段，且未记为出水口：可能为图幅边缘。",
    ),
}
_UP = {
    "closed-valve": _DOWN["closed-valve"],
    "node-missing": _DOWN["node-missing"],
    "out-of-service": (
        "No pipe in service comes from above; one that is not in service joins here.",
        "上游无在用管段，此处接有停用管段。",
    ),
    "another-class": (
        "No pipe of the chosen classes comes from above; one of another class joins here.",
        "所选类别上游无管段，此处接有其他类别管段。",
    ),
    "unknown-level": (
        "All pipes lead away, some of them only by the way they are drawn: without levels nobody knows which comes.",
        "所有管段均由此流出，其中部分仅按绘制方向判断；缺标高，无法确定来水。",
    ),
    "high-point": ("All pipes fall away from this point.", "所有管段均由此点流出。"),
    "inlet": ("Inlet.", "进水口。"),
    "head": ("Head of the sewer: nothing further up is on the map.", "管线起点：图上无更上游管段。"),
}


@dataclass(frozen=True, eq=False)
class FlowScope:
    """The gravity classes a trace may run through: open segments, and what that makes of every node.

    `goes_on` and `comes` say whether water leaves and enters a node, `goes_on_as_declared` the former were all
    contradicted pipes to run the declared way; `left_out` that a live gravity pipe of another class joins.
    """

    is_open: Flags
    goes_on: Flags
    goes_on_as_declared: Flags
    comes: Flags
    left_out: Flags
    facts: Mapping[str, Any]


def flow_scope(network: Network, class_codes: Sequence[str] = ()) -> FlowScope:
    """All gravity classes, or some of them; UsageError when one is none."""
    gravity_codes = codes_where("utility_class", "flow", "gravity")
    codes = sorted(set(class_codes) or gravity_codes)
    wrong = [code for code in codes if code not in gravity_codes]
    if wrong:
        raise UsageError(f"{wrong[0]} is no sewer class; there are {', '.join(sorted(gravity_codes))}.")
    return network.once(f"flow scope {' '.join(codes)}", lambda: _scope(network, codes))


def _scope(network: Network, codes: Sequence[str]) -> FlowScope:
    gravity = gravity_of(network)
    chosen = np.array([code in codes for code in code_table("utility_class")])[network.segments.class_]
    is_open = gravity.is_live & chosen
    enters = _has_arc(network, gravity.laterals.node, is_open[gravity.laterals.into])
    as_declared = np.where(gravity.is_contradicted, gravity.head, gravity.tail)
    return FlowScope(
        is_open=is_open,
        goes_on=_has_arc(network, gravity.tail, is_open) | enters,
        goes_on_as_declared=_has_arc(network, as_declared, is_open) | enters,
        comes=_has_arc(network, gravity.head, is_open),
        left_out=pipes_at(network, gravity.is_live & ~is_open) > 0,
        facts=network.once("flow facts", lambda: _facts(network, gravity)),
    )


@dataclass(frozen=True, eq=False)
class Stops:
    """Nodes at which a walk ended, in the order of listing, and the place of each one's code in `names`."""

    nodes: Ints
    code: Ints
    names: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """How many stops there are of each code."""
        counted = np.bincount(self.code, minlength=len(self.names)).tolist()
        return {name: count for name, count in zip(self.names, counted, strict=True) if count}

    def listed(self) -> list[tuple[int, str]]:
        """Node and code of the first MOST_LISTED."""
        shown = self.nodes[:MOST_LISTED].tolist(), self.code[:MOST_LISTED].tolist()
        return [(node, self.names[code]) for node, code in zip(*shown, strict=True)]


def down_stops(network: Network, scope: FlowScope, nodes: Ints, is_doubtful: bool = False) -> Stops:
    """Ends of a walk down among the nodes it reached; for doubtful ones contradicted pipes run the declared way."""
    facts = scope.facts
    several = facts["pipes"] > 1
    cases = {
        "outfall": facts["outfall"],
        "edge-of-map": facts["outside"],
        **_common(network, scope),
        "unknown-level": several & facts["drawn"],
        "no-way-out": several,
    }
    goes_on = scope.goes_on_as_declared if is_doubtful else scope.goes_on
    is_end = (facts["outfall"] | facts["outside"] | facts["shut"] | ~goes_on)[nodes]
    return _told(nodes[is_end], cases, "dead-end", _DOWN)


def up_stops(network: Network, scope: FlowScope, nodes: Ints) -> Stops:
    """Ends of a walk up among the nodes it reached."""
    facts = scope.facts
    several = facts["pipes"] > 1
    cases = {
        **_common(network, scope),
        "inlet": facts["inlet"],
        "unknown-level": several & facts["drawn"],
        "high-point": several,
    }
    return _told(nodes[(facts["shut"] | ~scope.comes)[nodes]], cases, "head", _UP)


def listed_stops(network: Network, stops: Stops, is_down: bool) -> list[TraceStop]:
    """The first stops as an answer lists them."""
    texts = _DOWN if is_down else _UP
    return [
        TraceStop(code=code, message_en=texts[code][0], message_zh=texts[code][1], node=node_place(network, node))
        for node, code in stops.listed()
    ]


def _common(network: Network, scope: FlowScope) -> dict[str, Flags]:
    return {
        "closed-valve": scope.facts["shut"],
        "node-missing": network.nodes.is_missing,
        "out-of-service": scope.facts["idle"],
        "another-class": scope.facts["other"] | scope.left_out,
    }


def _told(nodes: Ints, cases: Mapping[str, Flags], otherwise: str, order: Mapping[str, object]) -> Stops:
    names = tuple(order)
    code = np.select(
        [flags[nodes] for flags in cases.values()], [names.index(case) for case in cases], names.index(otherwise)
    )
    turn = np.argsort(code, kind="stable")
    return Stops(nodes[turn], code[turn], names)


def _facts(network: Network, gravity: Gravity) -> dict[str, Any]:
    """What is known of every node beside the flow."""
    of_class, live = is_gravity(network), network.segments.is_active
    return {
        "outfall": has_role(network, "outfall") | has_feature(network, "outlet"),
        "outside": has_feature(network, "not_surveyed"),
        "inlet": has_role(network, "inlet") | has_feature(network, "inlet"),
        "pump": has_role(network, "pump"),
        "shut": is_shut(network),
        "idle": pipes_at(network, of_class & ~live) > 0,
        "other": pipes_at(network, ~of_class & live) > 0,
        "pipes": pipes_at(network, of_class & live),
        "drawn": pipes_at(network, np.asarray(gravity.evidence == Evidence.DRAWN)) > 0,
    }


def _has_arc(network: Network, ends: Ints, chosen: Flags) -> Flags:
    flags = np.zeros(len(network.nodes.id), np.bool_)
    flags[ends[chosen]] = True
    return flags
