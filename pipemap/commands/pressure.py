"""`pipemap trace pressure`: what is left of the pressure after a cut."""

from typing import Annotated, ClassVar

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
from pipemap.commands.words import Texts, Words
from pipemap.terminal import JsonOption, emit_json, emit_text
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
    "states": ("state", "points", "lowest", "median", "wanted m³/d", "delivered m³/d", "low consumers"),
    "low": ("name", "kind", "people", "address", "before", "after", "delivered"),
    "assumed": ("assumption", "source"),
}  # fmt: skip


class PressureWords(Words):
    """Prints answers in one language."""

    texts: ClassVar[Texts] = _WORDS

    def tell(self, answer: PressureAnswer) -> None:
        """A whole answer, its warnings on standard error."""
        states = [self._state(name, state) for name, state in (("before", answer.before), ("after", answer.after))]
        self.table(self.say("states"), _COLUMNS["states"], states)
        if answer.low_consumers:
            title = self.say("low", threshold=answer.threshold_m)
            self.table(title, _COLUMNS["low"], map(self._low, answer.low_consumers))
        else:
            emit_text(self.say("none", threshold=answer.threshold_m))
        for name, count in (("left_out", answer.low_left_out), ("cut_off", answer.without_supply)):
            if count:
                emit_text(self.say(name, count=count))
        told = [(self.message(one), one.source) for one in answer.assumptions]
        self.table(self.say("assumed"), _COLUMNS["assumed"], told)
        self.notes(answer.warnings)

    def _state(self, name: str, state: PressureState) -> tuple[object, ...]:
        heights = (None if value is None else f"{value:.1f}" for value in (state.lowest_m, state.median_m))
        flows = (f"{value:.0f}" for value in (state.wanted_m3_per_d, state.delivered_m3_per_d))
        return self.say(name), state.nodes, *heights, *flows, state.below_threshold

    def _low(self, one: LowConsumer) -> tuple[object, ...]:
        before = None if one.before_m is None else f"{one.before_m:.1f} m"
        share = None if one.delivered_share is None else f"{one.delivered_share:.0%}"
        kind = self.code("consumer_kind", one.kind_code)
        return one.name, kind, one.people, one.address, before, f"{one.after_m:.1f} m", share


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
        PressureWords().tell(answer)
