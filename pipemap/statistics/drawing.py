"""Quantities drawn as bars: a bar a group by length, parted by depth, material or decade."""

from collections.abc import Iterator
from typing import Literal

from pipemap.sections.svg import FONT, Language, colour_of, name_of, stroke, text
from schemas.codetables import CODED
from schemas.statistics import Quantities, Statistics

Detail = Literal["depth", "material", "decade"]
_WIDTH, _LEFT, _RIGHT, _TOP, _ROW, _BAR = 1100.0, 240.0, 130.0, 100.0, 30.0, 18.0
_MOST_ROWS = 40
_SHADES = ("#2b6cb0", "#3fa7a0", "#8bc34a", "#f2b134", "#e4572e", "#8e44ad", "#5d6d7e", "#c2185b", "#795548", "#009688")
_UNKNOWN = "#d0d0d0"
_WORDS = {
    "zh": {"title": "管线统计", "version": "版本", "total": "合计", "depth": "按覆土深度（米）", "material": "按材质",
           "decade": "按建成年代", "unknown": "不明", "more": "另有 {} 组未绘", "pieces": "段"},
    "en": {"title": "Quantities", "version": "version", "total": "total", "depth": "by cover (m)",
           "material": "by material", "decade": "by decade built", "unknown": "unknown", "more": "{} more groups",
           "pieces": "segments"},
}  # fmt: skip


def draw_statistics(found: Statistics, detail: Detail = "depth", language: Language = "zh") -> str:
    """The groups as an SVG document, the longest first."""
    return _Sheet(found, detail, language).document()


class _Sheet:
    def __init__(self, found: Statistics, detail: Detail, language: Language) -> None:
        self._found, self._detail, self._language, self._words = found, detail, language, _WORDS[language]
        self._rows = found.groups[:_MOST_ROWS]
        self._longest_m = max((group.length_m for group in self._rows), default=0.0) or 1.0
        names = dict.fromkeys(name for group in self._rows for name in self._parts(group) if name != "unknown")
        shades = dict(zip(sorted(names), _SHADES * len(names), strict=False))
        self._shades = shades | {"unknown": _UNKNOWN}

    def document(self) -> str:
        height = _TOP + _ROW * (len(self._rows) + 2)
        size = f'width="{_WIDTH:g}" height="{height:.0f}" viewBox="0 0 {_WIDTH:g} {height:.0f}"'
        opening = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{FONT}" font-size="13" fill="#222">'
        paper = f'<rect width="{_WIDTH:g}" height="{height:.0f}" fill="#fff"/>'
        bars = (piece for number, group in enumerate(self._rows) for piece in self._bar(_TOP + number * _ROW, group))
        return "\n".join([opening, paper, *self._heading(), *self._legend(), *bars, *self._rest(height), "</svg>"])

    def _parts(self, group: Quantities) -> dict[str, float]:
        parts: dict[str, float] = getattr(group, f"length_m_by_{self._detail}")
        return parts

    def _heading(self) -> Iterator[str]:
        words = self._words
        whole = " · ".join(
            f"{words['version']} {one.group['version']}: {words['total']} {one.length_m / 1000:.2f} km, "
            f"{one.segments} {words['pieces']}"
            for one in self._found.total
        )
        yield text(30, 36, f"{words['title']} · {words[self._detail]}", size=22)
        yield text(30, 58, whole, colour="#666")

    def _legend(self) -> Iterator[str]:
        x = _LEFT
        for name, shade in self._shades.items():
            told = self._named_part(name)
            yield f'<rect x="{x:.1f}" y="72" width="12" height="12" fill="{shade}"/>'
            yield text(x + 17, 83, told, size=12)
            x += 34 + 13 * len(told) * (0.62 if told.isascii() else 1)

    def _named_part(self, name: str) -> str:
        if name == "unknown":
            return self._words["unknown"]
        return name_of("material", name, self._language) if self._detail == "material" else name

    def _bar(self, y: float, group: Quantities) -> Iterator[str]:
        code = group.group.get("class_code")
        if isinstance(code, str):
            yield f'<rect x="{_LEFT - 16:g}" y="{y + 3:.1f}" width="8" height="12" fill="{colour_of(code)}"/>'
        yield text(_LEFT - 24, y + 14, self._name(group), "end")
        x, scale = _LEFT, (_WIDTH - _LEFT - _RIGHT) / self._longest_m
        for name, length_m in self._parts(group).items():
            shade, width = self._shades[name], length_m * scale
            yield f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{_BAR:g}" fill="{shade}"/>'
            x += width
        yield text(x + 8, y + 14, f"{group.length_m / 1000:.2f} km", size=12)

    def _name(self, group: Quantities) -> str:
        told = [self._value(name, value) for name, value in group.group.items()]
        joined = " · ".join(told)
        return joined if len(joined) <= 30 else f"{joined[:29]}…"

    def _value(self, name: str, value: str | int | None) -> str:
        if value is None:
            return self._words["unknown"]
        table = CODED["pipe_segment"].get(name)
        if table is not None:
            return name_of(table, str(value), self._language)
        return f"{self._words['version']} {value}" if name == "version" else str(value)

    def _rest(self, height: float) -> Iterator[str]:
        yield stroke(_LEFT, _TOP - 8, _LEFT, _TOP + _ROW * len(self._rows), "#555")
        more = len(self._found.groups) - len(self._rows)
        if more:
            yield text(_LEFT, height - 16, self._words["more"].format(more), colour="#8a5a00")
