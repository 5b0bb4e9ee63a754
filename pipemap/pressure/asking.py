"""A pressure check as people ask for it: what has burst, a threshold, and who has less than that afterwards."""

from dataclasses import dataclass

import numpy as np
from psycopg.sql import SQL

from pipemap.clearance.numbers import known
from pipemap.db import Connection, fetch_all
from pipemap.errors import UsageError
from pipemap.network import Flags, Floats, Ints, Network, NodeKind, class_groups
from pipemap.pressure.assumptions import Assumed
from pipemap.pressure.devices import Link, links_of
from pipemap.pressure.facts import Facts, facts_of
from pipemap.pressure.hydraulics import layout_of
from pipemap.pressure.quantities import Choices, Model, demand_enough, model_of
from pipemap.pressure.running import Solved, solve
from pipemap.sql import queries
from pipemap.tracing.asking import BurstQuestion
from pipemap.tracing.cuts import Cut, cut_at
from pipemap.tracing.describing import note
from pipemap.tracing.isolation import answer_for, assumed_of
from pipemap.tracing.places import nearest_segment
from pipemap.tracing.sites import site_of
from pipemap.versions import current_version, relation
from schemas.isolation import BurstAnswer, ClickedSegment, Note
from schemas.pressure import LowConsumer, NodePressures, PressureAnswer, PressureState

DEFAULT_THRESHOLD_M = 10.0
_SOURCE = (
    "GB 50013-2018 3.0.10, least service head of a one-storey building (12 m for two storeys, 4 m more for each "
    "further one); recalled"
)
_ENGINE = "EPANET 2.2 through WNTR, one pressure-driven step"
_NOTES = {
    "model": (
        "This is what a hydraulic model reckons for a mean hour, not a measurement; see what it assumes.",
        "本结果为水力模型按平均时计算所得，并非实测；请看其假设。",
    ),
    "unbalanced": (
        "The engine found no balance {when} the cut; do not rely on these pressures.",
        "{when_zh}的水力计算未能平衡，压力结果不可采信。",
    ),
    "negative": (
        "{count} points have less than no pressure after the cut: dirty water may be drawn in.",
        "停水后有 {count} 个管点为负压，可能吸入污水。",
    ),
}


@dataclass(frozen=True, eq=False)
class PressureCheck:
    """A question made ready: both models, so that solving them needs no database."""

    network: Network
    choices: Choices
    plan: BurstAnswer
    clicked: list[ClickedSegment]
    before: tuple[Model, list[Link]]
    after: tuple[Model, list[Link]]
    told: Assumed

    def solved(self) -> tuple[Solved, Solved]:
        """Both models as the engine solves them; takes seconds."""
        before, after = solve([self.before, self.after], self.choices.threshold_m)
        return before, after

    def answer(
        self, connection: Connection, solved: tuple[Solved, Solved], most_listed: int = 200, with_nodes: bool = False
    ) -> PressureAnswer:
        """The answer, the low consumers with the names they have in the map."""
        before = _State(self.before[0], solved[0], self.choices.threshold_m)
        after = _State(self.after[0], solved[1], self.choices.threshold_m)
        low = _ranked(self.network, before, after)
        newly = low[~before.is_low[low]]
        people = self.network.consumers.people[after.model.consumers[newly]]
        return PressureAnswer(
            engine=_ENGINE,
            head_loss_formula=after.model.formula,
            version=self.network.version,
            burst=self.plan.burst,
            valves_closed=self.plan.valves_to_close,
            threshold_m=self.choices.threshold_m,
            threshold_source=_SOURCE if self.choices.threshold_m == DEFAULT_THRESHOLD_M else "given with the question",
            demand_factor=self.choices.demand_factor,
            before=before.summary(),
            after=after.summary(),
            without_supply=int((np.isfinite(before.at_consumer) & np.isnan(after.at_consumer)).sum()),
            low_consumers=self._named(connection, low[:most_listed], before, after),
            low_left_out=max(len(low) - most_listed, 0),
            newly_low=len(newly),
            newly_low_people=int(people[people >= 0].sum()),
            assumptions=self.told.found,
            warnings=_warnings(before, after),
            nodes=_nodes(self.network, before, after) if with_nodes else None,
            clicked=self.clicked,
        )

    def _named(self, connection: Connection, low: Ints, before: "_State", after: "_State") -> list[LowConsumer]:
        consumers = self.network.consumers
        place = after.model.consumers[low]
        version = None if self.network.version == current_version(connection) else self.network.version
        query = SQL(queries("pressure")["named_consumers"]).format(relation=relation("consumer", version))
        rows = fetch_all(connection, query, {"ids": consumers.id[place].tolist()})
        named = {row["feature_id"]: row for row in rows}
        share = after.share[low]
        return [
            LowConsumer(
                **named[int(consumers.id[at])],
                people=int(consumers.people[at]) if consumers.people[at] >= 0 else None,
                is_critical=bool(consumers.is_critical[at]),
                node_id=int(self.network.nodes.id[consumers.node[at]]),
                x_m=known(consumers.x_m[at]),
                y_m=known(consumers.y_m[at]),
                before_m=known(before.at_consumer[one]),
                after_m=float(after.at_consumer[one]),
                delivered_share=known(share[number]),
                was_low=bool(before.is_low[one]),
            )
            for number, (one, at) in enumerate(zip(low.tolist(), place.tolist(), strict=True))
        ]


def prepare_pressure(
    connection: Connection, network: Network, question: BurstQuestion, choices: Choices
) -> PressureCheck:
    """Find the cut of a burst and make models of the network before and after it.

    Raises
    ------
    NotFoundError, UsageError, CrsError
        As `pipemap.tracing.asking.ask_burst` does.
    UsageError
        When the pipes carry no water, or the network lacks what a model needs.
    """
    if not (question.segment_ids or question.node_ids or question.places):
        raise UsageError("Say what has burst: segments, nodes or places.")
    version = None if network.version == current_version(connection) else network.version
    clicked = [nearest_segment(connection, *place, question.class_codes, version) for place in question.places]
    site = site_of(network, [*question.segment_ids, *(one.segment_id for one in clicked)], question.node_ids)
    if site.zones.group != "water":
        raise UsageError(
            "Pressures are reckoned for water only; gas and heat need another engine.",
            message_zh="压力计算仅支持给水管网。",
        )
    cut = cut_at(site, assumed_of(network, site.zones, question.inaccessible, question.opened))
    facts, told = facts_of(connection, network), Assumed()
    before = _model(network, facts, cut, choices, told, is_cut=False)
    demand_enough(network, before[0], facts)
    after = _model(network, facts, cut, choices, Assumed(), is_cut=True)
    return PressureCheck(network, choices, answer_for(network, site, cut), clicked, before, after, told)


def _model(
    network: Network, facts: Facts, cut: Cut, choices: Choices, told: Assumed, *, is_cut: bool
) -> tuple[Model, list[Link]]:
    zones = cut.zones
    kind = (cut.touches.kind if is_cut else zones.ports.kind)[: len(network.nodes.id)].copy()
    if is_cut:
        kind[cut.valves] = NodeKind.CLOSED_VALVE
    layout = layout_of(network, zones, kind, cut.isolated if is_cut else np.zeros(0, np.int64), facts)
    consumers = np.flatnonzero((class_groups() == zones.group)[network.consumers.class_])
    model = model_of(network, facts, layout, consumers, choices, told)
    return model, links_of(network, facts, layout, told)


class _State:
    """One model solved, seen from the consumers; NaN where no source reaches one."""

    def __init__(self, model: Model, solved: Solved, threshold_m: float) -> None:
        self.model, self.solved = model, solved
        is_there = model.consumer_point >= 0
        self.at_consumer: Floats = np.where(is_there, solved.pressure_m[model.consumer_point], np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            by_point = np.clip(solved.delivered_m3_per_d / model.demand_m3_per_d, 0, 1)
        has_demand = is_there & (model.consumer_demand_m3_per_d > 0)
        self.share: Floats = np.where(has_demand, by_point[model.consumer_point], np.nan)
        # A pressure that is the threshold to within what the engine balances to is none below it.
        self.is_low: Flags = self.at_consumer < threshold_m - 0.005

    def summary(self) -> PressureState:
        layout = self.model.layout
        pressure_m = self.solved.pressure_m[~layout.source]
        demand = ~layout.source & (self.model.demand_m3_per_d > 0)
        return PressureState(
            nodes=len(np.unique(layout.owner[~layout.source])),
            below_threshold=int(self.is_low.sum()),
            lowest_m=float(pressure_m.min()) if len(pressure_m) else None,
            median_m=float(np.median(pressure_m)) if len(pressure_m) else None,
            wanted_m3_per_d=float(self.model.demand_m3_per_d[demand].sum()),
            delivered_m3_per_d=float(self.solved.delivered_m3_per_d[demand].sum()),
            is_balanced=self.solved.is_balanced,
        )


def _ranked(network: Network, before: _State, after: _State) -> Ints:
    """Low consumers, as places in the model's list: critical first, then the newly low, then by people."""
    low = np.flatnonzero(after.is_low)
    at = after.model.consumers[low]
    order = np.lexsort((at, -network.consumers.people[at], before.is_low[low], ~network.consumers.is_critical[at]))
    return low[order]


def _nodes(network: Network, before: _State, after: _State) -> NodePressures:
    owner = np.unique(before.model.layout.owner[~before.model.layout.source])

    def column(state: _State) -> list[float | None]:
        highest_m = np.full(len(network.nodes.id), np.nan)
        np.fmax.at(highest_m, state.model.layout.owner, state.solved.pressure_m)
        return [known(value) for value in highest_m[owner].round(2).tolist()]

    return NodePressures(node_ids=network.nodes.id[owner].tolist(), before_m=column(before), after_m=column(after))


def _warnings(before: _State, after: _State) -> list[Note]:
    words = [note("model", _NOTES["model"])]
    for state, when, when_zh in ((before, "before", "停水前"), (after, "after", "停水后")):
        if not state.solved.is_balanced:
            words.append(note("unbalanced", _NOTES["unbalanced"], when=when, when_zh=when_zh))
    negative = int((after.solved.pressure_m[~after.model.layout.source] < 0).sum())
    if negative:
        words.append(note("negative", _NOTES["negative"], count=negative))
    return [Note(**one) for one in words]
