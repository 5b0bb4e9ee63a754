"""Rules about attributes: codes, numbers that contradict each other, what a class must have."""

import numpy as np
import pandas as pd

from pipemap.checks.check import Check, Says
from pipemap.checks.registry import rule
from pipemap.checks.rules.heights import count_by_class
from pipemap.checks.scope import Kind, Scope
from schemas.codetables import code_table, codes_where
from schemas.findings import Finding, Severity

_CODED: dict[Kind, dict[str, str]] = {
    "node": {
        "class_code": "utility_class",
        "feature_code": "feature",
        "appurtenance_code": "appurtenance",
        "valve_state_code": "valve_state",
        "operability_code": "operability",
        "lifecycle_code": "lifecycle",
    },
    "pipe_segment": {
        "class_code": "utility_class",
        "shape_code": "section_shape",
        "size_basis_code": "size_basis",
        "material_code": "material",
        "burial_code": "burial",
        "pressure_code": "pressure",
        "lifecycle_code": "lifecycle",
        "depth_datum_code": "depth_datum",
        "elevation_source_code": "elevation_source",
    },
    "consumer": {"class_code": "utility_class", "kind_code": "consumer_kind"},
    "structure": {"kind_code": "structure_kind"},
}


@rule(
    "R12",
    Severity.WARNING,
    en="word that is not in its code table",
    zh="代码错误（不在数据字典中）",
    source="survey practice, rule R12; schemas/codes",
)
def unknown_code(check: Check) -> list[Finding]:
    """Values of coded columns that their dictionary does not have."""
    says = Says(
        en="{key}: {word} is not a word of the code table {table}",
        zh="{key}：“{word}”不在数据字典 {table} 中",
        value="{word}",
        limit="{table}",
        column="{column}",
    )
    return [
        finding
        for kind, coded in _CODED.items()
        for column, table in coded.items()
        for finding in _outside(check, kind, column, table, says)
    ]


def _outside(check: Check, kind: Kind, column: str, table: str, says: Says) -> list[Finding]:
    words = check.scope.frame(kind)[column]
    at = np.flatnonzero(words.notna() & ~words.isin(list(code_table(table))))
    count = len(at)
    return check.report(
        kind, at, says, word=words.to_numpy()[at], column=np.full(count, column), table=np.full(count, table)
    )


@rule("R34", Severity.WARNING, en="more holes used than there are", zh="孔数矛盾", source="survey practice, rule R34")
def holes(check: Check) -> list[Finding]:
    """Ducts with more holes in use than holes."""
    segments = check.scope.segments
    at = np.flatnonzero(segments["used_hole_count"] > segments["hole_count"])
    says = Says(
        en="{class_en} duct {key} has {used:.0f} holes in use, but only {total:.0f} holes",
        zh="{class_zh}管块 {key} 已用孔数 {used:.0f} 大于总孔数 {total:.0f}",
        value="{used:.0f}",
        limit="{total:.0f}",
        column="used_hole_count",
    )
    rows = segments.iloc[at]
    return check.report("pipe_segment", at, says, used=rows["used_hole_count"], total=rows["hole_count"])


@rule(
    "R35",
    Severity.WARNING,
    en="empty or abandoned duct that holds cables",
    zh="空管或废弃管有线缆",
    source="survey practice, rule R35",
)
def cables_in_empty_duct(check: Check) -> list[Finding]:
    """Ducts said to be empty or abandoned, with cables counted in them."""
    segments = check.scope.segments
    at = np.flatnonzero(segments["lifecycle_code"].isin(["empty", "abandoned"]) & (segments["cable_count"] > 0))
    says = Says(
        en="{class_en} duct {key} is booked as {state}, but holds {cables:.0f} cables",
        zh="{class_zh}管线 {key} 状态为{state_zh}，却有线缆 {cables:.0f} 条",
        value="{cables:.0f}",
        limit="0",
        column="cable_count",
    )
    rows = segments.iloc[at]
    names = code_table("lifecycle")
    return check.report(
        "pipe_segment",
        at,
        says,
        cables=rows["cable_count"],
        state=[names[code].name_en for code in rows["lifecycle_code"]],
        state_zh=[names[code].name_zh for code in rows["lifecycle_code"]],
    )


@rule(
    "R36",
    Severity.WARNING,
    en="attribute that its class must have is missing",
    zh="必填属性为空（按类）",
    source="survey practice, rule R36: pressure for gas, voltage for power, flow for sewers",
)
def mandatory(check: Check) -> list[Finding]:
    """Gas without pressure and power without voltage, line by line; sewers without flow direction are counted."""
    segments, live = check.scope.segments, check.scope.active
    group = {code: found.fields["group_code"] for code, found in code_table("utility_class").items()}
    groups = segments["class_code"].map(group)
    no_pressure = groups.eq("gas") & segments["pressure_code"].isna() & segments["pressure_mpa"].isna()
    no_voltage = segments["class_code"].eq("power") & segments["voltage_kv"].isna()
    flow = segments["flow_direction_code"]
    no_flow = groups.eq("drainage") & (flow.isna() | flow.eq("unknown"))
    pressure = Says("{class_en} line {key} has no pressure", "{class_zh}管线 {key} 缺少压力", column="pressure_code")
    voltage = Says("{class_en} line {key} has no voltage", "{class_zh}管线 {key} 缺少电压", column="voltage_kv")
    direction = Says(
        en="{class_en}: {count} of {total} lines have no flow direction",
        zh="{class_zh}：{total} 条管线中 {count} 条缺少流向",
        value="{count}",
        column="flow_direction_code",
    )
    return [
        *check.report("pipe_segment", np.flatnonzero(no_pressure & live), pressure),
        *check.report("pipe_segment", np.flatnonzero(no_voltage & live), voltage),
        *count_by_class(check, (no_flow & live).to_numpy(), direction, at_most=Severity.INFO),
    ]


@rule(
    "R33",
    Severity.INFO,
    en="material changes without a change point",
    zh="材质突变（无变材点）",
    source="survey practice, rule R33",
)
def material_change(check: Check) -> list[Finding]:
    """Points between two lines of one class and different material that are not booked as a change, nor a well."""
    pairs = joints(check.scope, check.scope.segments["material_code"])
    chosen = pairs[(pairs["one"] != pairs["other"]) & pairs["feature_code"].ne("material_change") & ~pairs["in_well"]]
    says = Says(
        en="At {key} the material changes from {one} to {other}, but the point is not booked as a material change",
        zh="{key} 处材质由{one_zh}变为{other_zh}，但该点未记为变材",
        value="{one} / {other}",
        column="feature_code",
    )
    names = code_table("material")
    known = chosen[chosen["one"].isin(list(names)) & chosen["other"].isin(list(names))]
    return check.report(
        "node",
        known["node"].to_numpy(),
        says,
        one=[names[code].name_en for code in known["one"]],
        other=[names[code].name_en for code in known["other"]],
        one_zh=[names[code].name_zh for code in known["one"]],
        other_zh=[names[code].name_zh for code in known["other"]],
    )


def joints(scope: Scope, values: pd.Series) -> pd.DataFrame:
    """Nodes where exactly two lines meet, of one class and with the value known on both: node, one, other, in_well."""
    ends = scope.ends[["node", "segment", "class_code"]]
    ends = ends.assign(value=values.to_numpy()[ends["segment"]], degree=np.append(scope.degree, 0)[ends["node"]])
    ends = ends[(ends["degree"] == 2) & ends["value"].notna()]
    pairs = ends.groupby(["node", "class_code"], as_index=False)["value"].agg(["first", "last", "size"])
    pairs = pairs[pairs["size"] == 2].rename(columns={"first": "one", "last": "other"})
    enclosed = codes_where("appurtenance", "is_enclosed", "1")
    nodes = scope.nodes.iloc[pairs["node"]]
    return pairs.assign(
        feature_code=nodes["feature_code"].to_numpy(),
        in_well=nodes["appurtenance_code"].isin(enclosed).to_numpy(),
    )
