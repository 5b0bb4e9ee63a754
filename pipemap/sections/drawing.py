"""A cross-section drawn to scale as SVG, its two axes alike or heights exaggerated, in Chinese or English."""

import math
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from pipemap.errors import UsageError
from pipemap.sections.along import DRAWN_NUMBER
from pipemap.sections.svg import (
    Language,
    Scale,
    colour_of,
    decimals_of,
    document,
    ground_told,
    kept_apart,
    layer,
    name_of,
    number_text,
    size_text,
    step_of,
    stroke,
    text,
    wrapped,
)
from schemas.room import FoundRoom
from schemas.sections import CrossSection, Cut, CutStructure, DrawnAlong, TooNear, Undecided

_WIDTH, _LEFT, _RIGHT, _TOP, _ROW = 1200.0, 70.0, 40.0, 84.0, 22.0
_TALLEST, _DIMENSION_APART, _NAME_WIDE, _LETTER = 620.0, 66.0, 180.0, 14.0
_WORDS = {
    "zh": {
        "title": "横断面图", "version": "版本", "length": "长", "no": "号", "class": "类别", "key": "编号",
        "size": "规格 mm", "offset": "偏距 m", "crown": "管顶高程 m", "invert": "外底高程 m", "cover": "覆土 m",
        "cut": "交角 °", "unknown": "埋深不明，图中未绘", "no_size": "管径不明，仅示轴线位置",
        "dead": "停用", "near": "净距不足", "maybe": "净距不足（待核）", "open": "无法判定",
        "drawn": "拟建", "free": "可敷设", "none": "断面线未切到地下管线。",
        "limit": "限值", "scale": "纵横比例相同，尺寸以米计",
        "times": "纵向放大 {:g} 倍，尺寸以米计",
    },
    "en": {
        "title": "Cross-section", "version": "version", "length": "length", "no": "No.", "class": "class",
        "key": "key", "size": "size mm", "offset": "offset m", "crown": "crown m", "invert": "outer bottom m",
        "cover": "cover m", "cut": "angle °", "unknown": "depth not known: not drawn",
        "no_size": "size not known: axis only", "dead": "out of use", "near": "too near",
        "maybe": "too near (to be confirmed)", "open": "cannot tell",
        "drawn": "planned", "free": "room", "none": "The line cuts no buried pipe.", "limit": "limit",
        "scale": "both axes to one scale; metres", "times": "heights × {:g}; metres",
    },
}  # fmt: skip
_COLUMNS = ("no", "class", "key", "size", "offset", "crown", "invert", "cover", "cut")
_PLACES = (70, 112, 240, 440, 590, 700, 830, 970, 1080)


def draw_cross_section(
    section: CrossSection, language: Language = "zh", exaggeration: float = 1.0, room: FoundRoom | None = None
) -> str:
    """The section as an SVG document: the plane above, the table of its pipes below; heights so many times as large.

    `room` are the strips found for a new pipe in the same section, drawn behind its pipes.

    Raises UsageError for an exaggeration outside of 1 to 50.
    """
    if not 1.0 <= exaggeration <= 50.0:
        raise UsageError(f"Heights are exaggerated 1 to 50 times, not {exaggeration:g}.")
    return _Sheet(section, language, exaggeration, room).document()


class _Sheet:
    def __init__(self, section: CrossSection, language: Language, exaggeration: float, room: FoundRoom | None) -> None:
        self._section, self._words, self._language = section, _WORDS[language], language
        self._times, self._room = exaggeration, room
        self._low, self._high = _heights(section)
        usable = _WIDTH - _LEFT - _RIGHT
        self._scale = min(usable / section.length_m, _TALLEST / (self._high - self._low) / exaggeration)
        # A narrow street stands in the middle of the sheet.
        self._x0 = _LEFT + (usable - section.length_m * self._scale) / 2
        self._bottom = _TOP + (self._high - self._low) * self._scale * exaggeration

    def document(self) -> str:
        body = [
            *self._heading(),
            layer("grid", self._grid()),
            layer("ground", self._ground()),
            layer("room", self._strips()),
            layer("structures", self._structures()),
            layer("pipes", self._pipes()),
            layer("drawn", self._along()),
            layer("labels", self._leaders()),
            layer("dimensions", [*self._dimensions(), *self._covers(), *self._gaps()]),
            layer("table", self._table(self._bottom + 96)),
        ]
        height = self._bottom + 96 + _ROW * (len(self._rows()) + len(self._notes()) + 3)
        return document(_WIDTH, height, Scale(self._scale, self._x0, self._y(0.0)), body)

    def _x(self, station_m: float) -> float:
        return self._x0 + station_m * self._scale

    def _y(self, z_m: float) -> float:
        return _TOP + (self._high - z_m) * self._scale * self._times

    def _heading(self) -> Iterator[str]:
        words, section = self._words, self._section
        (x1, y1), (x2, y2) = section.line[0], section.line[-1]
        yield text(_LEFT, 34, words["title"], size=22)
        told = f"{words['length']} {section.length_m:.2f} m · {words['version']} {section.version}"
        yield text(
            _LEFT, 56, f"A ({x1:.2f}, {y1:.2f}) — B ({x2:.2f}, {y2:.2f}) · {told} · {self._scale_told()}", colour="#666"
        )
        for station, name in ((0.0, "A"), (section.length_m, "B")):
            yield text(self._x(station), _TOP - 8, name, size=16, anchor="middle")

    def _scale_told(self) -> str:
        return self._words["scale"] if self._times == 1 else self._words["times"].format(self._times)

    def _grid(self) -> Iterator[str]:
        left, right = self._x(0), self._x(self._section.length_m)
        # A long section is a low one: no more heights than there is room to write.
        step = step_of(self._high - self._low, min(8.0, (self._bottom - _TOP) / 18))
        for turn in range(math.ceil(self._low / step), math.floor(self._high / step) + 1):
            y = self._y(turn * step)
            yield stroke(left, y, right, y, "#e3e3e3")
            yield text(left - 8, y + 4, f"{turn * step:.{decimals_of(step)}f}", anchor="end", colour="#666")

    def _ground(self) -> Iterator[str]:
        left, right = self._x(0), self._x(self._section.length_m)
        points = " ".join(f"{self._x(station):.1f},{self._y(z):.1f}" for station, z in self._section.ground)
        if points:
            earth = f"{left:.1f},{self._bottom:.1f} {points} {right:.1f},{self._bottom:.1f}"
            yield f'<polygon points="{earth}" fill="#c8a97e" fill-opacity="0.13"/>'
            yield f'<polyline points="{points}" fill="none" stroke="#7a5a2e" stroke-width="2.2"/>'
            yield text(
                right, self._over_ground(), ground_told(self._section.ground_models, self._language), "end", "#7a5a2e"
            )

    def _over_ground(self) -> float:
        """Clear of the ground at the right end, for its name."""
        ground, from_m = self._section.ground, self._section.length_m - _NAME_WIDE / self._scale
        # Where it ends before, nothing of it is in the way.
        return self._y(max((z for station, z in ground if station >= from_m), default=ground[-1][1])) - 6

    def _strips(self) -> Iterator[str]:
        """Where a new pipe has room, with the width there."""
        top = self._y(max((z for _, z in self._section.ground), default=self._high))
        for strip in self._room.strips if self._room else ():
            x, width = self._x(strip.from_m), (strip.to_m - strip.from_m) * self._scale
            box = f'x="{x:.1f}" y="{top:.1f}" width="{width:.1f}" height="{self._bottom - top:.1f}"'
            yield f'<rect {box} fill="#1f9d55" fill-opacity="0.16" stroke="#1f9d55" stroke-dasharray="5 4"/>'
            if width > 40:
                told = f"{self._words['free']} {strip.to_m - strip.from_m:.2f}"
                yield text(
                    x + width / 2, self._bottom - 8, told if width > 90 else told.split()[-1], "middle", "#14753d", 12
                )

    def _structures(self) -> Iterator[str]:
        for found in self._section.structures:
            top, base = self._span(found)
            x, width = self._x(found.from_m), (found.to_m - found.from_m) * self._scale
            # A base that is not known is no depth: the side is left open.
            sides = "" if found.base_z_m is not None else ' stroke-dasharray="5 4"'
            yield (
                f'<rect x="{x:.1f}" y="{top:.1f}" width="{width:.1f}" height="{max(base - top, 3):.1f}"'
                f' fill="#888" fill-opacity="0.22" stroke="#555"{sides}/>'
            )
            kind = name_of("structure_kind", found.kind_code, self._language)
            yield text(x + width / 2, top + 16, f"{kind} {found.name}", "middle", "#444")

    def _span(self, found: CutStructure) -> tuple[float, float]:
        """Top and base in pixels, as far as the sheet shows them; the ground where one is not known."""
        ground = max((z for _, z in self._section.ground), default=self._high)
        base = ground if found.base_z_m is None else found.base_z_m
        top = self._high if found.kind_code == "building" else ground if found.top_z_m is None else found.top_z_m
        return self._y(min(max(top, base), self._high)), self._y(max(base, self._low))

    @cached_property
    def _too_near(self) -> set[int]:
        return {number for pair in self._section.too_near for number in (pair.one, pair.other)}

    def _along(self) -> Iterator[str]:
        """The drawn pipe from the side: its outer wall, and its axis with what it is."""
        drawn = self._section.drawn
        if drawn is None or not drawn.axis:
            return
        colour, edge = colour_of(drawn.class_code), "#d00000" if DRAWN_NUMBER in self._too_near else "#222"
        roof, floor = ([(at, z + up * drawn.half_height_m) for at, z in drawn.axis] for up in (1, -1))
        yield (
            f'<polygon points="{self._points([*roof, *reversed(floor)])}" fill="{colour}" fill-opacity="0.35"'
            f' stroke="{edge}" stroke-width="1.4" stroke-dasharray="9 3"/>'
        )
        dash = 'stroke-width="0.9" stroke-dasharray="12 3 2 3"'
        yield f'<polyline points="{self._points(drawn.axis)}" fill="none" stroke="{colour}" {dash}/>'
        yield text(self._x(drawn.axis[0][0]) + 6, self._y(roof[0][1]) - 5, self._told(drawn), colour=colour, size=12)

    def _told(self, drawn: DrawnAlong) -> str:
        """The drawn pipe in a few words."""
        name = name_of("utility_class", drawn.class_code, self._language)
        return f"{self._words['drawn']} {name} {size_text(drawn.shape_code, drawn.width_mm, drawn.height_mm)}"

    def _pipes(self) -> Iterator[str]:
        for cut in self._section.cuts:
            if cut.casing:
                yield f'<polygon points="{self._points(cut.casing)}" fill="none" stroke="#222" stroke-width="1.1"/>'
            if cut.axis_z_m is not None:
                yield self._pipe(cut, "#d00000" if cut.number in self._too_near else "#222")

    def _pipe(self, cut: Cut, edge: str) -> str:
        colour, x, y = colour_of(cut.class_code), self._x(cut.station_m), self._y(cut.axis_z_m or 0.0)
        if not cut.outline:
            return stroke(x - 6, y - 6, x + 6, y + 6, colour) + stroke(x - 6, y + 6, x + 6, y - 6, colour)
        dash = ' stroke-dasharray="9 3"' if cut.is_drawn else "" if cut.is_live else ' stroke-dasharray="4 3"'
        fill = colour if cut.is_live else "#fff"
        inferred = 0.45 if cut.elevation_source_code == "inferred" else 0.8
        return (
            f'<polygon points="{self._points(cut.outline)}" fill="{fill}" fill-opacity="{inferred}" stroke="{edge}"'
            f' stroke-width="{2.4 if edge != "#222" else 1.1}"{dash}/>'
        )

    def _points(self, shape: Sequence[tuple[float, float]]) -> str:
        """An outline, cut off at both ends of the section."""
        left, right = 0.0, self._section.length_m
        inside = ((min(max(station, left), right), z) for station, z in shape)
        return " ".join(f"{self._x(station):.2f},{self._y(z):.2f}" for station, z in inside)

    def _leaders(self) -> Iterator[str]:
        """A number under the plane for each pipe, pushed apart, with a line up to it."""
        drawn = [cut for cut in self._section.cuts if cut.axis_z_m is not None]
        places = kept_apart([self._x(cut.station_m) for cut in drawn], 20.0, _LEFT, _WIDTH - _RIGHT)
        for cut, x in zip(drawn, places, strict=True):
            low_z = cut.invert_z_m if cut.invert_z_m is not None else cut.axis_z_m or 0.0
            at_x = self._x(cut.station_m)
            yield (
                f'<polyline points="{at_x:.1f},{self._y(low_z):.1f} {at_x:.1f},{self._bottom:.1f}'
                f' {x:.1f},{self._bottom + 14:.1f}" fill="none" stroke="#999" stroke-width="0.8"/>'
            )
            yield f'<circle cx="{x:.1f}" cy="{self._bottom + 24:.1f}" r="10" fill="#fff" stroke="#333"/>'
            yield text(x, self._bottom + 28, str(cut.number), "middle", size=11)

    def _dimensions(self) -> Iterator[str]:
        """Spacing of the axes below, where there is room to write it."""
        y, cuts = self._bottom + 54, {cut.number: cut for cut in self._section.cuts}
        for gap in self._section.spacings:
            x1, x2 = (self._x(cuts[number].station_m) for number in (gap.one, gap.other))
            yield stroke(x1, y, x2, y, "#333")
            yield from (stroke(x - 3, y + 4, x + 3, y - 4, "#333") for x in (x1, x2))
            if x2 - x1 > 34:
                yield text((x1 + x2) / 2, y - 5, f"{gap.spacing_m:.2f}", "middle", size=11)
                if gap.clear_m is not None:
                    told = f"({_with_limit(gap.clear_m, gap.limit_m, x2 - x1 > 74)})"
                    yield text((x1 + x2) / 2, y + 15, told, "middle", "#777", 11)

    def _covers(self) -> Iterator[str]:
        """Cover of each pipe from the ground down, with its limit, where the next pipe leaves room.

        Where the drawn pipe lies in the plane, what matters of the others is how near they are to it.
        """
        if self._section.drawn is not None:
            yield from self._cover_along()
            return
        last_x = -math.inf
        for cut in self._section.cuts:
            x = self._x(cut.station_m)
            if cut.cover_depth_m is None or not cut.is_live or x - last_x < _DIMENSION_APART:
                continue
            last_x = x
            ground_z, crown_z = cut.ground_z_m or 0.0, cut.crown_z_m or 0.0
            yield from self._upright(x, ground_z, crown_z, cut.cover_depth_m, cut.cover_limit_m)

    def _cover_along(self) -> Iterator[str]:
        """The least cover of the drawn pipe, where it has that."""
        drawn = self._section.drawn
        if drawn is None or drawn.cover_at_m is None or drawn.cover_depth_m is None:
            return
        roof_z = float(np.interp(drawn.cover_at_m, *np.array(drawn.axis).T)) + drawn.half_height_m
        ground_z = roof_z + drawn.cover_depth_m
        yield from self._upright(self._x(drawn.cover_at_m), ground_z, roof_z, drawn.cover_depth_m, drawn.cover_limit_m)

    def _gaps(self) -> Iterator[str]:
        """Clear height between pipes that lie over one another."""
        for gap in self._section.vertical_gaps:
            x = self._x(gap.station_m) + 12
            yield from self._upright(x, gap.to_z_m, gap.from_z_m, gap.clear_m, gap.limit_m)

    def _upright(self, x: float, top_z: float, foot_z: float, value_m: float, limit_m: float | None) -> Iterator[str]:
        top, foot = self._y(top_z), self._y(foot_z)
        ink = "#d00000" if limit_m is not None and value_m < limit_m else "#555"
        yield stroke(x, top, x, foot, ink)
        yield from (stroke(x - 3, y, x + 3, y, ink) for y in (top, foot))
        # What is too short to be written beside is told under it.
        middle = (top + foot) / 2 if abs(foot - top) > _LETTER else max(top, foot) + _LETTER
        told = _with_limit(value_m, limit_m, True)
        beside, anchor = (x + 5, "start") if x < _WIDTH - _RIGHT - _DIMENSION_APART / 2 else (x - 5, "end")
        yield text(beside, middle + 4, told, anchor, ink, 10)

    def _table(self, y: float) -> Iterator[str]:
        yield from (text(x, y, self._words[name], colour="#666") for x, name in zip(_PLACES, _COLUMNS, strict=True))
        yield stroke(_LEFT, y + 7, _WIDTH - _RIGHT, y + 7, "#333")
        rows = self._rows()
        for row, (class_code, cells) in enumerate(rows, 1):
            yield from (text(x, y + row * _ROW + 3, told) for x, told in zip(_PLACES, cells, strict=True))
            square = f'x="{_LEFT - 18:g}" y="{y + row * _ROW - 8:.1f}" width="12" height="12"'
            yield f'<rect {square} fill="{colour_of(class_code)}"/>'
        y += (len(rows) + 1) * _ROW + 8
        for row, (told, colour) in enumerate(self._notes()):
            yield text(_LEFT, y + row * _ROW, told, colour=colour)

    def _rows(self) -> list[tuple[str, Sequence[str]]]:
        """Class and cells of each pipe, the drawn one first where it lies in the plane."""
        drawn = self._section.drawn
        own = [] if drawn is None else [(drawn.class_code, self._own_cells(drawn))]
        return [*own, *((cut.class_code, self._cells(cut)) for cut in self._section.cuts)]

    def _own_cells(self, drawn: DrawnAlong) -> Sequence[str]:
        size = size_text(drawn.shape_code, drawn.width_mm, drawn.height_mm)
        name = f"{name_of('utility_class', drawn.class_code, self._language)} ({self._words['drawn']})"
        return ("", name, "", size, "", "", "", number_text(drawn.cover_depth_m), "")

    def _cells(self, cut: Cut) -> Sequence[str]:
        name = name_of("utility_class", cut.class_code, self._language)
        dead = f" ({self._words['drawn' if cut.is_drawn else 'dead']})" if cut.is_drawn or not cut.is_live else ""
        key = cut.source_key if len(cut.source_key) <= 24 else f"{cut.source_key[:23]}…"
        heights = [number_text(value) for value in (cut.crown_z_m, cut.invert_z_m, cut.cover_depth_m)]
        return (
            str(cut.number),
            name + dead,
            key,
            size_text(cut.shape_code, cut.width_mm, cut.height_mm),
            number_text(cut.station_m),
            *heights,
            f"{cut.crossing_deg:.0f}",
        )

    def _notes(self) -> list[tuple[str, str]]:
        words, section = self._words, self._section
        notes = [] if section.cuts else [(words["none"], "#222")]
        for pair in section.too_near:
            said = words["maybe" if pair.to_be_confirmed else "near"]
            told = pair.message_zh if self._language == "zh" else pair.message_en
            notes.append((f"{said} {self._pair(pair)}: {told}", "#d00000"))
        for open_pair in section.undecided:
            told = open_pair.reason_zh if self._language == "zh" else open_pair.reason_en
            notes.append((f"{words['open']} {self._pair(open_pair)}: {told}", "#8a5a00"))
        deep = [str(cut.number) for cut in section.cuts if cut.axis_z_m is None]
        bare = [str(cut.number) for cut in section.cuts if cut.axis_z_m is not None and not cut.outline]
        listed = ((deep, "unknown"), (bare, "no_size"))
        notes += [(f"{words[name]}: {', '.join(numbers)}", "#8a5a00") for numbers, name in listed if numbers]
        return [(line, colour) for told, colour in notes for line in wrapped(told, _WIDTH - _LEFT - _RIGHT)]

    def _pair(self, pair: TooNear | Undecided) -> str:
        """Both numbers, of which a drawn pipe in the plane has none."""
        return "–".join(str(number or self._words["drawn"]) for number in (pair.one, pair.other))


def _with_limit(value_m: float, limit_m: float | None, has_room: bool) -> str:
    return f"{value_m:.2f}" + (f" ≥{limit_m:.2f}" if limit_m is not None and has_room else "")


def _heights(section: CrossSection) -> tuple[float, float]:
    """What the sheet shows, with room above the ground and below the deepest pipe."""
    known = [z for cut in section.cuts for z in (cut.axis_z_m, *(z for _, z in cut.wall)) if z is not None]
    known += [z for _, z in section.ground]
    if section.drawn is not None:
        known += [z + up * section.drawn.half_height_m for _, z in section.drawn.axis for up in (1, -1)]
    if not known:
        return -3.0, 1.0
    low, high = min(known), max(known)
    return low - max(0.5, 0.1 * (high - low)), high + (2.5 if section.structures else 0.6)
