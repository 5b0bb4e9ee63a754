"""Answers of traces in sewers and along connections as a terminal shows them, in Chinese or English."""

from typing import ClassVar

from pipemap.commands.trace_words import TraceWords
from pipemap.commands.words import Texts
from pipemap.terminal import emit_text
from schemas.connectivity import BridgesAnswer, ConnectedAnswer, LoopsAnswer, PathAnswer
from schemas.isolation import NodePlace
from schemas.sewers import BlockageAnswer, DownstreamAnswer, Drained, SewerAnswer, UpstreamAnswer
from schemas.traces import TraceAnswer

_MOST_ROWS = 30
_TITLES = {
    "up": ("Upstream", "上游"), "down": ("Downstream", "下游"), "pollution": ("Pollution", "污染扩散"),
    "blockage": ("Blockage", "堵塞影响"), "connected": ("Connected", "连通"), "path": ("Shortest way", "最短路径"),
    "loops": ("Loops", "环路"), "bridges": ("Bridges", "桥"),
}  # fmt: skip
_SAID = {
    "reached": ("{title}: {segments} segments, {nodes} points, {length:.0f} m",
                "{title}：管段 {segments} 条，管点 {nodes} 个，{length:.0f} m"),
    "over": ("of which only by an overflow: {count} segments", "其中仅经溢流：{count} 条"),
    "doubtful": ("beyond, only against the levels: {count} segments", "另有存疑（逆标高）：{count} 条"),
    "decided": ("Directions decided by: {reasons}", "流向依据：{reasons}"),
    "ends": ("Where it leaves", "去向"),
    "branches": ("The flow divides at {count} pipes", "分流管段 {count} 条"),
    "drains": (
        "Drains through here: {consumers} consumers, {people} people, {inlets} inlets, {heads} heads of sewers",
        "经此排水：用户 {consumers} 户，{people} 人，进水口 {inlets} 个，管线起点 {heads} 处",
    ),
    "held": (
        "No other way for: {consumers} consumers, {people} people, {inlets} inlets, {heads} heads of sewers; "
        "{other} segments can drain another way",
        "无其他出路：用户 {consumers} 户，{people} 人，进水口 {inlets} 个，管线起点 {heads} 处；"
        "另有 {other} 条管段可改道",
    ),
    "critical_names": ("Critical: {names}", "重要用户：{names}"),
    "stops": ("Where it stopped and why", "终止位置与原因"),
    "more": ("{count} more: {counts}", "另有 {count} 处：{counts}"),
    "consumers": ("{count} consumers among it", "其中用户 {count} 户"),
    "unreached": ("No way between the two places is known.", "两处之间没有已知通路。"),
    "no_loops": ("No loops.", "无环路。"),
    "bridge_count": ("{count} bridges in all", "共 {count} 座桥"),
    "in_time": ("{hours:.2f} h", "{hours:.2f} h"),
    "at_least": ("at least {hours:.2f} h ({untimed:.0f} m unknown)", "至少 {hours:.2f} h（{untimed:.0f} m 不明）"),
    "way-flow": ("flow", "水流"), "way-overflow": ("overflow", "溢流"), "way-doubtful": ("doubtful", "存疑"),
}  # fmt: skip
_EVIDENCE = {
    "device": ("pump or one-way device", "泵或单向设备"), "levels": ("levels", "标高"),
    "inferred_levels": ("inferred levels", "推算标高"), "declared": ("declared flow", "调查流向"),
    "inlet": ("inlet at its end", "末端进水口"), "drawn": ("drawing order", "绘制方向"),
    "way_out": ("only way out", "唯一出路"),
}  # fmt: skip


class FlowWords(TraceWords):
    """Prints answers in one language."""

    texts: ClassVar[Texts] = {**TraceWords.texts, **_SAID}

    def tell(self, answer: TraceAnswer) -> None:
        """A whole answer, its assumptions on standard error."""
        title = self.of(*_TITLES[answer.question])
        counted = {"segments": len(answer.segment_ids), "nodes": len(answer.node_ids), "length": answer.length_m}
        emit_text(self.say("reached", title=title, **counted))
        for clicked in answer.start.clicked:
            emit_text(self._taken(clicked))
        match answer:
            case DownstreamAnswer():
                self._flow(answer)
                self._ends(answer)
            case UpstreamAnswer():
                self._flow(answer)
                self._drained(answer)
            case ConnectedAnswer():
                emit_text(self.say("consumers", count=answer.consumers))
            case PathAnswer():
                if not answer.is_reached:
                    emit_text(self.say("unreached"))
            case LoopsAnswer():
                self._loops(answer)
            case BridgesAnswer():
                self._bridges(answer)
        self._stops(answer)
        self.notes(answer.assumptions)

    def _flow(self, answer: SewerAnswer) -> None:
        for text, ids in (("over", answer.overflow_segment_ids), ("doubtful", answer.doubtful_segment_ids)):
            if ids:
                emit_text("  " + self.say(text, count=len(ids)))
        reasons = (f"{self.of(*_EVIDENCE[one])} {count}" for one, count in answer.decided_by.items())
        emit_text(self.say("decided", reasons=", ".join(reasons)))

    def _ends(self, answer: DownstreamAnswer) -> None:
        rows = [
            (
                _name(one.node), _place(one.node), self.message(one), self.say(f"way-{one.way}"),
                None if one.distance_m is None else f"{one.distance_m:.0f} m",
                self._earliest(one.travel_time_h, one.untimed_m),
            )
            for one in answer.ends[:_MOST_ROWS]
        ]  # fmt: skip
        self._table("ends", ["point", "place", "why", "way", "distance", "earliest"], rows)
        if answer.branches:
            emit_text(self.say("branches", count=len(answer.branches)))

    def _earliest(self, hours: float | None, untimed_m: float | None) -> str | None:
        if hours is None:
            return None
        return self.say("at_least" if untimed_m else "in_time", hours=hours, untimed=untimed_m)

    def _drained(self, answer: UpstreamAnswer) -> None:
        emit_text(self.say("drains", **_counts(answer.drained)))
        told = answer.drained
        if isinstance(answer, BlockageAnswer):
            told = answer.held_back
            emit_text(self.say("held", **_counts(told), other=len(answer.another_way_segment_ids)))
        if told.critical:
            emit_text(self.say("critical_names", names=", ".join(name or "?" for name in told.critical)))

    def _loops(self, answer: LoopsAnswer) -> None:
        if not answer.loops:
            emit_text(self.say("no_loops"))
            return
        rows = [
            (one.number, one.segment_count, one.independent_loops, f"{one.length_m:.0f} m")
            for one in answer.loops[:_MOST_ROWS]
        ]
        self.table("", ["loop", "segments", "independent loops", "length"], rows)

    def _bridges(self, answer: BridgesAnswer) -> None:
        emit_text(self.say("bridge_count", count=answer.bridge_count))
        columns = (answer.segment_ids, answer.smaller_consumers, answer.smaller_length_m)
        rows = [(one, consumers, f"{length_m:.0f} m") for one, consumers, length_m in zip(*columns, strict=True)]
        self.table("", ["segment", "consumers", "smaller side"], rows[:_MOST_ROWS])

    def _stops(self, answer: TraceAnswer) -> None:
        stops = [] if isinstance(answer, DownstreamAnswer) else answer.stopped_at
        rows = [(_name(one.node), _place(one.node), self.message(one)) for one in stops[:_MOST_ROWS]]
        self._table("stops", ["point", "place", "why"], rows)
        more = sum(answer.stop_counts.values()) - len(rows)
        if stops and more > 0:
            counts = ", ".join(f"{code} {count}" for code, count in answer.stop_counts.items())
            emit_text(self.say("more", count=more, counts=counts))


def _counts(drained: Drained) -> dict[str, int]:
    return {name: getattr(drained, name) for name in ("consumers", "people", "inlets", "heads")}


def _name(node: NodePlace) -> str:
    return " ".join(filter(None, (node.source_key, node.name))) or str(node.node_id)


def _place(node: NodePlace) -> str | None:
    return None if node.x_m is None or node.y_m is None else f"{node.x_m:.2f}, {node.y_m:.2f}"
