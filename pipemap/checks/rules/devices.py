"""Rules about valves and other devices, what contains what, and who is served."""

import numpy as np
import pandas as pd
import shapely

from pipemap.checks.check import Check, Says, Told
from pipemap.checks.columns import Bools, Ints
from pipemap.checks.registry import rule
from pipemap.checks.rules.counting import counted_by_class, one_by_one_or_counted
from pipemap.checks.scope import Scope
from schemas.codetables import code_table, codes_where, limits
from schemas.findings import Severity

_ONE_WAY = ("one_way", "pump", "regulator")


@rule(
    "R11",
    Severity.WARNING,
    en="appurtenance that does not belong to the class",
    zh="附属物与管线类别不符",
    source="survey practice, rule R11; schemas/limits/appurtenance_group.csv (CJJ 61-2017 App. F, value lists)",
    source_zh="普查检查规则 R11；schemas/limits/appurtenance_group.csv（CJJ 61-2017 附录 F 取值）",
)
def foreign_appurtenance(check: Check) -> Told:
    """Points with something that their utility does not have: a hydrant on a gas main, a valve on a cable."""
    nodes = check.scope.nodes
    groups = {code: found.fields["group_code"] for code, found in code_table("utility_class").items()}
    own = {row["appurtenance_code"]: row["group_codes"].split("|") for row in limits("appurtenance_group")}
    appurtenance, classes = nodes.words("appurtenance_code"), nodes.words("class_code")
    foreign = np.zeros(len(nodes), np.bool_)
    for code, allowed in own.items():
        elsewhere = [each for each, group in groups.items() if group not in (*allowed, "other")]
        foreign |= appurtenance.is_in([code]) & classes.is_in(elsewhere)
    at = np.flatnonzero(foreign)
    names = code_table("appurtenance")
    says = Says(
        en="{class_en} point {key} is booked as a {name_en}, which that utility does not have",
        zh="{class_zh}管点 {key} 的附属物为{name_zh}，与类别不符",
        value="{code}",
        limit="{class_code}",
        column="appurtenance_code",
    )
    return [
        check.report(
            "node",
            at,
            says,
            code=appurtenance[at].texts(),
            class_code=classes[at].texts(),
            name_en=appurtenance[at].translated({code: names[code].name_en for code in own if code in names}, ""),
            name_zh=appurtenance[at].translated({code: names[code].name_zh for code in own if code in names}, ""),
        )
    ]


@rule(
    "P05",
    Severity.INFO,
    en="valve of unknown state",
    zh="阀门状态不明",
    source="pipemap: burst analysis needs valve states",
    source_zh="本系统：爆管分析需要阀门状态",
    sees="all",
    count_from=10,
)
def valve_state_unknown(check: Check) -> Told:
    """Valves of which nobody says whether they are open; counted where nobody says it of any valve of a class."""
    state = check.scope.nodes.words("valve_state_code")
    unknown = ~state.is_known() | state.is_in(["unknown"])
    says = Says(
        en="Nobody says whether the {class_en} valve {key} is open; it will be taken as open",
        zh="{class_zh}阀门 {key} 开关状态不明，按常开处理",
        column="valve_state_code",
    )
    of_none = Says(
        en="Nobody says of any of the {count} {class_en} valves whether it is open; they will be taken as open",
        zh="{class_zh}阀门共 {count} 个，开关状态均不明，按常开处理",
        value="{count}",
        column="valve_state_code",
    )
    return one_by_one_or_counted(check, "node", _has_role(check.scope, "valve"), unknown, says, of_none)


@rule(
    "P14",
    Severity.INFO,
    en="one-way device without a flow direction",
    zh="单向设备流向不明或矛盾",
    source="pipemap: peers' topology checks (Giswater: flow direction of check valves)",
    source_zh="本系统：参照同类软件拓扑检查（Giswater：止回阀流向）",
    sees="all",
    count_from=10,
)
def one_way_without_direction(check: Check) -> Told:
    """Check valves, pumps and regulators at which no line tells its flow direction, or all flow in or all out."""
    scope = check.scope
    devices = np.zeros(len(scope.nodes), np.bool_)
    for role in _ONE_WAY:
        devices |= _has_role(scope, role)
    coming, going = _flowing(scope)
    says = Says(
        en="No line at the {class_en} device {key} tells its flow direction, so that it is taken to pass both ways",
        zh="{class_zh}单向设备 {key} 两侧管线均无流向，按双向处理",
        column="flow_direction_code",
    )
    of_none = Says(
        en="No line tells its flow direction at any of the {count} {class_en} one-way devices",
        zh="{class_zh}单向设备共 {count} 个，两侧管线均无流向",
        value="{count}",
        column="flow_direction_code",
    )
    against = Says(
        en="All {count} lines at the {class_en} device {key} flow {way_en} it",
        zh="{class_zh}单向设备 {key} 两侧 {count} 条管线均为{way_zh}",
        value="{count}",
        column="flow_direction_code",
    )
    total = scope.degree
    in_only, out_only = (devices & (total >= 2) & (flow == total) for flow in (coming, going))
    return [
        *one_by_one_or_counted(check, "node", devices & (total > 0), coming + going == 0, says, of_none),
        *(
            check.report("node", np.flatnonzero(which), against, count=total[which], way_en=english, way_zh=chinese)
            for which, english, chinese in ((in_only, "into", "流入"), (out_only, "out of", "流出"))
        ),
    ]


def _flowing(scope: Scope) -> tuple[Ints, Ints]:
    """How many lines are said to flow into each node, and how many out of it."""
    flow, count = scope.segments.words("flow_direction_code"), len(scope.nodes)
    forward, backward = flow.is_in(["forward"]), flow.is_in(["backward"])
    coming = np.concatenate([scope.to_pos[forward], scope.from_pos[backward]])
    going = np.concatenate([scope.from_pos[forward], scope.to_pos[backward]])
    return tuple(np.bincount(ends[ends >= 0], minlength=count).astype(np.int64) for ends in (coming, going))  # type: ignore[return-value]


@rule(
    "P15",
    Severity.WARNING,
    en="line that is not where its container is",
    zh="管线不在其容器内",
    source="pipemap: peers' topology checks (Esri: devices contained where they must be)",
    source_zh="本系统：参照同类软件拓扑检查（Esri：设备应在容器内）",
    sees="all",
    tolerance_m=0.5,
)
def outside_container(check: Check) -> Told:
    """Lines booked inside a duct or tunnel that is not there, or whose middle lies beside it."""
    scope, segments = check.scope, check.scope.segments
    container = segments.values("container_id")
    inside = np.flatnonzero(container >= 0)
    holder = pd.Index(segments.values("feature_id")).get_indexer(container[inside])
    missing, found = inside[holder < 0], inside[holder >= 0]
    holder = holder[holder >= 0]
    middles = shapely.points(scope.axes.middles(found))
    gap = shapely.distance(scope.axes.lines(holder), middles) - np.nan_to_num(scope.width_m[holder]) / 2
    beside = gap > check["tolerance_m"]
    lost = Says(
        en="{class_en} line {key} is booked inside line {container}, which is not there",
        zh="{class_zh}管线 {key} 所属容器 {container} 不存在",
        value="{container}",
        column="container_id",
    )
    away = Says(
        en="{class_en} line {key} is booked inside {container}, but lies {gap:.2f} m beside it",
        zh="{class_zh}管线 {key} 记为在 {container} 内，但偏离 {gap:.2f} m",
        value="{gap:.2f} m",
        limit="{tolerance_m:g} m",
        column="container_id",
    )
    keys = scope.segment_keys(holder[beside])
    return [
        check.report("pipe_segment", missing, lost, container=container[missing]),
        check.report("pipe_segment", found[beside], away, container=keys, gap=gap[beside]),
    ]


@rule(
    "P16",
    Severity.WARNING,
    en="service connection whose pipe is missing or far too large",
    zh="用户接入管缺失或管径过大",
    source="pipemap: peers' checks (Giswater: connec without or with a far larger arc)",
    source_zh="本系统：参照同类软件检查（Giswater：支管无干管或管径悬殊）",
    max_width_mm=600.0,
)
def odd_service(check: Check) -> Told:
    """Consumers at a point without a pipe in service, or with none but mains; those joined to nothing are counted."""
    scope = check.scope
    at = np.flatnonzero(scope.consumer_pos >= 0)
    node = scope.consumer_pos[at]
    live = np.flatnonzero(scope.active)
    ends = np.concatenate([scope.from_pos[live], scope.to_pos[live]])
    width = np.tile(np.nan_to_num(scope.segments.values("width_mm")[live].astype(np.float64)), 2)
    smallest = np.full(len(scope.nodes) + 1, np.inf)
    np.minimum.at(smallest, ends, width)
    none, large = np.isinf(smallest[node]), np.isfinite(smallest[node]) & (smallest[node] > check["max_width_mm"])
    missing = Says(
        en="{class_en} consumer {key} is served from {point}, where no pipe in service ends",
        zh="{class_zh}用户 {key} 接于 {point}，该点无在用管线",
        column="node_id",
    )
    main = Says(
        en="{class_en} consumer {key} is served from {point}, where the smallest pipe is {width:.0f} mm wide",
        zh="{class_zh}用户 {key} 接于 {point}，该点最小管径 {width:.0f} mm",
        value="{width:.0f} mm",
        limit="{max_width_mm:g} mm",
        column="node_id",
    )
    alone = Says(
        en="{class_en}: of {count} of {total} consumers nobody says where they are joined to the network",
        zh="{class_zh}：{total} 个用户中 {count} 个未记接入点",
        value="{count}",
        column="node_id",
    )
    unjoined = scope.consumers.values("node_id") < 0
    return [
        check.report("consumer", at[none], missing, point=scope.node_keys(node[none])),
        check.report(
            "consumer",
            at[large],
            main,
            at_most=Severity.INFO,
            point=scope.node_keys(node[large]),
            width=smallest[node[large]],
        ),
        *counted_by_class(check, "consumer", unjoined, alone, at_most=Severity.INFO),
    ]


def _has_role(scope: Scope, role: str) -> Bools:
    return scope.nodes.words("appurtenance_code").is_in(codes_where("appurtenance", "role", role))
