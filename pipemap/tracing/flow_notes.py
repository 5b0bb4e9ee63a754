"""What a trace in sewers takes for granted, counted and with the pipes and nodes it concerns."""

from collections.abc import Iterator

import numpy as np

from pipemap.network import Floats, Ints, Network
from pipemap.tracing.flow_stops import FlowScope
from pipemap.tracing.flows import FlowWalk
from pipemap.tracing.gravity import Evidence, Gravity
from pipemap.tracing.travel import is_roughness_assumed
from schemas.traces import Assumption

_MOST_NAMED = 8
_BY_EVIDENCE = {
    Evidence.INFERRED_LEVELS: (
        "levels-inferred",
        "{count} pipes are taken to run the way their inferred levels fall.",
        "{count} 条管段按推算标高判断流向。",
    ),
    Evidence.DECLARED: (
        "direction-declared",
        "{count} pipes without a telling fall are taken to run the way the survey declares.",
        "{count} 条管段缺可用坡降，按调查流向判断。",
    ),
    Evidence.INLET: (
        "direction-from-inlet",
        "{count} pipes without levels or a declared flow are taken to drain the inlet or consumer at their loose end.",
        "{count} 条管段缺标高和流向，按末端进水口或用户向管网排水处理。",
    ),
    Evidence.DRAWN: (
        "direction-drawn",
        "{count} pipes without levels or a declared flow are taken to run the way they are drawn: {names}.",
        "{count} 条管段缺标高和流向，按绘制方向处理：{names}。",
    ),
    Evidence.WAY_OUT: (
        "way-out",
        "{count} pipes are taken to run against their levels or drawing, since the water has no other way out "
        "(adverse slope, pumped, or a wrong level): {names}.",
        "{count} 条管段按逆标高或逆绘制方向处理，因水无其他出路（逆坡、提升或标高有误）：{names}。",
    ),
}
_CONTRADICTED = (
    "levels-contradicted",
    "{count} pipes fall against their declared flow, or against the way their dataset draws lines: {names}. Their "
    "levels decided; what lies the other way is told as doubtful.",
    "{count} 条管段坡向与调查流向或绘制习惯相反：{names}。按标高判断，另一方向列为存疑。",
)
_ADVERSE = (
    "adverse-slope",
    "{count} pipes rise along their flow (adverse slope): {names}.",
    "{count} 条管段沿流向逆坡：{names}。",
)
_MID_SPAN = (
    "ends-mid-span",
    "{count} pipes end in the middle of another one to which the map does not join them: {names}. They are taken to "
    "drain into it.",
    "{count} 条管段末端落在另一管段中部而图上未连接：{names}。按接入该管段处理。",
)
_CLASSES = (
    "classes-joined",
    "Pipes of different classes are joined at {count} points ({names}); the trace runs through all of them.",
    "{count} 处不同类别管段相连（{names}），按连通处理。",
)
_PUMPS = (
    "pumped",
    "The flow passes {count} pumping stations ({names}) and depends on them.",
    "水流经过 {count} 座泵站（{names}），取决于其运行。",
)
_NO_OUTFALL = (
    "no-outfall",
    "No outfall is reached: the water leaves the map, or the map is incomplete.",
    "未到达任何出水口：水流出图外，或图上资料不全。",
)
_TIMES = (
    "time-is-estimate",
    "Times are estimates by Manning's velocity of full pipes, measured to nothing.",
    "时间按曼宁满管流速估算，未经实测。",
)
_UNTIMED = (
    "time-unknown",
    "{count} pipes have an unknown slope or size and are not in the times, which are lower bounds.",
    "{count} 条管段坡度或断面不明，未计入时间，所列时间为下限。",
)
_ROUGHNESS = (
    "roughness-assumed",
    "{count} pipes of unknown material are taken to be as rough as concrete.",
    "{count} 条管段材质不明，粗糙系数按混凝土取值。",
)


def flow_notes(network: Network, scope: FlowScope, gravity: Gravity, walk: FlowWalk) -> Iterator[Assumption]:
    """What decided where the levels did not, and what looks wrong on the way."""
    reached = walk.segments
    for evidence, texts in _BY_EVIDENCE.items():
        yield from _of_segments(network, gravity, reached[gravity.evidence[reached] == evidence], texts)
    is_decided_otherwise = np.isin(gravity.evidence[reached], (Evidence.DECLARED, Evidence.DEVICE))
    adverse = reached[(gravity.fall_m[reached] < 0) & is_decided_otherwise]
    yield from _of_segments(network, gravity, adverse, _ADVERSE)
    near = np.concatenate([reached, walk.doubtful])
    yield from _of_segments(network, gravity, near[gravity.is_contradicted[near]], _CONTRADICTED)
    laterals = gravity.laterals
    is_passed = walk.has_node[laterals.node] & np.isin(laterals.into, reached)
    mid_span = reached[np.isin(gravity.head[reached], laterals.node[is_passed])]
    yield from _of_segments(network, gravity, mid_span, _MID_SPAN)
    yield from _of_nodes(network, _class_changes(network, gravity, reached), _CLASSES)
    yield from _of_nodes(network, walk.nodes[scope.facts["pump"][walk.nodes]], _PUMPS)


def time_notes(network: Network, gravity: Gravity, segments: Ints, times_s: Floats) -> Iterator[Assumption]:
    """That times are estimates, and what is not in them; `times_s` is by segment, NaN where unknown."""
    is_untimed = np.isnan(times_s[segments])
    yield _assumption(_TIMES, 0)
    yield from _of_segments(network, gravity, segments[is_untimed], _UNTIMED)
    timed = segments[~is_untimed]
    yield from _of_segments(network, gravity, timed[is_roughness_assumed(network)[timed]], _ROUGHNESS)


def no_outfall() -> Assumption:
    """That a walk down came to no outfall."""
    return _assumption(_NO_OUTFALL, 1)


def _class_changes(network: Network, gravity: Gravity, segments: Ints) -> Ints:
    """Nodes at which segments of different classes meet in a walk."""
    classes = network.segments.class_[segments]
    count = len(network.nodes.id)
    least, most = np.full(count, 127, np.int8), np.full(count, -1, np.int8)
    for ends in (gravity.tail[segments], gravity.head[segments]):
        np.minimum.at(least, ends, classes)
        np.maximum.at(most, ends, classes)
    return np.flatnonzero(least < most)


def _of_segments(
    network: Network, gravity: Gravity, segments: Ints, texts: tuple[str, str, str]
) -> Iterator[Assumption]:
    if not len(segments):
        return
    keys, ids = network.segments.key, network.segments.id
    named = [f"{keys[one] or ids[one]}{_fall(float(gravity.fall_m[one]))}" for one in segments[:_MOST_NAMED].tolist()]
    yield _assumption(texts, len(segments), _listed(named, len(segments)), segment_ids=ids[segments].tolist())


def _of_nodes(network: Network, nodes: Ints, texts: tuple[str, str, str]) -> Iterator[Assumption]:
    if len(nodes):
        named = [network.device_name(node) for node in nodes[:_MOST_NAMED].tolist()]
        yield _assumption(texts, len(nodes), _listed(named, len(nodes)), node_ids=network.nodes.id[nodes].tolist())


def _fall(fall_m: float) -> str:
    return "" if np.isnan(fall_m) else f" ({-fall_m:+.2f} m)"


def _listed(named: list[str], count: int) -> str:
    more = count - len(named)
    return ", ".join(named) + (f" (+{more})" if more > 0 else "")


def _assumption(texts: tuple[str, str, str], count: int, names: str = "", **ids: list[int]) -> Assumption:
    code, english, chinese = texts
    values = {"count": count, "names": names}
    return Assumption(
        code=code, message_en=english.format(**values), message_zh=chinese.format(**values), count=count, **ids
    )
