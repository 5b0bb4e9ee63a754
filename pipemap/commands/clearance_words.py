"""Answers about clearance and planned pipes as a terminal shows them, in Chinese or English."""

from collections.abc import Sequence
from typing import ClassVar

from pipemap.commands.words import Texts, Words, metres
from pipemap.terminal import emit_text
from schemas.clearance import ClearanceAnswer, Conflict, StoredConflicts
from schemas.routing import Design, RouteProposal

_WORDS = {
    "conflicts": ("Conflicts: {count}; neighbours compared: {pairs} (version {version})",
                  "与邻近 {pairs} 处比对，冲突 {count} 处（版本 {version}）"),
    "nothing": (
        "Nothing was compared: this version knows no buried pipe and no structure near the place, "
        "which is no all-clear.",
        "附近无可比对的地下管线和建（构）筑物，未作比对，不代表可以施工。",
    ),
    "cannot_tell": ("{count} cannot be told", "{count} 处无法判定"),
    "city": ("{count} pipes of version {version}", "版本 {version} 共 {count} 条管段"),
    "by_models": ("The ground is that of the models {models}, elsewhere as surveyed.",
                  "地面高程取自地面模型 {models}，模型未覆盖处取测点高程。"),
    "as_surveyed": ("The ground is as surveyed: no ground model is loaded.", "未加载地面模型，地面高程取自测点。"),
    "sizes_taken": ("{count} pipes: the size is not said to be the outer one, and is taken as it.",
                    "{count} 条管段的尺寸未注明为外径，按外径计算。"),
    "places": ("Places are crossings and runs side by side, which nodes cut in several pairs of pipes.",
               "“处”为一次交叉或一段并行，可能被管点分为多对管段。"),
    "first": ("The first {count} conflicts", "前 {count} 处冲突"),
    "no_move": ("Neither side can be moved clear of it without a new conflict.", "移动任何一方均会产生新的冲突。"),
    "judged": ("Version {version}: {now} tiles judged now, {before} before.",
               "版本 {version}：本次判定 {now} 块，此前已判定 {before} 块。"),
    "judging": ("clearance", "净距"),
    "draft": ("Draft changeset {number}, {count} planned pipes.", "草稿变更集 {number}，方案管段 {count} 条。"),
    "saved": ("Draft changeset {number}.", "草稿变更集 {number}。"),
    "route": ("The route", "推荐路由"),
    "nearest_way": ("The way that comes nearest", "最接近可行的走向"),
    "crossings": ("{count} crossings", "交叉 {count} 处"),
    "blocked": ("What stands in the way", "受阻于"),
    "above": ("above", "上方"), "below": ("below", "下方"),
}  # fmt: skip
_CONFLICTS = ("#", "place no.", "pair", "kind", "measured m", "limit m", "rule")


class ClearanceWords(Words):
    """Prints answers in one language."""

    texts: ClassVar[Texts] = _WORDS

    def clearance(self, answer: ClearanceAnswer) -> None:
        """What is too near, with the moves that clear it, and what cannot be told."""
        count = {"count": len(answer.conflicts), "pairs": answer.checked_pairs}
        self.conflicts(self.say("conflicts", version=answer.version, **count), answer.conflicts)
        if not answer.checked_pairs:
            emit_text(self.say("nothing"))
        if answer.cannot_tell:
            rows = (
                (self.term(one.kind), one.other_source_key or one.other_id, self.of(one.reason_en, one.reason_zh))
                for one in answer.cannot_tell
            )
            self.table(self.say("cannot_tell", count=len(answer.cannot_tell)), ("kind", "key", "why"), rows)

    def conflicts(self, title: str, conflicts: Sequence[Conflict]) -> None:
        """A table of conflicts, then each of them in a sentence with its move, under the same number."""
        if not conflicts:
            emit_text(title)
            return
        rows = (
            (
                number,
                one.place,
                pair_of(one),
                self.term(one.kind),
                metres(one.measured_m),
                metres(one.limit_m),
                one.rule_id,
            )
            for number, one in enumerate(conflicts, 1)
        )
        self.table(title, _CONFLICTS, rows)
        for number, one in enumerate(conflicts, 1):
            emit_text(f"{number}. {self._with_move(one)}")

    def city(self, found: StoredConflicts) -> None:
        """What the judgement of a whole version counted, and the worst of it."""
        run = found.run
        rows = (
            (self.term(each.kind), self.term(each.state), each.count, each.certain, each.places, each.certain_places)
            for each in run.counts
        )
        title = self.say("city", count=run.segments, version=run.version)
        self.table(title, ("kind", "state", "pairs", "certain", "places", "certain places"), rows)
        emit_text(self.say("places"))
        if run.outdated_en is not None:
            emit_text(self.of(run.outdated_en, run.outdated_zh or ""))
        models = ", ".join(run.ground_models)
        emit_text(self.say("by_models", models=models) if models else self.say("as_surveyed"))
        if run.sizes_taken_as_outer:
            emit_text(self.say("sizes_taken", count=run.sizes_taken_as_outer))
        self.conflicts(self.say("first", count=len(found.conflicts)), found.conflicts)

    def conflict(self, found: Conflict) -> None:
        """One conflict with the move that clears it, or that there is none."""
        emit_text(self.joined(self._with_move(found), "" if found.move else self.say("no_move")))

    def design(self, saved: Design) -> None:
        """A draft that was saved, and what it would be too near to."""
        emit_text(self.say("draft", number=saved.changeset_id, count=len(saved.pipes)))
        self.clearance(saved.clearance)

    def route(self, found: RouteProposal) -> None:
        """A route, what it crosses, or what stands in its way."""
        emit_text(self.message(found))
        if found.pipe is not None:
            points = ([f"{one:.3f}" for one in point] for point in found.pipe.line)
            self.table(self.say("route" if found.found else "nearest_way"), ("x", "y", "z"), points)
        crossed = (
            (
                self.class_(met.other_class_code), met.other_source_key, met.other_id, self._passes(met.is_above),
                metres(met.between_m), metres(met.limit_m),
            )
            for met in found.crossings
        )  # fmt: skip
        columns = ("class", "key", "id", "route passes", "clear m", "limit m")
        self.table(self.say("crossings", count=len(found.crossings)), columns, crossed)
        if found.blocked_by:
            self.conflicts(self.say("blocked"), found.blocked_by)
        for told in found.cannot_tell:
            emit_text(self.of(told.reason_en, told.reason_zh))

    def _with_move(self, found: Conflict) -> str:
        return self.joined(self.message(found), self.message(found.move) if found.move else "")

    def _passes(self, is_above: bool | None) -> str:
        return "?" if is_above is None else self.say("above" if is_above else "below")


def pair_of(found: Conflict) -> str:
    """A conflict by the numbers of its sides."""
    return "-".join(str(side) for side in (found.segment_id, found.other_id) if side is not None)
