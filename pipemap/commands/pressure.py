"""`pipemap trace pressure`: what is left of the pressure after a cut."""

from typing import Annotated

import typer

from pipemap.commands.session import open_database
from pipemap.commands.trace_starts import (
    AtOption,
    ClassOption,
    DatasetOption,
    KeyOption,
    NodeOption,
    SegmentOption,
    TypedStart,
    VersionOption,
)
from pipemap.commands.trace_words import Words
from pipemap.settings import Settings
from pipemap.terminal import JsonOption, emit_json, emit_table, emit_text, say
from pipemap.versions import resolve_version
from schemas.pressure import LowConsumer, PressureAnswer, PressureState

_WORDS = {
    "states": ("Pressure by the model, in metres of water above the ground", "模型压力（高出地面的水柱，m）"),
    "low": ("Consumers with less than {threshold:g} m after the cut", "停水后压力低于 {threshold:g} m 的用户"),
    "none": ("No consumer with a path to a source falls below {threshold:g} m.",
             "仍有供水路径的用户压力均不低于 {threshold:g} m。"),
    "left_out": ("… and {count} more; ask with --limit for more.", "……另有 {count} 户；可用 --limit 增加显示。"),
    "cut_off": ("{count} consumers have no path to a source any more and are not listed.",
                "另有 {count} 户与所有水源断开，不在此列。"),
    "assumed": ("What the model assumes", "模型假设"),
    "before": ("before", "停水前"),
    "after": ("after", "停水后"),
}  # fmt: skip
_COLUMNS = {
    "states": (("state", "points", "lowest", "median", "wanted m³/d", "delivered m³/d", "low consumers"),
                ("状态", "管点", "最低", "中位", "需水 m³/d", "实供 m³/d", "低压用户")),
    "low": (("name", "kind", "people", "address", "before", "after", "delivered"),
               ("名称", "类别", "人数", "地址", "停水前", "停水后", "供水比例")),
    "assumed": (("what", "source"), ("假设", "依据")),
}  # fmt: skip


def pressure(
    segment: SegmentOption = None,
    node: NodeOption = None,
    key: KeyOption = None,
    dataset: DatasetOption = None,
    at: AtOption = None,
    class_code: ClassOption = None,
    inaccessible: Annotated[list[int] | None, typer.Option(help="Node of a valve that cannot be closed.")] = None,
    opened: Annotated[
        list[int] | None, typer.Option("--open", help="Node of a closed valve that is opened to feed from elsewhere.")
    ] = None,
    threshold_m: Annotated[
        float, typer.Option("--threshold", min=0.1, max=200, help="Pressure that consumers need, in m of water.")
    ] = 10.0,
    demand_factor: Annotated[
        float, typer.Option(min=0, max=20, help="Times the mean demand; 1.5 or so is a peak hour.")
    ] = 1.0,
    source_pressure_m: Annotated[
        float, typer.Option("--source-pressure", min=0, max=500, help="For sources of unknown head, in m above ground.")
    ] = 40.0,
    limit: Annotated[int, typer.Option(min=1, help="Low consumers to name.")] = 50,
    nodes: Annotated[bool, typer.Option("--nodes", help="With --json, the pressure of every point too.")] = False,
    version: VersionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Who has too little pressure after the cut, by a hydraulic model (EPANET). 停水后压力校核"""
    from pipemap.network import load_network
    from pipemap.pressure.asking import prepare_pressure
    from pipemap.pressure.quantities import Choices
    from pipemap.tracing.asking import BurstQuestion

    typed = TypedStart(segment, node, key, dataset, at, class_code)
    choices = Choices(threshold_m, demand_factor, source_pressure_m)
    with open_database() as database:
        with database.transaction(read_only=True) as connection:
            resolved = resolve_version(connection, version)
            start = typed.resolved(connection, resolved)
            question = BurstQuestion.at(start, inaccessible or (), opened or ())
            check = prepare_pressure(connection, load_network(connection, resolved), question, choices)
        solved = check.solved()
        with database.transaction(read_only=True) as connection:
            answer = check.answer(connection, solved, limit, nodes)
    if as_json:
        emit_json(answer.model_dump())
    else:
        _tell(answer, Settings().language == "zh")


def _tell(answer: PressureAnswer, is_chinese: bool) -> None:
    words = {name: texts[is_chinese] for name, texts in _WORDS.items()}
    columns = {name: texts[is_chinese] for name, texts in _COLUMNS.items()}
    states = [_state(words[name], state) for name, state in (("before", answer.before), ("after", answer.after))]
    emit_table(words["states"], columns["states"], states)
    if answer.low_consumers:
        kinds = Words("zh" if is_chinese else "en")
        rows = [_low(one, kinds) for one in answer.low_consumers]
        emit_table(words["low"].format(threshold=answer.threshold_m), columns["low"], rows)
    else:
        emit_text(words["none"].format(threshold=answer.threshold_m))
    for name, count in (("left_out", answer.low_left_out), ("cut_off", answer.without_supply)):
        if count:
            emit_text(words[name].format(count=count))
    told = [(one.message_zh if is_chinese else one.message_en, one.source) for one in answer.assumptions]
    emit_table(words["assumed"], columns["assumed"], told)
    for one in answer.warnings:
        say(one.message_zh if is_chinese else one.message_en)


def _state(name: str, state: PressureState) -> tuple[object, ...]:
    heights = (None if value is None else f"{value:.1f}" for value in (state.lowest_m, state.median_m))
    flows = (f"{value:.0f}" for value in (state.wanted_m3_per_d, state.delivered_m3_per_d))
    return name, state.nodes, *heights, *flows, state.below_threshold


def _low(one: LowConsumer, words: Words) -> tuple[object, ...]:
    before = None if one.before_m is None else f"{one.before_m:.1f} m"
    share = None if one.delivered_share is None else f"{one.delivered_share:.0%}"
    return (
        one.name, words.code("consumer_kind", one.kind_code), one.people, one.address, before, f"{one.after_m:.1f} m",
        share,
    )  # fmt: skip
