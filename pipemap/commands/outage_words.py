"""Answers about leaks and outages as a terminal shows them, in Chinese or English."""

from collections.abc import Iterable, Sequence

from pipemap.terminal import emit_table, emit_text, say
from schemas.codetables import code_table
from schemas.isolation import Note
from schemas.leaks import EnclosedSpace, LeakAnswer

_WORDS = {
    "spaces": ("Enclosed spaces within {radius:g} m of the leak", "泄漏点 {radius:g} m 内的密闭空间"),
    "no_spaces": ("No enclosed space within {radius:g} m of the leak", "泄漏点 {radius:g} m 内无密闭空间"),
    "left_out": ("{count} more lie further off", "另有 {count} 处较远未列出"),
    "owners": ("To be told: {names}", "须通知：{names}"),
    "in_plan": ("in plan, height unknown", "平面距离，高程不明"),
    "chamber": ("chamber", "井室"), "duct": ("duct", "管道/管沟"), "sewer": ("sewer", "排水管道"),
    "tunnel": ("tunnel", "隧道/管廊"), "basement": ("building, basement", "建筑物地下空间"),
}  # fmt: skip
_COLUMNS = {
    "distance": "距离", "space": "空间", "class": "管类", "key": "编号", "name": "名称", "address": "地址",
    "owner": "权属单位", "place": "位置",
}  # fmt: skip
_TABLES = {"node": "appurtenance", "pipe_segment": "burial", "structure": "structure_kind"}


class OutageWords:
    """Prints answers in one language."""

    def __init__(self, language: str) -> None:
        self.is_chinese = language == "zh"

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

    def _space(self, one: EnclosedSpace) -> Sequence[object]:
        what = self.code(_TABLES[one.feature_kind], one.what_code) if one.what_code else None
        space = " / ".join(dict.fromkeys(filter(None, (self.say(one.kind), what))))
        of_class = self.code("utility_class", one.class_code) if one.class_code else None
        doubt = "" if one.is_height_known else self.say("in_plan")
        place = f"{one.x_m:.2f}, {one.y_m:.2f}"
        away = f"{one.distance_m:.2f} m"
        return away, space, of_class, one.source_key, one.name, one.address, one.owner, place, doubt

    def table(self, title: str, columns: Iterable[str], rows: Iterable[Sequence[object]]) -> None:
        """A table with its columns named in the language."""
        emit_table(title, [_COLUMNS.get(name, name) if self.is_chinese else name for name in columns], rows)

    def notes(self, notes: Iterable[Note]) -> None:
        """What the answer rests on, on standard error."""
        for one in notes:
            say(one.message_zh if self.is_chinese else one.message_en)

    def say(self, text: str, /, **values: object) -> str:
        """A text with its values filled in."""
        return _WORDS[text][self.is_chinese].format(**values)

    def code(self, table: str, code: str) -> str:
        """Name of a code."""
        known = code_table(table)[code]
        return known.name_zh if self.is_chinese else known.name_en
