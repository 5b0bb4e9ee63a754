"""Answers about leaks and outages as a terminal shows them, in Chinese or English."""

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from pipemap.commands.words import Texts, Words
from pipemap.terminal import emit_text
from schemas.isolation import BurstValve
from schemas.leaks import EnclosedSpace, LeakAnswer
from schemas.outages import CircuitOutage, Hit, OutageAnswer

_WORDS = {
    "spaces": ("Enclosed spaces within {radius:g} m of the leak", "泄漏点 {radius:g} m 内的密闭空间"),
    "no_spaces": ("No enclosed space within {radius:g} m of the leak", "泄漏点 {radius:g} m 内无密闭空间"),
    "left_out": ("{count} more lie further off", "另有 {count} 处较远未列出"),
    "owners": ("To be told: {names}", "须通知：{names}"),
    "circuits": ("Circuits that go down, most people first", "中断的回路（按影响人数排序）"),
    "connectivity": ("(by connectivity)", "（按连通关系）"),
    "no_source": ("source unknown", "电（信）源不明"),
    "consumers": ("{count} consumers, {people} people", "用户 {count} 户，{people} 人"),
    "out": (
        "Left without any circuit: {out} consumers; with another circuit: {others}",
        "无任何回路可用的用户 {out} 户；尚有其他回路的用户 {others} 户",
    ),
    "hit": ("Cut: {names}", "被切断：{names}"),
    "pipes": ("Pipes inside what was cut: {names}", "管廊（沟）内的其他管线：{names}"),
    "warn": ("To warn: {names}", "须通知的重要用户：{names}"),
    "in_plan": ("in plan, height unknown", "平面距离，高程不明"),
    "chamber": ("chamber", "井室"), "duct": ("duct", "管道/管沟"), "sewer": ("sewer", "排水管道"),
    "tunnel": ("tunnel", "隧道/管廊"), "basement": ("building, basement", "建筑物地下空间"),
}  # fmt: skip
_TABLES = {"node": "appurtenance", "pipe_segment": "burial", "structure": "structure_kind"}


class OutageWords(Words):
    """Prints answers in one language."""

    texts: ClassVar[Texts] = _WORDS

    def leak(self, answer: LeakAnswer) -> None:
        """Spaces near a leak."""
        if answer.spaces:
            columns = ["distance", "space", "class", "key", "name", "address", "owner", "place", ""]
            self.table(self.say("spaces", radius=answer.radius_m), columns, map(self._space, answer.spaces))
            emit_text(
                self.say("owners", names=", ".join(f"{owner or '?'} ({n})" for owner, n in answer.owners.items()))
            )
        else:
            emit_text(self.say("no_spaces", radius=answer.radius_m))
        if answer.spaces_left_out:
            emit_text(self.say("left_out", count=answer.spaces_left_out))
        self.notes(answer.assumptions)

    def outage(self, answer: OutageAnswer) -> None:
        """Circuits that a cut takes down."""
        emit_text(self.say("hit", names=", ".join(map(self._hit, answer.hit))))
        columns = ["circuit", "sources", "length down", "without supply", "points lost", "open", "close"]
        self.table(self.say("circuits"), columns, map(self._circuit, answer.circuits))
        out, others = answer.consumer_ids_out, answer.consumer_ids_with_another_circuit
        emit_text(self.say("out", out=len(out), others=len(others)))
        critical = {one.name or str(one.feature_id) for each in answer.circuits for one in each.consumers.critical}
        if critical:
            emit_text(self.say("warn", names=", ".join(sorted(critical))))
        if answer.other_utilities:
            emit_text(self.say("pipes", names=", ".join(map(self._hit, answer.other_utilities))))
        self.notes(answer.assumptions)

    def _hit(self, one: Hit) -> str:
        return f"{one.source_key} ({self.code('utility_class', one.class_code)})"

    def _circuit(self, one: CircuitOutage) -> Sequence[object]:
        sources = ", ".join(source.name or source.source_key or str(source.node_id) for source in one.sources)
        people = self.say("consumers", count=one.consumers.count, people=one.consumers.people)
        points = Counter(self.code("appurtenance", point.appurtenance_code) for point in one.points_lost)
        return (
            one.circuit or self.say("connectivity"), sources if one.is_source_known else self.say("no_source"),
            f"{one.length_m:.0f} m", people, ", ".join(f"{name} {count}" for name, count in points.items()),
            ", ".join(map(_switch, one.switches_to_open)), ", ".join(map(_switch, one.switches_to_close)),
        )  # fmt: skip

    def _space(self, one: EnclosedSpace) -> Sequence[object]:
        what = self.code(_TABLES[one.feature_kind], one.what_code) if one.what_code else None
        space = " / ".join(dict.fromkeys(filter(None, (self.say(one.kind), what))))
        of_class = self.code("utility_class", one.class_code) if one.class_code else None
        doubt = "" if one.is_height_known else self.say("in_plan")
        place = f"{one.x_m:.2f}, {one.y_m:.2f}"
        away = f"{one.distance_m:.2f} m"
        return away, space, of_class, one.source_key, one.name, one.address, one.owner, place, doubt


def _switch(one: BurstValve) -> str:
    return one.name or one.source_key or str(one.node_id)
