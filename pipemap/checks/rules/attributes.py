"""Rules about attributes: codes, numbers that contradict each other, what a class must have."""

import numpy as np

from pipemap.checks.check import Check, Says, Told
from pipemap.checks.columns import Bools
from pipemap.checks.registry import rule
from pipemap.checks.rules.counting import counted_by_class, one_by_one_or_counted
from pipemap.checks.rules.meetings import pairs_at_nodes
from pipemap.checks.scope import KINDS
from schemas.codetables import CODED, code_table
from schemas.findings import Severity


@rule(
    "R12",
    Severity.WARNING,
    en="word that is not in its code table",
    zh="代码错误（不在数据字典中）",
    source="survey practice, rule R12; schemas/codes",
    source_zh="普查检查规则 R12；代码表 schemas/codes",
)
def unknown_code(check: Check) -> Told:
    """Values of coded columns that their dictionary does not have."""
    says = Says(
        en="{key}: {word} is not a word of the code table {table}",
        zh="{key}：“{word}”不在数据字典 {table} 中",
        value="{word}",
        limit="{table}",
        column="{column}",
    )
    found = []
    for kind in KINDS:
        for column, table in CODED[kind].items():
            words = check.scope.columns[kind].words(column)
            strange = [word for word in words.known_words if word not in code_table(table)]
            at = np.flatnonzero(words.is_in(strange))
            found.append(check.report(kind, at, says, word=words[at].texts(), column=column, table=table))
    return found


@rule(
    "R34",
    Severity.WARNING,
    en="more holes used than there are",
    zh="孔数矛盾",
    source="survey practice, rule R34",
    source_zh="普查检查规则 R34",
)
def holes(check: Check) -> Told:
    """Ducts with more holes in use than holes."""
    used, total = (check.scope.segments.values(name) for name in ("used_hole_count", "hole_count"))
    at = np.flatnonzero(used > total)
    says = Says(
        en="{class_en} duct {key} has {used:.0f} holes in use, but only {total:.0f} holes",
        zh="{class_zh}管块 {key} 已用孔数 {used:.0f} 大于总孔数 {total:.0f}",
        value="{used:.0f}",
        limit="{total:.0f}",
        column="used_hole_count",
    )
    return [check.report("pipe_segment", at, says, used=used[at], total=total[at])]


@rule(
    "P21",
    Severity.WARNING,
    en="casing that is not larger than its pipe",
    zh="套管不大于管径",
    source="a casing holds its pipe; GB 50028-2006, note under table 6.3.3-2: distances from its outer wall",
    source_zh="套管须容纳管道；GB 50028-2006 表 6.3.3-2 注：净距自套管外壁算起",
)
def casing_too_small(check: Check) -> Told:
    """Casings that cannot hold their pipe; clearances and cover are then measured from the pipe."""
    segments = check.scope.segments
    casing_mm, size_mm = segments.values("casing_mm"), 1000 * np.fmax(check.scope.width_m, check.scope.height_m)
    at = np.flatnonzero((casing_mm > 0) & ~check.scope.walls.is_cased)
    says = Says(
        en="{class_en} line {key} is {size:g} mm wide, but its casing is booked as {casing:g} mm: "
        "one of the two is wrong, and the casing is left out of clearances",
        zh="{class_zh}管线 {key} 管径为 {size:g} mm，套管却记为 {casing:g} mm：两者必有一误，净距计算不计该套管",
        value="{casing:g} mm",
        limit="> {size:g} mm",
        column="casing_mm",
    )
    return [check.report("pipe_segment", at, says, casing=casing_mm[at], size=size_mm[at])]


@rule(
    "R35",
    Severity.WARNING,
    en="empty or abandoned duct that holds cables",
    zh="空管或废弃管有线缆",
    source="survey practice, rule R35",
    source_zh="普查检查规则 R35",
)
def cables_in_empty_duct(check: Check) -> Told:
    """Ducts said to be empty or abandoned, with cables counted in them."""
    segments = check.scope.segments
    state, cables = segments.words("lifecycle_code"), segments.values("cable_count")
    at = np.flatnonzero(state.is_in(["empty", "abandoned"]) & (cables > 0))
    says = Says(
        en="{class_en} duct {key} is booked as {state}, but holds {cables:.0f} cables",
        zh="{class_zh}管线 {key} 状态为{state_zh}，却有线缆 {cables:.0f} 条",
        value="{cables:.0f}",
        limit="0",
        column="cable_count",
    )
    names = code_table("lifecycle").values()
    return [
        check.report(
            "pipe_segment",
            at,
            says,
            cables=cables[at],
            state=state[at].translated({code.code: code.name_en for code in names}, ""),
            state_zh=state[at].translated({code.code: code.name_zh for code in names}, ""),
        )
    ]


@rule(
    "R36",
    Severity.WARNING,
    en="attribute that its class must have is missing",
    zh="必填属性为空（按类）",
    source="survey practice, rule R36: pressure for gas, voltage for power, flow for sewers",
    source_zh="普查检查规则 R36：燃气查压力、电力查电压、排水查流向",
    sees="all",
    count_from=10,
)
def mandatory(check: Check) -> Told:
    """Gas without pressure and power without voltage, line by line, or counted where no line of a class has it.

    Sewers without flow direction are counted.
    """
    segments = check.scope.segments
    no_pressure = ~segments.words("pressure_code").is_known() & np.isnan(segments.values("pressure_mpa"))
    no_voltage = np.isnan(segments.values("voltage_kv"))
    pressure = Says("{class_en} line {key} has no pressure", "{class_zh}管线 {key} 缺少压力", column="pressure_code")
    no_pressures = Says(
        en="None of the {count} {class_en} lines has a pressure",
        zh="{class_zh}管线共 {count} 条，均缺少压力",
        value="{count}",
        column="pressure_code",
    )
    voltage = Says("{class_en} line {key} has no voltage", "{class_zh}管线 {key} 缺少电压", column="voltage_kv")
    no_voltages = Says(
        en="None of the {count} {class_en} lines has a voltage",
        zh="{class_zh}管线共 {count} 条，均缺少电压",
        value="{count}",
        column="voltage_kv",
    )
    live, gas = check.scope.active, _in_group(check, "gas")
    power = segments.words("class_code").is_in(["power"])
    return [
        *one_by_one_or_counted(check, "pipe_segment", gas & live, no_pressure, pressure, no_pressures),
        *one_by_one_or_counted(check, "pipe_segment", power & live, no_voltage, voltage, no_voltages),
        *_without_flow(check),
    ]


def _without_flow(check: Check) -> Told:
    flow = check.scope.segments.words("flow_direction_code")
    unknown = ~flow.is_known() | flow.is_in(["unknown"])
    says = Says(
        en="{class_en}: {count} of {total} lines have no flow direction",
        zh="{class_zh}：{total} 条管线中 {count} 条缺少流向",
        value="{count}",
        column="flow_direction_code",
    )
    wanted = _in_group(check, "drainage") & check.scope.active
    return counted_by_class(check, "pipe_segment", wanted & unknown, says, at_most=Severity.INFO)


def _in_group(check: Check, group: str) -> Bools:
    members = [code for code, found in code_table("utility_class").items() if found.fields["group_code"] == group]
    return check.scope.segments.words("class_code").is_in(members)


@rule(
    "R33",
    Severity.INFO,
    en="material changes without a change point",
    zh="材质突变（无变材点）",
    source="survey practice, rule R33",
    source_zh="普查检查规则 R33",
)
def material_change(check: Check) -> Told:
    """Points between two lines of one class and different material that are not booked as a change, nor a well."""
    scope = check.scope
    node, one, other = pairs_at_nodes(scope)
    material = scope.segments.words("material_code")
    names = code_table("material")
    known = material.is_in(list(names))
    booked = scope.nodes.words("feature_code").is_in(["material_change"])
    change = known[one] & known[other] & (material.codes[one] != material.codes[other])
    kept = change & ~booked[node] & ~scope.in_well[node]
    before, after = material[one[kept]], material[other[kept]]
    in_english = {code.code: code.name_en for code in names.values()}
    in_chinese = {code.code: code.name_zh for code in names.values()}
    says = Says(
        en="At {key} the material changes from {one} to {other}, but the point is not booked as a material change",
        zh="{key} 处材质由{one_zh}变为{other_zh}，但该点未记为变材",
        value="{one} / {other}",
        column="feature_code",
    )
    return [
        check.report(
            "node",
            node[kept],
            says,
            one=before.translated(in_english, ""),
            other=after.translated(in_english, ""),
            one_zh=before.translated(in_chinese, ""),
            other_zh=after.translated(in_chinese, ""),
        )
    ]
