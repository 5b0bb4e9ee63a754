"""Answers of traces as a terminal shows them, in Chinese or English."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from pipemap.commands.words import Texts, Words
from pipemap.terminal import emit_text
from schemas.criticality import CriticalityAnswer
from schemas.isolation import BurstAnswer, BurstPlan, BurstValve, ClickedSegment, Neighbour, NodePlace
from schemas.shutdowns import ShutdownAnswer
from schemas.tiers import Regulator

_WORDS = {
    "taken": ("Segment taken: {key} ({kind}, {size} mm), {away} from the place given",
              "所取管段：{key}（{kind}，{size} mm），距所给位置 {away}"),
    "close": ("Valves to close, in this order", "须关闭的阀门（按此顺序）"),
    "rely": ("Closed valves that must stay closed", "已关闭且不得开启的阀门"),
    "sources": ("Sources to shut", "须关停的水源"),
    "pumps": ("Pumps to stop", "须停运的泵"),
    "unfilled": ("Tanks that are no longer filled", "不再进水的水池、水塔"),
    "warn": ("Consumers to warn", "须通知的重要用户"),
    "lost": (
        "Without supply: {isolated} isolated segments ({isolated_m:.0f} m), {dry} dry ({dry_m:.0f} m), "
        "{consumers} consumers, {people} people, {hydrants} hydrants; {already} segments were dry before",
        "停供：隔离 {isolated} 段（{isolated_m:.0f} m），其后断供 {dry} 段（{dry_m:.0f} m），"
        "用户 {consumers} 户，{people} 人，消防栓 {hydrants} 个；另有 {already} 段原已无供",
    ),
    "kinds": ("Consumers by kind: {kinds}", "用户分类：{kinds}"),
    "drain": (
        "To drain: {volume:.1f} m³ ({assumed:.1f} m³ of it by outer or unexplained sizes); "
        "{unknown:.0f} m of unknown size not counted",
        "须排水 {volume:.1f} m³（其中 {assumed:.1f} m³ 按外径或不明口径估算）；另有 {unknown:.0f} m 口径不明未计",
    ),
    "outlets": ("Drain valves in the isolated zone", "隔离区内的排污阀"),
    "hydrants": ("Nearest hydrants still fed", "最近的可用消防栓"),
    "back": ("Closed valves that can be opened to give supply back", "可开启以恢复供应的常闭阀"),
    "no_back": (
        "No closed valve could be opened to give supply back to what is dry.",
        "没有可开启以恢复断供区供应的常闭阀。",
    ),
    "none_dry": (
        "Beyond the isolated zone nothing goes dry, so there is nothing to give back.",
        "隔离区以外无断供管段，无须反向供应。",
    ),
    "fails": ("If {names} does not hold", "若 {names} 关不严"),
    "holds": ("If {names} can be closed after all", "若 {names} 能够关闭"),
    "stuck": (
        "If {valve} cannot be closed: close {close}; then {consumers} consumers, {people} people without supply",
        "若 {valve} 无法关闭：改关 {close}；届时停供用户 {consumers} 户，{people} 人",
    ),
    "lost_hydrants": ("Hydrants without water", "无水的消防栓"),
    "plan": (
        "close {close}; isolated {isolated} segments, dry {dry}, {consumers} consumers, {people} people",
        "关闭 {close}；隔离 {isolated} 段，断供 {dry} 段，用户 {consumers} 户，{people} 人",
    ),
    "left_out": (
        "{count} more doubtful valves: ask with --inaccessible for the plan without one of them",
        "另有 {count} 个存疑阀门：可用 --inaccessible 查询其失效时的方案",
    ),
    "near": ("Other utilities within {radius:g} m of the burst", "爆点 {radius:g} m 内的其他管线"),
    "alone": ("No other utility within {radius:g} m of the burst", "爆点 {radius:g} m 内无其他管线"),
    "in_plan": ("in plan, height unknown", "平面距离，高程不明"),
    "nothing": ("nothing", "无"),
    "pair": (
        "Heat: {side} burst; taken out with it: {partners}; exchange stations lost: {stations}; "
        "{consumers} consumers lost by the other side alone",
        "热力：爆管为{side}；同时停用对侧管 {partners}；停供换热站：{stations}；仅因对侧停供的用户 {consumers} 户",
    ),
    "supply": ("supply", "供水管"), "return": ("return", "回水管"), "both": ("supply and return", "供、回水管"),
    "unknown": ("side unknown", "供回不明"),
    "tiers": ("What the pressure tiers lose", "各压力级制受影响情况"),
    "out": ("without gas", "全部断气"),
    "partly": ("partly without gas", "部分断气"),
    "supplied": ("supplied", "供气"),
    "fed": ("fed", "有气"), "unfed": ("unfed", "原无气"),
    "closed": ("to be shut", "须关闭"), "lost_feed": ("lost", "失气"),
    "interval": ("{start} to {end}: {cuts} ({group})", "{start} 至 {end}：{cuts}（{group}）"),
    "close_now": ("Valves to close when it begins", "开始时须关闭的阀门"),
    "reopen": ("Valves to open again when it ends", "结束时可重新开启的阀门"),
    "together": (
        "Only because the cuts overlap: {segments} segments, {consumers} consumers, {people} people without supply",
        "仅因同时停供而受影响：管段 {segments} 条，用户 {consumers} 户，{people} 人",
    ),
    "critical": ("What hangs on each segment, most people first", "管段重要性（按影响人数排序）"),
    "isolated": ("isolated", "隔离区"),
    "dry": ("dry", "断供区"),
}  # fmt: skip
_VALVE_COLUMNS = ("#", "valve", "mm", "address", "state", "place", "walk")


class TraceWords(Words):
    """Prints answers in one language."""

    texts: ClassVar[Texts] = _WORDS

    def burst(self, answer: BurstAnswer) -> None:
        """A whole burst answer."""
        for clicked in [answer.clicked, *answer.further_clicked]:
            if clicked is not None:
                emit_text(self._taken(clicked))
        self.plan(answer, len(answer.already_dry_segment_ids))
        for key, nodes in (
            ("pumps", answer.pumps_to_stop),
            ("unfilled", answer.sources_not_refilled),
            ("outlets", answer.drainage.outlets),
        ):
            self._nodes(key, nodes)
        self._pair(answer)
        self._tiers(answer)
        self._alternatives(answer)
        self._fallbacks(answer)
        self._back_feeds(answer)
        drained = answer.drainage
        emit_text(
            self.say("drain", volume=drained.volume_m3, assumed=drained.assumed_m3, unknown=drained.unknown_length_m)
        )
        lost = [
            (one.source_key, _place(one.x_m, one.y_m), one.nearest_fed and one.nearest_fed.source_key)
            for one in answer.hydrants_lost
        ]
        self._table("lost_hydrants", ["key", "place", "use instead"], lost)
        rows = [
            (one.source_key, f"{one.distance_m:.0f} m", _place(one.x_m, one.y_m)) for one in answer.nearest_hydrants
        ]
        self._table("hydrants", ["key", "distance", "place"], rows)
        self._surroundings(answer)
        self.notes(answer.warnings)

    def shutdowns(self, answer: ShutdownAnswer) -> None:
        """Planned cuts, interval by interval."""
        for one in answer.intervals:
            times = {"start": f"{one.starts_at:%Y-%m-%d %H:%M}", "end": f"{one.ends_at:%Y-%m-%d %H:%M}"}
            emit_text(self.say("interval", cuts=" + ".join(one.cuts), group=self.term(one.group_code), **times))
            self._table("close_now", _VALVE_COLUMNS, map(self._valve, one.close_at_start))
            self.plan(one.plan)
            apart = one.only_together
            if len(one.cuts) > 1:
                people = {"consumers": apart.consumers.count, "people": apart.consumers.people}
                emit_text(self.say("together", segments=len(apart.segment_ids), **people))
            self._table("reopen", _VALVE_COLUMNS, map(self._valve, one.reopen_at_end))
            self.notes(one.warnings)

    def criticality(self, answer: CriticalityAnswer) -> None:
        """The segments that matter most."""
        keys = answer.source_keys or [None] * len(answer.segment_ids)
        numbers = (
            answer.people, answer.consumers, answer.critical, answer.stations, answer.valves, answer.length_m,
        )  # fmt: skip
        rows = zip(answer.segment_ids, keys, *numbers, strict=True)
        columns = ["segment", "key", "people", "consumers", "critical", "stations", "valves", "length"]
        self._table("critical", columns, rows)

    def plan(self, plan: BurstPlan, already_dry: int = 0) -> None:
        """Valves, sources, and who is without supply."""
        self.table(self.say("close"), _VALVE_COLUMNS, map(self._valve, plan.valves_to_close))
        self._valve_notes(plan.valves_to_close)
        self._table("rely", _VALVE_COLUMNS, map(self._valve, plan.closed_valves_relied_on))
        self._nodes("sources", plan.sources_to_shut)
        critical = [
            (one.name, self.code("consumer_kind", one.kind_code), one.people, self.say(one.zone))
            for one in plan.consumers.critical
        ]
        self._table("warn", ["name", "kind", "people", "zone"], critical)
        emit_text(
            self.say(
                "lost", isolated=len(plan.isolated_segment_ids), isolated_m=plan.isolated_length_m,
                dry=len(plan.dry_segment_ids), dry_m=plan.dry_length_m, consumers=plan.consumers.count,
                people=plan.consumers.people, hydrants=len(plan.hydrants_lost), already=already_dry,
            )
        )  # fmt: skip
        if plan.consumers.by_kind:
            counted = (f"{self.code('consumer_kind', kind)} {count}" for kind, count in plan.consumers.by_kind.items())
            emit_text(self.say("kinds", kinds=", ".join(counted)))

    def _valve_notes(self, valves: Iterable[BurstValve]) -> None:
        """What is to be known of some valves, once for all that have it in common."""
        noted: dict[str, list[int]] = {}
        for valve in valves:
            noted.setdefault(" ".join(map(self.message, valve.notes)), []).append(valve.order)
        for said, orders in noted.items():
            if said:
                emit_text(f"  {', '.join(map(str, orders))}: {said}")

    def _taken(self, clicked: ClickedSegment) -> str:
        sizes = [f"{size:g}" for size in dict.fromkeys((clicked.width_mm, clicked.height_mm)) if size is not None]
        return self.say(
            "taken", key=clicked.source_key or clicked.segment_id, kind=self.code("utility_class", clicked.class_code),
            size="×".join(sizes) or "?", away=f"{clicked.distance_m:.2f} m",
        )  # fmt: skip

    def _valve(self, valve: BurstValve) -> Sequence[object]:
        state = self.code("valve_state", valve.state_code), self.code("operability", valve.operability_code)
        key = " ".join(dict.fromkeys(filter(None, (valve.source_key, valve.name))))
        walk = None if valve.walk_m is None else f"{valve.walk_m:.0f} m"
        size = None if valve.width_mm is None else f"{valve.width_mm:g}"
        return valve.order, key, size, valve.address, " / ".join(state), _place(valve.x_m, valve.y_m), walk

    def _nodes(self, key: str, nodes: Iterable[NodePlace]) -> None:
        rows = [(one.source_key, one.name, one.address, _place(one.x_m, one.y_m)) for one in nodes]
        self._table(key, ["key", "name", "address", "place"], rows)

    def _table(self, key: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        listed = list(rows)
        if listed:
            self.table(self.say(key), columns, listed)

    def _alternatives(self, answer: BurstAnswer) -> None:
        for one in answer.alternatives:
            plan = one.plan
            close = [*map(_name, plan.valves_to_close), *map(_name, plan.sources_to_shut)]
            said = self.say(
                "plan", close=", ".join(close) or self.say("nothing"), isolated=len(plan.isolated_segment_ids),
                dry=len(plan.dry_segment_ids), consumers=plan.consumers.count, people=plan.consumers.people,
            )  # fmt: skip
            emit_text(f"{self.say(one.outcome, names=', '.join(map(_name, one.valves)))}: {said}")
        if answer.alternatives_left_out:
            emit_text(self.say("left_out", count=answer.alternatives_left_out))

    def _fallbacks(self, answer: BurstAnswer) -> None:
        for one in answer.fallbacks:
            close = [*map(_name, one.close), *map(_name, one.sources_to_shut)]
            emit_text(
                self.say(
                    "stuck", valve=_name(one.valve), close=", ".join(close) or self.say("nothing"),
                    consumers=one.consumers, people=one.people,
                )
            )  # fmt: skip

    def _pair(self, answer: BurstAnswer) -> None:
        if answer.pair is None:
            return
        stations = [one.name or one.source_key or str(one.node_id) for one in answer.pair.stations_lost]
        partners = [one.partner_key or str(one.partner_id) for one in answer.pair.partners]
        emit_text(
            self.say(
                "pair", side=self.say(answer.pair.side), partners=", ".join(partners) or self.say("nothing"),
                stations=", ".join(stations) or self.say("nothing"),
                consumers=len(answer.pair.consumer_ids_by_other_side),
            )
        )  # fmt: skip

    def _tiers(self, answer: BurstAnswer) -> None:
        rows = []
        for one in answer.tiers.districts if answer.tiers else ():
            fates = (f"{each.name or each.source_key}: {self._fate(each)}" for each in one.regulators)
            supply = self.say("out" if one.is_out else "partly" if one.lost_length_m else "supplied")
            tiers = " + ".join(self.code("pressure", code) for code in one.pressure_codes) or "?"
            lost = f"{one.lost_length_m:.0f} / {one.length_m:.0f} m"
            rows.append((tiers, supply, lost, one.consumers_lost, ", ".join(fates)))
        self._table("tiers", ["tier", "gas supply", "length lost", "consumers", "regulators"], rows)

    def _fate(self, regulator: Regulator) -> str:
        return self.say("lost_feed" if regulator.fate == "lost" else regulator.fate)

    def _back_feeds(self, answer: BurstAnswer) -> None:
        if not answer.back_feeds:
            emit_text(self.say("no_back" if answer.dry_segment_ids else "none_dry"))
        rows = [
            (
                one.valve.order, _name(one.valve), one.valve.address, _place(one.valve.x_m, one.valve.y_m),
                one.consumers, one.people, f"{one.length_m:.0f} m", ", ".join(map(_name, one.also_close)),
            )
            for one in answer.back_feeds
        ]  # fmt: skip
        self._table("back", ["#", "valve", "address", "place", "consumers", "people", "length", "also close"], rows)

    def _surroundings(self, answer: BurstAnswer) -> None:
        around = answer.surroundings
        if around is None:
            return
        if not around.neighbours:
            emit_text(self.say("alone", radius=around.radius_m))
            return
        rows = [
            (
                f"{one.distance_m:.2f} m", self.code("utility_class", one.class_code), one.source_key, self._made(one),
                one.owner or "?", around.telephones.get(one.owner or "", ""),
                "" if one.is_height_known else self.say("in_plan"),
            )
            for one in around.neighbours
        ]  # fmt: skip
        columns = ["distance", "class", "key", "pipe", "owner", "telephone", ""]
        self.table(self.say("near", radius=around.radius_m), columns, rows)

    def _made(self, one: Neighbour) -> str:
        """Size, material, pressure and voltage, as far as they are known."""
        known = [f"{one.width_mm:g} mm"] if one.width_mm else []
        known += [self.code("material", one.material_code)] if one.material_code else []
        known += [self.code("pressure", one.pressure_code)] if one.pressure_code else []
        known += [f"{one.voltage_kv:g} kV"] if one.voltage_kv else []
        return ", ".join(known)


def _name(one: BurstValve | NodePlace) -> str:
    return one.name or one.source_key or str(one.node_id)


def _place(x_m: float | None, y_m: float | None) -> str | None:
    return None if x_m is None or y_m is None else f"{x_m:.2f}, {y_m:.2f}"
